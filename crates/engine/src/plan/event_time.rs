//! Where event time is in a plan.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{Extension, LogicalPlan};
use std::sync::Arc;

use super::nodes::EventTimeWatermarkNode;

/// The plan with its watermark operators numbered, and their delays (ms) by number.
pub(crate) fn number_watermarks(plan: LogicalPlan) -> Result<(LogicalPlan, Vec<i64>)> {
    let mut delays_ms = Vec::new();
    let plan = plan.transform_up(|plan| {
        let Some(watermark) = watermark_node(&plan) else { return Ok(Transformed::no(plan)) };
        let numbered = watermark.with_index(delays_ms.len());
        delays_ms.push(watermark.delay_us() / 1000);
        Ok(Transformed::yes(LogicalPlan::Extension(Extension { node: Arc::new(numbered) })))
    })?;
    Ok((plan.data, delays_ms))
}

/// The watermark operator that this plan is, if it is one.
pub(crate) fn watermark_node(plan: &LogicalPlan) -> Option<&EventTimeWatermarkNode> {
    let LogicalPlan::Extension(Extension { node }) = plan else { return None };
    node.as_any().downcast_ref()
}
