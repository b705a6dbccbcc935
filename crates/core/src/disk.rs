//! The disk as a dependency, so that tests and the simulation own it: what a checkpoint asks of the place where it lies.
//!
//! Files are never changed inside. A log only grows, and everything else is replaced as a whole; so an object store can stand
//! behind this trait too, with an object a frame, and folders that exist by themselves. A path is a name below the root
//! of the store, taken apart by nobody but the implementation.
//!
//! Errors are the system's own: whoever asked names the file and what to do. After an error of [`DiskFile::append`] or
//! [`DiskFile::sync`] nothing is known of what was written last.
//!
//! What outlives what: a process that is killed loses nothing that was written. A power cut loses all that this file does not
//! call durable, as a whole or from some byte on, and new names with it.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

/// Named files in folders.
#[async_trait]
pub trait Disk: Send + Sync + Debug {
    /// The bytes of a file; `None` where there is no such file.
    async fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// The names in a folder, in no order; none where there is no such folder.
    async fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Makes a folder and those above it, with `durable` so that they outlive a power cut. One that is there is fine.
    async fn create_folder(&self, folder: &Path, durable: bool) -> io::Result<()>;

    /// Makes a new file that grows, and refuses a name that is taken. The name is durable after [`Disk::sync_folder`].
    async fn create_file(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Puts a whole file in its place: readers see the old one or the new one. With `durable` that also holds after a
    /// power cut, and the new one is there to stay.
    async fn replace(&self, path: &Path, bytes: Vec<u8>, durable: bool) -> io::Result<()>;

    /// Cuts a file that nobody writes to, durably.
    async fn truncate(&self, path: &Path, length: u64) -> io::Result<()>;

    /// Makes new, renamed and removed names of a folder durable.
    async fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Removes a file; one that is not there is fine.
    async fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder and all in it.
    async fn remove_folder(&self, folder: &Path) -> io::Result<()>;

    /// Takes a lock that no other process can have at the same time. The system lets go of it when the process ends, however
    /// it ends. [`io::ErrorKind::WouldBlock`] where another process has it.
    async fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;
}

/// A file that grows.
#[async_trait]
pub trait DiskFile: Send + Sync + Debug {
    /// Adds bytes at the end, in one write where the system allows that. Does not wait for the disk.
    async fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Takes back what an [`DiskFile::append`] that failed may have left behind this length.
    async fn truncate(&self, length: u64) -> io::Result<()>;

    /// Makes everything that was appended durable. Where it failed once it does not help to ask again: the system may have
    /// forgotten what it could not write.
    async fn sync(&self) -> io::Result<()>;
}

/// A lock that is held until it is dropped.
pub trait DiskLock: Send + Sync + Debug {}
