//! Whether the state of a query comes out the same when a batch is run again.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::node::StreamingExtension;
use crate::functions::BatchTimestamp;

/// Whether no stateful operator stands above an expression that gives other values each time, or above another that
/// picks rows by the order in which they come.
pub(crate) fn is_state_repeatable(plan: &LogicalPlan) -> Result<bool> {
    let mut is_repeatable = true;
    plan.apply(|plan| {
        if is_stateful(plan) && (has_varying_expression(plan)? || has_picked_rows(plan)?) {
            is_repeatable = false;
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(is_repeatable)
}

fn is_stateful(plan: &LogicalPlan) -> bool {
    StreamingExtension::of(plan).is_some_and(|extension| extension.node().is_stateful())
}

/// Whether such an expression stands in this operator or below it.
fn has_varying_expression(plan: &LogicalPlan) -> Result<bool> {
    let mut varies = false;
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expr| {
            varies = varies || expr.exists(|expr| Ok(is_varying(expr)))?;
            Ok(if varies { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(varies)
}

/// Whether an operator below this one picks rows by their order.
fn has_picked_rows(plan: &LogicalPlan) -> Result<bool> {
    let picks = |plan: &LogicalPlan| {
        Ok(StreamingExtension::of(plan).is_some_and(|extension| extension.node().picks_by_arrival()))
    };
    Ok(plan.inputs().into_iter().map(|input| input.exists(picks)).collect::<Result<Vec<_>>>()?.contains(&true))
}

/// The time of a batch is in the log, and is the same each time.
fn is_varying(expr: &Expr) -> bool {
    let is_time = matches!(expr, Expr::ScalarFunction(call) if call.func.inner().is::<BatchTimestamp>());
    expr.is_volatile_node() && !is_time
}

#[cfg(test)]
mod tests;
