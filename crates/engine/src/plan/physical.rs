//! Physical operators for our logical nodes.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use millstream_core::{self as core, Clock, MemoryLedger, OutputMode};
use parking_lot::Mutex;

use super::nodes::{EventTimeWatermarkNode, StatefulAggregateNode};
use crate::error::to_datafusion;
use crate::operators::{EventTimeWatermarkExec, Shape, StatefulAggregateExec, output_schema};
use crate::state::{AggregateConfig, AggregateState, KeyCodec, Layout, Lifetime, SpillFolder, StatefulOperator};

/// Groups by a bare timestamp expire together in panes of so many microseconds, for each would be a pane of its own.
const TIMESTAMP_PANE_US: i64 = 10_000_000;

/// What operators of a query are made with.
#[derive(Debug)]
pub(crate) struct OperatorContext {
    pub(crate) output_mode: OutputMode,
    /// Where state is counted, and the query's name for errors.
    pub(crate) memory: MemoryLedger,
    pub(crate) query: String,
    /// Where state goes that the ledger has no room for.
    pub(crate) scratch: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shuffle_partitions: i64,
}

/// A physical plan and the stateful operators in it, by number.
pub(crate) type Planned = (Arc<dyn ExecutionPlan>, Vec<Arc<dyn StatefulOperator>>);

/// The physical plan of an optimized logical one.
pub(crate) async fn plan(logical: &LogicalPlan, state: &SessionState, context: OperatorContext) -> Result<Planned> {
    let ours = Arc::new(StreamingPlanner { context, operators: Mutex::default() });
    let planner: Arc<dyn ExtensionPlanner + Send + Sync> = Arc::<StreamingPlanner>::clone(&ours);
    let plan =
        DefaultPhysicalPlanner::with_extension_planners(vec![planner]).create_physical_plan(logical, state).await?;
    let mut operators = std::mem::take(&mut *ours.operators.lock());
    operators.sort_by_key(|operator| operator.id());
    Ok((plan, operators))
}

/// Plans the streaming nodes of one query.
#[derive(Debug)]
struct StreamingPlanner {
    context: OperatorContext,
    operators: Mutex<Vec<Arc<dyn StatefulOperator>>>,
}

impl StreamingPlanner {
    fn aggregate(
        &self,
        node: &StatefulAggregateNode,
        input: &Arc<dyn ExecutionPlan>,
    ) -> core::Result<StatefulAggregateExec> {
        let context = &self.context;
        let columns = node.columns.clone();
        let schema = output_schema(node.schema.as_arrow(), &columns, &input.schema())?;
        let codec = KeyCodec::try_new(input.schema().fields()[..columns.keys].to_vec())?;
        let lifetime = match columns.event_time_key {
            Some(key) => {
                let is_window = input.schema().field(key).data_type().is_nested();
                let pane_us = if is_window { 1 } else { TIMESTAMP_PANE_US };
                Some(Lifetime { end: codec.event_time_place(key)?, pane_us })
            }
            None => None,
        };
        let functions = columns.functions.iter().map(|column| column.function.clone()).collect();
        let state = Arc::new(AggregateState::new(AggregateConfig {
            id: node.id,
            layout: Layout { codec, functions },
            lifetime,
            is_global: columns.keys == 0,
            output_mode: context.output_mode,
            reservation: context
                .memory
                .reservation(format!("the state of aggregation {} of {}", node.id, context.query)),
            spill: SpillFolder::new(context.scratch.join(format!("spill-{}", node.id)))?,
            shuffle_partitions: context.shuffle_partitions,
        }));
        self.operators.lock().push(Arc::<AggregateState>::clone(&state));
        let shape = Shape { columns, state, schema, clock: Arc::clone(&context.clock) };
        Ok(StatefulAggregateExec::new(Arc::clone(input), Arc::new(shape)))
    }
}

#[async_trait]
impl ExtensionPlanner for StreamingPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if let (Some(watermark), [input], [rows]) =
            (node.as_any().downcast_ref::<EventTimeWatermarkNode>(), logical_inputs, physical_inputs)
        {
            let event_time = planner.create_physical_expr(watermark.event_time(), input.schema(), session, context)?;
            return Ok(Some(Arc::new(EventTimeWatermarkExec::new(Arc::clone(rows), event_time, watermark.index()))));
        }
        if let (Some(aggregate), [rows]) = (node.as_any().downcast_ref::<StatefulAggregateNode>(), physical_inputs) {
            return Ok(Some(Arc::new(self.aggregate(aggregate, rows).map_err(to_datafusion)?)));
        }
        Ok(None)
    }
}
