//! Where an operator's state goes that does not fit into memory.
//!
//! The files are scratch: the truth is the checkpoint's log and snapshot. They live as long as the process, and what a
//! killed one left is removed at the next start. Nothing here is forced to the disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use millstream_core::{Error, Result};

/// The folder of one operator; made when the first file is.
#[derive(Debug)]
pub struct SpillFolder {
    path: PathBuf,
    files: AtomicU64,
    written_bytes: AtomicU64,
    held_bytes: AtomicU64,
}

impl SpillFolder {
    /// The folder at `path`, empty.
    pub fn new(path: PathBuf) -> Result<Arc<Self>> {
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(spill_error("remove", &path, error)),
            Ok(()) | Err(_) => {}
        }
        Ok(Arc::new(Self {
            path,
            files: AtomicU64::new(0),
            written_bytes: AtomicU64::new(0),
            held_bytes: AtomicU64::new(0),
        }))
    }

    /// A new file to write to.
    pub(super) fn create(self: &Arc<Self>) -> Result<(SpillFile, File)> {
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        if number == 0 {
            fs::create_dir_all(&self.path).map_err(|error| spill_error("create", &self.path, error))?;
        }
        let spill = SpillFile { path: self.path.join(number.to_string()), folder: Arc::clone(self), bytes: 0 };
        let file = File::create_new(&spill.path).map_err(|error| spill_error("create", &spill.path, error))?;
        Ok((spill, file))
    }

    /// Bytes written to files since the query was started.
    pub(super) fn written_bytes(&self) -> u64 {
        self.written_bytes.load(Ordering::Relaxed)
    }

    /// Bytes in files now.
    pub(super) fn held_bytes(&self) -> u64 {
        self.held_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for SpillFolder {
    fn drop(&mut self) {
        if self.files.load(Ordering::Relaxed) > 0 {
            // Its files went before it. What is left all the same goes at the next start.
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// A file of the folder; removed when it is dropped.
#[derive(Debug)]
pub(super) struct SpillFile {
    path: PathBuf,
    folder: Arc<SpillFolder>,
    bytes: u64,
}

impl SpillFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it for reading. It is not kept open: there may be 256 of them for each operator.
    pub(super) fn open(&self) -> Result<File> {
        File::open(&self.path).map_err(|error| spill_error("open", &self.path, error))
    }

    /// Counts what was written to it.
    pub(super) fn add_written(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.folder.written_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.folder.held_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for SpillFile {
    fn drop(&mut self) {
        self.folder.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(file = %self.path.display(), %error, "cannot remove a file of spilled state");
        }
    }
}

/// A disk error, by file and attempt.
pub(super) fn spill_error(attempted: &str, path: &Path, error: io::Error) -> Error {
    Error::data(format!("cannot {attempted} '{}' for state beyond the memory budget: {error}", path.display()))
        .with_source(error)
        .with_hint("give that disk more room, or the engine more memory with --memory")
}
