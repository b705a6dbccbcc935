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
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::{StreamExt, stream};
use millstream_core::Clock;
use parking_lot::Mutex;

use super::late_rows::{drop_late_rows, event_times};
use super::only_child;
use crate::batch_context::BatchContext;
use crate::error::to_datafusion;
use crate::state::{DeduplicateState, SHARDS, UpdateScratch};

/// What does not change from batch to batch.
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

/// `dropDuplicates` over a stream (Spark: `StreamingDeduplicateExec`, `StreamingDeduplicateWithinWatermarkExec`).
pub(crate) struct DeduplicateExec {
    input: Arc<dyn ExecutionPlan>,
    deduplication: Arc<Deduplication>,
    properties: Arc<PlanProperties>,
    running: Mutex<Option<Arc<Running>>>,
}

/// A batch that is under way.
#[derive(Debug)]
struct Running {
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

impl DeduplicateExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, deduplication: Arc<Deduplication>) -> Self {
        let properties = PlanProperties::new(
            input.equivalence_properties().clone(),
            input.output_partitioning().clone(),
            EmissionType::Incremental,
            input.boundedness(),
        );
        Self { input, deduplication, properties: Arc::new(properties), running: Mutex::new(None) }
    }

    /// Begins the batch, or joins it.
    fn running(&self) -> Arc<Running> {
        let begin = || {
            let partitions = AtomicUsize::new(self.properties.partitioning.partition_count());
            Arc::new(Running { number: self.deduplication.state.begin_batch(), partitions })
        };
        Arc::clone(self.running.lock().get_or_insert_with(begin))
    }
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

impl fmt::Debug for DeduplicateExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeduplicateExec").field("input", &self.input).field("what", &self.deduplication).finish()
    }
}

impl DisplayAs for DeduplicateExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.input.schema();
        let keys: Vec<_> = self.deduplication.keys.iter().map(|&key| schema.field(key).name().as_str()).collect();
        write!(f, "DeduplicateExec: keys=[{}]", keys.join(", "))?;
        match self.deduplication.delay_us {
            Some(delay_us) => write!(f, ", within {} ms", delay_us / 1000),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for DeduplicateExec {
    fn name(&self) -> &str {
        "DeduplicateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = only_child(&*self, children)?;
        Ok(Arc::new(Self::new(input, Arc::clone(&self.deduplication))))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batch = BatchContext::of(&context).map_err(to_datafusion)?;
        let running = self.running();
        let input = self.input.execute(partition, context)?;
        let (deduplication, scratch) = (Arc::clone(&self.deduplication), UpdateScratch::default());
        let partition = Partition { input, deduplication, batch, running, scratch };
        let rows = stream::try_unfold(partition, |mut partition| async move {
            let rows = partition.next().await?;
            Ok(rows.map(|rows| (rows, partition)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
