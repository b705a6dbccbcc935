//! A sink that tests read. It outlives the queries that write to it, as a database would.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use futures::TryStreamExt;
use millstream_core::{BatchId, ExactlyOnce, LoggedBatch, Result, Sink, SinkBatch, SinkProgress, SinkStart};
use parking_lot::Mutex;

use crate::numbers::number_rows;

/// A sink that keeps every batch under its number: writing a batch again replaces it. Clones hold the same batches.
#[derive(Debug, Clone, Default)]
pub struct MemorySink {
    /// Whether the sink can tell which batch is its newest.
    pub knows_newest: bool,
    /// The time between two batches.
    pub pace: Duration,
    /// Whether the sink is [`ExactlyOnce`]: it then waits for the log before it shows a batch.
    pub is_exactly_once: bool,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    batches: BTreeMap<BatchId, Vec<RecordBatch>>,
    writes: Vec<u64>,
    refreshes: u64,
}

impl MemorySink {
    /// All rows in the order of batches, sorted within a batch; see [`number_rows`] for their form.
    pub fn rows(&self) -> Vec<Vec<i64>> {
        self.batches().into_iter().flat_map(|(_, rows)| rows).collect()
    }

    /// The rows of each batch, sorted.
    pub fn batches(&self) -> Vec<(u64, Vec<Vec<i64>>)> {
        let sorted = |(id, batches): (&BatchId, &Vec<RecordBatch>)| {
            let mut rows: Vec<_> = batches.iter().flat_map(number_rows).collect();
            rows.sort();
            (id.0, rows)
        };
        self.held.lock().batches.iter().map(sorted).collect()
    }

    /// The batches in the order in which they were written.
    pub fn writes(&self) -> Vec<u64> {
        self.held.lock().writes.clone()
    }

    /// How often the sink was refreshed.
    pub fn refreshes(&self) -> u64 {
        self.held.lock().refreshes
    }
}

#[async_trait]
impl Sink for MemorySink {
    fn description(&self) -> String {
        "MemorySink".to_owned()
    }

    fn pace(&self) -> Duration {
        self.pace
    }

    async fn open(&self, _start: SinkStart) -> Result<Option<BatchId>> {
        let newest = self.held.lock().batches.last_key_value().map(|(&batch, _)| batch);
        Ok(newest.filter(|_| self.knows_newest))
    }

    async fn write(&self, batch: SinkBatch, logged: LoggedBatch) -> Result<SinkProgress> {
        let mut rows = Vec::new();
        for stream in batch.rows {
            rows.extend(stream.try_collect::<Vec<_>>().await?);
        }
        let rows_written = rows.iter().map(|rows| rows.num_rows() as u64).sum();
        logged.durable.wait().await?;
        let mut held = self.held.lock();
        held.writes.push(batch.id.0);
        held.batches.insert(batch.id, rows);
        Ok(SinkProgress { rows_written, ..SinkProgress::default() })
    }

    fn exactly_once(&self) -> Option<&dyn ExactlyOnce> {
        self.is_exactly_once.then_some(self as &dyn ExactlyOnce)
    }
}

#[async_trait]
impl ExactlyOnce for MemorySink {
    async fn refresh(&self) -> Result<()> {
        self.held.lock().refreshes += 1;
        Ok(())
    }
}
