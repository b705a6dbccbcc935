//! Puts a node that keeps both sides in the place of a join of two streams, and says what Spark refuses of such joins.

mod condition;
mod time_bound;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Filter, Join, LogicalPlan};
use datafusion::optimizer::eliminate_outer_join::EliminateOuterJoin;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use millstream_core::{Error, OutputMode, spark_error};

use super::consolidation::side_of_join;
use super::edge::{Edge, Rows, edge_of, event_time_of};
use super::node::{NodeInput, StreamingExtension};
use super::nodes::StreamJoinNode;
use super::unsupported::refused;
use crate::error::{from_datafusion, to_datafusion};
use crate::operators::{JoinKind, Side};

pub(super) use condition::{JoinCondition, JoinKey};
use time_bound::time_bound_us;

/// When rows of a side can meet nothing any more: when the watermark is at their event time less `shift_us`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EvictionRule {
    pub(super) time: EventTimeOf,
    pub(super) shift_us: i64,
}

/// What carries the event time by which a row ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EventTimeOf {
    /// The key with this number: both sides have it, so the watermark of one counts for the other.
    Key(usize),
    /// A column of the side.
    Column(Column),
}

/// The node in the place of a join of streams.
pub(super) fn as_node(join: Join, edges: [&Edge; 2]) -> Result<LogicalPlan> {
    let (node, inputs) = node_and_inputs(join, edges)?;
    if node.has_no_key() {
        return Err(to_datafusion(spark_error!("_LEGACY_ERROR_TEMP_1181")));
    }
    Ok(StreamingExtension::try_new(Arc::new(node), inputs).map_err(to_datafusion)?.into_plan())
}

/// The node in the place of a join of streams one of which takes rows back. Their weights are there already.
pub(super) fn over_changes(mut join: Join, mode: OutputMode) -> Result<LogicalPlan> {
    let edges = Side::BOTH.map(|side| -> Result<Edge> {
        let input = if side == Side::Left { &mut join.left } else { &mut join.right };
        *input = Arc::new(side_of_join(input.as_ref().clone(), side)?);
        Ok(edge_of(input, mode))
    });
    let [left, right] = edges;
    let (node, inputs) = node_and_inputs(join, [&left?, &right?])?;
    Ok(StreamingExtension::try_new(Arc::new(node.over_changes()), inputs).map_err(to_datafusion)?.into_plan())
}

/// The node of a join, and its inputs.
fn node_and_inputs(join: Join, edges: [&Edge; 2]) -> Result<(StreamJoinNode, Vec<LogicalPlan>)> {
    let kind = JoinKind::of(join.join_type)
        .ok_or_else(|| to_datafusion(Error::unsupported(format!("a {} join of two streams", join.join_type))))?;
    let condition = JoinCondition::of(&join)?;
    let inputs = [(&join.left, edges[0]), (&join.right, edges[1])]
        .map(|(input, edge)| NodeInput { schema: input.schema(), edge });
    let evictions = Side::BOTH.map(|side| eviction_rule(&condition, &inputs, side));
    let inputs = [join.left, join.right].map(Arc::unwrap_or_clone);
    Ok((StreamJoinNode::new(kind, condition, evictions), inputs.into()))
}

/// Joins of two streams over inputs without the rows that can meet nothing: because of a NULL, or because of what the
/// condition says of one side alone. Spark has these filters below the join too (`InferFiltersFromConstraints`), so
/// they decide what is state.
pub(super) fn filters_below_joins(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up(|plan| match plan {
        LogicalPlan::Join(join) if is_stream_join(&join) => filters_below(join).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(plan.data)
}

fn filters_below(mut join: Join) -> Result<LogicalPlan> {
    let Some(kind) = JoinKind::of(join.join_type) else { return Ok(LogicalPlan::Join(join)) };
    let inner: Vec<Side> = Side::BOTH.into_iter().filter(|side| !kind.is_outer(*side)).collect();
    let condition = JoinCondition::of(&join)?;
    join.filter = JoinCondition::filter_without_own(&join, &inner);
    for side in inner {
        let input = if side == Side::Left { &mut join.left } else { &mut join.right };
        let not_null = not_null(input.schema(), condition.columns_not_null(input.schema()));
        *input = Arc::new(filtered(input, not_null.chain(condition.own[side as usize].clone()))?);
    }
    Ok(LogicalPlan::Join(join))
}

/// Refuses what Spark refuses of a join of two streams (`UnsupportedOperationChecker`).
pub(super) fn check(join: &Join, edges: [&Edge; 2], mode: OutputMode) -> millstream_core::Result<()> {
    if edges.iter().any(|edge| edge.rows == Rows::Changes) {
        return check_kind(join).map(|_| ());
    }
    check_as_spark(join, edges, mode)?;
    match edges.into_iter().find(|edge| edge.rows != Rows::AppendOnly) {
        Some(edge) => Err(Error::unsupported(format!("a join of two streams over rows that are {}", edge.rows))),
        None => Ok(()),
    }
}

/// The same, where rows are not taken back: the mode, and what bounds the rows of an outer side.
pub(super) fn check_as_spark(join: &Join, edges: [&Edge; 2], mode: OutputMode) -> millstream_core::Result<()> {
    let kind = check_mode(join, mode)?;
    let condition = JoinCondition::of(join).map_err(from_datafusion)?;
    let inputs = [(&join.left, edges[0]), (&join.right, edges[1])]
        .map(|(input, edge)| NodeInput { schema: input.schema(), edge });
    let bounded = |side: Side| time_bound_us(&condition, &inputs, side).is_some();
    let has_bound = match kind {
        JoinKind::Inner => return Ok(()),
        JoinKind::LeftOuter | JoinKind::LeftSemi | JoinKind::LeftAnti => bounded(Side::Left),
        JoinKind::RightOuter => bounded(Side::Right),
        JoinKind::FullOuter => bounded(Side::Left) || bounded(Side::Right),
    };
    if has_bound || key_with_event_time(&condition, &inputs).is_some() {
        return Ok(());
    }
    let name = spark_name(kind);
    Err(refused(format!(
        "Stream-stream {name} join between two streaming DataFrame/Datasets is not supported without a watermark in the \
         join keys, or a watermark on the nullable side and an appropriate range condition"
    )))
}

/// Refuses what Spark refuses of a join of two streams and this engine can run.
pub(super) fn check_strict(join: &Join) -> millstream_core::Result<()> {
    match join.join_type {
        JoinType::LeftAnti => {
            Err(refused("LeftAnti joins with a streaming DataFrame/Dataset on the right are not supported"))
        }
        _ => Ok(()),
    }
}

/// Refuses kinds of joins in output modes that cannot show them. Rows of an outer side leave when they end, and once:
/// nothing could take them back.
fn check_mode(join: &Join, mode: OutputMode) -> millstream_core::Result<JoinKind> {
    let kind = check_kind(join)?;
    let modes = match (kind, mode) {
        (JoinKind::Inner | JoinKind::LeftSemi, OutputMode::Append | OutputMode::Update) => return Ok(kind),
        (_, OutputMode::Append) => return Ok(kind),
        (JoinKind::Inner | JoinKind::LeftSemi, OutputMode::Complete) => "Append and Update output modes",
        (JoinKind::LeftOuter | JoinKind::RightOuter | JoinKind::FullOuter | JoinKind::LeftAnti, _) => {
            "Append output mode"
        }
    };
    let is_cross = kind == JoinKind::Inner && join.on.is_empty() && join.filter.is_none();
    let (name, mode) = (if is_cross { "Cross" } else { spark_name(kind) }, spark_mode(mode));
    Err(refused(format!(
        "{name} join between two streaming DataFrames/Datasets is not supported in {mode} output mode, only in {modes}"
    )))
}

fn check_kind(join: &Join) -> millstream_core::Result<JoinKind> {
    match JoinKind::of(join.join_type) {
        // `NOT IN` would have to know all of the right side.
        Some(kind) if !join.null_aware => Ok(kind),
        _ => Err(Error::unsupported(format!("a {} join of two streams", join.join_type))),
    }
}

fn spark_mode(mode: OutputMode) -> &'static str {
    match mode {
        OutputMode::Append => "Append",
        OutputMode::Update => "Update",
        OutputMode::Complete => "Complete",
    }
}

fn spark_name(kind: JoinKind) -> &'static str {
    match kind {
        JoinKind::Inner => "Inner",
        JoinKind::LeftOuter => "LeftOuter",
        JoinKind::RightOuter => "RightOuter",
        JoinKind::FullOuter => "FullOuter",
        JoinKind::LeftSemi => "LeftSemi",
        JoinKind::LeftAnti => "LeftAnti",
    }
}

/// The first key that carries event time on one side (Spark: `findJoinKeyOrdinalForWatermark`).
fn key_with_event_time(condition: &JoinCondition, inputs: &[NodeInput<'_>; 2]) -> Option<usize> {
    let carries = |key: &JoinKey| {
        let [left, right] = inputs;
        event_time_of(&key.left, left.schema, left.edge).is_some()
            || event_time_of(&key.right, right.schema, right.edge).is_some()
    };
    condition.keys.iter().position(carries)
}

/// When rows of a side end (Spark: `StreamingSymmetricHashJoinHelper.getStateWatermarkPredicates`).
fn eviction_rule(condition: &JoinCondition, inputs: &[NodeInput<'_>; 2], side: Side) -> Option<EvictionRule> {
    if let Some(key) = key_with_event_time(condition, inputs) {
        return Some(EvictionRule { time: EventTimeOf::Key(key), shift_us: 0 });
    }
    let (column, shift_us) = time_bound_us(condition, inputs, side)?;
    let input = &inputs[side as usize];
    input.edge.event_time(input.schema.maybe_index_of_column(&column)?)?;
    // Until its own event time has passed, a row may be taken back.
    let shift_us = if input.edge.rows == Rows::Changes { shift_us.min(0) } else { shift_us };
    Some(EvictionRule { time: EventTimeOf::Column(column), shift_us })
}

fn not_null(schema: &DFSchema, columns: Vec<Column>) -> impl Iterator<Item = Expr> {
    let nullable =
        |column: &Column| schema.maybe_index_of_column(column).is_some_and(|index| schema.field(index).is_nullable());
    columns.into_iter().filter(nullable).map(|column| Expr::Column(column).is_not_null())
}

fn filtered(input: &Arc<LogicalPlan>, conditions: impl Iterator<Item = Expr>) -> Result<LogicalPlan> {
    match conjunction(conditions) {
        Some(condition) => Filter::try_new(condition, Arc::clone(input)).map(LogicalPlan::Filter),
        None => Ok(input.as_ref().clone()),
    }
}

/// Moves conditions that stand above a join of two streams into it, and what looks at one side alone below it, before
/// the join becomes a node. It is DataFusion's rule, asked only on the way to such a join: elsewhere filters stay above
/// what decodes, or a record would be decoded twice.
#[derive(Debug)]
pub(super) struct FilterIntoStreamJoin(PushDownFilter);

impl FilterIntoStreamJoin {
    pub(super) fn new() -> Self {
        Self(PushDownFilter::new())
    }
}

impl OptimizerRule for FilterIntoStreamJoin {
    fn name(&self) -> &str {
        "filter_into_stream_join"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let is_on_the_way = match &plan {
            LogicalPlan::Filter(filter) if leads_to_stream_join(&filter.input) => {
                // Where a condition above asks for rows of both sides, an outer join is an inner one.
                let inner = EliminateOuterJoin::new().rewrite(plan.clone(), config)?;
                if inner.transformed {
                    return Ok(inner);
                }
                true
            }
            LogicalPlan::Join(join) => is_stream_join(join),
            _ => false,
        };
        if is_on_the_way { self.0.rewrite(plan, config) } else { Ok(Transformed::no(plan)) }
    }
}

/// Moves conditions on the keys of a streaming aggregate below it (Spark: `PushPredicateThroughNonJoin`). It is
/// DataFusion's rule, asked only on the way to such an aggregate.
#[derive(Debug)]
pub(super) struct FilterBelowAggregate(PushDownFilter);

impl FilterBelowAggregate {
    pub(super) fn new() -> Self {
        Self(PushDownFilter::new())
    }
}

impl OptimizerRule for FilterBelowAggregate {
    fn name(&self) -> &str {
        "filter_below_aggregate"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let is_on_the_way = matches!(&plan, LogicalPlan::Filter(filter) if leads_to_aggregate(&filter.input));
        if is_on_the_way { self.0.rewrite(plan, config) } else { Ok(Transformed::no(plan)) }
    }
}

fn leads_to_aggregate(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(_) => edge_of(plan, OutputMode::Append).is_streaming,
        LogicalPlan::Filter(filter) => leads_to_aggregate(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => leads_to_aggregate(&alias.input),
        LogicalPlan::Projection(projection) => leads_to_aggregate(&projection.input),
        _ => false,
    }
}

fn leads_to_stream_join(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Join(join) => is_stream_join(join),
        LogicalPlan::Filter(filter) => leads_to_stream_join(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => leads_to_stream_join(&alias.input),
        LogicalPlan::Projection(projection) => {
            let is_column = |expr: &Expr| matches!(expr.clone().unalias(), Expr::Column(_));
            projection.expr.iter().all(is_column) && leads_to_stream_join(&projection.input)
        }
        _ => false,
    }
}

/// Whether both sides of a join are streams.
pub(super) fn is_stream_join(join: &Join) -> bool {
    let is_streaming = |plan: &LogicalPlan| edge_of(plan, OutputMode::Append).is_streaming;
    is_streaming(&join.left) && is_streaming(&join.right)
}
