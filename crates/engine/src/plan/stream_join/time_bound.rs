//! How long a row can meet others, by comparisons of event times in the condition (Spark:
//! `StreamingJoinHelper.getStateValueWatermark`).
//!
//! From `right.at >= left.ts - 5 seconds`, and a watermark on `left.ts`, it follows that rows of the right side meet
//! nothing any more once their `at` is below the watermark less 5 seconds.

use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::condition::JoinCondition;
use crate::functions::{Meaning, meaning_of};
use crate::operators::Side;
use crate::plan::node::NodeInput;

/// The column of `side` that is bounded, and its bound: rows whose value is at or below the watermark plus so many
/// microseconds meet nothing any more. Of several bounds the lowest, as in Spark.
pub(super) fn time_bound_us(
    condition: &JoinCondition,
    inputs: &[NodeInput<'_>; 2],
    side: Side,
) -> Option<(Column, i64)> {
    let bounds = condition.both.iter().filter_map(|part| bound_of(part, inputs, side));
    bounds.min_by_key(|(_, shift_us)| *shift_us)
}

fn bound_of(part: &Expr, inputs: &[NodeInput<'_>; 2], side: Side) -> Option<(Column, i64)> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = part else { return None };
    let (lesser, greater, is_strict) = match op {
        Operator::Lt => (left, right, true),
        Operator::LtEq => (left, right, false),
        Operator::Gt => (right, left, true),
        Operator::GtEq => (right, left, false),
        _ => return None,
    };
    // The condition as `0 < greater - lesser`.
    let mut sum = Sum::default();
    sum.add(greater, 1)?;
    sum.add(lesser, -1)?;
    let [own, other] = [side, side.other()].map(|side| &inputs[side as usize]);
    let ([(column, 1)], [(watermarked, -1)]) = (&*sum.columns_of(own.schema), &*sum.columns_of(other.schema)) else {
        return None;
    };
    other.edge.event_time(other.schema.maybe_index_of_column(watermarked)?)?;
    // `watermarked - constant < column`, and all that comes is after the watermark. Watermarks are in whole
    // milliseconds; what is exactly at an inclusive bound is kept for one more, as in Spark.
    let millis = sum.constant_us.checked_neg()?.div_euclid(1000);
    let shift_us = millis.checked_sub(i64::from(!is_strict))?.checked_mul(1000)?;
    Some((column.clone(), shift_us))
}

/// A sum of columns and of a constant.
#[derive(Debug, Default)]
struct Sum {
    columns: Vec<(Column, i64)>,
    constant_us: i64,
}

impl Sum {
    fn columns_of(&self, schema: &DFSchema) -> Vec<(Column, i64)> {
        let is_of = |(column, _): &&(Column, i64)| schema.maybe_index_of_column(column).is_some();
        self.columns.iter().filter(is_of).cloned().collect()
    }

    /// Adds an expression with this sign; `None` if it is no sum of times and intervals.
    fn add(&mut self, expr: &Expr, sign: i64) -> Option<()> {
        match expr {
            Expr::Column(column) => self.columns.push((column.clone(), sign)),
            Expr::Alias(alias) => self.add(&alias.expr, sign)?,
            Expr::Literal(value, _) => {
                let us = interval_us(value)?.checked_mul(sign)?;
                self.constant_us = self.constant_us.checked_add(us)?;
            }
            Expr::Negative(inner) => self.add(inner, -sign)?,
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Plus, right }) => {
                self.add(left, sign)?;
                self.add(right, sign)?;
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }) => {
                self.add(left, sign)?;
                self.add(right, -sign)?;
            }
            Expr::ScalarFunction(call) => {
                let second = match meaning_of(&call.func)? {
                    Meaning::Plus => sign,
                    Meaning::Minus => -sign,
                    _ => return None,
                };
                let [first, rest] = call.args.as_slice() else { return None };
                self.add(first, sign)?;
                self.add(rest, second)?;
            }
            _ => return None,
        }
        Some(())
    }
}

/// A constant span of time, or a constant time; months have no fixed length.
fn interval_us(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::DurationMicrosecond(us) | ScalarValue::TimestampMicrosecond(us, _) => *us,
        ScalarValue::IntervalMonthDayNano(Some(interval)) if interval.months == 0 => {
            let days_us = i64::from(interval.days).checked_mul(86_400_000_000)?;
            days_us.checked_add(interval.nanoseconds / 1000)
        }
        _ => None,
    }
}
