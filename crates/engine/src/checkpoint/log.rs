//! The writing half of a query's log: entries gather, and one frame makes all of them durable.
//!
//! A batch costs one write: its commit waits for the next batch's offsets, or for the query to idle or stop. A run
//! never writes behind what an earlier run wrote; it begins a segment of its own. After an error of the disk nothing
//! more is written: what the last write left behind is for the next start to find out.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millstream_core::{BatchId, Clock, DiskFile, Durable, Error, Result};
use parking_lot::Mutex;
use tokio::task::AbortHandle;

use super::entry::{Entry, StartEntry};
use super::files::{Files, disk_error};
use super::frame;
use crate::run::SyncPolicy;

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

/// Where a log lies, and when it is forced to the disk.
#[derive(Debug)]
pub(crate) struct LogPlace {
    pub(crate) files: Files,
    pub(crate) folder: PathBuf,
    pub(crate) sync: SyncPolicy,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The log of a running query.
#[derive(Debug)]
pub(crate) struct Log {
    place: LogPlace,
    /// All that are on the disk; the last is written to.
    segments: Vec<Segment>,
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    position: u64,
    /// Whether the last write is in doubt: it is under way, it failed, or nobody waited for its end.
    is_unsettled: Arc<AtomicBool>,
    start: StartEntry,
    pending: Vec<u8>,
    frame: Vec<u8>,
    later: Arc<SyncLater>,
    timer: SyncTimer,
}

impl Log {
    /// Begins a segment after those that are there, with `first` in its first frame.
    pub(crate) async fn begin(
        place: LogPlace,
        mut segments: Vec<Segment>,
        start: StartEntry,
        first: &[Entry],
    ) -> Result<Self> {
        let number = segments.last().map_or(0, |segment| segment.number + 1);
        segments.push(Segment { number, after: start.after });
        let path = segment_path(&place.folder, number);
        let file = place.files.create(&path).await?;
        let mut log = Self {
            place,
            segments,
            file,
            path,
            position: 0,
            is_unsettled: Arc::default(),
            start: start.clone(),
            pending: Vec::new(),
            frame: Vec::new(),
            later: Arc::default(),
            timer: SyncTimer::default(),
        };
        log.append(&Entry::Start(start));
        first.iter().for_each(|entry| log.append(entry));
        log.write().await?;
        log.sync_names().await?;
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

    /// Writes everything that was added, as one frame, and forces it to the disk as the policy says. Does nothing once
    /// a write has failed.
    pub(crate) async fn write(&mut self) -> Result<()> {
        self.begin_write().await?.wait().await
    }

    /// The same without waiting for the disk: a killed process loses nothing of it from here on, a power cut may until
    /// what is given says otherwise. Until then nothing more is written.
    pub(crate) async fn begin_write(&mut self) -> Result<Durable> {
        if self.pending.is_empty() || self.is_unsettled.swap(true, Ordering::AcqRel) {
            return Ok(Durable::now());
        }
        self.later.check()?;
        self.frame.clear();
        frame::encode(self.position, &self.pending, &mut self.frame);
        if let Err(error) = self.file.append(&self.frame).await {
            // Half a frame at the end is no harm, but it takes up room.
            let _ = self.file.truncate(self.position).await;
            return Err(disk_error("write", &self.path, error));
        }
        self.position += self.frame.len() as u64;
        self.pending.clear();
        match self.place.sync {
            SyncPolicy::Never => {}
            SyncPolicy::Every(delay) => {
                if let Some(unsynced) = self.unsynced() {
                    self.timer.sync_after(unsynced, delay, &self.place.clock);
                }
            }
            SyncPolicy::Always => return Ok(self.sync_now()),
        }
        self.is_unsettled.store(false, Ordering::Release);
        Ok(Durable::now())
    }

    fn sync_now(&self) -> Durable {
        let (file, path, is_unsettled) = (Arc::clone(&self.file), self.path.clone(), Arc::clone(&self.is_unsettled));
        Durable::when(async move {
            sync(&*file, &path).await?;
            is_unsettled.store(false, Ordering::Release);
            Ok(())
        })
    }

    /// The last write. Where syncs have a delay it is made durable now, for nobody will be there to do it later.
    pub(crate) async fn finish(&mut self) -> Result<()> {
        self.write().await?;
        match self.unsynced() {
            Some(unsynced) if !self.is_unsettled.load(Ordering::Acquire) => unsynced.sync().await,
            Some(_) | None => Ok(()),
        }
    }

    /// What was written and may not be durable yet, where that is a matter of time.
    pub(crate) fn unsynced(&self) -> Option<Unsynced> {
        let unsynced =
            || Unsynced { file: Arc::clone(&self.file), path: self.path.clone(), later: Arc::clone(&self.later) };
        matches!(self.place.sync, SyncPolicy::Every(_)).then(unsynced)
    }

    /// Whether the segment has grown so long.
    pub(crate) fn is_longer_than(&self, bytes: u64) -> bool {
        self.position >= bytes
    }

    /// Begins a new segment; `after` is the newest batch of the old one.
    pub(crate) async fn roll(&mut self, after: BatchId) -> Result<()> {
        self.write().await?;
        if self.place.sync != SyncPolicy::Never {
            sync(&*self.file, &self.path).await?;
        }
        let number = self.segments.last().map_or(0, |segment| segment.number + 1);
        let path = segment_path(&self.place.folder, number);
        self.file = self.place.files.create(&path).await?;
        // A sync that waits is of the old file, which has been synced; the new one gets its own.
        (self.later, self.timer) = (Arc::default(), SyncTimer::default());
        self.path = path;
        self.position = 0;
        self.segments.push(Segment { number, after: Some(after) });
        (self.start.after, self.start.taken_over) = (Some(after), false);
        let start = Entry::Start(self.start.clone());
        self.append(&start);
        self.write().await?;
        self.sync_names().await
    }

    /// Removes the segments that hold nothing from batch `keep` on.
    pub(crate) async fn forget_before(&mut self, keep: BatchId) -> Result<()> {
        // What stands before a segment that follows no batch has none.
        let is_old = |next: &Segment| next.after.is_none_or(|after| after < keep);
        let old = self.segments.iter().skip(1).take_while(|next| is_old(next)).count();
        for _ in 0..old {
            self.place.files.remove(&segment_path(&self.place.folder, self.segments[0].number)).await?;
            // Only now: one that could not be removed is the first to go the next time, or there would be a gap behind
            // it.
            self.segments.remove(0);
        }
        Ok(())
    }

    async fn sync_names(&self) -> Result<()> {
        if self.place.sync == SyncPolicy::Never {
            Ok(())
        } else {
            self.place.files.sync_folder(&self.place.folder).await
        }
    }
}

/// Forces a file to the disk.
async fn sync(file: &dyn DiskFile, path: &Path) -> Result<()> {
    file.sync().await.map_err(|error| disk_error("sync", path, error))
}

/// The policy "at most this long after it was written", for one segment.
#[derive(Debug, Default)]
struct SyncLater {
    is_scheduled: AtomicBool,
    /// Whoever writes or syncs next is told.
    failed: Mutex<Option<Error>>,
}

impl SyncLater {
    fn check(&self) -> Result<()> {
        self.failed.lock().as_ref().map_or(Ok(()), |error| Err(error.duplicate()))
    }
}

/// A segment with bytes that wait for their sync.
#[derive(Debug, Clone)]
pub(crate) struct Unsynced {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    later: Arc<SyncLater>,
}

impl Unsynced {
    /// Makes what was written until now durable. The system tells of a failure once, so it is kept for the log too.
    pub(crate) async fn sync(&self) -> Result<()> {
        self.later.check()?;
        let synced = sync(&*self.file, &self.path).await;
        if let Err(error) = &synced {
            *self.later.failed.lock() = Some(error.duplicate());
        }
        synced
    }
}

/// Waits for the time of a segment's next sync, and ends with the segment: whoever closes a log has synced it.
#[derive(Debug, Default)]
struct SyncTimer(Option<AbortHandle>);

impl SyncTimer {
    fn sync_after(&mut self, unsynced: Unsynced, delay: Duration, clock: &Arc<dyn Clock>) {
        if unsynced.later.is_scheduled.swap(true, Ordering::AcqRel) {
            return;
        }
        let wait = clock.sleep(delay);
        let waiting = tokio::spawn(async move {
            wait.await;
            // Before the sync, so that what is written during it gets one of its own.
            unsynced.later.is_scheduled.store(false, Ordering::Release);
            if let Err(error) = unsynced.sync().await {
                tracing::warn!(%error, "the log is not durable");
            }
        });
        self.0 = Some(waiting.abort_handle());
    }
}

impl Drop for SyncTimer {
    fn drop(&mut self) {
        if let Some(waiting) = &self.0 {
            waiting.abort();
        }
    }
}
