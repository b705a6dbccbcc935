//! Passes on the first row of each key, and drops the others.
//!
//! Rows go on as they come: each partition asks the shared state which of its rows are the first of their key. Of rows with
//! one key in several partitions, the first to come passes. The partition that ends last forgets what the watermark says,
//! because until then a row may meet a key that ends in this batch.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{ArrayRef, BooleanArray, BooleanBufferBuilder, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt, stream};
use millstream_core::Clock;

use super::late_rows::{drop_late_rows, event_times};
use super::unary::{BatchInput, Operator};
use crate::batch_context::BatchContext;
use crate::error::to_datafusion;
use crate::state::{DeduplicateState, SHARDS, UpdateScratch};

/// `dropDuplicates` over a stream (Spark: `StreamingDeduplicateExec`, `StreamingDeduplicateWithinWatermarkExec`).
#[derive(Debug)]
pub(crate) struct Deduplication {
    /// The columns that make a key.
    pub(crate) keys: Vec<usize>,
    /// The column by which rows are late.
    pub(crate) event_time: Option<usize>,
    /// How long after its row's event time a key is forgotten (µs), where it is not the key that says when.
    pub(crate) delay_us: Option<i64>,
    pub(crate) state: Arc<DeduplicateState>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A batch that is under way.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its number in the state.
    number: u64,
    /// Partitions that have not ended.
    partitions: AtomicUsize,
}

/// One partition of a batch.
struct Partition {
    input: SendableRecordBatchStream,
    deduplication: Arc<Deduplication>,
    batch: Arc<BatchContext>,
    running: Arc<Running>,
    scratch: UpdateScratch,
}

impl Partition {
    /// The next rows that pass; none at the end.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(rows) = self.input.next().await {
            let rows = self.first_of_keys(rows?).map_err(to_datafusion)?;
            if rows.num_rows() > 0 {
                return Ok(Some(rows));
            }
        }
        if self.running.partitions.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.forget().map_err(to_datafusion)?;
        }
        Ok(None)
    }

    fn first_of_keys(&mut self, mut rows: RecordBatch) -> millstream_core::Result<RecordBatch> {
        let Deduplication { keys, event_time, state, clock, .. } = &*self.deduplication;
        let started = clock.monotonic();
        if let (Some(event_time), Some(watermark_ms)) = (*event_time, self.batch.late_watermark_ms) {
            let (in_time, late) = drop_late_rows(rows, event_time, watermark_ms)?;
            state.add_dropped(late);
            rows = in_time;
        }
        let keys: Vec<ArrayRef> = keys.iter().map(|&column| Arc::clone(rows.column(column))).collect();
        let ends_us = self.deduplication.ends_us(&rows)?;
        let count = rows.num_rows();
        let first_rows = state.insert_new(self.running.number, (&keys, count), ends_us, &mut self.scratch)?;
        state.add_update_time(clock.monotonic() - started);
        if first_rows.len() == count {
            return Ok(rows);
        }
        let mut passes = BooleanBufferBuilder::new(count);
        passes.append_n(count, false);
        first_rows.iter().for_each(|&row| passes.set_bit(row as usize, true));
        Ok(filter_record_batch(&rows, &BooleanArray::new(passes.finish(), None))?)
    }

    fn forget(&self) -> millstream_core::Result<()> {
        let Deduplication { state, clock, .. } = &*self.deduplication;
        let started = clock.monotonic();
        let watermark_us = self.batch.eviction_watermark_ms.map(|watermark_ms| watermark_ms.saturating_mul(1000));
        (0..SHARDS).try_for_each(|shard| state.finish_shard((self.running.number, shard), watermark_us))?;
        state.add_removal_time(clock.monotonic() - started);
        Ok(())
    }
}

impl Deduplication {
    /// When the keys of these rows are forgotten, where the key does not say it. A row without event time counts as one of 1970,
    /// as in Spark.
    fn ends_us(&self, rows: &RecordBatch) -> millstream_core::Result<Option<ArrayRef>> {
        let (Some(delay_us), Some(event_time)) = (self.delay_us, self.event_time) else { return Ok(None) };
        let times = event_times(rows.column(event_time))?;
        let ends = times.iter().map(|time_us| time_us.unwrap_or(0).saturating_add(delay_us));
        Ok(Some(Arc::new(Int64Array::from_iter_values(ends))))
    }
}

impl Operator for Deduplication {
    const NAME: &'static str = "DeduplicateExec";
    type Batch = Arc<Running>;

    fn describe(&self, input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.keys.iter().map(|&key| input.field(key).name().as_str()).collect();
        write!(f, "keys=[{}]", keys.join(", "))?;
        match self.delay_us {
            Some(delay_us) => write!(f, ", within {} ms", delay_us / 1000),
            None => Ok(()),
        }
    }

    fn begin(self: &Arc<Self>, input: &BatchInput<'_>) -> Result<Arc<Running>> {
        let partitions = AtomicUsize::new(input.partitions());
        Ok(Arc::new(Running { number: self.state.begin_batch(), partitions }))
    }

    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        running: Arc<Running>,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        let (deduplication, scratch) = (Arc::clone(self), UpdateScratch::default());
        let batch = input.context()?;
        let partition = Partition { input: input.rows(partition)?, deduplication, batch, running, scratch };
        Ok(stream::try_unfold(partition, |mut partition| async move {
            let rows = partition.next().await?;
            Ok(rows.map(|rows| (rows, partition)))
        }))
    }
}
