//! The disk as a dependency, so that tests and the simulation own it: what a checkpoint asks of the place where it
//! lies.
//!
//! Files are never changed inside. A log only grows, and everything else is replaced as a whole; so an object store can
//! stand behind this trait too, with an object an append, and folders that exist by themselves. A path is a name below
//! the root of the store, taken apart by nobody but the implementation.
//!
//! Errors are the system's own: whoever asked names the file and what to do. Where the system is not a disk of this
//! machine, the implementation knows better what to do, and says it in a [`DiskError`]. After an error of
//! [`DiskFile::append`] or [`DiskFile::sync`] nothing is known of what was written last.
//!
//! What outlives what: a process that is killed loses nothing that was written. A power cut loses all that this file
//! does not call durable, as a whole or from some byte on, and new names with it.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

/// The scheme of a location, `s3` of `s3://bucket/folder` and `dbfs` of `dbfs:/folder`. A path of this machine has
/// none, also where it is written `file:/folder` or `file:///folder`.
pub fn scheme(location: &str) -> Option<&str> {
    let (scheme, _) = local_path(location).split_once(':')?;
    let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let begins_with_letter = scheme.chars().next().is_some_and(|first| first.is_ascii_alphabetic());
    (begins_with_letter && is_word(scheme)).then_some(scheme)
}

/// The location without the `file:` that Hadoop's users write before a path of this machine.
pub fn local_path(location: &str) -> &str {
    location.strip_prefix("file://").or_else(|| location.strip_prefix("file:")).unwrap_or(location)
}

/// Named files in folders.
#[async_trait]
pub trait Disk: Send + Sync + Debug {
    /// The bytes of a file; `None` where there is no such file.
    async fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;

    /// The names in a folder, in no order; none where there is no such folder.
    async fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Makes a folder and those above it, with `durable` so that they outlive a power cut. One that is there is fine.
    async fn create_folder(&self, folder: &Path, durable: bool) -> io::Result<()>;

    /// Makes a new file that grows, and refuses a name that is taken. The name is durable after [`Disk::sync_folder`];
    /// it may not be seen before the first bytes are.
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

    /// Takes a lock that no other process can have at the same time. The system lets go of it when the process ends,
    /// however it ends, if need be after a while. [`io::ErrorKind::WouldBlock`] where another process has it.
    ///
    /// Where a process can lose a lock without noticing, what it then does to the folder of the lock fails, and changes
    /// nothing that the next holder reads.
    async fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;

    /// Says whether locations of this [`scheme`] lie here. Paths without a scheme always do.
    fn takes(&self, _scheme: &str) -> bool {
        false
    }

    /// The disk of a query with these settings by Spark's names, where settings make it another one.
    fn with_settings(&self, _settings: &BTreeMap<String, String>) -> Option<Arc<dyn Disk>> {
        None
    }

    /// A folder of this machine for files that are worth nothing once the process has ended, for whoever has locked
    /// `folder`.
    fn scratch(&self, folder: &Path) -> io::Result<PathBuf> {
        Ok(folder.to_owned())
    }
}

/// A file that grows.
#[async_trait]
pub trait DiskFile: Send + Sync + Debug {
    /// Adds bytes at the end, in one write where the system allows that. Does not wait for the disk.
    async fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Takes back what an [`DiskFile::append`] that failed may have left behind this length.
    async fn truncate(&self, length: u64) -> io::Result<()>;

    /// Makes everything that was appended durable. Where it failed once it does not help to ask again: the system may
    /// have forgotten what it could not write.
    async fn sync(&self) -> io::Result<()>;
}

/// A lock that is held until it is released. One that is dropped instead is left as a dying process leaves it.
#[async_trait]
pub trait DiskLock: Send + Sync + Debug {
    /// Lets go, so that the next start need not find out that nobody holds it.
    async fn release(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

/// An error that knows what to do about it. It travels inside an [`io::Error`].
#[derive(Debug)]
pub struct DiskError {
    message: String,
    mend: String,
}

impl DiskError {
    /// As an error of this kind.
    pub fn io(kind: io::ErrorKind, message: impl Into<String>, mend: impl Into<String>) -> io::Error {
        io::Error::new(kind, Self { message: message.into(), mend: mend.into() })
    }

    /// What to do about an error, if it knows.
    pub fn mend(error: &io::Error) -> Option<&str> {
        let inner = error.get_ref()?.downcast_ref::<Self>()?;
        Some(&inner.mend)
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DiskError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_a_colon_is_a_scheme() {
        for (location, expected) in [
            ("s3://bucket/folder", Some("s3")),
            ("dbfs:/ck", Some("dbfs")),
            ("abfss://a@b/c", Some("abfss")),
            ("file:/folder", None),
            ("file:///folder", None),
            ("/folder/a:b", None),
            ("./a:b", None),
            ("2026-01-01T00:00:00", None),
            ("folder", None),
        ] {
            assert_eq!(scheme(location), expected, "{location}");
        }
    }
}
