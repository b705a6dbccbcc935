//! Physical operators for our logical nodes.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
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

use super::nodes::{DeduplicateNode, EventTimeWatermarkNode, StatefulAggregateNode};
use crate::error::{from_datafusion, to_datafusion};
use crate::operators::{Deduplication, FollowEventTime, StatefulAggregation, Unary, output_schema};
use crate::state::{
    AggregateConfig, AggregateFunction, AggregateKind, AggregateOperator, AggregateState, DeduplicateState, KeyCodec,
    KeyLifetime, Layout, Lifetime, SpillFolder, StatefulOperator,
};

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

/// What the state of an operator is.
struct StateSpec {
    id: usize,
    /// For errors.
    kind: &'static str,
    layout: Layout,
    lifetime: Option<Lifetime>,
    output_mode: OutputMode,
}

impl StreamingPlanner {
    fn aggregate(
        &self,
        node: &StatefulAggregateNode,
        input: &Arc<dyn ExecutionPlan>,
    ) -> core::Result<Unary<StatefulAggregation>> {
        let columns = node.columns.clone();
        let schema = output_schema(node.schema.as_arrow(), &columns, &input.schema())?;
        let codec = KeyCodec::try_new(input.schema().fields()[..columns.keys].to_vec())?;
        let lifetime = columns.event_time_key.map(|key| lifetime_of(&codec, key, &input.schema())).transpose()?;
        let functions = columns.functions.iter().map(|column| column.function.clone()).collect();
        let state = Arc::new(self.state(StateSpec {
            id: node.id,
            kind: "aggregation",
            layout: Layout { codec, functions },
            lifetime,
            output_mode: self.context.output_mode,
        })?);
        let operator = AggregateOperator::new(node.id, self.context.output_mode, Arc::clone(&state));
        self.operators.lock().push(Arc::new(operator));
        let aggregation = StatefulAggregation { columns, state, schema, clock: Arc::clone(&self.context.clock) };
        Ok(Unary::new(Arc::clone(input), Arc::new(aggregation)))
    }

    fn deduplicate(
        &self,
        node: &DeduplicateNode,
        logical: &LogicalPlan,
        input: &Arc<dyn ExecutionPlan>,
    ) -> core::Result<Unary<Deduplication>> {
        let place = |column| logical.schema().index_of_column(column).map_err(from_datafusion);
        let keys = node.keys().iter().map(place).collect::<core::Result<Vec<_>>>()?;
        let event_time = node.event_time(logical)?;
        let schema = input.schema();
        let codec = KeyCodec::try_new(keys.iter().map(|&key| Arc::clone(&schema.fields()[key])).collect())?;
        let in_key = keys.iter().position(|&key| Some(key) == event_time);
        let (functions, lifetime, delay_us) = if node.is_within_watermark() {
            let ends = AggregateFunction::try_new(AggregateKind::Max, &DataType::Int64, true)?;
            (vec![ends], Some(Lifetime::InValue), Some(node.started().delay_us))
        } else {
            let key_schema = schema.project(&keys)?;
            (vec![], in_key.map(|key| lifetime_of(&codec, key, &key_schema)).transpose()?, None)
        };
        let state = self.state(StateSpec {
            id: node.started().id,
            kind: "deduplication",
            layout: Layout { codec, functions },
            lifetime,
            output_mode: OutputMode::Update,
        })?;
        let state = Arc::new(DeduplicateState::new(node.started().id, state, node.is_within_watermark()));
        self.operators.lock().push(Arc::<DeduplicateState>::clone(&state));
        let clock = Arc::clone(&self.context.clock);
        let deduplication = Deduplication { keys, event_time, delay_us, state, clock };
        Ok(Unary::new(Arc::clone(input), Arc::new(deduplication)))
    }

    fn state(&self, spec: StateSpec) -> core::Result<AggregateState> {
        let (context, StateSpec { id, kind, layout, lifetime, output_mode }) = (&self.context, spec);
        Ok(AggregateState::new(AggregateConfig {
            is_global: layout.codec.is_empty(),
            layout,
            lifetime,
            output_mode,
            reservation: context.memory.reservation(format!("the state of {kind} {id} of {}", context.query)),
            spill: SpillFolder::new(context.scratch.join(format!("spill-{id}")))?,
            shuffle_partitions: context.shuffle_partitions,
        }))
    }
}

/// When keys end that carry event time in this column.
fn lifetime_of(codec: &KeyCodec, key: usize, columns: &Schema) -> core::Result<Lifetime> {
    let pane_us = if columns.field(key).data_type().is_nested() { 1 } else { TIMESTAMP_PANE_US };
    Ok(Lifetime::InKey(KeyLifetime { end: codec.event_time_place(key)?, pane_us }))
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
            let follow = FollowEventTime { event_time, index: watermark.index() };
            return Ok(Some(Arc::new(Unary::new(Arc::clone(rows), Arc::new(follow)))));
        }
        if let (Some(aggregate), [rows]) = (node.as_any().downcast_ref::<StatefulAggregateNode>(), physical_inputs) {
            return Ok(Some(Arc::new(self.aggregate(aggregate, rows).map_err(to_datafusion)?)));
        }
        if let (Some(deduplicate), [input], [rows]) =
            (node.as_any().downcast_ref::<DeduplicateNode>(), logical_inputs, physical_inputs)
        {
            return Ok(Some(Arc::new(self.deduplicate(deduplicate, input, rows).map_err(to_datafusion)?)));
        }
        Ok(None)
    }
}
