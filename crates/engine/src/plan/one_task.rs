//! The plan of a small batch: the same operators, with the same state, over one partition of each source.
//!
//! Handing rows to other tasks pays when there are many. A batch of a few rows costs what its plan costs to begin, once
//! for each partition, and a wake-up of another core takes longer than all of its work.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use crate::operators::{Map, SourceScanExec};

/// Batches of no more rows run on one task.
pub(super) const ONE_TASK_ROWS_MAX: u64 = 4096;

/// `plan` for one task.
pub(super) fn for_one_task(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    Arc::clone(plan)
        .transform_up(|node| {
            if let Some(scan) = node.downcast_ref::<SourceScanExec>() {
                return Ok(Transformed::yes(Arc::new(scan.with_one_partition()) as Arc<dyn ExecutionPlan>));
            }
            if let Some(map) = Map::instead_of(&node)? {
                return Ok(Transformed::yes(Arc::new(map) as Arc<dyn ExecutionPlan>));
            }
            Ok(unneeded(&node).map_or_else(|| Transformed::no(Arc::clone(&node)), Transformed::yes))
        })
        .data()
}

/// What is below an operator that has nothing to do here: one partition needs no merging, and a few rows no breaks.
fn unneeded(node: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    if let Some(merge) = node.downcast_ref::<CoalescePartitionsExec>() {
        let input = merge.input();
        return (merge.fetch().is_none() && input.output_partitioning().partition_count() == 1)
            .then(|| Arc::clone(input));
    }
    let paused = node.downcast_ref::<CooperativeExec>()?;
    paused.input().is::<SourceScanExec>().then(|| Arc::clone(paused.input()))
}

#[cfg(test)]
mod tests;
