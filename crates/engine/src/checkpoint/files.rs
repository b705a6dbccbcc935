//! What a checkpoint does to its disk, with errors that name the file, what was attempted, and what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_core::{Disk, DiskError, DiskFile, DiskLock, Error, Result, disk};

/// The mend for a file of a checkpoint that is damaged.
pub(crate) const DAMAGE_HINT: &str =
    "restore the file from a backup, or start the query with a new checkpoint location";

/// Whether a checkpoint is not on this machine: its location has a scheme.
pub(crate) fn is_remote(root: &Path) -> bool {
    disk::scheme(&root.to_string_lossy()).is_some()
}

/// The disk that a checkpoint lies on.
#[derive(Debug, Clone)]
pub(crate) struct Files(Arc<dyn Disk>);

impl Files {
    /// On this disk.
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self(disk)
    }

    /// The file's bytes, or `None` where there is no such file.
    pub(crate) async fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        self.0.read(path).await.map_err(|error| disk_error("read", path, error))
    }

    /// Makes a folder and those above it.
    pub(crate) async fn create_folder(&self, path: &Path, durable: bool) -> Result<()> {
        self.0.create_folder(path, durable).await.map_err(|error| disk_error("create", path, error))
    }

    /// Makes a new file that grows.
    pub(crate) async fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>> {
        self.0.create_file(path).await.map_err(|error| disk_error("create", path, error))
    }

    /// Names of the entries of a folder; none where there is no folder.
    pub(crate) async fn names(&self, folder: &Path) -> Result<Vec<String>> {
        self.0.list(folder).await.map_err(|error| disk_error("list", folder, error))
    }

    /// The numbers among a folder's names, ascending: `prefix` and then digits.
    pub(crate) async fn numbered(&self, folder: &Path, prefix: &str) -> Result<Vec<u64>> {
        let number = |name: String| name.strip_prefix(prefix).and_then(|digits| digits.parse().ok());
        let mut numbers: Vec<u64> = self.names(folder).await?.into_iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Makes a new file that grows in the place of one that was never finished.
    pub(crate) async fn create_anew(&self, path: &Path) -> Result<Arc<dyn DiskFile>> {
        match self.0.create_file(path).await {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.remove(path).await?;
                self.create(path).await
            }
            created => created.map_err(|error| disk_error("create", path, error)),
        }
    }

    /// Removes a file; one that is not there is fine.
    pub(crate) async fn remove(&self, path: &Path) -> Result<()> {
        self.0.remove(path).await.map_err(|error| disk_error("remove", path, error))
    }

    /// Removes a folder and all in it.
    pub(crate) async fn remove_folder(&self, path: &Path) -> Result<()> {
        self.0.remove_folder(path).await.map_err(|error| disk_error("remove", path, error))
    }

    /// Puts a whole file in its place: readers see the old one or the new one. `durable` also forces it to the disk.
    pub(crate) async fn replace(&self, path: &Path, bytes: Vec<u8>, durable: bool) -> Result<()> {
        self.0.replace(path, bytes, durable).await.map_err(|error| disk_error("write", path, error))
    }

    /// Cuts a file that nobody writes to.
    pub(crate) async fn truncate(&self, path: &Path, length: u64) -> Result<()> {
        self.0.truncate(path, length).await.map_err(|error| disk_error("cut", path, error))
    }

    /// Makes new names of a folder durable.
    pub(crate) async fn sync_folder(&self, folder: &Path) -> Result<()> {
        self.0.sync_folder(folder).await.map_err(|error| disk_error("sync", folder, error))
    }

    /// Holds a checkpoint for one process, or says at once that another has it.
    pub(crate) async fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>> {
        self.0.lock(path).await.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Error::conflict(format!(
                "another process runs a query on this checkpoint: it holds '{}'",
                path.display()
            ))
            .with_hint("stop the other query, or give this one a checkpoint location of its own"),
            _ => disk_error("lock", path, error),
        })
    }

    /// A folder of this machine for files that are worth nothing once the process has ended.
    pub(crate) fn scratch(&self, folder: &Path) -> Result<PathBuf> {
        self.0.scratch(folder).map_err(|error| disk_error("make a folder for spilled state of", folder, error))
    }
}

/// The mend for a location that is a file, or lies below one.
const NO_FOLDER: &str = "there is a file where the checkpoint's folder should be; name another checkpoint location";

/// The mend for a location that no file system can have.
const NO_PLACE: &str = "name a checkpoint location that can be a folder of this machine";

/// A disk error. It is not tried again: what the system still holds of the file is not known after it. A new start
/// looks.
pub(crate) fn disk_error(attempted: &str, path: &Path, error: io::Error) -> Error {
    let mend = match (DiskError::mend(&error), error.kind()) {
        (Some(mend), _) => mend,
        (None, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => "free space on that disk",
        (None, io::ErrorKind::ReadOnlyFilesystem) => "make that file system writable",
        (None, io::ErrorKind::PermissionDenied) => "give the user of this process the right to read and write there",
        (None, io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists) => NO_FOLDER,
        (None, io::ErrorKind::InvalidFilename | io::ErrorKind::InvalidInput) => NO_PLACE,
        // What is above a new folder is made, so it cannot be made there at all.
        (None, io::ErrorKind::NotFound) if attempted == "create" => NO_PLACE,
        (None, _) => "check that disk and the system's log",
    };
    let then = if [NO_FOLDER, NO_PLACE].contains(&mend) {
        ""
    } else {
        ", then start the query again: it goes on from its last good batch"
    };
    let hint = format!("{mend}{then}");
    let message = format!("cannot {attempted} checkpoint file '{}': {error}", path.display());
    let refused = match error.kind() {
        io::ErrorKind::ResourceBusy => Error::conflict(message),
        _ => Error::data(message),
    };
    refused.with_source(error).with_hint(hint)
}
