//! The real disk, until a test lets it fail; and what was asked of it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use millstream_core::{Disk, DiskFile, DiskLock};
use millstream_engine::LocalDisk;
use parking_lot::Mutex;

/// What a disk does not do any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Half of what is written fits.
    Full,
    ReadOnly,
    NoPermission,
    WriteError,
    SyncError,
}

/// Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultyDisk {
    fault: Arc<Mutex<Option<Fault>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl FaultyDisk {
    pub(crate) fn fail(&self, fault: Option<Fault>) {
        *self.fault.lock() = fault;
    }

    /// The operations on files of the log since this was last called: what, and the file's name.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock())
    }

    fn pass(&self, what: &str, path: &Path, faults: &[Fault]) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("log-") {
            self.asked.lock().push(format!("{what} {name}"));
        }
        let Some(fault) = self.fault.lock().filter(|fault| faults.contains(fault)) else { return Ok(()) };
        Err(match fault {
            Fault::Full => io::ErrorKind::StorageFull.into(),
            Fault::ReadOnly => io::ErrorKind::ReadOnlyFilesystem.into(),
            Fault::NoPermission => io::ErrorKind::PermissionDenied.into(),
            Fault::WriteError | Fault::SyncError => io::Error::other("Input/output error"),
        })
    }
}

const CHANGE: &[Fault] = &[Fault::ReadOnly, Fault::NoPermission];
const WRITE: &[Fault] = &[Fault::Full, Fault::ReadOnly, Fault::NoPermission, Fault::WriteError];

#[async_trait]
impl Disk for FaultyDisk {
    async fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.pass("read", path, &[Fault::NoPermission])?;
        LocalDisk.read(path).await
    }

    async fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.pass("list", folder, &[Fault::NoPermission])?;
        LocalDisk.list(folder).await
    }

    async fn create_folder(&self, folder: &Path, durable: bool) -> io::Result<()> {
        LocalDisk.create_folder(folder, durable).await
    }

    async fn create_file(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.pass("create", path, WRITE)?;
        let (file, disk, path) = (LocalDisk.create_file(path).await?, self.clone(), path.to_owned());
        Ok(Arc::new(FaultyFile { file, disk, path }))
    }

    async fn replace(&self, path: &Path, bytes: Vec<u8>, durable: bool) -> io::Result<()> {
        self.pass(if durable { "replace durably" } else { "replace" }, path, WRITE)?;
        LocalDisk.replace(path, bytes, durable).await
    }

    async fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.pass("cut", path, CHANGE)?;
        LocalDisk.truncate(path, length).await
    }

    async fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.pass("sync", folder, &[Fault::SyncError])?;
        LocalDisk.sync_folder(folder).await
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        self.pass("remove", path, CHANGE)?;
        LocalDisk.remove(path).await
    }

    async fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        LocalDisk.remove_folder(folder).await
    }

    async fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.pass("lock", path, CHANGE)?;
        LocalDisk.lock(path).await
    }
}

#[derive(Debug)]
struct FaultyFile {
    file: Arc<dyn DiskFile>,
    disk: FaultyDisk,
    path: std::path::PathBuf,
}

#[async_trait]
impl DiskFile for FaultyFile {
    async fn append(&self, bytes: &[u8]) -> io::Result<()> {
        // A file that is open stays open, whatever its permissions are.
        let passed = self.disk.pass("append to", &self.path, &[Fault::Full, Fault::ReadOnly, Fault::WriteError]);
        let fits = if passed.is_ok() { bytes.len() } else { bytes.len() / 2 };
        self.file.append(&bytes[..fits]).await?;
        passed
    }

    async fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length).await
    }

    async fn sync(&self) -> io::Result<()> {
        self.disk.pass("sync", &self.path, &[Fault::SyncError])?;
        self.file.sync().await
    }
}
