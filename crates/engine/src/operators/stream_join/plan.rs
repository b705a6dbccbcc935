//! DataFusion's `ExecutionPlan` for a join of two streams.

use std::fmt;
use std::sync::Arc;

use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, apply_expression_roots};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::future::{BoxFuture, Shared};
use futures::{FutureExt, TryStreamExt, stream};
use parking_lot::Mutex;

use super::pairing::Walk;
use super::{Running, Side, StreamJoin};
use crate::batch_context::BatchContext;
use crate::error::to_datafusion;
use crate::state::SHARDS;

/// The first half of a batch, awaited by every output partition.
type Taken = Shared<BoxFuture<'static, Result<Running, Arc<DataFusionError>>>>;

/// A join of two streams in a physical plan.
#[derive(Debug)]
pub(crate) struct StreamJoinExec {
    inputs: [Arc<dyn ExecutionPlan>; 2],
    join: Arc<StreamJoin>,
    properties: Arc<PlanProperties>,
    /// The running batch. A plan is reset before each batch, which makes a new node.
    taken: Mutex<Option<Taken>>,
}

impl StreamJoinExec {
    /// The join over its left and its right input.
    pub(crate) fn new(inputs: [Arc<dyn ExecutionPlan>; 2], join: Arc<StreamJoin>) -> Self {
        let partitions = inputs.each_ref().map(|input| input.output_partitioning().partition_count());
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&join.output.schema)),
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
            join.take_in(inputs, running.clone()).await?;
            Ok(running)
        };
        let work = work.map(|result: Result<_>| result.map_err(Arc::new)).boxed().shared();
        *taken = Some(work.clone());
        Ok(work)
    }

    fn expressions(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        let own = self.join.sides.iter().flat_map(|side| {
            let times = side.eviction.iter().map(|eviction| &eviction.time);
            side.keys.exprs.iter().chain(&side.own_condition).chain(times)
        });
        own.collect()
    }
}

impl DisplayAs for StreamJoinExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |exprs: &[Arc<dyn PhysicalExpr>]| {
            let exprs: Vec<_> = exprs.iter().map(ToString::to_string).collect();
            exprs.join(", ")
        };
        let [left, right] = &self.join.sides;
        let (left, right) = (text(&left.keys.exprs), text(&right.keys.exprs));
        write!(f, "{}: kind={:?}, left=[{left}], right=[{right}]", self.name(), self.join.kind)
    }
}

impl ExecutionPlan for StreamJoinExec {
    fn name(&self) -> &'static str {
        "StreamJoinExec"
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
            Err(children) => internal_err!("StreamJoinExec has two children, not {}", children.len()),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let partitions = self.properties.output_partitioning().partition_count();
        let shards = partition * SHARDS / partitions..(partition + 1) * SHARDS / partitions;
        let (taken, join) = (self.taken(&context)?, Arc::clone(&self.join));
        let batch_rows = context.session_config().batch_size();
        let rows = async move {
            let running = taken.await.map_err(DataFusionError::Shared)?;
            Ok::<_, DataFusionError>(Walk::new(join, running, shards, batch_rows).rows())
        };
        let rows = stream::once(rows).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
