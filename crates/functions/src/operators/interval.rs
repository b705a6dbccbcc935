//! Intervals times and by numbers, and one interval by another.
//!
//! Spark computes with whole numbers and decimals exactly and rounds halves away from zero; what leaves the range is an
//! exception of Java's in both modes (Spark: `MultiplyYMInterval`, `DivideDTInterval` and their like).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DurationMicrosecondArray, Int64Array, IntervalYearMonthArray};
use arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Float64Type, Int64Type, IntervalUnit, IntervalYearMonthType,
    i256,
};
use millstream_core::{Error, Result, spark_error};

use super::arithmetic::{OnFailure, Operation};
use super::decimal::half_up;
use crate::call::FunctionCall;
use crate::data_type::is_integral;
use crate::failure::{interval_overflow_of, jvm_overflow};
use crate::kernel::Evaluation;
use crate::typed_expr::TypedExpr;

/// The number beside an interval, in the type that it is computed in.
pub(super) fn factor(number: TypedExpr, call: &FunctionCall<'_>) -> Result<TypedExpr> {
    match &number.data_type {
        DataType::Decimal128(_, _) => Ok(number),
        value if is_integral(value) => call.cast(number, &DataType::Int64),
        _ => call.cast(number, &DataType::Float64),
    }
}

#[derive(Clone, Copy)]
enum Factor {
    Whole(i64),
    /// Digits and scale.
    Exact(i128, i8),
    Floating(f64),
}

impl Factor {
    fn is_zero(self) -> bool {
        match self {
            Self::Whole(value) => value == 0,
            Self::Exact(value, _) => value == 0,
            Self::Floating(value) => value == 0.0,
        }
    }
}

/// An ANSI interval times or by a number.
pub(super) fn scale(evaluation: &Evaluation<'_>, operation: Operation, failure: OnFailure) -> Result<ArrayRef> {
    let intervals = &evaluation.columns[0];
    let factors = factors(&evaluation.columns[1]);
    if intervals.data_type() == &DataType::Interval(IntervalUnit::YearMonth) {
        let months = intervals.as_primitive::<IntervalYearMonthType>().iter().map(|value| value.map(i64::from));
        let scaled = scaled(months.zip(factors), (i32::MIN.into(), i32::MAX.into()), operation, failure)?;
        // The bounds are those of 32 bits.
        return Ok(Arc::new(IntervalYearMonthArray::from_iter(
            scaled.iter().map(|value| value.map(|value| value as i32)),
        )));
    }
    let spans = intervals.as_primitive::<DurationMicrosecondType>().iter();
    Ok(Arc::new(DurationMicrosecondArray::from(scaled(spans.zip(factors), (i64::MIN, i64::MAX), operation, failure)?)))
}

fn factors(column: &ArrayRef) -> Box<dyn Iterator<Item = Option<Factor>> + '_> {
    match column.data_type() {
        DataType::Int64 => Box::new(column.as_primitive::<Int64Type>().iter().map(|value| value.map(Factor::Whole))),
        DataType::Decimal128(_, scale) => {
            let scale = *scale;
            let factors = column.as_primitive::<Decimal128Type>().iter();
            Box::new(factors.map(move |value| value.map(|value| Factor::Exact(value, scale))))
        }
        _ => Box::new(column.as_primitive::<Float64Type>().iter().map(|value| value.map(Factor::Floating))),
    }
}

fn scaled(
    rows: impl Iterator<Item = (Option<i64>, Option<Factor>)>,
    bounds: (i64, i64),
    operation: Operation,
    failure: OnFailure,
) -> Result<Vec<Option<i64>>> {
    let compute = |value: i64, factor: Factor| {
        if operation == Operation::Divide { quotient(value, factor, bounds) } else { product(value, factor, bounds) }
    };
    rows.map(|row| match row {
        (Some(value), Some(factor)) => match compute(value, factor) {
            Err(_) if failure == OnFailure::Null => Ok(None),
            result => result.map(Some),
        },
        _ => Ok(None),
    })
    .collect()
}

fn product(value: i64, factor: Factor, bounds: (i64, i64)) -> Result<i64> {
    match factor {
        Factor::Whole(factor) => within(Some(i128::from(value) * i128::from(factor)), bounds),
        Factor::Exact(digits, scale) => {
            let product = i256::from(value).checked_mul(i256::from_i128(digits));
            let power = i256::from_i128(10_i128.pow(scale.max(0).unsigned_abs().into()));
            within(product.and_then(|product| half_up(product, power).to_i128()), bounds)
        }
        Factor::Floating(factor) => rounded(value as f64 * factor, bounds),
    }
}

fn quotient(value: i64, divisor: Factor, bounds: (i64, i64)) -> Result<i64> {
    if divisor.is_zero() {
        return Err(spark_error!("INTERVAL_DIVIDED_BY_ZERO"));
    }
    match divisor {
        Factor::Whole(-1) if value == bounds.0 => Err(interval_overflow_of("try_divide")),
        Factor::Whole(divisor) => within(half_up(i256::from(value), i256::from(divisor)).to_i128(), bounds),
        Factor::Exact(digits, scale) => {
            let power = i256::from_i128(10_i128.pow(scale.max(0).unsigned_abs().into()));
            let value = i256::from(value).checked_mul(power);
            within(value.and_then(|value| half_up(value, i256::from_i128(digits)).to_i128()), bounds)
        }
        Factor::Floating(divisor) => rounded(value as f64 / divisor, bounds),
    }
}

fn out_of_range(bounds: (i64, i64)) -> Error {
    jvm_overflow(if bounds.1 == i64::MAX { "long overflow" } else { "integer overflow" })
}

fn within(value: Option<i128>, bounds: (i64, i64)) -> Result<i64> {
    let value = value.and_then(|value| i64::try_from(value).ok());
    value.filter(|value| (bounds.0..=bounds.1).contains(value)).ok_or_else(|| out_of_range(bounds))
}

fn rounded(value: f64, bounds: (i64, i64)) -> Result<i64> {
    if !value.is_finite() {
        return Err(jvm_overflow("input is infinite or NaN"));
    }
    let whole = value.round();
    // The greatest number of 64 bits is no double; the next one is.
    if whole < bounds.0 as f64 || whole >= bounds.1 as f64 + 1.0 {
        return Err(jvm_overflow(&format!(
            "rounded value is out of range for input {value} and rounding mode HALF_UP"
        )));
    }
    Ok(whole as i64)
}

/// An interval by one of its kind, in whole times.
pub(super) fn integral_quotient(
    evaluation: &Evaluation<'_>,
    operation: Operation,
    failure: OnFailure,
) -> Result<ArrayRef> {
    let (left, right) = (&evaluation.columns[0], &evaluation.columns[1]);
    let divide = |value: i64, divisor: i64, narrow: bool| match divisor {
        0 if failure == OnFailure::Error => Err(operation.by_zero()),
        0 => Ok(None),
        // As Java divides numbers of 32 bits.
        _ if narrow => Ok(Some(i64::from((value as i32).wrapping_div(divisor as i32)))),
        _ => Ok(Some(value.wrapping_div(divisor))),
    };
    let row = |(value, divisor): (Option<i64>, Option<i64>), narrow: bool| match (value, divisor) {
        (Some(value), Some(divisor)) => divide(value, divisor, narrow),
        _ => Ok(None),
    };
    let quotients: Int64Array = if left.data_type() == &DataType::Interval(IntervalUnit::YearMonth) {
        let months = |column: &ArrayRef| -> Vec<Option<i64>> {
            column.as_primitive::<IntervalYearMonthType>().iter().map(|value| value.map(i64::from)).collect()
        };
        months(left).into_iter().zip(months(right)).map(|pair| row(pair, true)).collect::<Result<_>>()?
    } else {
        let spans = left.as_primitive::<DurationMicrosecondType>().iter();
        let rows = spans.zip(right.as_primitive::<DurationMicrosecondType>());
        rows.map(|pair| row(pair, false)).collect::<Result<_>>()?
    };
    Ok(Arc::new(quotients))
}
