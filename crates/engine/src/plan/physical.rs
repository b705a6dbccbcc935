//! Physical operators for our logical nodes.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use super::nodes::EventTimeWatermarkNode;
use crate::operators::EventTimeWatermarkExec;

/// The physical plan of an optimized logical one.
pub(crate) async fn plan(logical: &LogicalPlan, state: &SessionState) -> Result<Arc<dyn ExecutionPlan>> {
    DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(StreamingPlanner)])
        .create_physical_plan(logical, state)
        .await
}

/// Plans the streaming nodes of one query.
#[derive(Debug)]
struct StreamingPlanner;

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
        Ok(None)
    }
}
