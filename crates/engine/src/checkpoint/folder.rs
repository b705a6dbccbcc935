//! The folder of a checkpoint, and the hold that one process has on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_core::DiskLock;
use parking_lot::Mutex;

use super::files::Files;

/// A checkpoint's folder, held by this process.
#[derive(Debug)]
pub(super) struct CheckpointFolder {
    pub(super) files: Files,
    pub(super) root: PathBuf,
    pub(super) is_temporary: bool,
    pub(super) is_durable: bool,
    pub(super) lock: CheckpointLock,
}

/// The hold of a process on a checkpoint; clones are the same one. Where all are dropped, it is as if the process had
/// died.
#[derive(Debug, Clone)]
pub(crate) struct CheckpointLock(Arc<Mutex<Option<Box<dyn DiskLock>>>>);

impl CheckpointLock {
    pub(super) fn new(lock: Box<dyn DiskLock>) -> Self {
        Self(Arc::new(Mutex::new(Some(lock))))
    }

    /// Lets go. Where that cannot be said, the next start finds out by itself.
    pub(crate) async fn release(&self) {
        let Some(lock) = self.0.lock().take() else { return };
        if let Err(error) = lock.release().await {
            tracing::warn!(%error, "cannot let go of a checkpoint; the next start has to wait until that shows");
        }
    }
}

/// Where the log of a checkpoint lies.
pub(super) fn log_folder(root: &Path) -> PathBuf {
    root.join("millstream")
}
