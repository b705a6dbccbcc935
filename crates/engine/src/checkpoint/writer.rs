//! What a running query writes: log entries, snapshots of its state, and from time to time Spark's files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::{BatchId, Clock, Durable, Error, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::entry::{CommitEntry, Entry, OffsetsEntry, StateEntry, StoreId};
use super::files::{Files, is_remote};
use super::folder::{CheckpointFolder, log_folder};
use super::history::History;
use super::log::{Log, Unsynced};
use super::snapshot::SnapshotWriter;
use super::spark_files::NewestBatches;

/// How often Spark's files are written while batches run.
const SPARK_FILES_EVERY: Duration = Duration::from_secs(1);
/// The same where each of their requests costs money.
const REMOTE_SPARK_FILES_EVERY: Duration = Duration::from_secs(60);

/// How a log is kept short.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retention {
    /// Batches that a person may return to by hand: `spark.sql.streaming.minBatchesToRetain`.
    pub(crate) batches: u64,
    /// State deltas that gather before a snapshot is worth it; a larger state waits until they are as large as itself.
    pub(crate) snapshot_bytes: u64,
    /// A segment of the log longer than this is followed by a new one, so that old ones can go.
    pub(crate) segment_bytes: u64,
}

/// The checkpoint of a running query. Dropped without [`CheckpointWriter::close`] it leaves the folder as a dying
/// process would.
#[derive(Debug)]
pub(crate) struct CheckpointWriter {
    pub(super) folder: CheckpointFolder,
    log: Log,
    newest_write: Durable,
    newest: NewestBatches,
    spark_files: SparkFilesTask,
    retention: Retention,
    /// The batch of the newest snapshot, and its size.
    snapshot: Option<(BatchId, u64)>,
    /// Bytes of state deltas since the newest snapshot.
    delta_bytes: u64,
    /// Segments that were filled since the newest snapshot.
    full_segments: u64,
    snapshotting: Option<JoinHandle<Result<(BatchId, u64)>>>,
}

impl CheckpointWriter {
    pub(super) fn new(
        folder: CheckpointFolder,
        log: Log,
        history: &History,
        conf: BTreeMap<String, String>,
        retention: Retention,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut newest = NewestBatches::default();
        history.offsets.values().for_each(|entry| newest.add_offsets(Arc::clone(entry)));
        history.commits.values().for_each(|entry| newest.add_commit(*entry));
        let spark_files = SparkFiles {
            files: folder.files.clone(),
            root: folder.root.clone(),
            conf,
            batches_to_retain: retention.batches,
        };
        let spark_files = SparkFilesTask::start(spark_files, newest.clone(), clock);
        Self {
            folder,
            log,
            newest_write: Durable::now(),
            newest,
            spark_files,
            retention,
            snapshot: history.snapshot.as_ref().map(|snapshot| (snapshot.batch(), snapshot.bytes())),
            delta_bytes: history.deltas.iter().map(|delta| delta.length as u64).sum(),
            full_segments: 0,
            snapshotting: None,
        }
    }

    /// Writes that a batch begins, with everything that waited. What is given says when that is as durable as the
    /// policy wants it; the next write has to wait for it.
    pub(crate) async fn write_offsets(&mut self, entry: Arc<OffsetsEntry>) -> Result<Durable> {
        self.log.append(&Entry::Offsets(Arc::clone(&entry)));
        self.newest_write = self.log.begin_write().await?;
        self.newest.add_offsets(entry);
        self.show_spark_files();
        Ok(self.newest_write.clone())
    }

    fn show_spark_files(&self) {
        let sync = |unsynced: Unsynced| Durable::when(async move { unsynced.sync().await });
        let durable = self.log.unsynced().map_or_else(|| self.newest_write.clone(), sync);
        self.spark_files.show(&self.newest, durable);
    }

    /// Adds that a batch is done, and what it did to the stores, to the next write.
    pub(crate) fn add_commit(&mut self, deltas: Vec<(StoreId, Vec<u8>)>, entry: CommitEntry) {
        self.add_state(entry.batch, deltas);
        self.log.append(&Entry::Commit(entry));
        self.newest.add_commit(entry);
    }

    /// Writes what a batch did to the stores, and its commit as it will be, before the sink holds the batch; as durably
    /// as the policy has it.
    pub(crate) async fn write_prepared(&mut self, deltas: Vec<(StoreId, Vec<u8>)>, entry: CommitEntry) -> Result<()> {
        // The log takes no second write while one is under way.
        self.newest_write.wait().await?;
        self.add_state(entry.batch, deltas);
        self.log.append(&Entry::Prepared(entry));
        self.log.write().await
    }

    /// Adds what a batch did to the stores. It counts once the commit follows.
    pub(crate) fn add_state(&mut self, batch: BatchId, deltas: Vec<(StoreId, Vec<u8>)>) {
        for (store, delta) in deltas.into_iter().filter(|(_, delta)| !delta.is_empty()) {
            self.delta_bytes += delta.len() as u64;
            self.log.append(&Entry::State(StateEntry { batch, store, delta }));
        }
    }

    /// Whether a commit waits to be written.
    pub(crate) fn has_pending(&self) -> bool {
        self.log.has_pending()
    }

    /// Writes what waits, before the query idles or ends.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        self.log.write().await?;
        self.show_spark_files();
        Ok(())
    }

    /// Whether the state of the batch that was just committed should be saved as a whole.
    pub(crate) fn is_snapshot_due(&self) -> bool {
        let size = self.snapshot.map_or(0, |(_, size)| size);
        // The log also grows by what is no state.
        let segment_bytes = self.retention.segment_bytes;
        let is_log_long = self.log.is_longer_than(segment_bytes) && (self.full_segments + 1) * segment_bytes > size;
        let is_worth_it = self.delta_bytes > self.retention.snapshot_bytes.max(size) || is_log_long;
        self.snapshotting.is_none() && self.delta_bytes > 0 && is_worth_it
    }

    /// A snapshot of so many stores after `batch`, to be filled and then saved.
    pub(crate) fn begin_snapshot(&self, batch: BatchId, stores: usize) -> SnapshotWriter {
        let CheckpointFolder { files, root, .. } = &self.folder;
        SnapshotWriter::new(files.clone(), log_folder(root), batch, stores)
    }

    /// Begins a new segment, and waits for the disk to have the snapshot behind the next batches.
    pub(crate) async fn save_snapshot(&mut self, snapshot: SnapshotWriter) -> Result<()> {
        self.log.roll(snapshot.batch()).await?;
        (self.delta_bytes, self.full_segments) = (0, 0);
        self.snapshotting = Some(tokio::spawn(snapshot.finish(self.folder.is_durable)));
        Ok(())
    }

    /// Takes note of a snapshot that has been saved meanwhile, and forgets the log before it. Says whether there was
    /// one.
    pub(crate) async fn settle_snapshot(&mut self) -> Result<bool> {
        let Some(saving) = self.snapshotting.take_if(|saving| saving.is_finished()) else { return Ok(false) };
        self.snapshot = Some(join(saving).await?);
        self.forget().await?;
        Ok(true)
    }

    /// Begins a new segment once the present one is long, and forgets what nobody needs. Says whether it did.
    pub(crate) async fn roll_if_full(&mut self, batch: BatchId) -> Result<bool> {
        if !self.log.is_longer_than(self.retention.segment_bytes) {
            return Ok(false);
        }
        self.log.roll(batch).await?;
        self.full_segments += 1;
        self.forget().await?;
        Ok(true)
    }

    /// Lets go of the folder: everything is written, Spark's files too. A temporary folder goes with its query, unless
    /// the query failed.
    pub(crate) async fn close(mut self, failed: bool) -> Result<()> {
        let written = self.write_all().await;
        let CheckpointFolder { files, root, is_temporary, lock, .. } = self.folder;
        lock.release().await;
        written?;
        if is_temporary && !failed {
            return files.remove_folder(&root).await;
        }
        Ok(())
    }

    async fn write_all(&mut self) -> Result<()> {
        self.newest_write.wait().await?;
        self.log.finish().await?;
        if let Some(saving) = self.snapshotting.take() {
            self.snapshot = Some(join(saving).await?);
            self.forget().await?;
        }
        self.spark_files.finish(&self.newest).await
    }

    /// Leaves the folder as a dying process would, once nothing is under way that a dead one could not do.
    pub(crate) async fn abandon(self) {
        let _ = self.newest_write.wait().await;
        if let Some(saving) = self.snapshotting {
            let _ = saving.await;
        }
    }

    /// Forgets the log that neither recovery nor a return by hand to one of the last batches needs.
    async fn forget(&mut self) -> Result<()> {
        let Some(newest) = self.newest.commits.last().map(|commit| commit.batch) else { return Ok(()) };
        let state = match self.snapshot {
            Some((batch, _)) => batch,
            None if self.delta_bytes == 0 => newest,
            None => return Ok(()),
        };
        self.log.forget_before(state.min(oldest_retained(newest, self.retention.batches))).await
    }
}

fn oldest_retained(newest: BatchId, retain: u64) -> BatchId {
    BatchId(newest.0.saturating_sub(retain.saturating_sub(1)))
}

async fn join<T>(task: JoinHandle<Result<T>>) -> Result<T> {
    task.await.unwrap_or_else(|error| Err(Error::internal("a checkpoint task ended early").with_source(error)))
}

/// Writes Spark's files behind the batches, each second at the most, or each minute. What it cannot write it says in
/// the log of the process and tries again: these files are for others, our own recovery does not read them.
#[derive(Debug)]
struct SparkFilesTask {
    shown: watch::Sender<Shown>,
    files: Arc<SparkFiles>,
    /// Ends the task between two writes, never within one.
    done: CancellationToken,
    task: JoinHandle<()>,
}

/// What Spark's files are to show, and the part of the log that must be durable before: else a power cut could leave
/// files that are newer than the log, as if Spark had run the query.
#[derive(Debug, Clone)]
struct Shown {
    newest: NewestBatches,
    durable: Durable,
}

/// Where Spark's files lie, and what is in them beside batches.
#[derive(Debug)]
struct SparkFiles {
    files: Files,
    root: PathBuf,
    conf: BTreeMap<String, String>,
    batches_to_retain: u64,
}

impl SparkFilesTask {
    fn start(files: SparkFiles, newest: NewestBatches, clock: Arc<dyn Clock>) -> Self {
        let (shown, changes) = watch::channel(Shown { newest, durable: Durable::now() });
        let (files, done) = (Arc::new(files), CancellationToken::new());
        let task = tokio::spawn(Arc::clone(&files).follow(changes, done.clone(), clock));
        Self { shown, files, done, task }
    }

    fn show(&self, newest: &NewestBatches, durable: Durable) {
        self.shown.send_replace(Shown { newest: newest.clone(), durable });
    }

    /// The last write, after which the task is no more.
    async fn finish(&mut self, newest: &NewestBatches) -> Result<()> {
        self.done.cancel();
        let ended = (&mut self.task).await;
        ended.map_err(|error| Error::internal("a checkpoint task ended early").with_source(error))?;
        self.files.write(Shown { newest: newest.clone(), durable: Durable::now() }).await
    }
}

impl Drop for SparkFilesTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SparkFiles {
    async fn follow(
        self: Arc<Self>,
        mut changes: watch::Receiver<Shown>,
        done: CancellationToken,
        clock: Arc<dyn Clock>,
    ) {
        let every = if is_remote(&self.root) { REMOTE_SPARK_FILES_EVERY } else { SPARK_FILES_EVERY };
        loop {
            tokio::select! {
                biased;
                () = done.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
            }
            let shown = changes.borrow_and_update().clone();
            if let Err(error) = self.write(shown).await {
                tracing::warn!(%error, "cannot write Spark's checkpoint files");
            }
            tokio::select! {
                biased;
                () = done.cancelled() => return,
                () = clock.sleep(every) => {}
            }
        }
    }

    async fn write(&self, Shown { newest, durable }: Shown) -> Result<()> {
        let Some(last) = newest.offsets.last() else { return Ok(()) };
        durable.wait().await?;
        let keep = oldest_retained(last.batch, self.batches_to_retain);
        newest.write((&self.files, &self.root), &self.conf, keep).await
    }
}
