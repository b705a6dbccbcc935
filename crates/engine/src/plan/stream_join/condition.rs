//! The condition of a join, taken apart: what is equal on both sides, and the rest.

use datafusion::common::{Column, DFSchema, NullEquality};
use datafusion::error::Result;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Join, Operator};

use crate::functions::{Meaning, meaning_of, split_lazy_conjunction};
use crate::operators::Side;

/// Expressions of both sides that must be equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan) struct JoinKey {
    pub(in crate::plan) left: Expr,
    pub(in crate::plan) right: Expr,
    /// NULL meets NULL.
    pub(in crate::plan) null_safe: bool,
}

/// The parts of a join's condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::plan) struct JoinCondition {
    pub(in crate::plan) keys: Vec<JoinKey>,
    /// What looks at the left or the right side alone.
    pub(in crate::plan) own: [Option<Expr>; 2],
    /// What looks at both, part by part: each is asked for pairs that those before it accept.
    pub(in crate::plan) both: Vec<Expr>,
}

impl JoinCondition {
    /// The parts of this join's condition.
    pub(in crate::plan) fn of(join: &Join) -> Result<Self> {
        let null_safe = join.null_equality == NullEquality::NullEqualsNull;
        let pair = |(left, right): &(Expr, Expr)| JoinKey { left: left.clone(), right: right.clone(), null_safe };
        let mut keys: Vec<JoinKey> = join.on.iter().map(pair).collect();
        let (mut own, mut both) = ([vec![], vec![]], vec![]);
        let schemas = [join.left.schema().as_ref(), join.right.schema().as_ref()];
        for part in join.filter.clone().map_or_else(Vec::new, split_lazy_conjunction) {
            if let Some(key) = key_of(&part, schemas) {
                if !keys.contains(&key) {
                    keys.push(key);
                }
                continue;
            }
            match side_of(&part, schemas).filter(|_| !part.is_volatile()) {
                Some(side) => own[side as usize].push(part),
                None => both.push(part),
            }
        }
        Ok(Self { keys, own: own.map(conjunction), both })
    }

    /// The filter of a join without the parts that look at one of these sides alone.
    pub(in crate::plan) fn filter_without_own(join: &Join, sides: &[Side]) -> Option<Expr> {
        let schemas = [join.left.schema().as_ref(), join.right.schema().as_ref()];
        let is_own = |part: &Expr| {
            let side = side_of(part, schemas).filter(|side| sides.contains(side) && !part.is_volatile());
            side.is_some() && key_of(part, schemas).is_none()
        };
        conjunction(split_lazy_conjunction(join.filter.clone()?).into_iter().filter(|part| !is_own(part)))
    }

    /// The places of columns of the left and of the right side that are equal in rows that meet.
    pub(in crate::plan) fn equal_columns(&self, schemas: [&DFSchema; 2]) -> Vec<[usize; 2]> {
        let pair = |key: &JoinKey| match (&key.left, &key.right) {
            (Expr::Column(left), Expr::Column(right)) => {
                Some([schemas[0].maybe_index_of_column(left)?, schemas[1].maybe_index_of_column(right)?])
            }
            _ => None,
        };
        self.keys.iter().filter_map(pair).collect()
    }

    /// There is nothing in the condition but so many pairs of equal columns.
    pub(in crate::plan) fn is_only_equal(&self, columns: usize) -> bool {
        self.keys.len() == columns && self.own.iter().all(Option::is_none) && self.both.is_empty()
    }

    /// The columns of one side, by its schema, that cannot be NULL in a row that meets another: those that keys and
    /// comparisons read directly, or under arithmetic that gives NULL for NULL.
    pub(in crate::plan) fn columns_not_null(&self, schema: &DFSchema) -> Vec<Column> {
        let mut columns = Vec::new();
        let strict = self.keys.iter().filter(|key| !key.null_safe);
        strict.for_each(|key| [&key.left, &key.right].into_iter().for_each(|expr| strict_columns(expr, &mut columns)));
        for part in &self.both {
            if let Expr::BinaryExpr(BinaryExpr { left, op, right }) = part
                && is_comparison(*op)
            {
                [left, right].into_iter().for_each(|expr| strict_columns(expr, &mut columns));
            }
        }
        columns.retain(|column| schema.maybe_index_of_column(column).is_some());
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}

fn is_comparison(operator: Operator) -> bool {
    matches!(operator, Operator::Eq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq)
}

/// Adds the columns for whose NULL an expression is NULL, as far as that is plain.
fn strict_columns(expr: &Expr, columns: &mut Vec<Column>) {
    match expr {
        Expr::Column(column) => columns.push(column.clone()),
        Expr::Cast(cast) => strict_columns(&cast.expr, columns),
        Expr::ScalarFunction(call) if matches!(meaning_of(&call.func), Some(Meaning::Plus | Meaning::Minus)) => {
            call.args.iter().for_each(|argument| strict_columns(argument, columns));
        }
        _ => {}
    }
}

/// The keys that a part of a condition compares, if it is an equality between both sides.
fn key_of(part: &Expr, schemas: [&DFSchema; 2]) -> Option<JoinKey> {
    let (left, right, null_safe) = match part {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => (&**left, &**right, false),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::IsNotDistinctFrom, right }) => (&**left, &**right, true),
        Expr::ScalarFunction(call) => match (meaning_of(&call.func)?, call.args.as_slice()) {
            (Meaning::Equality, [left, right]) => (left, right, false),
            (Meaning::NullSafeEquality, [left, right]) => (left, right, true),
            _ => return None,
        },
        _ => return None,
    };
    if part.is_volatile() {
        return None;
    }
    match (side_of(left, schemas)?, side_of(right, schemas)?) {
        (Side::Left, Side::Right) => Some(JoinKey { left: left.clone(), right: right.clone(), null_safe }),
        (Side::Right, Side::Left) => Some(JoinKey { left: right.clone(), right: left.clone(), null_safe }),
        _ => None,
    }
}

/// The side that an expression looks at alone; none if it looks at both or at no column.
fn side_of(expr: &Expr, schemas: [&DFSchema; 2]) -> Option<Side> {
    let columns = expr.column_refs();
    let is_of = |schema: &DFSchema| columns.iter().all(|column| schema.maybe_index_of_column(column).is_some());
    match schemas.map(is_of) {
        _ if columns.is_empty() => None,
        [true, _] => Some(Side::Left),
        [_, true] => Some(Side::Right),
        [false, false] => None,
    }
}
