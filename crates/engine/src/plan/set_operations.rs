//! EXCEPT and INTERSECT of two streams as an aggregate that counts the rows of either side.
//!
//! ```text
//! Repeat by copies                 EXCEPT: there, and not on the right      ALL: left − right
//!   Project columns, copies        INTERSECT: on both sides                 ALL: the lesser of both
//!     Aggregate by all columns: rows of the left, rows of the right
//!       Union of both, each row with a 1 for its side
//! ```
//!
//! The aggregate is the usual one, and so are state, watermark and what it costs. Strict mode does not ask this file.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit, when};
use datafusion::prelude::col;
use millstream_core::{Error, OutputMode};

use super::edge::edge_of;
use super::node::StreamingExtension;
use super::nodes::{COPIES, RepeatNode, SetOperation, SetOperationNode};
use crate::error::to_datafusion;
use crate::functions::aggregates::sum;
use crate::state::Overflow;

/// The columns that count the rows of the two sides.
const SIDES: [&str; 2] = ["__rows_of_left", "__rows_of_right"];

/// The plan with aggregates in the place of set operations.
pub(crate) fn set_operations_as_aggregates(plan: LogicalPlan, mode: OutputMode) -> Result<LogicalPlan> {
    if mode == OutputMode::Append {
        return Ok(plan);
    }
    let plan = plan.transform_up(|plan| {
        let node = StreamingExtension::of(&plan);
        let operation = node.and_then(|node| node.node_as::<SetOperationNode>()).cloned();
        let inputs = plan.inputs();
        match (operation, inputs.as_slice()) {
            (Some(operation), [left, right]) => {
                let both = [left, right].map(|input| edge_of(input, mode).is_streaming);
                // What Spark refuses is refused in its words, when the plan is checked.
                if !both[0] || (operation.operation == SetOperation::Intersect && !both[1]) {
                    return Ok(Transformed::no(plan));
                }
                if !both[1] {
                    let message = format!("{} of a stream and a table", operation.operation.sql());
                    return Err(to_datafusion(Error::unsupported(message)));
                }
                let inputs = [LogicalPlan::clone(left), LogicalPlan::clone(right)];
                counted(&operation, inputs).map(Transformed::yes)
            }
            _ => Ok(Transformed::no(plan)),
        }
    })?;
    Ok(plan.data)
}

fn counted(operation: &SetOperationNode, [left, right]: [LogicalPlan; 2]) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = left.schema().columns().into_iter().map(Expr::Column).collect();
    let of_side = |input: LogicalPlan, is_left: bool| {
        let own = input.schema().columns().into_iter().map(Expr::Column);
        let marks = [(SIDES[0], is_left), (SIDES[1], !is_left)];
        let marks = marks.map(|(name, is_here)| lit(i64::from(is_here)).alias(name));
        LogicalPlanBuilder::from(input).project(own.chain(marks))?.build()
    };
    let right = of_side(right, false)?;
    let rows = |name: &str| sum(col(name), Overflow::Error).alias(name);
    let shown = columns.iter().cloned().chain([copies(operation)?.alias(COPIES)]);
    let copied = LogicalPlanBuilder::from(of_side(left, true)?)
        .union(right)?
        .aggregate(columns.clone(), SIDES.map(rows))?
        .project(shown.collect::<Vec<_>>())?
        .build()?;
    RepeatNode { is_distinct: !operation.is_all }.over(copied).map_err(to_datafusion)
}

/// How often a row is in the result.
fn copies(operation: &SetOperationNode) -> Result<Expr> {
    let [left, right] = SIDES.map(col);
    let (none, one) = (lit(0_i64), lit(1_i64));
    match (operation.operation, operation.is_all) {
        (SetOperation::Except, true) => when(left.clone().gt(right.clone()), left - right).otherwise(none),
        (SetOperation::Intersect, true) => when(left.clone().lt(right.clone()), left).otherwise(right),
        (SetOperation::Except, false) => when(left.gt(none.clone()).and(right.eq(none.clone())), one).otherwise(none),
        (SetOperation::Intersect, false) => {
            when(left.gt(none.clone()).and(right.gt(none.clone())), one).otherwise(none)
        }
    }
}

impl SetOperation {
    fn sql(self) -> &'static str {
        match self {
            Self::Except => "EXCEPT",
            Self::Intersect => "INTERSECT",
        }
    }
}
