//! Takes the rows of a batch into the state of an aggregation, and gives the groups that the output mode asks for.
//!
//! The batch has two halves. First every input partition is drained by a task of its own; each bucket of rows goes
//! straight into its shard of the shared state. Then, when all are done, each output partition gives the groups of its
//! range of shards, and expires what the watermark says.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use millstream_core::{Clock, OutputMode};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::late_rows::drop_late_rows;
use super::only_child;
use crate::batch_context::BatchContext;
use crate::error::to_datafusion;
use crate::state::{AggregateFunction, AggregateState, Argument, Groups, SHARDS, UpdateScratch};

/// Which columns of the input are what.
#[derive(Debug, Clone)]
pub(crate) struct AggregateColumns {
    /// The first columns are keys.
    pub(crate) keys: usize,
    pub(crate) functions: Vec<AggregateColumn>,
    /// The key that carries event time.
    pub(crate) event_time_key: Option<usize>,
}

/// One aggregate and its columns.
#[derive(Debug, Clone)]
pub(crate) struct AggregateColumn {
    pub(crate) function: AggregateFunction,
    pub(crate) arguments: Vec<usize>,
    pub(crate) filter: Option<usize>,
}

impl fmt::Display for AggregateColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions: Vec<_> = self.functions.iter().map(|column| column.function.describe()).collect();
        write!(f, "keys={}, values=[{}]", self.keys, functions.join(", "))
    }
}

/// The first half of a batch, awaited by every output partition. Its value is the batch's number in the state.
type Taken = Shared<BoxFuture<'static, Result<u64, Arc<DataFusionError>>>>;

/// A streaming aggregation (Spark: `StateStoreRestoreExec` and `StateStoreSaveExec`).
pub(crate) struct StatefulAggregateExec {
    input: Arc<dyn ExecutionPlan>,
    shape: Arc<Shape>,
    properties: Arc<PlanProperties>,
    taken: Mutex<Option<Taken>>,
}

/// What does not change from batch to batch.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) columns: AggregateColumns,
    pub(crate) state: Arc<AggregateState>,
    pub(crate) schema: SchemaRef,
    pub(crate) clock: Arc<dyn Clock>,
}

impl StatefulAggregateExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, shape: Arc<Shape>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&shape.schema)),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { input, shape, properties: Arc::new(properties), taken: Mutex::new(None) }
    }

    /// Starts the first half, or joins it.
    fn taken(&self, context: &Arc<TaskContext>, batch: &Arc<BatchContext>) -> Result<Taken> {
        let mut taken = self.taken.lock();
        if let Some(taken) = &*taken {
            return Ok(Taken::clone(taken));
        }
        let inputs = (0..self.input.output_partitioning().partition_count())
            .map(|partition| self.input.execute(partition, Arc::clone(context)))
            .collect::<Result<Vec<_>>>()?;
        let work = take_in(inputs, Arc::clone(&self.shape), Arc::clone(batch));
        let started = work.map(|result| result.map_err(Arc::new)).boxed().shared();
        *taken = Some(Taken::clone(&started));
        Ok(started)
    }
}

/// Drains all input partitions into the state.
async fn take_in(inputs: Vec<SendableRecordBatchStream>, shape: Arc<Shape>, batch: Arc<BatchContext>) -> Result<u64> {
    let batch_number = shape.state.begin_batch();
    // One input needs no task of its own.
    if inputs.len() == 1 {
        for input in inputs {
            take_partition(input, Arc::clone(&shape), Arc::clone(&batch), batch_number).await?;
        }
        return Ok(batch_number);
    }
    let mut tasks = JoinSet::new();
    for input in inputs {
        tasks.spawn(take_partition(input, Arc::clone(&shape), Arc::clone(&batch), batch_number));
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| DataFusionError::External(Box::new(error)))??;
    }
    Ok(batch_number)
}

async fn take_partition(
    mut input: SendableRecordBatchStream,
    shape: Arc<Shape>,
    batch: Arc<BatchContext>,
    batch_number: u64,
) -> Result<()> {
    let mut scratch = UpdateScratch::default();
    while let Some(rows) = input.next().await {
        let started = shape.clock.monotonic();
        shape.take_rows(rows?, &batch, (batch_number, &mut scratch)).map_err(to_datafusion)?;
        shape.state.add_update_time(shape.clock.monotonic() - started);
    }
    Ok(())
}

impl Shape {
    fn take_rows(
        &self,
        mut rows: RecordBatch,
        batch: &BatchContext,
        (batch_number, scratch): (u64, &mut UpdateScratch),
    ) -> millstream_core::Result<()> {
        // Complete mode keeps everything, so nothing is late in it.
        let is_complete = self.state.output_mode() == OutputMode::Complete;
        if let (false, Some(key), Some(watermark_ms)) =
            (is_complete, self.columns.event_time_key, batch.late_watermark_ms)
        {
            let (in_time, late) = drop_late_rows(rows, key, watermark_ms)?;
            self.state.add_dropped(late);
            rows = in_time;
        }
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let argument = |column: &AggregateColumn| {
            let arguments: Vec<ArrayRef> =
                column.arguments.iter().map(|&index| Arc::clone(rows.column(index))).collect();
            Argument::try_new(&column.function, &arguments, column.filter.map(|index| rows.column(index)))
        };
        let arguments = self.columns.functions.iter().map(argument).collect::<millstream_core::Result<Vec<_>>>()?;
        let keys = &rows.columns()[..self.columns.keys];
        self.state.update(batch_number, (keys, rows.num_rows()), &arguments, scratch)
    }

    /// The groups of these shards, in batches of about `batch_rows`.
    fn emit(
        self: Arc<Self>,
        shards: std::ops::Range<usize>,
        batch: Arc<BatchContext>,
        (batch_number, batch_rows): (u64, usize),
    ) -> impl futures::Stream<Item = Result<RecordBatch>> {
        stream::try_unfold((self, shards), move |(shape, mut shards)| {
            let batch = Arc::clone(&batch);
            async move {
                let rows = shape.emit_some(&mut shards, &batch, (batch_number, batch_rows)).map_err(to_datafusion)?;
                Ok(rows.map(|rows| (rows, (shape, shards))))
            }
        })
    }

    fn emit_some(
        &self,
        shards: &mut std::ops::Range<usize>,
        batch: &BatchContext,
        (batch_number, batch_rows): (u64, usize),
    ) -> millstream_core::Result<Option<RecordBatch>> {
        let started = self.clock.monotonic();
        let watermark_us = batch.eviction_watermark_ms.map(|watermark_ms| watermark_ms.saturating_mul(1000));
        let layout = self.state.layout();
        let mut result = Groups::new(layout);
        while result.len() < batch_rows {
            let Some(shard) = shards.next() else { break };
            self.state
                .finish_shard((batch_number, shard), watermark_us, |groups, group| result.push_from(groups, group))?;
        }
        self.state.add_removal_time(self.clock.monotonic() - started);
        if result.len() == 0 {
            return Ok(None);
        }
        Ok(Some(RecordBatch::try_new(Arc::clone(&self.schema), result.columns(layout)?)?))
    }
}

impl fmt::Debug for StatefulAggregateExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatefulAggregateExec").field("input", &self.input).field("shape", &self.shape).finish()
    }
}

impl DisplayAs for StatefulAggregateExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatefulAggregateExec: mode={}, {}", self.shape.state.output_mode(), self.shape.columns)
    }
}

impl ExecutionPlan for StatefulAggregateExec {
    fn name(&self) -> &str {
        "StatefulAggregateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
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
        Ok(Arc::new(Self::new(input, Arc::clone(&self.shape))))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batch = BatchContext::of(&context).map_err(to_datafusion)?;
        let taken = self.taken(&context, &batch)?;
        let partitions = self.properties.partitioning.partition_count();
        let shards = partition * SHARDS / partitions..(partition + 1) * SHARDS / partitions;
        let (shape, batch_rows) = (Arc::clone(&self.shape), context.session_config().batch_size());
        let groups = async move {
            let batch_number = taken.await.map_err(DataFusionError::Shared)?;
            Ok::<_, DataFusionError>(shape.emit(shards, batch, (batch_number, batch_rows)))
        };
        let schema = Arc::clone(&self.shape.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::once(groups).try_flatten())))
    }
}

/// The output's columns: keys by their input type, results by their function.
pub(crate) fn output_schema(
    declared: &Schema,
    columns: &AggregateColumns,
    input: &Schema,
) -> millstream_core::Result<SchemaRef> {
    let types = input.fields()[..columns.keys].iter().map(|field| field.data_type());
    let types: Vec<_> = types.chain(columns.functions.iter().map(|column| &column.function.output)).collect();
    for (field, found) in declared.fields().iter().zip(&types) {
        if field.data_type() != *found {
            let message = format!("column {} has type {found}, but was planned as {}", field.name(), field.data_type());
            return Err(millstream_core::Error::internal(message));
        }
    }
    Ok(Arc::new(declared.clone()))
}
