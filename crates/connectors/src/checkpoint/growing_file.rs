//! A file that grows, as objects that are each written once.
//!
//! An append is one object, named by the place of its first byte, and put only where there is none: two writers cannot
//! both have the same place. After many appends their bytes are put once more as one object and the chunks are removed,
//! so that a reader asks for few.
//!
//! An empty chunk at the end is a seal: nobody appends to that file any more. It outlives the file, because the one
//! whom it keeps out may come back when the file is long gone; a seal alone is no file.

use std::io;

use bytes::{Bytes, BytesMut};
use chrono::TimeDelta;
use futures::{StreamExt, TryStreamExt, stream};
use millstream_core::DiskError;
use object_store::ObjectMeta;
use object_store::path::Path as Key;

use super::objects::Objects;

/// Appends after which they are merged.
pub(super) const MERGED_CHUNKS: usize = 256;
/// Chunks that are longer than this together stay as they are: there are few of them for their length.
const MERGED_BYTES: usize = 4 << 20;
/// Requests that are under way at the same time.
pub(super) const CONCURRENT_REQUESTS: usize = 16;
/// How often a file is looked at anew that is changed while it is read.
const ATTEMPTS: usize = 5;
/// How often a file is looked at anew that somebody still appends to.
const SEAL_ATTEMPTS: usize = 100;

/// How long a process may have been stopped that is still kept out.
const SEALS_LAST: TimeDelta = TimeDelta::days(7);

const CHUNK: &str = "chunk-";
const MERGED: &str = "merged-";

/// The objects of a file that hold its bytes.
#[derive(Debug, PartialEq, Eq)]
struct Cover {
    pieces: Vec<Piece>,
    end: u64,
    is_sealed: bool,
}

/// An object with some of the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    key: Key,
    start: u64,
    end: u64,
}

/// Reads a file that was written in pieces; `None` where there are none.
pub(super) async fn read(objects: &Objects, path: &Key) -> io::Result<Option<Vec<u8>>> {
    for _ in 0..ATTEMPTS {
        let Some(cover) = Cover::of(path, &objects.list(path).await?)? else { return Ok(None) };
        let gets: Vec<_> = cover.pieces.iter().map(|piece| objects.get(&piece.key)).collect();
        let found: Vec<_> = stream::iter(gets).buffered(CONCURRENT_REQUESTS).try_collect().await?;
        // A piece that went meanwhile was merged with others.
        let Some(found) = found.into_iter().collect::<Option<Vec<_>>>() else { continue };
        let bytes = found.into_iter().map(|found| found.bytes).collect::<Vec<_>>().concat();
        if bytes.len() as u64 == cover.end {
            return Ok(Some(bytes));
        }
    }
    Err(DiskError::io(io::ErrorKind::Other, "its objects change while they are read", "end the other process"))
}

/// Ends a file, so that whoever still wants to append to it cannot.
pub(super) async fn seal(objects: &Objects, path: &Key) -> io::Result<()> {
    for _ in 0..SEAL_ATTEMPTS {
        let Some(cover) = Cover::of(path, &objects.list(path).await?)? else { return Ok(()) };
        if cover.is_sealed || objects.create(&chunk_key(path, cover.end), Bytes::new()).await?.is_some() {
            return Ok(());
        }
    }
    Err(DiskError::io(io::ErrorKind::ResourceBusy, "another process writes to it", "end the other process"))
}

/// The file that an object is a piece of, if it is one.
pub(super) fn file_of(object: &ObjectMeta) -> Option<Key> {
    Piece::parse(object)?;
    let (file, _) = object.location.as_ref().rsplit_once('/')?;
    Key::parse(file).ok()
}

/// Whether an object only keeps others from appending.
pub(super) fn is_seal(object: &ObjectMeta) -> bool {
    Piece::parse(object).is_some_and(|piece| piece.is_seal())
}

/// The seals that have lasted long enough, by the clock of the store: the newest of the objects, a lock, was written
/// just now.
pub(super) fn old_seals(listed: &[ObjectMeta]) -> Vec<Key> {
    let Some(now) = listed.iter().map(|object| object.last_modified).max() else { return Vec::new() };
    let is_old = |object: &&ObjectMeta| is_seal(object) && now - object.last_modified > SEALS_LAST;
    listed.iter().filter(is_old).map(|object| object.location.clone()).collect()
}

/// Whether there is a file, and not only a seal of an earlier one.
pub(super) fn exists(path: &Key, listed: &[ObjectMeta]) -> io::Result<bool> {
    Ok(Cover::of(path, listed)?.is_some())
}

fn chunk_key(path: &Key, start: u64) -> Key {
    path.clone().join(format!("{CHUNK}{start:020}"))
}

impl Cover {
    /// The fewest objects that make up the file. What lies in another's range was merged, and not yet removed.
    fn of(path: &Key, listed: &[ObjectMeta]) -> io::Result<Option<Self>> {
        let pieces: Vec<_> = listed.iter().filter_map(Piece::parse).collect();
        if pieces.iter().all(Piece::is_seal) {
            return Ok(None);
        }
        let mut cover = Self { pieces: Vec::new(), end: 0, is_sealed: false };
        while let Some(next) = pieces.iter().filter(|piece| piece.start == cover.end).max_by_key(|piece| piece.end) {
            if next.start == next.end {
                cover.is_sealed = true;
                break;
            }
            cover.end = next.end;
            cover.pieces.push(next.clone());
        }
        if pieces.iter().any(|piece| piece.start > cover.end) {
            let message = format!("the object '{}' is missing", chunk_key(path, cover.end));
            return Err(DiskError::io(io::ErrorKind::InvalidData, message, "restore that object from a backup"));
        }
        Ok(Some(cover))
    }
}

impl Piece {
    fn parse(object: &ObjectMeta) -> Option<Self> {
        let name = object.location.filename()?;
        let (start, end) = match name.strip_prefix(CHUNK) {
            Some(start) => (start.parse().ok()?, start.parse::<u64>().ok()?.checked_add(object.size)?),
            None => {
                let (start, end) = name.strip_prefix(MERGED)?.split_once('-')?;
                (start.parse().ok()?, end.parse().ok()?)
            }
        };
        Some(Self { key: object.location.clone(), start, end })
    }

    fn is_seal(&self) -> bool {
        self.start > 0 && self.start == self.end
    }
}

/// The writing end of a file.
#[derive(Debug)]
pub(super) struct Writer {
    objects: Objects,
    path: Key,
    end: u64,
    /// The chunks since the last merge, where that began, and their bytes.
    chunks: Vec<Key>,
    start: u64,
    bytes: BytesMut,
}

impl Writer {
    /// Of a file that is not there yet.
    pub(super) fn new(objects: Objects, path: Key) -> Self {
        Self { objects, path, end: 0, chunks: Vec::new(), start: 0, bytes: BytesMut::new() }
    }

    /// Adds bytes at the end. Says whether they are there; if not, somebody else has the place.
    pub(super) async fn append(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let key = chunk_key(&self.path, self.end);
        if self.objects.create(&key, Bytes::copy_from_slice(bytes)).await?.is_none() {
            return Ok(false);
        }
        self.end += bytes.len() as u64;
        self.chunks.push(key);
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > MERGED_BYTES {
            self.begin_merge();
        }
        Ok(true)
    }

    /// Merges the newest chunks where there are many. They are durable as they are: what goes wrong is no harm.
    pub(super) async fn merge_if_many(&mut self) {
        if self.chunks.len() < MERGED_CHUNKS {
            return;
        }
        let chunks = std::mem::take(&mut self.chunks);
        let key = self.path.clone().join(format!("{MERGED}{:020}-{:020}", self.start, self.end));
        let bytes = std::mem::take(&mut self.bytes).freeze();
        let merged = async {
            self.objects.put(&key, bytes).await?;
            self.objects.delete(chunks).await
        };
        if let Err(error) = merged.await {
            tracing::warn!(file = %self.path, %error, "cannot merge the objects of a file; it stays readable as it is");
        }
        self.begin_merge();
    }

    fn begin_merge(&mut self) {
        (self.start, self.bytes) = (self.end, BytesMut::new());
        self.chunks.clear();
    }
}

#[cfg(test)]
mod tests;
