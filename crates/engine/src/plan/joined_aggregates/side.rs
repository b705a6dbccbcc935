//! One side of a join: an aggregate of a stream, and what is made of its groups.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{Aggregate, BinaryExpr, Expr, LogicalPlan, Operator};

use super::rows::StreamRows;
use crate::functions::StreamAggregate;
use crate::plan::stateful_aggregate::session_key;
use crate::state::NativeAggregate;

/// An aggregate with what stands over it.
#[derive(Debug)]
pub(super) struct AggregateSide {
    pub(super) aggregate: Aggregate,
    /// What it takes in.
    pub(super) rows: StreamRows,
    /// The columns of the side, over those of the aggregate.
    pub(super) outputs: Vec<Expr>,
    /// Only groups of which this is so are rows of the side. It stays so once it is.
    pub(super) conditions: Vec<Expr>,
}

/// Both sides, if both are such.
pub(super) fn both(plans: [&LogicalPlan; 2]) -> Result<Option<[AggregateSide; 2]>> {
    let Some(first) = AggregateSide::of(plans[0])? else { return Ok(None) };
    let Some(second) = AggregateSide::of(plans[1])? else { return Ok(None) };
    Ok(Some([first, second]))
}

impl AggregateSide {
    fn of(plan: &LogicalPlan) -> Result<Option<Self>> {
        if let LogicalPlan::Aggregate(aggregate) = plan {
            return Self::of_aggregate(aggregate);
        }
        if plan.expressions().iter().any(Expr::is_volatile) {
            return Ok(None);
        }
        let [input] = plan.inputs()[..] else { return Ok(None) };
        let Some(mut side) = Self::of(input)? else { return Ok(None) };
        match plan {
            LogicalPlan::Projection(projection) => {
                let over = |expr: &Expr| inlined(expr, input.schema(), &side.outputs);
                side.outputs = projection.expr.iter().map(over).collect::<Result<_>>()?;
            }
            LogicalPlan::Filter(filter) => {
                let conditions = split_conjunction_owned(inlined(&filter.predicate, input.schema(), &side.outputs)?);
                // A group that fails the user's condition later would have to be taken back.
                if !conditions.iter().all(|condition| side.stays(condition)) {
                    return Ok(None);
                }
                side.conditions.extend(conditions);
            }
            LogicalPlan::SubqueryAlias(_) => {}
            _ => return Ok(None),
        }
        Ok(Some(side))
    }

    fn of_aggregate(aggregate: &Aggregate) -> Result<Option<Self>> {
        let is_plain = |key: &Expr| !matches!(key, Expr::GroupingSet(_)) && !key.is_volatile();
        let has_keys = !aggregate.group_expr.is_empty() && aggregate.group_expr.iter().all(is_plain);
        let is_call = |call: &Expr| matches!(call.clone().unalias(), Expr::AggregateFunction(_)) && !call.is_volatile();
        if !has_keys || session_key(aggregate).is_some() || !aggregate.aggr_expr.iter().all(is_call) {
            return Ok(None);
        }
        let Some(rows) = StreamRows::of(&aggregate.input)? else { return Ok(None) };
        let outputs = aggregate.schema.columns().into_iter().map(Expr::Column).collect();
        Ok(Some(Self { aggregate: aggregate.clone(), rows, outputs, conditions: vec![] }))
    }

    /// Once the condition is met by a group, it always is: it is about a key, or asks for more of a count than there
    /// may be yet. Counts of rows that stay only grow.
    fn stays(&self, condition: &Expr) -> bool {
        let place = |expr: &Expr| match expr {
            Expr::Column(column) => self.aggregate.schema.maybe_index_of_column(column),
            _ => None,
        };
        let keys = self.aggregate.group_expr.len();
        match condition {
            Expr::IsNotNull(inner) => place(inner).is_some_and(|place| place < keys),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Gt, right }) => {
                let count = place(left).and_then(|place| self.aggregate.aggr_expr.get(place.checked_sub(keys)?));
                count.is_some_and(is_count) && matches!(**right, Expr::Literal(..))
            }
            _ => false,
        }
    }

    /// The key of the aggregate that a column of the side shows.
    pub(super) fn key_at(&self, column: usize) -> Option<usize> {
        let Expr::Column(shown) = self.outputs.get(column)? else { return None };
        self.aggregate.schema.maybe_index_of_column(shown).filter(|place| *place < self.aggregate.group_expr.len())
    }

    /// Expressions over the rows that the aggregate takes in, over their source.
    pub(super) fn inlined(&self, exprs: &[Expr]) -> Result<Vec<Expr>> {
        exprs.iter().map(|expr| inlined(expr, self.aggregate.input.schema(), &self.rows.columns)).collect()
    }
}

fn is_count(call: &Expr) -> bool {
    match call {
        Expr::Alias(alias) => is_count(&alias.expr),
        Expr::AggregateFunction(call) => StreamAggregate::native_of(&call.func) == Some(NativeAggregate::Count),
        _ => false,
    }
}

/// The expression with other expressions in the place of the columns of a schema.
pub(super) fn inlined(expr: &Expr, schema: &DFSchema, columns: &[Expr]) -> Result<Expr> {
    let expr = expr.clone().unalias_nested().data;
    let inlined = expr.transform_up(|expr| match &expr {
        Expr::Column(column) => Ok(Transformed::yes(columns[schema.index_of_column(column)?].clone())),
        _ => Ok(Transformed::no(expr)),
    });
    Ok(inlined?.data)
}
