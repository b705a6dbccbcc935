//! Puts consolidation where changes meet somebody who does not take them, and carries weights through projections.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};
use millstream_core::OutputMode;

use super::edge::{Edge, EdgeWalk, Rows, WEIGHT, needs_consolidation};
use super::nodes::ConsolidateNode;
use crate::error::to_datafusion;

/// The plan with all changes consolidated before whoever takes none, the sink among them.
pub(crate) fn consolidate(plan: LogicalPlan, mode: OutputMode) -> Result<LogicalPlan> {
    let mut walk = EdgeWalk::new(mode);
    let mut has_changed = false;
    let plan = plan.transform_up(|plan| {
        let inputs = walk.step(&plan);
        if inputs.iter().any(|input| input.rows == Rows::Changes) {
            has_changed = true;
            return fit(plan, &inputs).map(Transformed::yes);
        }
        // Somewhere below, a projection has got a column more, or a consolidation has one less.
        if has_changed { plan.recompute_schema().map(Transformed::yes) } else { Ok(Transformed::no(plan)) }
    })?;
    let (plan, result) = (plan.data, walk.newest());
    if result.rows != Rows::Changes {
        return Ok(plan);
    }
    let gives = match (mode, &result.key) {
        (OutputMode::Update, Some(_)) => Rows::Updates,
        _ => Rows::AppendOnly,
    };
    ConsolidateNode::over(plan, gives, format!("the sink in {mode} mode")).map_err(to_datafusion)
}

/// A node over inputs some of which are changes.
fn fit(plan: LogicalPlan, inputs: &[Edge]) -> Result<LogicalPlan> {
    let reader = plan.display().to_string();
    let edges = inputs.iter().enumerate();
    let consolidated: Vec<bool> = edges.map(|(input, edge)| needs_consolidation(&plan, input, edge)).collect();
    let mut input = 0;
    let plan = plan.map_children(|child| {
        input += 1;
        if !consolidated[input - 1] {
            return Ok(Transformed::no(child));
        }
        let child = ConsolidateNode::over(child, Rows::AppendOnly, reader.clone()).map_err(to_datafusion)?;
        Ok(Transformed::yes(child))
    })?;
    match plan.data {
        LogicalPlan::Projection(projection) => Ok(LogicalPlan::Projection(with_weight(projection)?)),
        other => other.recompute_schema(),
    }
}

/// The projection with the weights of its rows.
fn with_weight(projection: Projection) -> Result<Projection> {
    let Projection { mut expr, input, .. } = projection;
    let shows = |expr: &Expr| expr.qualified_name().1 == WEIGHT;
    if !expr.iter().any(shows) {
        let weight = input.schema().columns().into_iter().find(|column| column.name == WEIGHT);
        expr.extend(weight.map(Expr::Column));
    }
    Projection::try_new(expr, input)
}
