//! Between which numbers a condition holds a column.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

/// The least and the greatest number that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Bounds {
    const ALL: Self = Self { first: i64::MIN, last: i64::MAX };

    /// The numbers that pass both.
    pub(super) fn and(self, other: Self) -> Self {
        Self { first: self.first.max(other.first), last: self.last.min(other.last) }
    }
}

/// The columns that a condition holds between bounds. What it says beside that is left out: fewer rows may pass.
pub(super) fn bounded(condition: &Expr, schema: &DFSchema) -> Vec<(usize, Bounds)> {
    split_conjunction(condition).into_iter().filter_map(|part| bound_of(part, schema)).collect()
}

fn bound_of(part: &Expr, schema: &DFSchema) -> Option<(usize, Bounds)> {
    match part {
        Expr::Alias(alias) => bound_of(&alias.expr, schema),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (integer(left), integer(right)) {
            (None, Some(number)) => Some((shown_number(left, schema)?, up_to(*op, number)?)),
            (Some(number), None) => Some((shown_number(right, schema)?, up_to(op.swap()?, number)?)),
            _ => None,
        },
        Expr::Between(between) if !between.negated => {
            let bounds = Bounds { first: integer(&between.low)?, last: integer(&between.high)? };
            Some((shown_number(&between.expr, schema)?, bounds))
        }
        _ => None,
    }
}

fn up_to(op: Operator, number: i64) -> Option<Bounds> {
    Some(match op {
        Operator::Eq => Bounds { first: number, last: number },
        Operator::LtEq => Bounds { last: number, ..Bounds::ALL },
        Operator::Lt => Bounds { last: number.checked_sub(1)?, ..Bounds::ALL },
        Operator::GtEq => Bounds { first: number, ..Bounds::ALL },
        Operator::Gt => Bounds { first: number.checked_add(1)?, ..Bounds::ALL },
        _ => return None,
    })
}

/// The input column whose number an expression shows, perhaps as another type of integer.
pub(super) fn shown_number(expr: &Expr, schema: &DFSchema) -> Option<usize> {
    match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column),
        Expr::Alias(alias) => shown_number(&alias.expr, schema),
        Expr::Cast(cast) if keeps_numbers(cast.field.data_type()) => shown_number(&cast.expr, schema),
        _ => None,
    }
}

/// A cast to this type changes no number that rows can have.
pub(super) fn keeps_numbers(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int32 | DataType::Int64 | DataType::UInt32 | DataType::UInt64)
}

fn integer(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(value, _) if value.data_type().is_integer() => {
            let value = value.cast_to(&DataType::Int64).ok()?;
            i64::try_from(value).ok()
        }
        Expr::Alias(alias) => integer(&alias.expr),
        Expr::Cast(cast) if keeps_numbers(cast.field.data_type()) => integer(&cast.expr),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
