//! What a checkpoint asks of an object store, and how often.
//!
//! The store's client tries again what it knows to be safe. A conditional write is not: when its answer is lost, nobody
//! knows whether it was carried out. Here it is asked again, and where the store then says that the object is there,
//! the object says whose it is: each carries the name of its writer.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, Error, GetOptions, ObjectMeta, ObjectStore, PutMode, PutOptions, PutPayload, UpdateVersion,
};

use super::error::{explained, is_answer_lost};

/// How often a request is made whose answer is lost.
const ATTEMPTS: usize = 3;
/// What the name of the writer is kept under.
const WRITER: &str = "writer";

/// A store, and the name under which this process writes to it.
#[derive(Debug, Clone)]
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    writer: Arc<str>,
}

/// An object with what changes whenever it does.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) bytes: Bytes,
    pub(super) tag: String,
    writer: Option<String>,
}

impl Objects {
    pub(super) fn new(store: Arc<dyn ObjectStore>, writer: &str) -> Self {
        Self { store, writer: writer.into() }
    }

    /// The same store under another name.
    pub(super) fn stranger(&self) -> Self {
        Self { store: Arc::clone(&self.store), writer: "stranger".into() }
    }

    /// The object, or `None` where there is none.
    pub(super) async fn get(&self, key: &Key) -> io::Result<Option<Found>> {
        let found = match self.store.get_opts(key, GetOptions::default()).await {
            Ok(found) => found,
            Err(error @ Error::NotFound { .. }) => return no_object(error),
            Err(error) => return Err(explained(error)),
        };
        let tag = found.meta.e_tag.clone().unwrap_or_default();
        let writer = found.attributes.get(&Attribute::Metadata(WRITER.into())).map(|writer| writer.to_string());
        let bytes = found.bytes().await.map_err(explained)?;
        Ok(Some(Found { bytes, tag, writer }))
    }

    /// Puts an object where there is none. Gives its tag, or `None` where somebody else was first.
    pub(super) async fn create(&self, key: &Key, bytes: Bytes) -> io::Result<Option<String>> {
        self.put_if(key, bytes, PutMode::Create).await
    }

    /// Puts an object in the place of the one with this tag. Gives the new tag, or `None` where it is another by now.
    pub(super) async fn update(&self, key: &Key, bytes: Bytes, tag: &str) -> io::Result<Option<String>> {
        let version = UpdateVersion { e_tag: Some(tag.to_owned()), version: None };
        self.put_if(key, bytes, PutMode::Update(version)).await
    }

    /// Puts an object, whatever was there.
    pub(super) async fn put(&self, key: &Key, bytes: Bytes) -> io::Result<()> {
        self.store.put_opts(key, bytes.into(), self.options(PutMode::Overwrite)).await.map_err(explained)?;
        Ok(())
    }

    async fn put_if(&self, key: &Key, bytes: Bytes, mode: PutMode) -> io::Result<Option<String>> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let payload = PutPayload::from(bytes.clone());
            match self.store.put_opts(key, payload, self.options(mode.clone())).await {
                Ok(put) => return Ok(Some(put.e_tag.unwrap_or_default())),
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => match self.get(key).await? {
                    Some(found) if found.bytes == bytes && found.writer.as_deref() == Some(&*self.writer) => {
                        return Ok(Some(found.tag));
                    }
                    // The store was asked by two at the same time and let neither pass.
                    None if mode == PutMode::Create && attempt < ATTEMPTS => {}
                    Some(_) | None => return Ok(None),
                },
                Err(error) if attempt < ATTEMPTS && is_answer_lost(&error) => {}
                Err(error) => return Err(explained(error)),
            }
        }
    }

    fn options(&self, mode: PutMode) -> PutOptions {
        let writer = (Attribute::Metadata(WRITER.into()), self.writer.to_string());
        PutOptions { mode, attributes: Attributes::from_iter([writer]), ..PutOptions::default() }
    }

    /// All objects below a folder.
    pub(super) async fn list(&self, folder: &Key) -> io::Result<Vec<ObjectMeta>> {
        // The root has no name.
        let prefix = (!folder.is_root()).then_some(folder);
        self.store.list(prefix).try_collect().await.map_err(explained)
    }

    /// Removes objects; one that is not there is fine.
    pub(super) async fn delete(&self, keys: Vec<Key>) -> io::Result<()> {
        let mut attempt = 0;
        while !keys.is_empty() {
            attempt += 1;
            let keys = futures::stream::iter(keys.clone().into_iter().map(Ok)).boxed();
            let deleted = self.store.delete_stream(keys).map(|deleted| match deleted {
                Err(Error::NotFound { .. }) | Ok(_) => Ok(()),
                Err(error) => Err(error),
            });
            match deleted.try_collect::<()>().await {
                Ok(()) => return Ok(()),
                Err(error) if attempt < ATTEMPTS && is_answer_lost(&error) => {}
                Err(error) => return Err(explained(error)),
            }
        }
        Ok(())
    }
}

/// Where there is no bucket there is no object either, but that is no answer.
fn no_object<T>(error: Error) -> io::Result<Option<T>> {
    let error = explained(error);
    if error.kind() == io::ErrorKind::NotFound { Ok(None) } else { Err(error) }
}
