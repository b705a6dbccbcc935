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

use super::nodes::{EventTimeWatermarkNode, StatefulAggregateNode};

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
    match expr {
        Expr::Column(column) => {
            input.schema().maybe_index_of_column(column).is_some_and(|index| column_carries_event_time(input, index))
        }
        Expr::Alias(alias) => carries_event_time(&alias.expr, input),
        Expr::ScalarFunction(call) if KEEPS_EVENT_TIME.contains(&call.name()) => {
            call.args.first().is_some_and(|argument| carries_event_time(argument, input))
        }
        _ => false,
    }
}

/// Whether output column `index` of `plan` is event time.
fn column_carries_event_time(plan: &LogicalPlan, index: usize) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => carries_event_time(&projection.expr[index], &projection.input),
        LogicalPlan::Filter(filter) => column_carries_event_time(&filter.input, index),
        LogicalPlan::SubqueryAlias(alias) => column_carries_event_time(&alias.input, index),
        LogicalPlan::Sort(sort) => column_carries_event_time(&sort.input, index),
        LogicalPlan::Limit(limit) => column_carries_event_time(&limit.input, index),
        LogicalPlan::Repartition(repartition) => column_carries_event_time(&repartition.input, index),
        LogicalPlan::Unnest(unnest) => {
            let from = unnest.dependency_indices.get(index);
            from.is_some_and(|&from| column_carries_event_time(&unnest.input, from))
        }
        LogicalPlan::Union(union) => union.inputs.first().is_some_and(|input| column_carries_event_time(input, index)),
        LogicalPlan::Aggregate(aggregate) => {
            aggregate.group_expr.get(index).is_some_and(|key| carries_event_time(key, &aggregate.input))
        }
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            if index < left {
                column_carries_event_time(&join.left, index)
            } else {
                column_carries_event_time(&join.right, index - left)
            }
        }
        LogicalPlan::Extension(Extension { node }) => {
            if let Some(watermark) = watermark_node(plan) {
                let input = watermark.input();
                let named = |column| input.schema().maybe_index_of_column(column) == Some(index);
                matches!(watermark.event_time(), Expr::Column(column) if named(column))
                    || column_carries_event_time(input, index)
            } else if let Some(aggregate) = node.as_any().downcast_ref::<StatefulAggregateNode>() {
                index < aggregate.columns.keys && column_carries_event_time(&aggregate.input, index)
            } else {
                false
            }
        }
        _ => false,
    }
}

/// The watermark operator that this plan is, if it is one.
pub(crate) fn watermark_node(plan: &LogicalPlan) -> Option<&EventTimeWatermarkNode> {
    let LogicalPlan::Extension(Extension { node }) = plan else { return None };
    node.as_any().downcast_ref()
}
