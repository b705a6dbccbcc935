//! The writing half of a query's log: entries gather, and one frame makes all of them durable.
//!
//! A batch costs one write: its commit waits for the next batch's offsets, or for the query to idle or stop. A run never
//! writes behind what an earlier run wrote; it begins a segment of its own.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millstream_core::{BatchId, Clock, Error, Result};
use parking_lot::Mutex;

use super::entry::{Entry, StartEntry};
use super::files::{self, disk_error};
use super::frame;
use crate::query::SyncPolicy;

/// A segment longer than this is followed by a new one, so that old ones can go.
const SEGMENT_BYTES: u64 = 16 << 20;

/// The prefix of a segment's name.
pub(crate) const SEGMENT_PREFIX: &str = "log-";

/// Where a segment lies.
pub(crate) fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{SEGMENT_PREFIX}{number:010}"))
}

/// A segment, and the newest batch before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) after: Option<BatchId>,
}

/// The log of a running query.
#[derive(Debug)]
pub(crate) struct Log {
    folder: PathBuf,
    sync: SyncPolicy,
    clock: Arc<dyn Clock>,
    /// All that are on the disk; the last is written to.
    segments: Vec<Segment>,
    file: Arc<File>,
    path: PathBuf,
    position: u64,
    start: StartEntry,
    pending: Vec<u8>,
    frame: Vec<u8>,
    later: Arc<SyncLater>,
}

impl Log {
    /// Begins a segment after those that are there, with `first` in its first frame.
    pub(crate) async fn begin(
        folder: &Path,
        (sync, clock): (SyncPolicy, Arc<dyn Clock>),
        mut segments: Vec<Segment>,
        (start, first): (StartEntry, Vec<Entry>),
    ) -> Result<Self> {
        let number = segments.last().map_or(0, |segment| segment.number + 1);
        segments.push(Segment { number, after: start.after });
        let path = segment_path(folder, number);
        let file = create_segment(&path)?;
        let mut log = Self {
            folder: folder.to_owned(),
            sync,
            clock,
            segments,
            file,
            path,
            position: 0,
            start: start.clone(),
            pending: Vec::new(),
            frame: Vec::new(),
            later: Arc::default(),
        };
        log.append(&Entry::Start(start));
        first.iter().for_each(|entry| log.append(entry));
        log.write().await?;
        log.sync_names()?;
        Ok(log)
    }

    /// Adds an entry to the next write.
    pub(crate) fn append(&mut self, entry: &Entry) {
        entry.encode(&mut self.pending);
    }

    /// Whether entries wait to be written.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes everything that was added, as one frame, and forces it to the disk as the policy says.
    pub(crate) async fn write(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if let Some(error) = self.later.failed.lock().take() {
            return Err(error);
        }
        self.frame.clear();
        frame::encode(self.position, &self.pending, &mut self.frame);
        if let Err(error) = (&*self.file).write_all(&self.frame) {
            // Half a frame must not stand before a later whole one.
            let _ = self.file.set_len(self.position);
            return Err(disk_error("write", &self.path, error));
        }
        self.position += self.frame.len() as u64;
        self.pending.clear();
        match self.sync {
            SyncPolicy::Never => Ok(()),
            SyncPolicy::Every(delay) => {
                self.later.schedule(delay, &self.clock, (Arc::clone(&self.file), self.path.clone()));
                Ok(())
            }
            SyncPolicy::Always => sync_data(Arc::clone(&self.file), self.path.clone()).await,
        }
    }

    /// Whether the segment has grown long enough for a new one.
    pub(crate) fn is_segment_full(&self) -> bool {
        self.position >= SEGMENT_BYTES
    }

    /// Begins a new segment; `after` is the newest batch of the old one.
    pub(crate) async fn roll(&mut self, after: BatchId) -> Result<()> {
        self.write().await?;
        if self.sync != SyncPolicy::Never {
            sync_data(Arc::clone(&self.file), self.path.clone()).await?;
        }
        let number = self.segments.last().map_or(0, |segment| segment.number + 1);
        let path = segment_path(&self.folder, number);
        self.file = create_segment(&path)?;
        self.path = path;
        self.position = 0;
        self.segments.push(Segment { number, after: Some(after) });
        self.start.after = Some(after);
        let start = Entry::Start(self.start.clone());
        self.append(&start);
        self.write().await?;
        self.sync_names()
    }

    /// Removes the segments that hold nothing from batch `keep` on.
    pub(crate) fn forget_before(&mut self, keep: BatchId) -> Result<()> {
        let is_old = |next: &Segment| next.after.is_some_and(|after| after < keep);
        let old = self.segments.iter().skip(1).take_while(|next| is_old(next)).count();
        for segment in self.segments.drain(..old) {
            files::remove(&segment_path(&self.folder, segment.number))?;
        }
        Ok(())
    }

    fn sync_names(&self) -> Result<()> {
        if self.sync == SyncPolicy::Never { Ok(()) } else { files::sync_folder(Some(&self.folder)) }
    }
}

fn create_segment(path: &Path) -> Result<Arc<File>> {
    let file = File::options().create_new(true).append(true).open(path);
    file.map(Arc::new).map_err(|error| disk_error("create", path, error))
}

/// Forces a file to the disk on a thread that may wait for it.
async fn sync_data(file: Arc<File>, path: PathBuf) -> Result<()> {
    let synced =
        tokio::task::spawn_blocking(move || file.sync_data().map_err(|error| disk_error("sync", &path, error)));
    synced.await.unwrap_or_else(|error| Err(Error::internal("the thread that syncs the log ended").with_source(error)))
}

/// The policy "at most this long after it was written".
#[derive(Debug, Default)]
struct SyncLater {
    is_scheduled: AtomicBool,
    failed: Mutex<Option<Error>>,
}

impl SyncLater {
    fn schedule(self: &Arc<Self>, delay: Duration, clock: &Arc<dyn Clock>, (file, path): (Arc<File>, PathBuf)) {
        if self.is_scheduled.swap(true, Ordering::AcqRel) {
            return;
        }
        let (later, wait) = (Arc::clone(self), clock.sleep(delay));
        tokio::spawn(async move {
            wait.await;
            // Before the sync, so that what is written during it gets one of its own.
            later.is_scheduled.store(false, Ordering::Release);
            if let Err(error) = sync_data(file, path).await {
                *later.failed.lock() = Some(error);
            }
        });
    }
}
