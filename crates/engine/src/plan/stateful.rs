//! Gives a streaming plan its own nodes: aggregates and limits become nodes that keep state, and every node its place.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, Extension, FetchType, Limit, LogicalPlan, LogicalPlanBuilder, SkipType, Sort,
};
use millstream_core::{Error, OutputMode};

use super::edge::{EdgeWalk, Rows, edge_of};
use super::joined_aggregates::fused;
use super::node::{Place, StreamingExtension};
use super::nodes::{ChangesNode, EventTimeWatermarkNode, GlobalLimitNode};
use super::set_operations::set_operations_as_aggregates;
use super::top_rows::top_rows_as_nodes;
use super::unsupported::Rules;
use super::{stateful_aggregate, stream_join};
use crate::error::to_datafusion;
use crate::operators::RowLimit;

/// The plan with what Spark itself makes of it, and outside of strict mode with nodes of ours for what Spark refuses;
/// beside it how many joins of aggregates became a part of one.
pub(crate) fn as_stateful(plan: LogicalPlan, mode: OutputMode, rules: Rules) -> Result<(LogicalPlan, usize)> {
    let plan = distinct_as_aggregate(plan)?;
    if rules.is_strict {
        return Ok((plan, 0));
    }
    fused(top_rows_as_nodes(set_operations_as_aggregates(plan, mode)?, mode)?, mode, rules)
}

/// SQL's `DISTINCT` and `UNION` over a stream are aggregates by all columns, as in Spark. What a DataFrame says with
/// `distinct()` comes as a deduplication, and is another thing: it gives rows when they come, not groups.
fn distinct_as_aggregate(plan: LogicalPlan) -> Result<LogicalPlan> {
    let is_streaming = |plan: &LogicalPlan| edge_of(plan, OutputMode::Append).is_streaming;
    let plan = plan.transform_up_with_subqueries(|plan| match plan {
        LogicalPlan::Distinct(Distinct::All(input)) if is_streaming(&input) => {
            let keys = input.schema().columns().into_iter().map(Expr::Column).collect();
            Ok(Transformed::yes(LogicalPlan::Aggregate(Aggregate::try_new(input, keys, vec![])?)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(plan.data)
}

/// The plan with its watermark operators numbered, and their delays (ms) by number.
pub(crate) fn number_watermarks(plan: LogicalPlan, output_mode: OutputMode) -> Result<(LogicalPlan, Vec<i64>)> {
    let mut delays_ms = Vec::new();
    let plan = plan.transform_up(|plan| {
        let Some(extension) = StreamingExtension::of(&plan) else { return Ok(Transformed::no(plan)) };
        let Some(watermark) = extension.node_as::<EventTimeWatermarkNode>() else { return Ok(Transformed::no(plan)) };
        let numbered = extension.at(Place { number: delays_ms.len(), output_mode });
        delays_ms.push(watermark.delay_us() / 1000);
        Ok(Transformed::yes(numbered.into_plan()))
    })?;
    Ok((plan.data, delays_ms))
}

/// The plan with nodes in the place of aggregates and limits over streams. A limit over the whole result of a batch is
/// that of the batch.
pub(crate) fn stateful_as_nodes(plan: LogicalPlan, mode: OutputMode) -> Result<LogicalPlan> {
    let mut walk = EdgeWalk::new(mode);
    let plan = plan.transform_up(|plan| {
        let inputs = walk.step(&plan);
        match (plan, inputs.as_slice()) {
            (LogicalPlan::Aggregate(aggregate), [input]) if input.is_streaming => {
                Ok(Transformed::yes(stateful_aggregate::as_node(aggregate, input)?))
            }
            (LogicalPlan::Extension(extension), [_]) if is_mark(&extension) => {
                Ok(Transformed::yes(stateful_aggregate::with_changes(extension)?))
            }
            (LogicalPlan::Limit(limit), [input]) if input.is_streaming && input.rows != Rows::Whole => {
                Ok(Transformed::yes(limit_as_node(limit)?))
            }
            (LogicalPlan::Limit(limit), [input]) if input.is_streaming => {
                Ok(Transformed::yes(LogicalPlan::Limit(with_sorted_input(limit)?)))
            }
            (LogicalPlan::Join(join), [left, right]) if left.is_streaming && right.is_streaming => {
                Ok(Transformed::yes(stream_join::as_node(join, [left, right])?))
            }
            (other, _) => Ok(Transformed::no(other)),
        }
    })?;
    Ok(plan.data)
}

fn is_mark(extension: &Extension) -> bool {
    let extension = extension.node.as_any().downcast_ref::<StreamingExtension>();
    extension.is_some_and(|extension| extension.node_as::<ChangesNode>().is_some())
}

fn limit_as_node(limit: Limit) -> Result<LogicalPlan> {
    let (SkipType::Literal(skip), FetchType::Literal(rows)) = (limit.get_skip_type()?, limit.get_fetch_type()?) else {
        return Err(to_datafusion(Error::unsupported("a limit over a stream that is no constant")));
    };
    let limited = RowLimit { skip: skip as u64, rows: rows.map(|rows| rows as u64) };
    GlobalLimitNode::over(Arc::unwrap_or_clone(limit.input), limited).map_err(to_datafusion)
}

/// The limit over a sort that knows how many rows are asked for. The rules leave such a sort where it is, also below a
/// projection that does not show its columns.
fn with_sorted_input(limit: Limit) -> Result<Limit> {
    let (SkipType::Literal(skip), FetchType::Literal(Some(fetch))) = (limit.get_skip_type()?, limit.get_fetch_type()?)
    else {
        return Ok(limit);
    };
    let input = with_fetch(Arc::unwrap_or_clone(limit.input), skip.saturating_add(fetch))?;
    Ok(Limit { input: Arc::new(input), ..limit })
}

fn with_fetch(plan: LogicalPlan, rows: usize) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Sort(sort) => Ok(LogicalPlan::Sort(Sort { fetch: Some(rows), ..sort })),
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => {
            Ok(plan.map_children(|child| with_fetch(child, rows).map(Transformed::yes))?.data)
        }
        other => Ok(other),
    }
}

/// The plan with its stateful nodes numbered from the sources upward.
pub(crate) fn number_operators(plan: LogicalPlan, output_mode: OutputMode) -> Result<LogicalPlan> {
    let mut number = 0;
    let plan = plan.transform_up(|plan| match StreamingExtension::of(&plan) {
        Some(extension) if extension.node().is_stateful() => {
            let inputs = extension.inputs().iter().cloned().map(under_a_projection).collect::<Result<_>>()?;
            let numbered = extension.with_inputs(inputs).map_err(to_datafusion)?.at(Place { number, output_mode });
            number += 1;
            Ok(Transformed::yes(numbered.into_plan()))
        }
        _ => Ok(Transformed::no(plan)),
    })?;
    Ok(plan.data)
}

/// Of a projection the optimizer leaves what is read above. What is below may give more than it is asked for.
fn under_a_projection(plan: LogicalPlan) -> Result<LogicalPlan> {
    if matches!(plan, LogicalPlan::Projection(_)) {
        return Ok(plan);
    }
    let columns = plan.schema().columns().into_iter().map(Expr::Column);
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// The numbers of the stateful operators in the order in which Spark reports them: from the sink downward.
pub(crate) fn reported_order(plan: &LogicalPlan) -> Vec<usize> {
    let mut order = Vec::new();
    // The walk itself cannot fail.
    let _: Result<_> = plan.apply(|plan| {
        let extension = StreamingExtension::of(plan).filter(|extension| extension.node().is_stateful());
        order.extend(extension.map(|extension| extension.place().number));
        Ok(TreeNodeRecursion::Continue)
    });
    order
}
