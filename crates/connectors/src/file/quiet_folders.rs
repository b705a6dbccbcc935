//! Folders in which nothing has changed since they were read, so that they need not be read again.
//!
//! A folder's time of change says when a name came or went. It is coarse: a name that comes right after the folder was
//! read may leave it as it is. So only a folder whose last change was long past when it was read counts as quiet.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What any file system's clock is finer than.
const TICK: Duration = Duration::from_secs(2);

/// The folders that were read, with the folders in each.
#[derive(Debug, Default)]
pub(super) struct QuietFolders {
    folders: HashMap<PathBuf, (SystemTime, Vec<PathBuf>)>,
    now_ms: i64,
}

impl QuietFolders {
    /// Says what time it is while folders are read.
    pub(super) fn begin(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    /// Forgets all of them: somebody has not taken what they gave.
    pub(super) fn clear(&mut self) {
        self.folders.clear();
    }

    /// The folders in this one, where it is as it was when it was read.
    pub(super) fn unchanged(&self, folder: &Path, modified: SystemTime) -> Option<Vec<PathBuf>> {
        let (known, below) = self.folders.get(folder)?;
        (*known == modified).then(|| below.clone())
    }

    /// A folder was read after this change.
    pub(super) fn was_read(&mut self, folder: &Path, modified: SystemTime, below: Vec<PathBuf>) {
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(self.now_ms).unwrap_or_default());
        if now.duration_since(modified).is_ok_and(|past| past >= TICK) {
            self.folders.insert(folder.to_owned(), (modified, below));
        } else {
            self.folders.remove(folder);
        }
    }
}
