//! Whether a plan is a stream.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;

use super::source_table::{SourceTable, streaming_relation};

/// Whether any leaf of the plan is a stream, open or not.
pub(crate) fn is_streaming(plan: &LogicalPlan) -> bool {
    let mut found = false;
    let walked = plan.apply(|plan| {
        found = streaming_relation(plan).is_some() || is_source_table(plan);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.is_ok() && found
}

fn is_source_table(plan: &LogicalPlan) -> bool {
    let LogicalPlan::TableScan(scan) = plan else { return false };
    source_as_provider(&scan.source).is_ok_and(|provider| provider.downcast_ref::<SourceTable>().is_some())
}
