//! A bucket of an object store as a [`Disk`].
//!
//! Each write is durable when it returns, so there is nothing to sync, and folders are there by themselves. What a lock
//! protects is its folder: what its holder does there fails once somebody else has taken the lock over.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use millstream_core::{Clock, Disk, DiskError, DiskFile, DiskLock};
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore};
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::error::taken_over;
use super::growing_file::{self, CONCURRENT_REQUESTS, Writer};
use super::lease::{Lease, Request};
use super::objects::Objects;
use super::scratch::ScratchFolder;

/// How long a lock outlives its holder.
pub(super) const LEASE: Duration = Duration::from_secs(10);

/// Objects of a store as files. Paths are keys, with `scheme://bucket/` before them or without.
#[derive(Debug)]
pub struct ObjectStoreDisk {
    objects: Objects,
    clock: Arc<dyn Clock>,
    lease: Duration,
    locks: Locks,
    scratch: Mutex<Option<ScratchFolder>>,
}

/// The locks of this disk, with the folders that they protect.
type Locks = Arc<Mutex<Vec<(Key, Arc<Lease>)>>>;

impl ObjectStoreDisk {
    /// On this store. A lock that is not let go of is free after `lease`.
    pub fn new(store: Arc<dyn ObjectStore>, clock: Arc<dyn Clock>, lease: Duration) -> Self {
        let objects = Objects::new(store, &Uuid::new_v4().to_string());
        Self { objects, clock, lease, locks: Locks::default(), scratch: Mutex::default() }
    }

    /// The lock that protects a path, if this disk has one.
    fn lease_of(&self, key: &Key) -> Option<Arc<Lease>> {
        self.locks.lock().iter().find(|(folder, _)| key.prefix_matches(folder)).map(|(_, lease)| Arc::clone(lease))
    }

    /// Goes on where nobody else has taken over the folder that a path lies in.
    async fn confirm(&self, key: &Key) -> io::Result<()> {
        match self.lease_of(key) {
            Some(lease) => lease.confirm().await,
            None => Ok(()),
        }
    }

    /// Ends all files that somebody else may still append to, where the lock of the folder was not let go of.
    async fn seal(&self, folder: &Key, was_left: bool) -> io::Result<()> {
        let listed = self.objects.list(folder).await?;
        self.objects.delete(growing_file::old_seals(&listed)).await?;
        let mut files: Vec<_> = listed.iter().filter(|_| was_left).filter_map(growing_file::file_of).collect();
        files.dedup();
        let seals: Vec<_> = files.iter().map(|file| growing_file::seal(&self.objects, file)).collect();
        stream::iter(seals).buffer_unordered(CONCURRENT_REQUESTS).try_collect().await
    }
}

#[async_trait]
impl Disk for ObjectStoreDisk {
    async fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let key = key(path)?;
        match self.objects.get(&key).await? {
            Some(whole) => Ok(Some(whole.bytes.into())),
            None => growing_file::read(&self.objects, &key).await,
        }
    }

    async fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let folder = key(folder)?;
        let listed = self.objects.list(&folder).await?;
        let keys = listed.iter().filter(|object| !growing_file::is_seal(object)).map(|object| &object.location);
        let names = keys.filter_map(|key| Some(key.prefix_match(&folder)?.next()?.as_ref().to_owned()));
        Ok(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    async fn create_folder(&self, _folder: &Path, _durable: bool) -> io::Result<()> {
        Ok(())
    }

    async fn create_file(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let key = key(path)?;
        self.confirm(&key).await?;
        let pieces = self.objects.list(&key).await?;
        if growing_file::exists(&key, &pieces)? || self.objects.get(&key).await?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // Who takes the name of an earlier file is its writer now.
        self.objects.delete(pieces_of(&key, pieces).map(|seal| seal.location).collect()).await?;
        let writer = Writer::new(self.objects.clone(), key.clone());
        Ok(Arc::new(ObjectFile { lease: self.lease_of(&key), writer: tokio::sync::Mutex::new(Some(writer)) }))
    }

    async fn replace(&self, path: &Path, bytes: Vec<u8>, _durable: bool) -> io::Result<()> {
        let key = key(path)?;
        self.confirm(&key).await?;
        // Chunks of the same name are not looked at from now on. A seal among them stays, to keep others from
        // appending.
        self.objects.put(&key, bytes.into()).await
    }

    async fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let mut bytes = self.read(path).await?.ok_or(io::ErrorKind::NotFound)?;
        bytes.truncate(usize::try_from(length).map_err(io::Error::other)?);
        self.replace(path, bytes, true).await
    }

    async fn sync_folder(&self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        let key = key(path)?;
        self.confirm(&key).await?;
        let pieces = pieces_of(&key, self.objects.list(&key).await?).filter(|piece| !growing_file::is_seal(piece));
        let pieces: Vec<_> = pieces.map(|piece| piece.location).collect();
        self.objects.delete(pieces.into_iter().chain([key]).collect()).await
    }

    async fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        let key = key(folder)?;
        self.confirm(&key).await?;
        let objects = self.objects.list(&key).await?;
        self.objects.delete(objects.into_iter().map(|object| object.location).collect()).await
    }

    async fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let key = key(path)?;
        let folder = key.as_ref().rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = Key::parse(folder).map_err(io::Error::other)?;
        if self.locks.lock().iter().any(|(locked, _)| *locked == folder) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let request = Request { objects: &self.objects, clock: &self.clock, key: &key, path, length: self.lease };
        let (lease, was_left) = request.take().await?;
        let lease = Arc::new(lease);
        self.locks.lock().push((folder.clone(), Arc::clone(&lease)));
        let keeping = Arc::clone(&lease);
        let renewal = tokio::spawn(async move { keeping.keep().await }).abort_handle();
        let lock = ObjectLock { lease, renewal, locks: Arc::clone(&self.locks) };
        if let Err(error) = self.seal(&folder, was_left).await {
            // The lock is not let go of: the next one must not believe that all is sealed.
            lock.lease.abandon().await;
            return Err(error);
        }
        Ok(Box::new(lock))
    }

    fn scratch(&self, folder: &Path) -> io::Result<PathBuf> {
        let mut scratch = self.scratch.lock();
        let folders = match &mut *scratch {
            Some(folders) => folders,
            none => none.insert(ScratchFolder::new(&std::env::temp_dir())?),
        };
        Ok(folders.path().join(key(folder)?.as_ref()))
    }
}

/// The pieces of a file, without what lies in folders of its name.
fn pieces_of(file: &Key, listed: Vec<ObjectMeta>) -> impl Iterator<Item = ObjectMeta> {
    listed.into_iter().filter(move |object| growing_file::file_of(object).as_ref() == Some(file))
}

/// A file that this process writes to. After an error it takes nothing more.
#[derive(Debug)]
struct ObjectFile {
    lease: Option<Arc<Lease>>,
    writer: tokio::sync::Mutex<Option<Writer>>,
}

#[async_trait]
impl DiskFile for ObjectFile {
    async fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut slot = self.writer.lock().await;
        let Some(mut writer) = slot.take() else { return Err(after_error()) };
        if bytes.is_empty() {
            *slot = Some(writer);
            return Ok(());
        }
        if let Some(lease) = &self.lease {
            lease.ensure().await?;
        }
        if !writer.append(bytes).await? {
            if let Some(lease) = &self.lease {
                lease.lose();
            }
            return Err(taken_over());
        }
        // The bytes were there before anybody else could read them only if the lock is still ours.
        if let Some(lease) = &self.lease {
            lease.ensure().await?;
        }
        writer.merge_if_many().await;
        *slot = Some(writer);
        Ok(())
    }

    async fn truncate(&self, _length: u64) -> io::Result<()> {
        // An object is there as a whole or not at all, and nothing follows one that failed.
        Ok(())
    }

    async fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn after_error() -> io::Error {
    DiskError::io(io::ErrorKind::Other, "an earlier write to it has failed", "see the error of that write")
}

/// A lock that is renewed until it is dropped.
#[derive(Debug)]
struct ObjectLock {
    lease: Arc<Lease>,
    renewal: AbortHandle,
    locks: Locks,
}

#[async_trait]
impl DiskLock for ObjectLock {
    async fn release(self: Box<Self>) -> io::Result<()> {
        // After a renewal that is under way.
        self.lease.release().await
    }
}

impl Drop for ObjectLock {
    fn drop(&mut self) {
        self.renewal.abort();
        // What a dying process would not write any more, nobody does.
        self.lease.lose();
        self.locks.lock().retain(|(_, lease)| !Arc::ptr_eq(lease, &self.lease));
    }
}

/// The key of a path, with or without `scheme://bucket/` before it.
fn key(path: &Path) -> io::Result<Key> {
    let refused = |reason: String| {
        let message = format!("its name cannot be that of an object: {reason}");
        DiskError::io(
            io::ErrorKind::InvalidInput,
            message,
            "choose a checkpoint location of letters, digits, '-' and '_'",
        )
    };
    let text = path.to_str().ok_or_else(|| refused("it is no text".to_owned()))?;
    let key = text.split_once("://").map_or(text, |(_, rest)| rest.split_once('/').map_or("", |(_, key)| key));
    let parts: Vec<_> = key.split('/').filter(|part| !part.is_empty()).collect();
    Key::parse(parts.join("/")).map_err(|error| refused(error.to_string()))
}
