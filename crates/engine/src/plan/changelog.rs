//! Decides which aggregates give changes: those whose rows another aggregate or a join of streams takes in, in update
//! and complete mode.
//!
//! What an aggregate gives in these modes replaces what it has given before. For a sink that is enough, or the sink
//! gets all of it. Another aggregate has to know which row goes: its group loses that row and gains the new one, and a
//! join loses the pairs of that row. So the lower one gives the old row with weight −1 and the new one with weight 1.
//! In append mode each group is given once, and nothing has to be taken back.
//!
//! An aggregate over changes may lose a whole group, and sessions that grow or meet others take the place of those
//! before. So what these give to a sink in update mode are changes too, of which the sink sees the newest row of a key
//! or that the key has gone (`consolidation.rs`).
//!
//! Spark refuses all these queries, and so does strict mode, where no aggregate is marked.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use millstream_core::OutputMode;

use super::edge::{Rows, edge_of, takes_changes};
use super::node::StreamingExtension;
use super::nodes::ChangesNode;
use super::stateful_aggregate::session_key;
use crate::error::to_datafusion;

/// The plan with a [`ChangesNode`] over each aggregate that gives changes.
pub(crate) fn mark_changes(plan: LogicalPlan, mode: OutputMode) -> Result<LogicalPlan> {
    if mode == OutputMode::Append { Ok(plan) } else { marked(plan, mode, false).map(|plan| plan.data) }
}

/// `is_wanted` says that somebody above takes changes and nothing else.
fn marked(plan: LogicalPlan, mode: OutputMode, is_wanted: bool) -> Result<Transformed<LogicalPlan>> {
    let is_aggregate = matches!(plan, LogicalPlan::Aggregate(_)) && edge_of(&plan, mode).is_streaming;
    // All inputs of a union are of one kind, and a join that knows of one row that goes must know of all.
    let is_wanted = is_wanted
        || (matches!(plan, LogicalPlan::Union(_)) && takes_back(&plan, mode))
        || is_join_of_changes(&plan, mode);
    let below = is_aggregate || is_wanted || gives_changes(&plan, mode);
    let mut input = 0;
    let passes: Vec<bool> = (0..plan.inputs().len()).map(|input| below && takes_changes(&plan, input)).collect();
    let plan = plan.map_children(|child| {
        input += 1;
        marked(child, mode, passes[input - 1])
    })?;
    if is_aggregate && (is_wanted || takes_back(&plan.data, mode)) {
        let changes = StreamingExtension::over(plan.data, ChangesNode::default()).map_err(to_datafusion)?;
        return Ok(Transformed::yes(changes));
    }
    Ok(plan)
}

/// A node of ours gives changes by itself, and takes them.
fn gives_changes(plan: &LogicalPlan, mode: OutputMode) -> bool {
    StreamingExtension::of(plan).is_some() && edge_of(plan, mode).rows == Rows::Changes
}

/// Rows of the plan are taken back whoever is above: in update mode those of an aggregate over rows that change, and
/// sessions.
pub(super) fn takes_back(plan: &LogicalPlan, mode: OutputMode) -> bool {
    if mode != OutputMode::Update {
        return false;
    }
    let mut inputs = plan.inputs().into_iter().enumerate();
    match plan {
        LogicalPlan::Aggregate(aggregate) if session_key(aggregate).is_some() => true,
        LogicalPlan::Aggregate(_) => inputs.any(|(_, input)| edge_of(input, mode).rows != Rows::AppendOnly),
        LogicalPlan::Join(_) => is_join_of_changes(plan, mode),
        _ if gives_changes(plan, mode) => true,
        _ => inputs.any(|(number, input)| takes_changes(plan, number) && takes_back(input, mode)),
    }
}

/// A join of two streams one of which replaces its rows.
fn is_join_of_changes(plan: &LogicalPlan, mode: OutputMode) -> bool {
    let LogicalPlan::Join(join) = plan else { return false };
    let edges = [&join.left, &join.right].map(|input| edge_of(input, mode));
    edges.iter().all(|edge| edge.is_streaming) && edges.iter().any(|edge| edge.rows != Rows::AppendOnly)
}
