//! What the engine asks of a sink.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;

use crate::connector::BatchReader;
use crate::error::Result;
use crate::output_mode::OutputMode;
use crate::query::BatchId;
use crate::source::BatchStream;

/// What the rows of a batch mean to the rows that were written before.
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

    /// Called once, before the first batch. The newest batch that the target holds, from sinks that know.
    async fn open(&self) -> Result<Option<BatchId>> {
        Ok(None)
    }

    /// Drains the batch and writes it. On an error nothing of the batch may show.
    async fn write(&self, batch: SinkBatch) -> Result<SinkProgress>;

    /// Called once, after the last batch, however the query ended.
    async fn close(&self) -> Result<()> {
        Ok(())
    }

    /// What has been written so far as a table, from sinks that keep it. Registered under the query's name.
    fn table(&self) -> Option<Arc<dyn BatchReader>> {
        None
    }
}
