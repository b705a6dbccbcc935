//! Gives the operators of a streaming plan that keep state their numbers and their own nodes.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Distinct, Expr, Extension, LogicalPlan, LogicalPlanBuilder};

use super::event_time::watermark_of_column;
use super::nodes::{DeduplicateNode, Started, StatefulAggregateNode};
use super::stateful_aggregate;
use super::streaming::is_streaming;

/// SQL's `DISTINCT` and `UNION` over a stream are aggregates by all columns, as in Spark. What a DataFrame says with `distinct()`
/// comes as a [`DeduplicateNode`], and is another thing: it gives rows when they come, not groups.
pub(crate) fn distinct_as_aggregate(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|plan| match plan {
        LogicalPlan::Distinct(Distinct::All(input)) if is_streaming(&input) => {
            let keys = input.schema().columns().into_iter().map(Expr::Column).collect();
            Ok(Transformed::yes(LogicalPlan::Aggregate(Aggregate::try_new(input, keys, vec![])?)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(plan.data)
}

/// The plan with its operators made stateful, numbered from the sources upward.
pub(crate) fn make_stateful(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut next_id = 0;
    let plan = plan.transform_up(|plan| {
        let node = match plan {
            LogicalPlan::Aggregate(aggregate) if is_streaming(&aggregate.input) => {
                Extension { node: Arc::new(stateful_aggregate::stateful(aggregate, next_id)?) }
            }
            other => match deduplicate_node(&other) {
                Some(node) => Extension { node: Arc::new(start(node, next_id)?) },
                None => return Ok(Transformed::no(other)),
            },
        };
        next_id += 1;
        Ok(Transformed::yes(LogicalPlan::Extension(node)))
    })?;
    Ok(plan.data)
}

fn start(node: &DeduplicateNode, id: usize) -> Result<DeduplicateNode> {
    let (input, columns) = (node.input(), node.input().schema().columns());
    let watermarks = (0..columns.len()).map(|index| watermark_of_column(input, index));
    let (event_times, delays): (Vec<Column>, Vec<i64>) = columns
        .iter()
        .zip(watermarks)
        .filter_map(|(column, watermark)| Some((column.clone(), watermark?.delay_us())))
        .unzip();
    let started = Started { id, event_times, delay_us: delays.first().copied().unwrap_or(0) };
    // Of a projection the optimizer leaves what is read above. What is below may give more than it is asked for.
    let input = LogicalPlanBuilder::from(input.clone()).project(columns.into_iter().map(Expr::Column))?.build()?;
    Ok(node.start(input, started))
}

/// The numbers of the stateful operators in the order in which Spark reports them: from the sink downward.
pub(crate) fn reported_order(plan: &LogicalPlan) -> Vec<usize> {
    let mut order = Vec::new();
    // The walk itself cannot fail.
    let _: Result<_> = plan.apply(|plan| {
        if let LogicalPlan::Extension(Extension { node }) = plan {
            let aggregate = node.as_any().downcast_ref::<StatefulAggregateNode>().map(|aggregate| aggregate.id);
            order.extend(aggregate.or_else(|| deduplicate_node(plan).map(|node| node.started().id)));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    order
}

/// The deduplication that this plan is, if it is one.
pub(crate) fn deduplicate_node(plan: &LogicalPlan) -> Option<&DeduplicateNode> {
    let LogicalPlan::Extension(Extension { node }) = plan else { return None };
    node.as_any().downcast_ref()
}
