//! DataFusion's `ExecutionPlan` for joins that take all rows of both sides in before they give any.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, apply_expression_roots};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use millstream_core::Clock;
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::{JoinKind, JoinSide, Running, Side};
use crate::batch_context::BatchContext;
use crate::error::to_datafusion;
use crate::state::{SHARDS, UpdateScratch};

/// A join whose batch has two halves.
pub(crate) trait TwoSided: fmt::Debug + Send + Sync + 'static {
    /// The name in a plan.
    const NAME: &'static str;

    /// The columns that it gives.
    fn schema(&self) -> &SchemaRef;

    /// The kind of the join.
    fn kind(&self) -> JoinKind;

    /// What is asked of the rows of each side.
    fn sides(&self) -> [&JoinSide; 2];

    /// The clock by which work is timed.
    fn clock(&self) -> &dyn Clock;

    /// Begins a batch in the stores.
    fn begin(&self, context: Arc<BatchContext>) -> millstream_core::Result<Running>;

    /// Takes rows of a side in. Called by several tasks at once.
    fn take_rows(
        &self,
        side: Side,
        rows: RecordBatch,
        running: &Running,
        scratch: &mut UpdateScratch,
    ) -> millstream_core::Result<()>;

    /// What the batch gives for some shards, when all rows are in.
    fn rows(
        self: Arc<Self>,
        running: Running,
        shards: Range<usize>,
        batch_rows: usize,
    ) -> impl Stream<Item = Result<RecordBatch>> + Send + 'static;
}

/// The first half of a batch, awaited by every output partition.
type Taken = Shared<BoxFuture<'static, Result<Running, Arc<DataFusionError>>>>;

/// A join of two streams in a physical plan.
#[derive(Debug)]
pub(crate) struct StreamJoinExec<J> {
    inputs: [Arc<dyn ExecutionPlan>; 2],
    join: Arc<J>,
    properties: Arc<PlanProperties>,
    /// The running batch. A plan is reset before each batch, which makes a new node.
    taken: Mutex<Option<Taken>>,
}

impl<J: TwoSided> StreamJoinExec<J> {
    /// The join over its left and its right input.
    pub(crate) fn new(inputs: [Arc<dyn ExecutionPlan>; 2], join: Arc<J>) -> Self {
        let partitions = inputs.each_ref().map(|input| input.output_partitioning().partition_count());
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(join.schema())),
            Partitioning::UnknownPartitioning(partitions[0].max(partitions[1])),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { inputs, join, properties: Arc::new(properties), taken: Mutex::new(None) }
    }

    /// Begins the batch, or joins it.
    fn taken(&self, context: &Arc<TaskContext>) -> Result<Taken> {
        let mut taken = self.taken.lock();
        if let Some(taken) = &*taken {
            return Ok(taken.clone());
        }
        let batch = BatchContext::of(context).map_err(to_datafusion)?;
        let mut inputs = Vec::new();
        for side in Side::BOTH {
            let input = &self.inputs[side as usize];
            for partition in 0..input.output_partitioning().partition_count() {
                inputs.push((side, input.execute(partition, Arc::clone(context))?));
            }
        }
        let join = Arc::clone(&self.join);
        let work = async move {
            let running = join.begin(batch).map_err(to_datafusion)?;
            take_in(join, inputs, running.clone()).await?;
            Ok(running)
        };
        let work = work.map(|result: Result<_>| result.map_err(Arc::new)).boxed().shared();
        *taken = Some(work.clone());
        Ok(work)
    }

    fn expressions(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        let own = self.join.sides().into_iter().flat_map(|side| {
            let times = side.eviction.iter().map(|eviction| &eviction.time);
            side.keys.exprs.iter().chain(&side.own_condition).chain(times)
        });
        own.collect()
    }
}

impl<J: TwoSided> DisplayAs for StreamJoinExec<J> {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |exprs: &[Arc<dyn PhysicalExpr>]| {
            let exprs: Vec<_> = exprs.iter().map(ToString::to_string).collect();
            exprs.join(", ")
        };
        let [left, right] = self.join.sides();
        let (left, right) = (text(&left.keys.exprs), text(&right.keys.exprs));
        write!(f, "{}: kind={:?}, left=[{left}], right=[{right}]", self.name(), self.join.kind())
    }
}

impl<J: TwoSided> ExecutionPlan for StreamJoinExec<J> {
    fn name(&self) -> &'static str {
        J::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false, false]
    }

    /// State is shared by all partitions, so dealing out rows anew would only cost.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false, false]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.expressions(), f)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 2]>::try_from(children) {
            Ok(inputs) => Ok(Arc::new(Self::new(inputs, Arc::clone(&self.join)))),
            Err(children) => internal_err!("{} has two children, not {}", J::NAME, children.len()),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let partitions = self.properties.output_partitioning().partition_count();
        let shards = partition * SHARDS / partitions..(partition + 1) * SHARDS / partitions;
        let (taken, join) = (self.taken(&context)?, Arc::clone(&self.join));
        let batch_rows = context.session_config().batch_size();
        let rows = async move {
            let running = taken.await.map_err(DataFusionError::Shared)?;
            Ok::<_, DataFusionError>(join.rows(running, shards, batch_rows))
        };
        let rows = stream::once(rows).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// Drains all partitions of both inputs into the stores.
async fn take_in<J: TwoSided>(
    join: Arc<J>,
    inputs: Vec<(Side, SendableRecordBatchStream)>,
    running: Running,
) -> Result<()> {
    let mut tasks = JoinSet::new();
    for (side, input) in inputs {
        tasks.spawn(take_partition(Arc::clone(&join), side, input, running.clone()));
    }
    while let Some(done) = tasks.join_next().await {
        done.map_err(|error| DataFusionError::External(Box::new(error)))??;
    }
    Ok(())
}

async fn take_partition<J: TwoSided>(
    join: Arc<J>,
    side: Side,
    mut input: SendableRecordBatchStream,
    running: Running,
) -> Result<()> {
    let mut scratch = UpdateScratch::default();
    while let Some(rows) = input.next().await {
        let started = join.clock().monotonic();
        join.take_rows(side, rows?, &running, &mut scratch).map_err(to_datafusion)?;
        join.sides()[side as usize].rows.add_update_time(join.clock().monotonic() - started);
    }
    Ok(())
}
