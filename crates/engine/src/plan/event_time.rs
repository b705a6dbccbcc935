//! Where event time is in a plan.
//!
//! Spark marks the column of `withWatermark` in its metadata, and the mark travels with the column. Here the way of a
//! column is traced down the logical plan instead, once, before any rule has changed it: through projections and
//! aliases, filters, unions, joins and grouping keys, until the watermark operator that names it. A window over an
//! event-time column is event time too (the function `window`, unnested when it slides), and so is `window_time` of
//! such a window; any other expression is not, as in Spark. Marks on Arrow fields would have to survive every rule and
//! every function of DataFusion.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan};
use millstream_core::Error;

use super::nodes::{DeduplicateNode, EventTimeWatermarkNode, StatefulAggregateNode};

/// Functions whose result is event time when their first argument is.
const KEEPS_EVENT_TIME: [&str; 3] = ["window", "sliding_window", "window_time"];

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

/// Whether an expression over `input` is event time.
pub(crate) fn carries_event_time(expr: &Expr, input: &LogicalPlan) -> bool {
    watermark_of(expr, input).is_some()
}

/// The watermark operator whose event time an expression over `input` is.
fn watermark_of<'a>(expr: &Expr, input: &'a LogicalPlan) -> Option<&'a EventTimeWatermarkNode> {
    match expr {
        Expr::Column(column) => watermark_of_column(input, input.schema().maybe_index_of_column(column)?),
        Expr::Alias(alias) => watermark_of(&alias.expr, input),
        Expr::ScalarFunction(call) if KEEPS_EVENT_TIME.contains(&call.name()) => {
            watermark_of(call.args.first()?, input)
        }
        _ => None,
    }
}

/// The watermark operator whose event time output column `index` of `plan` is.
pub(crate) fn watermark_of_column(plan: &LogicalPlan, index: usize) -> Option<&EventTimeWatermarkNode> {
    match plan {
        LogicalPlan::Projection(projection) => watermark_of(&projection.expr[index], &projection.input),
        LogicalPlan::Filter(filter) => watermark_of_column(&filter.input, index),
        LogicalPlan::SubqueryAlias(alias) => watermark_of_column(&alias.input, index),
        LogicalPlan::Sort(sort) => watermark_of_column(&sort.input, index),
        LogicalPlan::Limit(limit) => watermark_of_column(&limit.input, index),
        LogicalPlan::Repartition(repartition) => watermark_of_column(&repartition.input, index),
        LogicalPlan::Unnest(unnest) => watermark_of_column(&unnest.input, *unnest.dependency_indices.get(index)?),
        LogicalPlan::Union(union) => watermark_of_column(union.inputs.first()?, index),
        LogicalPlan::Aggregate(aggregate) => watermark_of(aggregate.group_expr.get(index)?, &aggregate.input),
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            if index < left {
                watermark_of_column(&join.left, index)
            } else {
                watermark_of_column(&join.right, index - left)
            }
        }
        LogicalPlan::Extension(Extension { node }) => {
            if let Some(watermark) = watermark_node(plan) {
                let input = watermark.input();
                let named = |column| input.schema().maybe_index_of_column(column) == Some(index);
                if matches!(watermark.event_time(), Expr::Column(column) if named(column)) {
                    return Some(watermark);
                }
                watermark_of_column(input, index)
            } else if let Some(aggregate) = node.as_any().downcast_ref::<StatefulAggregateNode>() {
                (index < aggregate.columns.keys).then(|| watermark_of_column(&aggregate.input, index))?
            } else if let Some(deduplicate) = node.as_any().downcast_ref::<DeduplicateNode>() {
                watermark_of_column(deduplicate.input(), index)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// Spark would not know which of two event times counts, and refuses them.
pub(crate) fn more_than_one(names: &[String]) -> Error {
    Error::invalid(format!(
        "More than one event time columns are available. Please ensure there is at most one event time column per stream. \
         event time columns: ({})",
        names.join(",")
    ))
}

/// The watermark operator that this plan is, if it is one.
pub(crate) fn watermark_node(plan: &LogicalPlan) -> Option<&EventTimeWatermarkNode> {
    let LogicalPlan::Extension(Extension { node }) = plan else { return None };
    node.as_any().downcast_ref()
}
