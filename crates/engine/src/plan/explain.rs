//! The streaming operators of a plan in words: what each takes and gives.

use std::fmt::Write;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use millstream_core::OutputMode;

use super::edge::{Edge, edge_of};
use super::node::StreamingExtension;

/// A line for each streaming node, from the sink downward, and one for what the sink gets. `fused_joins` says how many
/// joins of aggregates became one aggregate.
pub(crate) fn operators(plan: &LogicalPlan, mode: OutputMode, fused_joins: usize) -> String {
    let mut text = format!("sink in {mode} mode: {}\n", words(&edge_of(plan, mode), plan));
    if fused_joins > 0 {
        let _ = writeln!(text, "joins of aggregates of one stream: {fused_joins} became a part of the aggregate");
    }
    // The walk itself cannot fail.
    let _: Result<_> = plan.apply(|plan| {
        if let Some(extension) = StreamingExtension::of(plan) {
            let (node, place) = (extension.node(), extension.place());
            let number = if node.is_stateful() { format!(" {}", place.number) } else { String::new() };
            let takes: Vec<_> = extension.inputs().iter().map(|input| words(&edge_of(input, mode), input)).collect();
            let gives = words(&edge_of(plan, mode), plan);
            let keeps = extension.keeps_for_ever().map(|kept| format!(", keeps {kept} for ever")).unwrap_or_default();
            let _ = writeln!(text, "{}{number}: takes {}, gives {gives}{keeps}", node.name(), takes.join(" and "));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    text
}

/// The stateful operators whose state grows with what the stream brings, from the sink downward, each with its number
/// and what it keeps.
pub(crate) fn unbounded_state(plan: &LogicalPlan) -> Vec<String> {
    let mut found = Vec::new();
    // The walk itself cannot fail.
    let _: Result<_> = plan.apply(|plan| {
        if let Some(extension) = StreamingExtension::of(plan)
            && let Some(kept) = extension.keeps_for_ever()
        {
            found.push(format!("{} {} keeps {kept}", extension.node().name(), extension.place().number));
        }
        Ok(TreeNodeRecursion::Continue)
    });
    found
}

/// `updates by [k] with event time [w]`.
fn words(edge: &Edge, plan: &LogicalPlan) -> String {
    if !edge.is_streaming {
        return "a table".to_owned();
    }
    let names = |columns: &mut dyn Iterator<Item = usize>| {
        let names: Vec<_> = columns.map(|column| plan.schema().field(column).name().as_str()).collect();
        format!("[{}]", names.join(", "))
    };
    let mut text = edge.rows.to_string();
    if let Some(key) = &edge.key {
        let _ = write!(text, " by {}", names(&mut key.iter().copied()));
    }
    if !edge.event_times.is_empty() {
        let _ = write!(text, " with event time {}", names(&mut edge.event_times.iter().map(|time| time.column)));
    }
    text
}

#[cfg(test)]
mod tests;
