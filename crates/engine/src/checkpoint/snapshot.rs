//! The whole state of a query after one batch, so that the log before it can go.
//!
//! It lies in files of a few megabytes, so that neither writing nor reading it needs a second copy of the state in memory.
//! The parts come first; the head, which says how many there are, makes a snapshot of them. Parts without a head are of a
//! process that died. They go with the next snapshot and not before: should that process only have been stopped, and finish
//! its snapshot late, then it is whole.
//!
//! ```text
//! snapshot-<batch>            one frame: a snapshot entry. Earlier builds: all state entries, one for each operator
//! snapshot-<batch>.<part>     one frame: a state entry with some of the state of one operator
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_core::{BatchId, DiskFile, Error, Result};

use super::entry::{Entry, SnapshotEntry, StateEntry};
use super::files::{DAMAGE_HINT, Files, disk_error};
use super::frame::{self, Scan};

/// The prefix of a snapshot's name; the batch follows.
const PREFIX: &str = "snapshot-";

/// A snapshot that is complete.
#[derive(Debug)]
pub(crate) struct Snapshot {
    files: Files,
    folder: PathBuf,
    head: SnapshotEntry,
    /// The state by operator, where the head holds it.
    whole: Option<Vec<Vec<u8>>>,
}

impl Snapshot {
    /// The newest snapshot of the folder. One that is spoilt is refused by name: the log before it may be gone.
    pub(crate) async fn newest(files: &Files, folder: &Path) -> Result<Option<Self>> {
        let newest = files.numbered(folder, PREFIX).await?.pop().map(BatchId);
        let Some(batch) = newest else { return Ok(None) };
        remove_older_parts(files, folder, batch).await?;
        let path = head_path(folder, batch);
        let (files, folder, mut whole) = (files.clone(), folder.to_owned(), Vec::new());
        for entry in read(&files, &path).await? {
            match entry {
                Entry::Snapshot(head) if head.batch == batch && whole.is_empty() => {
                    return Ok(Some(Self { files, folder, head, whole: None }));
                }
                Entry::State(state) if state.batch == batch && state.operator == whole.len() => whole.push(state.delta),
                _ => return Err(damaged(&path)),
            }
        }
        let bytes = whole.iter().map(|state| state.len() as u64).sum();
        let head = SnapshotEntry { batch, operators: whole.len(), parts: whole.len(), bytes };
        Ok(Some(Self { files, folder, head, whole: Some(whole) }))
    }

    /// The batch.
    pub(crate) fn batch(&self) -> BatchId {
        self.head.batch
    }

    /// The bytes that all operators hold.
    pub(crate) fn bytes(&self) -> u64 {
        self.head.bytes
    }

    /// Stateful operators of the query.
    pub(crate) fn operators(&self) -> usize {
        self.head.operators
    }

    /// Parts of the snapshot.
    pub(crate) fn parts(&self) -> usize {
        self.head.parts
    }

    /// An operator and some of its state. One that is spoilt or missing is refused by name.
    pub(crate) async fn part(&self, part: usize) -> Result<(usize, Vec<u8>)> {
        if let Some(state) = self.whole.as_ref().and_then(|whole| whole.get(part)) {
            return Ok((part, state.clone()));
        }
        let path = part_path(&self.folder, self.batch(), part);
        match <[Entry; 1]>::try_from(read(&self.files, &path).await?) {
            Ok([Entry::State(state)]) if state.batch == self.batch() && state.operator < self.operators() => {
                Ok((state.operator, state.delta))
            }
            Ok(_) | Err(_) => Err(damaged(&path)),
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
    /// Begins to write the state of so many operators after `batch`.
    pub(crate) fn new((files, folder): (Files, PathBuf), batch: BatchId, operators: usize) -> Self {
        Self { files, folder, head: SnapshotEntry { batch, operators, parts: 0, bytes: 0 }, parts: vec![] }
    }

    /// The batch.
    pub(crate) fn batch(&self) -> BatchId {
        self.head.batch
    }

    /// Adds some of the state of an operator. The disk has not got it yet.
    pub(crate) async fn add(&mut self, operator: usize, state: Vec<u8>) -> Result<()> {
        let path = part_path(&self.folder, self.head.batch, self.head.parts);
        self.head.bytes += state.len() as u64;
        self.head.parts += 1;
        let bytes = framed(&Entry::State(StateEntry { batch: self.head.batch, operator, delta: state }));
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

/// The entries of a file that is one frame.
async fn read(files: &Files, path: &Path) -> Result<Vec<Entry>> {
    let bytes = files.read(path).await?.ok_or_else(|| damaged(path))?;
    let mut payload = match frame::scan(&bytes) {
        Scan::Good { frames, end } if end == bytes.len() as u64 && frames.len() == 1 => frames[0].1,
        Scan::Good { .. } | Scan::Damaged { .. } => return Err(damaged(path)),
    };
    let mut entries = Vec::new();
    while !payload.is_empty() {
        entries.push(Entry::decode(&mut payload).map_err(|error| damaged(path).with_source(error))?);
    }
    Ok(entries)
}

fn damaged(path: &Path) -> Error {
    Error::data(format!("checkpoint file '{}' is damaged", path.display())).with_hint(DAMAGE_HINT)
}
