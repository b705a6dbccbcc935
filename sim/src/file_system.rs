//! What a disk holds: what a process sees of it, and what a power cut leaves of that.
//!
//! Bytes are durable when their file was synced, names when their folder was. A power cut keeps, of what is not
//! durable, a beginning: of each file some bytes, perhaps with zeros behind them, of each folder some of the newest
//! changes of names, in their order, as journals keep them. What a failed sync left behind stays visible, and no later
//! sync makes it durable: that is what Linux does.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::chance::Chance;

/// Names a file whatever it is called, as an inode does.
pub(crate) type FileId = u64;

/// What a folder is in the table of names.
const FOLDER: FileId = 0;

/// All files.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileSystem {
    files: BTreeMap<FileId, File>,
    names: BTreeMap<PathBuf, FileId>,
    durable_names: BTreeMap<PathBuf, FileId>,
    /// Changes of names that are not durable, in their order: a file, or none any more.
    changes: Vec<(PathBuf, Option<FileId>)>,
    newest: FileId,
}

#[derive(Debug, Clone, Default)]
struct File {
    bytes: Vec<u8>,
    /// So many bytes are durable.
    durable: usize,
    /// When the oldest of the others was written.
    waits_since: Option<Duration>,
    /// Whether a sync of it has failed.
    is_lost: bool,
}

impl FileSystem {
    pub(crate) fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let file = self.names.get(path).filter(|&&id| id != FOLDER)?;
        Some(self.files[file].bytes.clone())
    }

    pub(crate) fn list(&self, folder: &Path) -> Vec<String> {
        let inside = self.names.keys().filter(|path| path.parent() == Some(folder));
        inside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect()
    }

    /// Every file below a folder.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.names.iter().filter(|(_, id)| **id != FOLDER).map(|(path, _)| path.clone()).collect()
    }

    pub(crate) fn create_folder(&mut self, folder: &Path, durable: bool) {
        for folder in folder.ancestors().collect::<Vec<_>>().into_iter().rev().filter(|path| path.parent().is_some()) {
            if !self.names.contains_key(folder) {
                self.names.insert(folder.to_owned(), FOLDER);
                self.changes.push((folder.to_owned(), Some(FOLDER)));
            }
            if durable && let Some(above) = folder.parent() {
                self.sync_folder(above);
            }
        }
    }

    pub(crate) fn create(&mut self, path: &Path) -> io::Result<FileId> {
        if self.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(self.put(path, File::default()))
    }

    /// Puts a file in the place of another; its bytes are durable or not, its name is not.
    pub(crate) fn rename_into(&mut self, path: &Path, bytes: Vec<u8>, durable: bool) {
        let durable = if durable { bytes.len() } else { 0 };
        self.put(path, File { bytes, durable, ..File::default() });
    }

    fn put(&mut self, path: &Path, file: File) -> FileId {
        self.newest += 1;
        self.files.insert(self.newest, file);
        self.names.insert(path.to_owned(), self.newest);
        self.changes.push((path.to_owned(), Some(self.newest)));
        self.newest
    }

    pub(crate) fn remove(&mut self, path: &Path) {
        if self.names.remove(path).is_some() {
            self.changes.push((path.to_owned(), None));
        }
    }

    pub(crate) fn id(&self, path: &Path) -> Option<FileId> {
        self.names.get(path).copied()
    }

    pub(crate) fn append(&mut self, id: FileId, bytes: &[u8], now: Duration) {
        if let Some(file) = self.files.get_mut(&id).filter(|_| !bytes.is_empty()) {
            file.bytes.extend_from_slice(bytes);
            file.waits_since.get_or_insert(now);
        }
    }

    pub(crate) fn truncate(&mut self, id: FileId, length: usize) {
        if let Some(file) = self.files.get_mut(&id) {
            file.bytes.truncate(length);
            file.durable = file.durable.min(length);
            if file.durable == length {
                file.waits_since = None;
            }
        }
    }

    /// A sync that succeeds, unless an earlier one of the file did not: then it only says so.
    pub(crate) fn sync(&mut self, id: FileId) {
        if let Some(file) = self.files.get_mut(&id).filter(|file| !file.is_lost) {
            file.durable = file.bytes.len();
            file.waits_since = None;
        }
    }

    /// A sync that fails.
    pub(crate) fn lose(&mut self, id: FileId) {
        if let Some(file) = self.files.get_mut(&id) {
            file.is_lost = true;
        }
    }

    pub(crate) fn sync_folder(&mut self, folder: &Path) {
        let changes = std::mem::take(&mut self.changes);
        for (path, id) in changes {
            if path.parent() == Some(folder) {
                set(&mut self.durable_names, path, id);
            } else {
                self.changes.push((path, id));
            }
        }
    }

    /// Whether a file has bytes that are not durable.
    pub(crate) fn waits(&self, id: FileId) -> bool {
        self.files.get(&id).is_some_and(|file| file.durable < file.bytes.len())
    }

    /// Files of this folder with bytes that have waited since before this moment to become durable.
    pub(crate) fn waiting_since(&self, folder: &Path, moment: Duration) -> Vec<PathBuf> {
        let inside = self.names.iter().filter(|(path, _)| path.parent() == Some(folder));
        let waits = |id: &FileId| self.files.get(id).and_then(|file| file.waits_since).is_some_and(|at| at < moment);
        inside.filter(|(_, id)| waits(id)).map(|(path, _)| path.clone()).collect()
    }

    /// Forgets since when files wait: whoever promised that they wait no longer is dead.
    pub(crate) fn forget_waiting(&mut self) {
        self.files.values_mut().for_each(|file| file.waits_since = None);
    }

    /// What is left after the power went.
    pub(crate) fn cut_power(&mut self, chance: &Chance) {
        let changes = std::mem::take(&mut self.changes);
        let folders: BTreeSet<_> = changes.iter().filter_map(|(path, _)| path.parent()).collect();
        for folder in folders {
            let of_folder: Vec<_> = changes.iter().filter(|(path, _)| path.parent() == Some(folder)).collect();
            let kept = chance.index(of_folder.len() + 1);
            for (path, id) in &of_folder[..kept] {
                set(&mut self.durable_names, path.clone(), *id);
            }
        }
        self.names = self.durable_names.clone();
        // What lay in a folder that is gone.
        while let Some(lost) = self.names.keys().find(|path| !self.has_folder(path)).cloned() {
            self.names.remove(&lost);
        }
        self.durable_names = self.names.clone();
        let kept: BTreeSet<_> = self.names.values().copied().collect();
        self.files.retain(|id, _| kept.contains(id));
        self.files.values_mut().for_each(|file| file.cut_power(chance));
    }

    fn has_folder(&self, path: &Path) -> bool {
        path.parent().is_none_or(|folder| folder.parent().is_none() || self.names.get(folder) == Some(&FOLDER))
    }

    /// Changes a file as a worn-out disk does. The change is there to stay.
    pub(crate) fn spoil(&mut self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(file) = self.names.get(path).and_then(|id| self.files.get_mut(id)) {
            change(&mut file.bytes);
            file.durable = file.durable.min(file.bytes.len());
        }
    }
}

impl File {
    fn cut_power(&mut self, chance: &Chance) {
        let waiting = self.bytes.len() - self.durable;
        let (kept, zeros) = match chance.below(4) {
            0 => (0, 0),
            1 if !self.is_lost => (waiting, 0),
            2 => (chance.index(waiting + 1), chance.index(waiting + 1)),
            _ => (chance.index(waiting + 1), 0),
        };
        let length = self.bytes.len().min(self.durable + kept + zeros);
        self.bytes.truncate(length);
        self.bytes[(self.durable + kept).min(length)..].fill(0);
        *self = Self { durable: length, bytes: std::mem::take(&mut self.bytes), ..Self::default() };
    }
}

fn set(names: &mut BTreeMap<PathBuf, FileId>, path: PathBuf, id: Option<FileId>) {
    match id {
        Some(id) => names.insert(path, id),
        None => names.remove(&path),
    };
}

#[cfg(test)]
mod tests;
