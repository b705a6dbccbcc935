//! What the engine asks of a sink.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::future::{BoxFuture, FutureExt, Shared, TryFutureExt};

use crate::connector::BatchReader;
use crate::error::{Error, Result};
use crate::output_mode::OutputMode;
use crate::query::{BatchId, QueryId, RunId};
use crate::source::{BatchStream, GroupOffsets};

/// What the rows of a batch mean to the rows that were written before. A sink names every kind in its `match`, so that
/// a kind that is added later (rows that take others back) does not compile until each sink has said what it does with
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteKind {
    /// New rows that stay as they are.
    Append,
    /// The newest values of changed keys.
    Update,
    /// The whole result; it replaces everything written before.
    Complete,
}

impl From<OutputMode> for WriteKind {
    fn from(mode: OutputMode) -> Self {
        match mode {
            OutputMode::Append => Self::Append,
            OutputMode::Update => Self::Update,
            OutputMode::Complete => Self::Complete,
        }
    }
}

/// The column that says of a row of an update whether its key has the row now ([`UPSERT`]) or has gone ([`DELETE`]). It
/// is the last one, and there in queries whose keys may go ([`SinkConfig::has_deletes`](crate::SinkConfig)).
pub const ROW_OPERATION: &str = "_op";

/// The row takes the place of the one that its key had.
pub const UPSERT: &str = "upsert";

/// The key of the row has gone; the other columns are those that it had last.
pub const DELETE: &str = "delete";

/// One batch on its way to a sink.
pub struct SinkBatch {
    /// Its number. A sink that has seen it writes it as if for the first time, or not at all.
    pub id: BatchId,
    /// What the rows mean.
    pub kind: WriteKind,
    /// For updates: the columns that name a row, if the plan knows them.
    pub upsert_key: Option<Vec<usize>>,
    /// The rows' columns.
    pub schema: SchemaRef,
    /// The rows. Every stream must be drained, also by a sink that shows only some of them: draining runs the batch.
    pub rows: Vec<BatchStream>,
}

impl Debug for SinkBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SinkBatch({}, {:?}, {} streams)", self.id, self.kind, self.rows.len())
    }
}

/// What a sink says of a batch it wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SinkProgress {
    /// Rows written.
    pub rows_written: u64,
    /// `sink.metrics` of the progress.
    pub metrics: BTreeMap<String, String>,
    /// The folders of partitions that have new rows (`k=1/d=x`), where a batch was written by partitions.
    pub partitions: Vec<String>,
}

/// Who is about to write, and what the log says of the batches before.
#[derive(Debug, Clone)]
pub struct SinkStart {
    /// The query and its run; absent for a batch write, which has no log.
    pub query: Option<(QueryId, RunId)>,
    /// The batches that the log knows, with a hash of what each depends on. Empty when the query starts for the first
    /// time.
    pub logged: BTreeMap<BatchId, u64>,
    /// The newest batch that is done, as far as the log knows.
    pub newest_commit: Option<BatchId>,
    /// Is told of the steps that only the sink sees.
    pub steps: Arc<dyn SinkSteps>,
}

impl SinkStart {
    /// The start of a batch write.
    pub fn batch_write() -> Self {
        Self { query: None, logged: BTreeMap::new(), newest_commit: None, steps: Arc::new(NoSteps) }
    }
}

/// Goes on after every step.
#[derive(Debug)]
struct NoSteps;

impl SinkSteps for NoSteps {
    fn pass(&self, _step: &'static str) -> Result<()> {
        Ok(())
    }
}

/// What the log says of a batch that is about to be written.
#[derive(Debug, Clone)]
pub struct LoggedBatch {
    /// The hash of the batch's entry: other inputs give another hash.
    pub hash: u64,
    /// The offsets that consumer groups of the sources may be told with the batch.
    pub group_offsets: Vec<GroupOffsets>,
    /// When a power cut cannot take the entry any more.
    pub durable: Durable,
}

impl LoggedBatch {
    /// No log says anything of the batch: it is a batch write, or the sink is not [`ExactlyOnce`] and would not ask.
    pub fn none() -> Self {
        Self { hash: 0, group_offsets: Vec::new(), durable: Durable::now() }
    }
}

/// Says when something that was written is as durable as it is wanted to be. Clones say the same.
#[must_use = "nothing happens until somebody waits for it"]
#[derive(Clone)]
pub struct Durable(Shared<BoxFuture<'static, std::result::Result<(), Arc<Error>>>>);

impl Durable {
    /// It is already.
    pub fn now() -> Self {
        Self::when(async { Ok(()) })
    }

    /// When this says so.
    pub fn when(done: impl Future<Output = Result<()>> + Send + 'static) -> Self {
        Self(done.map_err(Arc::new).boxed().shared())
    }

    /// Waits for it, or for what went wrong.
    pub async fn wait(&self) -> Result<()> {
        self.0.clone().await.map_err(|error| error.duplicate())
    }
}

impl Debug for Durable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Durable({})", if self.0.peek().is_some() { "settled" } else { "not yet" })
    }
}

/// Is told when a sink has done one of several steps of a batch, so that crash tests can break off between them.
pub trait SinkSteps: Send + Sync + Debug {
    /// The step of this name is done. On an error the sink leaves everything as it is, as if the process had died.
    fn pass(&self, step: &'static str) -> Result<()>;
}

/// Takes whole batches. Writing one batch id twice leaves the target as if written once, or the sink's documentation
/// says that it does not.
#[async_trait]
pub trait Sink: Send + Sync + Debug {
    /// The text of `sink.description` in the progress.
    fn description(&self) -> String;

    /// The least time between two batches under the default trigger, so that a slow target is not worn out.
    fn pace(&self) -> Duration {
        Duration::ZERO
    }

    /// Called once, before the first batch. A sink that keeps a marker of the newest batch beside what it has written
    /// gives that batch, and fences off an older run.
    async fn open(&self, start: SinkStart) -> Result<Option<BatchId>> {
        drop(start);
        Ok(None)
    }

    /// Drains the batch and writes it. On an error nothing of the batch may show.
    async fn write(&self, batch: SinkBatch, logged: LoggedBatch) -> Result<SinkProgress>;

    /// Called once, after the last batch, however the query ended.
    async fn close(&self) -> Result<()> {
        Ok(())
    }

    /// What has been written so far as a table, from sinks that keep it. Registered under the query's name.
    fn table(&self) -> Option<Arc<dyn BatchReader>> {
        None
    }

    /// The sink as one in which each batch shows exactly once whatever happens, if it is one. The log of such a query
    /// must not lose an entry to a power cut; in return [`Sink::write`] is called before the batch's entry is durable,
    /// and the sink itself waits for [`LoggedBatch::durable`] before anything of the batch shows.
    fn exactly_once(&self) -> Option<&dyn ExactlyOnce> {
        None
    }
}

/// What only a sink that writes exactly once can be asked.
#[async_trait]
pub trait ExactlyOnce: Send + Sync + Debug {
    /// Called about once a day while there is nothing to write, because the target may forget in the end what the sink
    /// keeps there.
    async fn refresh(&self) -> Result<()> {
        Ok(())
    }

    /// Says whether [`Sink::write`] itself tells this consumer group, as part of the batch, so that nobody else needs
    /// to.
    fn tells(&self, group: &GroupOffsets) -> bool {
        let _ = group;
        false
    }
}
