//! The disk that a location names.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use millstream_core::{Clock, Disk, DiskError, DiskFile, DiskLock};
use parking_lot::Mutex;

use super::object_store_disk::{LEASE, ObjectStoreDisk};
use super::s3::S3Settings;

/// `s3://bucket/…` and `s3a://bucket/…` lie in that bucket, everything else on the disk of this machine. Clones share
/// what they have opened.
#[derive(Debug, Clone)]
pub struct CheckpointDisks {
    local: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    settings: S3Settings,
    buckets: Arc<Mutex<Buckets>>,
}

/// The buckets that are open, and the settings that they were opened with.
type Buckets = BTreeMap<(String, S3Settings), Arc<ObjectStoreDisk>>;

impl CheckpointDisks {
    /// With this disk for the machine, and these settings for buckets.
    pub fn new(local: Arc<dyn Disk>, clock: Arc<dyn Clock>, settings: S3Settings) -> Self {
        Self { local, clock, settings, buckets: Arc::default() }
    }

    /// The disk for a path. A bucket is opened when it is first named.
    fn disk(&self, path: &Path) -> io::Result<Arc<dyn Disk>> {
        let Some(bucket) = bucket(path) else { return Ok(Arc::clone(&self.local)) };
        if bucket.is_empty() {
            let message = "the location names no bucket";
            return Err(DiskError::io(io::ErrorKind::InvalidInput, message, "write it as s3://bucket/folder"));
        }
        let name = (bucket.to_owned(), self.settings.clone());
        let mut buckets = self.buckets.lock();
        if let Some(disk) = buckets.get(&name) {
            return Ok(Arc::clone(disk) as Arc<dyn Disk>);
        }
        let store = self.settings.open(bucket)?;
        let disk = Arc::new(ObjectStoreDisk::new(store, Arc::clone(&self.clock), LEASE));
        buckets.insert(name, Arc::clone(&disk));
        Ok(disk)
    }
}

/// The schemes of buckets: that of the store, and that of Hadoop's client.
const SCHEMES: [&str; 2] = ["s3", "s3a"];

/// The bucket that a location names. A path of this machine names none.
fn bucket(path: &Path) -> Option<&str> {
    let (scheme, rest) = path.to_str()?.split_once(':')?;
    if !SCHEMES.contains(&scheme) {
        return None;
    }
    // With one slash there is none, which is refused rather than made a folder of this machine.
    rest.strip_prefix("//").unwrap_or_default().split('/').next()
}

#[async_trait]
impl Disk for CheckpointDisks {
    async fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.disk(path)?.read(path).await
    }

    async fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.disk(folder)?.list(folder).await
    }

    async fn create_folder(&self, folder: &Path, durable: bool) -> io::Result<()> {
        self.disk(folder)?.create_folder(folder, durable).await
    }

    async fn create_file(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.disk(path)?.create_file(path).await
    }

    async fn replace(&self, path: &Path, bytes: Vec<u8>, durable: bool) -> io::Result<()> {
        self.disk(path)?.replace(path, bytes, durable).await
    }

    async fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.disk(path)?.truncate(path, length).await
    }

    async fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.disk(folder)?.sync_folder(folder).await
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk(path)?.remove(path).await
    }

    async fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        self.disk(folder)?.remove_folder(folder).await
    }

    async fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        self.disk(path)?.lock(path).await
    }

    fn takes(&self, scheme: &str) -> bool {
        SCHEMES.contains(&scheme)
    }

    fn with_settings(&self, settings: &BTreeMap<String, String>) -> Option<Arc<dyn Disk>> {
        Some(Arc::new(Self { settings: self.settings.with_hadoop(settings)?, ..self.clone() }))
    }

    fn scratch(&self, folder: &Path) -> io::Result<PathBuf> {
        self.disk(folder)?.scratch(folder)
    }
}
