//! The disk of this machine.
//!
//! An append goes to the system's memory and is done on the spot; whatever may wait for the disk does so on a thread
//! that may wait.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use millstream_core::{Disk, DiskFile, DiskLock};
use uuid::Uuid;

/// What a file is called before it is complete.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// Files of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalDisk;

/// A file that is written to.
#[derive(Debug)]
struct LocalFile(Arc<File>);

/// Holds a lock on an open file, which the system lets go of with it.
#[derive(Debug)]
struct LocalLock {
    _file: File,
}

impl DiskLock for LocalLock {}

#[async_trait]
impl Disk for LocalDisk {
    async fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let path = path.to_owned();
        blocking(move || found(fs::read(path))).await
    }

    async fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let folder = folder.to_owned();
        let list = move || {
            let Some(entries) = found(fs::read_dir(folder))? else { return Ok(Vec::new()) };
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        };
        blocking(list).await
    }

    async fn create_folder(&self, folder: &Path, durable: bool) -> io::Result<()> {
        let folder = folder.to_owned();
        blocking(move || if durable { create_durably(&folder) } else { fs::create_dir_all(folder) }).await
    }

    async fn create_file(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let path = path.to_owned();
        let file = blocking(move || File::options().create_new(true).append(true).open(path)).await?;
        Ok(Arc::new(LocalFile(Arc::new(file))))
    }

    async fn replace(&self, path: &Path, bytes: Vec<u8>, durable: bool) -> io::Result<()> {
        let path = path.to_owned();
        blocking(move || replace(&path, &bytes, durable)).await
    }

    async fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let path = path.to_owned();
        let cut = move || {
            let file = File::options().write(true).open(path)?;
            file.set_len(length)?;
            file.sync_all()
        };
        blocking(cut).await
    }

    async fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let folder = folder.to_owned();
        blocking(move || sync_folder(&folder)).await
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        let path = path.to_owned();
        blocking(move || found(fs::remove_file(path))).await.map(|_| ())
    }

    async fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        let folder = folder.to_owned();
        blocking(move || fs::remove_dir_all(folder)).await
    }

    async fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let path = path.to_owned();
        let lock = move || {
            let file = File::options().create(true).append(true).open(path)?;
            file.try_lock()?;
            Ok(Box::new(LocalLock { _file: file }) as Box<dyn DiskLock>)
        };
        blocking(lock).await
    }
}

#[async_trait]
impl DiskFile for LocalFile {
    async fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&*self.0).write_all(bytes)
    }

    async fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    async fn sync(&self) -> io::Result<()> {
        let file = Arc::clone(&self.0);
        blocking(move || file.sync_data()).await
    }
}

/// Does something on a thread that may wait for the disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// `None` where there is no such file or folder.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a folder, and its name in the folder above durable, all the way up to one that was there.
fn create_durably(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        create_durably(above)?;
    }
    match fs::create_dir(folder) {
        // Somebody else made it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(above.unwrap_or(Path::new("."))),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn replace(path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let temporary = temporary_path(path);
    let renamed = write_new(&temporary, bytes, durable).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = renamed {
        // On a full disk what is left of it would only be in the way; the next start removes it too.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    match path.parent() {
        Some(folder) if durable => sync_folder(folder),
        Some(_) | None => Ok(()),
    }
}

fn write_new(path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    if durable { file.sync_all() } else { Ok(()) }
}

/// A name that no other write uses: one that was given up may still be under way.
fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}{TEMPORARY_SUFFIX}", Uuid::new_v4()))
}
