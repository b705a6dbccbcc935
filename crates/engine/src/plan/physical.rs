//! From the optimized logical plan to a physical one: DataFusion's operators by its planner, ours by their nodes.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use millstream_core::{Clock, MemoryLedger, OutputMode};
use parking_lot::Mutex;

use super::edge::edge_of;
use super::node::{PlanContext, PlannedInput, StreamingExtension};
use crate::error::to_datafusion;
use crate::operators::OperatorContext;
use crate::state::StatefulOperator;

/// A physical plan and the stateful operators in it, by number.
pub(crate) type PhysicalPlan = (Arc<dyn ExecutionPlan>, Vec<Arc<dyn StatefulOperator>>);

/// The physical plan of an optimized logical one.
pub(crate) async fn plan(
    logical: &LogicalPlan,
    state: &SessionState,
    context: OperatorContext,
) -> Result<PhysicalPlan> {
    let ours = Arc::new(StreamingPlanner { context, operators: Mutex::default() });
    let planner: Arc<dyn ExtensionPlanner + Send + Sync> = Arc::<StreamingPlanner>::clone(&ours);
    let plan =
        DefaultPhysicalPlanner::with_extension_planners(vec![planner]).create_physical_plan(logical, state).await?;
    let mut operators = std::mem::take(&mut *ours.operators.lock());
    operators.sort_by_key(|operator| operator.id());
    Ok((plan, operators))
}

/// Plans the nodes that a batch query may have, which keep nothing from batch to batch.
pub fn planner_of_batch_query(memory: MemoryLedger, clock: Arc<dyn Clock>) -> Arc<dyn ExtensionPlanner + Send + Sync> {
    let context = OperatorContext {
        output_mode: OutputMode::Append,
        memory,
        query: "a batch query".to_owned(),
        scratch: PathBuf::new(),
        clock,
        shuffle_partitions: 0,
    };
    Arc::new(StreamingPlanner { context, operators: Mutex::default() })
}

/// Plans the streaming nodes of one query.
#[derive(Debug)]
struct StreamingPlanner {
    context: OperatorContext,
    operators: Mutex<Vec<Arc<dyn StatefulOperator>>>,
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
        planning: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(extension) = node.as_any().downcast_ref::<StreamingExtension>() else { return Ok(None) };
        let (place, operators) = (extension.place(), &self.context);
        let inputs = logical_inputs.iter().zip(physical_inputs).map(|(logical, rows)| PlannedInput {
            rows: Arc::clone(rows),
            schema: logical.schema(),
            // Computed anew, because the optimizer has left out columns since the plan was checked.
            edge: edge_of(logical, operators.output_mode),
        });
        let context = PlanContext { place, operators, planner, session, planning };
        let planned = extension.node().plan(inputs.collect(), &context).map_err(to_datafusion)?;
        if planned.operator.is_some() != extension.node().is_stateful() {
            return internal_err!("{} has state that it does not say, or says state that it has not", node.name());
        }
        if let Some(operator) = planned.operator {
            if operator.id() != place.number {
                return internal_err!("{} has number {}, but takes {}", node.name(), place.number, operator.id());
            }
            self.operators.lock().push(operator);
        }
        Ok(Some(planned.plan))
    }
}
