//! Makes a join of a stream with a table build its map from the table, and not from the stream.
//!
//! DataFusion builds from the left side. Its own rule swaps by statistics, which a stream has not.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};

use crate::operators::SourceScanExec;

/// Swaps the sides of joins that have the stream on the left.
#[derive(Debug)]
pub(crate) struct BuildFromStaticSide;

impl PhysicalOptimizerRule for BuildFromStaticSide {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(join) = plan.downcast_ref::<HashJoinExec>() else { return Ok(Transformed::no(plan)) };
            // `NOT IN` needs its sides as they are.
            if join.null_aware || !reads_a_stream(join.left()) || reads_a_stream(join.right()) {
                return Ok(Transformed::no(plan));
            }
            Ok(Transformed::yes(join.swap_inputs(PartitionMode::CollectLeft)?))
        })
        .data()
    }

    fn name(&self) -> &str {
        "build_from_static_side"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn reads_a_stream(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<SourceScanExec>() || plan.children().into_iter().any(reads_a_stream)
}
