//! The whole state of a query after one batch, so that the log before it can go.
//!
//! It lies in files of a few megabytes, so that neither writing nor reading it needs a second copy of the state in
//! memory. The parts come first; the head, which says how many there are, makes a snapshot of them. Parts without a
//! head are of a process that died. They go with the next snapshot and not before: should that process only have been
//! stopped, and finish its snapshot late, then it is whole.
//!
//! ```text
//! snapshot-<batch>            one frame: a snapshot entry
//! snapshot-<batch>.<part>     one frame: a state entry with some of the entries of one store
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_core::{BatchId, DiskFile, Error, Result};

use super::entry::{Entry, SnapshotEntry, StateEntry, StoreId};
use super::files::{DAMAGE_HINT, Files, disk_error};
use super::formats::{EntryReader, FORMAT_VERSION, Formats};
use super::frame::{self, Scan};

/// The prefix of a snapshot's name; the batch follows.
const PREFIX: &str = "snapshot-";

/// A snapshot that is complete.
#[derive(Debug)]
pub(crate) struct Snapshot {
    files: Files,
    folder: PathBuf,
    head: SnapshotEntry,
    /// The reader of its head, which knows the format of its parts.
    reader: EntryReader,
}

impl Snapshot {
    /// The newest snapshot of the folder, in one of these formats. One that is spoilt is refused by name: the log
    /// before it may be gone.
    pub(crate) async fn newest(files: &Files, folder: &Path, formats: Formats) -> Result<Option<Self>> {
        let newest = files.numbered(folder, PREFIX).await?.pop().map(BatchId);
        let Some(batch) = newest else { return Ok(None) };
        remove_older_parts(files, folder, batch).await?;
        let (path, mut reader) = (head_path(folder, batch), formats.reader());
        let (files, folder) = (files.clone(), folder.to_owned());
        match read(&files, &path, &mut reader).await? {
            Entry::Snapshot(head) if head.batch == batch => Ok(Some(Self { files, folder, head, reader })),
            _ => Err(damaged(&path)),
        }
    }

    /// The batch.
    pub(crate) fn batch(&self) -> BatchId {
        self.head.batch
    }

    /// The bytes that all stores hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.head.bytes
    }

    /// The number of stores of the query.
    pub(crate) fn stores(&self) -> usize {
        self.head.stores
    }

    /// Parts of the snapshot.
    pub(crate) fn parts(&self) -> usize {
        self.head.parts
    }

    /// A store and some of its entries. A part that is spoilt or missing is refused by name.
    pub(crate) async fn part(&self, part: usize) -> Result<(StoreId, Vec<u8>)> {
        let path = part_path(&self.folder, self.batch(), part);
        match read(&self.files, &path, &mut self.reader.for_part()).await? {
            Entry::State(state) if state.batch == self.batch() => Ok((state.store, state.delta)),
            _ => Err(damaged(&path)),
        }
    }
}

/// A snapshot that is being written. It is nothing until it is finished.
#[derive(Debug)]
pub(crate) struct SnapshotWriter {
    files: Files,
    folder: PathBuf,
    head: SnapshotEntry,
    parts: Vec<(Arc<dyn DiskFile>, PathBuf)>,
}

impl SnapshotWriter {
    /// Begins to write what so many stores hold after `batch`.
    pub(crate) fn new(files: Files, folder: PathBuf, batch: BatchId, stores: usize) -> Self {
        let head = SnapshotEntry { version: FORMAT_VERSION, batch, stores, parts: 0, bytes: 0 };
        Self { files, folder, head, parts: vec![] }
    }

    /// The batch.
    pub(crate) fn batch(&self) -> BatchId {
        self.head.batch
    }

    /// Adds some of the entries of a store. The disk has not got them yet.
    pub(crate) async fn add(&mut self, store: StoreId, state: Vec<u8>) -> Result<()> {
        let path = part_path(&self.folder, self.head.batch, self.head.parts);
        self.head.bytes += state.len() as u64;
        self.head.parts += 1;
        let bytes = framed(&Entry::State(StateEntry { batch: self.head.batch, store, delta: state }));
        // A run that died before this batch was committed may have left a part of that name.
        let file = self.files.create_anew(&path).await?;
        file.append(&bytes).await.map_err(|error| disk_error("write", &path, error))?;
        self.parts.push((file, path));
        Ok(())
    }

    /// Makes a snapshot of the parts, and then removes those before it. Gives its batch and its size.
    pub(crate) async fn finish(self, durable: bool) -> Result<(BatchId, u64)> {
        let Self { files, folder, head, parts } = self;
        if durable {
            for (file, path) in &parts {
                file.sync().await.map_err(|error| disk_error("sync", path, error))?;
            }
            files.sync_folder(&folder).await?;
        }
        let saved = (head.batch, head.bytes);
        files.replace(&head_path(&folder, head.batch), framed(&Entry::Snapshot(head)), durable).await?;
        for older in files.numbered(&folder, PREFIX).await?.into_iter().filter(|&batch| batch < saved.0.0) {
            files.remove(&head_path(&folder, BatchId(older))).await?;
        }
        remove_older_parts(&files, &folder, saved.0).await?;
        Ok(saved)
    }
}

fn head_path(folder: &Path, batch: BatchId) -> PathBuf {
    folder.join(format!("{PREFIX}{batch}"))
}

fn part_path(folder: &Path, batch: BatchId, part: usize) -> PathBuf {
    folder.join(format!("{PREFIX}{batch}.{part}"))
}

/// Removes the parts of all snapshots before that of a batch.
async fn remove_older_parts(files: &Files, folder: &Path, batch: BatchId) -> Result<()> {
    for name in files.names(folder).await? {
        let part = name.strip_prefix(PREFIX).and_then(|name| name.split_once('.'));
        if part.is_some_and(|(older, _)| older.parse().is_ok_and(|older| BatchId(older) < batch)) {
            files.remove(&folder.join(name)).await?;
        }
    }
    Ok(())
}

fn framed(entry: &Entry) -> Vec<u8> {
    let mut payload = Vec::new();
    entry.encode(&mut payload);
    let mut file = Vec::with_capacity(payload.len() + frame::HEADER_BYTES);
    frame::encode(0, &payload, &mut file);
    file
}

/// The entry of a file that is one frame of one entry.
async fn read(files: &Files, path: &Path, reader: &mut EntryReader) -> Result<Entry> {
    let bytes = files.read(path).await?.ok_or_else(|| damaged(path))?;
    let mut payload = match frame::scan(&bytes) {
        Scan::Good { frames, end } if end == bytes.len() as u64 && frames.len() == 1 => frames[0].1,
        Scan::Good { .. } | Scan::Damaged { .. } => return Err(damaged(path)),
    };
    let entry = reader.take(&mut payload).map_err(|error| match error.hint() {
        // Nothing is wrong with the file; it is another build's.
        Some(hint) => {
            let place = format!("cannot read checkpoint file '{}': {}", path.display(), error.message());
            Error::data(place).with_hint(hint)
        }
        None => damaged(path).with_source(error),
    })?;
    if payload.is_empty() { Ok(entry) } else { Err(damaged(path)) }
}

fn damaged(path: &Path) -> Error {
    Error::data(format!("checkpoint file '{}' is damaged", path.display())).with_hint(DAMAGE_HINT)
}
