//! Moves projections down a physical plan as DataFusion does, but not what they compute below an operator that gives
//! fewer rows than it takes.
//!
//! DataFusion's own rule swaps a narrowing projection with the filter below it. What the projection computes then fails
//! for rows that the filter would have taken out: `SELECT b, a DIV (b * c) … WHERE b <> 0` would be a division by zero.
//! It also computes parts of a join's condition before the join, for rows that meet no other.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, remove_unnecessary_projections};

/// Takes the place of DataFusion's `ProjectionPushdown`.
#[derive(Debug)]
pub struct ProjectionInPlace;

impl ProjectionInPlace {
    /// The name of DataFusion's rule, whose place this one takes.
    pub const INSTEAD_OF: &str = "ProjectionPushdown";
}

impl PhysicalOptimizerRule for ProjectionInPlace {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let moved = plan.transform_down(|node| match node.downcast_ref::<ProjectionExec>() {
            Some(projection) if computes(projection) && takes_rows_out(projection.input()) => Ok(Transformed::no(node)),
            _ => remove_unnecessary_projections(node),
        });
        moved.data()
    }

    fn name(&self) -> &'static str {
        "projection_in_place"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether a projection does more than to choose, order and name columns.
fn computes(projection: &ProjectionExec) -> bool {
    projection.expr().iter().any(|computed| !computed.expr.is::<Column>())
}

fn takes_rows_out(input: &Arc<dyn ExecutionPlan>) -> bool {
    input.is::<FilterExec>() || input.fetch().is_some()
}

#[cfg(test)]
mod tests;
