//! Arithmetic on DECIMAL, with Spark's precision and scale for each operator (Spark: `DecimalPrecision`).

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array};
use arrow::datatypes::{DataType, Decimal128Type, i256};
use datafusion::common::ScalarValue;
use millstream_core::{Error, Result};

use super::arithmetic::{OnFailure, Operation, is_tolerant};
use crate::call::FunctionCall;
use crate::coercion::as_decimal;
use crate::columns::decimal::decimal_text;
use crate::data_type::decimal;
use crate::failure::{arithmetic_overflow, decimal_out_of_range};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

/// The operands as decimals and the result's type.
pub(super) fn resolve(
    call: &FunctionCall<'_>,
    operation: Operation,
    function: &'static Function,
    operands: (TypedExpr, TypedExpr),
) -> Result<TypedExpr> {
    let (left, right) = (as_decimal_operand(operands.0, call)?, as_decimal_operand(operands.1, call)?);
    let (Some(a), Some(b)) = (as_decimal(&left.data_type), as_decimal(&right.data_type)) else {
        return Err(Error::internal("a decimal operator over other types"));
    };
    let result = match operation {
        Operation::IntegralDivide => DataType::Int64,
        _ => result_type(operation, a, b),
    };
    // Sums that overflow are NULL without ANSI mode.
    let nullable =
        left.nullable || right.nullable || operation.divides() || !call.context.settings.ansi || is_tolerant(call);
    Ok(function.over([left, right], result, nullable, &call.context.settings))
}

/// Integers as decimals: a literal with just its digits, anything else with those of its type.
fn as_decimal_operand(operand: TypedExpr, call: &FunctionCall<'_>) -> Result<TypedExpr> {
    let Some((precision, scale)) = as_decimal(&operand.data_type) else {
        return Err(Error::internal("a decimal operator over other types"));
    };
    // A constant that was folded is no literal to Spark: `CAST(1 AS INT)` has the digits of its type.
    let is_written = operand.sql.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let digits = match operand.as_literal().filter(|_| is_written) {
        Some(ScalarValue::Int8(Some(value))) => digits(i64::from(*value)),
        Some(ScalarValue::Int16(Some(value))) => digits(i64::from(*value)),
        Some(ScalarValue::Int32(Some(value))) => digits(i64::from(*value)),
        Some(ScalarValue::Int64(Some(value))) => digits(*value),
        _ => u8::try_from(precision).unwrap_or(38),
    };
    call.cast(operand, &decimal(digits, i8::try_from(scale).unwrap_or(38)))
}

fn digits(value: i64) -> u8 {
    let mut digits = 1;
    let mut rest = value.unsigned_abs() / 10;
    while rest > 0 {
        digits += 1;
        rest /= 10;
    }
    digits
}

/// Precision and scale of a result, with digits after the point given up where 38 are not enough.
fn result_type(operation: Operation, a: (i32, i32), b: (i32, i32)) -> DataType {
    let ((p1, s1), (p2, s2)) = (a, b);
    let scale = s1.max(s2);
    let (precision, scale) = match operation {
        Operation::Add | Operation::Subtract => ((p1 - s1).max(p2 - s2) + scale + 1, scale),
        Operation::Multiply => (p1 + p2 + 1, s1 + s2),
        Operation::Divide => {
            let scale = (s1 + p2 + 1).max(6);
            (p1 - s1 + s2 + scale, scale)
        }
        _ => ((p1 - s1).min(p2 - s2) + scale, scale),
    };
    let (precision, scale) = if precision <= 38 {
        (precision, scale)
    } else {
        let whole = precision - scale;
        (38, (38 - whole).max(scale.min(6)))
    };
    decimal(u8::try_from(precision.max(1)).unwrap_or(38), i8::try_from(scale.min(38)).unwrap_or(38))
}

/// Computes an operator over two decimal columns.
pub(super) fn compute(evaluation: &Evaluation<'_>, operation: Operation, failure: OnFailure) -> Result<ArrayRef> {
    let (left, right) = (evaluation.numbers::<Decimal128Type>(0), evaluation.numbers::<Decimal128Type>(1));
    let scales = (left.scale(), right.scale());
    let (precision, scale) = match evaluation.data_type {
        DataType::Decimal128(precision, scale) => (*precision, *scale),
        _ => (19, 0),
    };
    let row = |(a, b): (Option<i128>, Option<i128>)| {
        let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
        if operation.divides() && b == 0 {
            return if failure == OnFailure::Error { Err(operation.by_zero()) } else { Ok(None) };
        }
        let exact = exact(operation, (a, b), scales, scale);
        if operation == Operation::IntegralDivide
            && let Some(value) = exact.and_then(i256::to_i128)
        {
            return Ok(Some(value));
        }
        let limit = i256::from_i128(10_i128.pow(precision.into()));
        match exact {
            Some(value) if value < limit && value > -limit => Ok(value.to_i128()),
            other if failure == OnFailure::Error => Err(match other {
                Some(value) => decimal_out_of_range(&wide_text(value, scale), precision, scale),
                None => arithmetic_overflow("overflow", operation.tolerant_name()),
            }),
            _ => Ok(None),
        }
    };
    let values = left.iter().zip(right).map(row).collect::<Result<Vec<Option<i128>>>>()?;
    if *evaluation.data_type == DataType::Int64 {
        // The low bits, as Java's conversion.
        let narrow = |value: Option<i128>| value.map(|value| value as i64);
        return Ok(Arc::new(values.into_iter().map(narrow).collect::<Int64Array>()));
    }
    Ok(Arc::new(Decimal128Array::from(values).with_precision_and_scale(precision, scale)?))
}

/// A decimal beyond 38 digits, in plain notation.
fn wide_text(value: i256, scale: i8) -> String {
    match (value.to_i128(), usize::try_from(scale)) {
        (None, Ok(places @ 1..)) => {
            let digits = value.to_string();
            let (whole, fraction) = digits.split_at(digits.len() - places);
            format!("{whole}.{fraction}")
        }
        (None, _) => value.to_string(),
        (Some(value), _) => decimal_text(value, scale),
    }
}

/// The result at the wanted scale, rounded half up; `None` beyond 256 bits.
fn exact(operation: Operation, operands: (i128, i128), scales: (i8, i8), scale: i8) -> Option<i256> {
    let (a, b) = (i256::from_i128(operands.0), i256::from_i128(operands.1));
    let (s1, s2, scale) = (i32::from(scales.0), i32::from(scales.1), i32::from(scale));
    let common = s1.max(s2);
    let aligned = || Some((shift(a, common - s1)?, shift(b, common - s2)?));
    match operation {
        Operation::Add => aligned().and_then(|(a, b)| shift(a.checked_add(b)?, scale - common)),
        Operation::Subtract => aligned().and_then(|(a, b)| shift(a.checked_sub(b)?, scale - common)),
        Operation::Multiply => shift(a.checked_mul(b)?, scale - s1 - s2),
        Operation::Divide => {
            let up = scale - s1 + s2;
            if up >= 0 { Some(half_up(shift(a, up)?, b)) } else { Some(half_up(a, shift(b, -up)?)) }
        }
        Operation::IntegralDivide => aligned().and_then(|(a, b)| a.checked_div(b)),
        Operation::Remainder => aligned().and_then(|(a, b)| shift(a.checked_rem(b)?, scale - common)),
        Operation::Pmod => aligned().and_then(|(a, b)| {
            let remainder = a.checked_rem(b)?;
            let positive = if remainder < i256::ZERO { remainder.checked_add(b)?.checked_rem(b)? } else { remainder };
            shift(positive, scale - common)
        }),
    }
}

fn shift(value: i256, places: i32) -> Option<i256> {
    let power = i256::from_i128(10).checked_pow(places.unsigned_abs())?;
    if places >= 0 { value.checked_mul(power) } else { Some(half_up(value, power)) }
}

/// `value / divisor`, halves away from zero.
pub(super) fn half_up(value: i256, divisor: i256) -> i256 {
    let (quotient, remainder) = (value.wrapping_div(divisor), value.wrapping_rem(divisor));
    let (remainder, size) = (remainder.wrapping_abs(), divisor.wrapping_abs());
    if remainder < size.wrapping_sub(remainder) {
        return quotient;
    }
    let same_sign = (value < i256::ZERO) == (divisor < i256::ZERO);
    if same_sign { quotient.wrapping_add(i256::ONE) } else { quotient.wrapping_sub(i256::ONE) }
}
