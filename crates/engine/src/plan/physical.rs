//! Physical operators for our logical nodes.

use std::sync::Arc;

use arrow::datatypes::Schema;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use millstream_core as core;
use parking_lot::Mutex;

use super::nodes::{DeduplicateNode, EventTimeWatermarkNode, StatefulAggregateNode};
use crate::error::{from_datafusion, to_datafusion};
use crate::operators::{
    Deduplication, FollowEventTime, OperatorContext, SeenKeys, StatefulAggregation, Unary, output_schema,
};
use crate::state::{KeyCodec, KeyLifetime, Lifetime, StatefulOperator, StoreLayout};

/// Groups by a bare timestamp expire together in panes of so many microseconds, for each would be a pane of its own.
const TIMESTAMP_PANE_US: i64 = 10_000_000;

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
    ) -> core::Result<Unary<StatefulAggregation>> {
        let columns = node.columns.clone();
        let schema = output_schema(node.schema.as_arrow(), &columns, &input.schema())?;
        let codec = KeyCodec::try_new(input.schema().fields()[..columns.keys].to_vec())?;
        let lifetime = columns.event_time_key.map(|key| lifetime_of(&codec, key, &input.schema())).transpose()?;
        let functions = columns.functions.iter().map(|column| Arc::clone(&column.function)).collect();
        let layout = StoreLayout::new(codec, functions);
        let groups = self.context.store(("aggregation", node.id), "groups", layout, lifetime)?;
        let aggregation = Arc::new(StatefulAggregation::new(node.id, columns, schema, groups, &self.context));
        self.operators.lock().push(Arc::<StatefulAggregation>::clone(&aggregation));
        Ok(Unary::new(Arc::clone(input), aggregation))
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
        let id = node.started().id;
        let seen = if node.is_within_watermark() {
            let layout = StoreLayout::new(codec, ());
            let keys = self.context.store(("deduplication", id), "keys", layout, Some(Lifetime::InValue))?;
            SeenKeys::ByRow(Arc::new(keys), node.started().delay_us)
        } else {
            let key_schema = schema.project(&keys)?;
            let lifetime = in_key.map(|key| lifetime_of(&codec, key, &key_schema)).transpose()?;
            let layout = StoreLayout::new(codec, ());
            SeenKeys::ByKey(Arc::new(self.context.store(("deduplication", id), "keys", layout, lifetime)?))
        };
        let deduplication = Arc::new(Deduplication::new(id, keys, event_time, seen, &self.context));
        self.operators.lock().push(Arc::<Deduplication>::clone(&deduplication));
        Ok(Unary::new(Arc::clone(input), deduplication))
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
