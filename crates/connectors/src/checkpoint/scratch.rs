//! A folder of this machine for files that are worth nothing once the process has ended.
//!
//! It is locked by the process that made it. What a killed process leaves is therefore free, and goes when the next one
//! makes a folder of its own.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

const PREFIX: &str = "millstream-scratch-";
/// A folder that is not locked yet.
const UNFINISHED: &str = ".new";
const LOCK: &str = "lock";

/// Removed when it is dropped.
#[derive(Debug)]
pub(super) struct ScratchFolder {
    path: PathBuf,
    _lock: File,
}

impl ScratchFolder {
    /// A new one, after those of processes that are gone have been removed.
    pub(super) fn new(parent: &Path) -> io::Result<Self> {
        for entry in fs::read_dir(parent)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(PREFIX) && !name.ends_with(UNFINISHED) && is_free(&entry.path()) {
                // Somebody else may be at it as well; what is left is for the next.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let path = parent.join(format!("{PREFIX}{}", Uuid::new_v4()));
        let unfinished = path.with_extension(&UNFINISHED[1..]);
        // State may be nobody else's business.
        DirBuilder::new().mode(0o700).create(&unfinished)?;
        let lock = File::create(unfinished.join(LOCK))?;
        lock.try_lock()?;
        fs::rename(unfinished, &path)?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "cannot remove a folder for spilled state");
        }
    }
}

fn is_free(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests;
