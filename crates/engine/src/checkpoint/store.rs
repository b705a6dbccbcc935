//! Takes hold of a query's checkpoint folder and reads what is there, be it ours or Spark's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_core::{BatchId, Error, Offset, QueryId, Result};

use super::entry::{Entry, OperatorEntry, StartEntry};
use super::files::Files;
use super::folder::{CheckpointFolder, CheckpointLock, log_folder};
use super::formats::FORMAT_VERSION;
use super::history::History;
use super::log::{Log, LogPlace, segment_path};
use super::source_log::{CheckpointSourceLogs, SourceLogConf};
use super::spark_files::{self, SparkCheckpoint};
use super::writer::{CheckpointWriter, Retention};
use crate::run::{Platform, SourceLogs, SyncPolicy};

/// A checkpoint that is held and read, but not yet written to.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    files: Files,
    root: PathBuf,
    is_temporary: bool,
    id: QueryId,
    pub(super) history: History,
    /// Spark's files, where they are all there is or newer than the log.
    spark: Option<SparkCheckpoint>,
    lock: CheckpointLock,
}

/// What a query says of itself when it begins to write.
#[derive(Debug)]
pub(crate) struct QueryStart {
    /// Where it began, by source.
    pub(crate) initial: Vec<Offset>,
    /// What Spark's sources keep of that, by source.
    pub(crate) source_files: Vec<Option<Vec<u8>>>,
    /// Its pinned settings.
    pub(crate) conf: BTreeMap<String, String>,
    /// Its stateful operators, in the order of their numbers.
    pub(crate) operators: Vec<OperatorEntry>,
    /// How its log is kept short.
    pub(crate) retention: Retention,
}

impl Checkpoint {
    /// The query that a checkpoint belongs to, without taking hold of it.
    pub(crate) async fn query_id(platform: &Platform, root: &Path) -> Result<Option<QueryId>> {
        spark_files::read_metadata(&Files::new(Arc::clone(&platform.disk)), root).await
    }

    /// Takes hold of a checkpoint, or of a new temporary folder, and reads what is there.
    pub(crate) async fn open(platform: &Platform, root: Option<&Path>, sync: SyncPolicy) -> Result<Self> {
        let files = Files::new(Arc::clone(&platform.disk));
        let new_folder = || std::env::temp_dir().join(format!("millstream-{}", platform.random.uuid()));
        let path = root.map_or_else(new_folder, Path::to_owned);
        let folder = log_folder(&path);
        files.create_folder(&folder, sync != SyncPolicy::Never).await?;
        let lock = CheckpointLock::new(files.lock(&folder.join("lock")).await?);
        match Self::read(platform, (&files, &path)).await {
            Ok((id, history, spark)) => {
                Ok(Self { files, root: path, is_temporary: root.is_none(), id, history, spark, lock })
            }
            Err(error) => {
                lock.release().await;
                Err(error)
            }
        }
    }

    /// What is there: whose it is, and what is known of the query.
    async fn read(
        platform: &Platform,
        (files, root): (&Files, &Path),
    ) -> Result<(QueryId, History, Option<SparkCheckpoint>)> {
        let folder = log_folder(root);
        let id = spark_files::read_metadata(files, root).await?;
        let history = History::read(files, &folder).await?;
        // State is in our log alone: where there is some, Spark's files are only a view of the log.
        let spark = match history.has_operators() {
            true => None,
            false => SparkCheckpoint::read(files, root, history.newest_offsets()).await?,
        };
        if spark.is_some() {
            refuse_spark_state(files, root).await?;
        }
        let id = id.unwrap_or_else(|| QueryId(platform.random.uuid()));
        if let Some(start) = history.start.as_ref().filter(|start| start.query != id) {
            return Err(Error::data(format!(
                "the log in '{}' belongs to query {}, but 'metadata' says {id}",
                folder.display(),
                start.query
            )));
        }
        Ok((id, history, spark))
    }

    /// Writes whose checkpoint it is, so that a second start on it knows.
    pub(crate) async fn claim(&self, sync: SyncPolicy) -> Result<()> {
        spark_files::write_metadata(&self.files, &self.root, self.id, sync != SyncPolicy::Never).await
    }

    /// Opens the logs of the query's sources.
    pub(crate) fn source_logs(&self, conf: &BTreeMap<String, String>, sync: SyncPolicy) -> Result<Arc<dyn SourceLogs>> {
        Ok(Arc::new(CheckpointSourceLogs {
            files: self.files.clone(),
            folder: self.root.join("sources"),
            durable: sync != SyncPolicy::Never,
            conf: SourceLogConf::new(conf)?,
        }))
    }

    /// Lets go of a checkpoint that nothing was written to.
    pub(crate) async fn abandon(self) -> Result<()> {
        self.lock.release().await;
        if self.is_temporary { self.files.remove_folder(&self.root).await } else { Ok(()) }
    }

    /// What has to be let go of in the end, whatever becomes of the checkpoint.
    pub(crate) fn lock(&self) -> CheckpointLock {
        self.lock.clone()
    }

    /// The query.
    pub(crate) fn id(&self) -> QueryId {
        self.id
    }

    /// Where on this machine a run may put files that are worth nothing once it has ended.
    pub(crate) fn scratch(&self) -> Result<PathBuf> {
        self.files.scratch(&log_folder(&self.root))
    }

    /// What earlier runs of ours left.
    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// What Spark left, if it ran the query last.
    pub(crate) fn spark(&self) -> Option<&SparkCheckpoint> {
        self.spark.as_ref()
    }

    /// What source number `source` kept of where the query began, in Spark's own form.
    pub(crate) async fn source_file(&self, source: usize) -> Result<Option<Vec<u8>>> {
        spark_files::read_source_file(&self.files, &self.root, source).await
    }

    /// The pinned settings: those of the checkpoint win over the session's.
    pub(crate) fn conf(&self, session: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut conf = spark_files::pinned_conf(session);
        let logged = self.spark.as_ref().map(SparkCheckpoint::conf);
        let logged = logged.or_else(|| self.history.start.as_ref().map(|start| &start.conf));
        conf.extend(logged.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        conf
    }

    /// Begins to write. Gives back what was read, with what was taken over from Spark in it.
    pub(crate) async fn begin(
        self,
        start: QueryStart,
        sync: SyncPolicy,
        platform: &Platform,
    ) -> Result<(CheckpointWriter, History)> {
        let Self { files, root, is_temporary, id, mut history, spark, lock } = self;
        let is_durable = sync != SyncPolicy::Never;
        for (source, bytes) in start.source_files.iter().enumerate() {
            if let Some(bytes) = bytes {
                spark_files::write_source_file((&files, &root), source, bytes, is_durable).await?;
            }
        }
        if let Some(last) = history.segments.last().filter(|_| is_durable) {
            settle(&files, &segment_path(&log_folder(&root), last.number)).await?;
        }
        let mut after = history.newest_known();
        let mut first = Vec::new();
        let taken_over = spark.is_some();
        if let Some(spark) = spark {
            (after, first) = take_over(&spark, &start.initial, &mut history)?;
        }
        let head = StartEntry {
            version: FORMAT_VERSION,
            query: id,
            after,
            taken_over,
            initial: start.initial.iter().map(|offset| offset.json().clone()).collect(),
            conf: start.conf.clone(),
            operators: start.operators,
        };
        let segments = std::mem::take(&mut history.segments);
        let clock = Arc::clone(&platform.clock);
        let place = LogPlace { files: files.clone(), folder: log_folder(&root), sync, clock: Arc::clone(&clock) };
        let log = Log::begin(place, segments, head, &first).await?;
        let folder = CheckpointFolder { files, root, is_temporary, is_durable, lock };
        let writer = CheckpointWriter::new(folder, log, &history, start.conf, start.retention, clock);
        Ok((writer, history))
    }
}

/// Makes durable what an earlier run left behind, which may have died before it did, or been told that it cannot. The
/// bytes are written anew: a file whose sync failed stays readable, but no later sync of it means anything.
async fn settle(files: &Files, segment: &Path) -> Result<()> {
    match files.read(segment).await? {
        Some(bytes) => files.replace(segment, bytes, true).await,
        None => Ok(()),
    }
}

/// Puts what Spark did last in the place of all that we knew. Gives the batch before it and its entries for our log.
fn take_over(
    spark: &SparkCheckpoint,
    initial: &[Offset],
    history: &mut History,
) -> Result<(Option<BatchId>, Vec<Entry>)> {
    let (offsets, commit) = spark.entries(initial)?;
    let (segments, origin) = (std::mem::take(&mut history.segments), history.origin.take());
    *history = History { segments, origin, ..History::default() };
    let mut entries = Vec::new();
    for entry in offsets {
        let (batch, entry) = (entry.batch, Arc::new(entry));
        history.offsets.insert(batch, Arc::clone(&entry));
        entries.push(Entry::Offsets(entry));
        if let Some(commit) = commit.filter(|commit| commit.batch == batch) {
            history.commits.insert(batch, commit);
            entries.push(Entry::Commit(commit));
        }
    }
    if commit.is_some() && history.commits.is_empty() {
        return Err(Error::data("Spark's checkpoint has a gap between its offsets and its commits"));
    }
    tracing::info!(batch = ?history.newest_offsets(), "taking over a checkpoint that Apache Spark wrote");
    let first = history.offsets.first_key_value().and_then(|(batch, _)| batch.previous());
    Ok((first, entries))
}

/// Spark's state is rows in the memory layout of its JVM; nobody else can read it.
async fn refuse_spark_state(files: &Files, root: &Path) -> Result<()> {
    let state = root.join("state");
    if files.names(&state).await?.is_empty() {
        return Ok(());
    }
    Err(Error::unsupported(format!(
        "the checkpoint holds state that Apache Spark wrote in '{}'; only stateless queries move between the two",
        state.display()
    ))
    .with_hint("start the query with a new checkpoint location and startingOffsets where Spark left off"))
}
