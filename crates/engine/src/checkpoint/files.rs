//! The few things a checkpoint does to a disk. Every error names the file and what was attempted.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use millstream_core::{Error, Result};
use uuid::Uuid;

/// A disk error. It is not tried again: what the system still holds of the file is not known after it.
pub(crate) fn disk_error(attempted: &str, path: &Path, error: io::Error) -> Error {
    Error::data(format!("cannot {attempted} checkpoint file '{}': {error}", path.display())).with_source(error)
}

/// The file's bytes, or `None` where there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk_error("read", path, error)),
    }
}

/// Makes a folder and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| disk_error("create", path, error))
}

/// Names of the entries of a folder; none where there is no folder.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let failed = |error| disk_error("list", folder, error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    entries.map(|entry| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned())).collect()
}

/// The numbers among a folder's names, ascending: `prefix` and then digits.
pub(crate) fn numbered(folder: &Path, prefix: &str) -> Result<Vec<u64>> {
    let number = |name: String| name.strip_prefix(prefix).and_then(|digits| digits.parse().ok());
    let mut numbers: Vec<u64> = names(folder)?.into_iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Removes a file; one that is not there is fine.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk_error("remove", path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes a folder and all in it.
pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    fs::remove_dir_all(path).map_err(|error| disk_error("remove", path, error))
}

/// Puts a whole file in its place: readers see the old one or the new one. `durable` also forces it to the disk.
pub(crate) fn replace(path: &Path, bytes: &[u8], durable: bool) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}{TEMPORARY_SUFFIX}", Uuid::new_v4()));
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        if durable { file.sync_all() } else { Ok(()) }
    });
    written.map_err(|error| disk_error("write", &temporary, error))?;
    fs::rename(&temporary, path).map_err(|error| disk_error("rename", &temporary, error))?;
    if durable { sync_folder(path.parent()) } else { Ok(()) }
}

/// What a file is called before it is complete.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// Makes new and renamed names of a folder durable.
pub(crate) fn sync_folder(folder: Option<&Path>) -> Result<()> {
    let Some(folder) = folder else { return Ok(()) };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| disk_error("sync", folder, error))
}

/// Holds a checkpoint for one process. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct CheckpointLock {
    _file: File,
}

impl CheckpointLock {
    /// Takes the lock, or says at once who cannot have it.
    pub(crate) fn take(path: PathBuf) -> Result<Self> {
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(|error| disk_error("open", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::conflict(format!(
                "another process runs a query on this checkpoint: it holds '{}'",
                path.display()
            ))
            .with_hint("stop the other query, or give this one a checkpoint location of its own")),
            Err(fs::TryLockError::Error(error)) => Err(disk_error("lock", &path, error)),
        }
    }
}
