//! Casts to and from DECIMAL; rounding is half up, as Spark's.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, Int64Array};
use arrow::array::{Decimal128Array, PrimitiveArray};
use arrow::compute;
use arrow::datatypes::{
    DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType,
};
use millstream_core::{Error, Result};

use super::to_text::{double_text, float_text};
use super::{CastMode, Casting};
use crate::columns::decimal::{decimal_text, parse_decimal, power_of_ten, rescale, to_double};
use crate::failure::{cast_overflow, decimal_out_of_range};

/// The decimal of a double's shortest text, as Spark makes it.
pub(crate) fn decimal_from_double(value: f64, precision: u8, scale: i8) -> Option<i128> {
    if !value.is_finite() {
        return None;
    }
    parse_decimal(&double_text(value), precision, scale).flatten()
}

/// DECIMAL to other numbers, other decimals and BOOLEAN.
pub(super) fn from_decimal(column: &ArrayRef, to: &DataType, casting: Casting) -> Result<ArrayRef> {
    let values = column.as_primitive::<Decimal128Type>();
    let from = column.data_type();
    let scale = values.scale();
    let column: ArrayRef = match to {
        DataType::Boolean => Arc::new(values.iter().map(|one| one.map(|value| value != 0)).collect::<BooleanArray>()),
        DataType::Float64 => {
            Arc::new(values.iter().map(|one| one.map(|value| to_double(value, scale))).collect::<Float64Array>())
        }
        DataType::Float32 => {
            let cast = |value| decimal_text(value, scale).parse::<f32>().unwrap_or(f32::NAN);
            Arc::new(values.iter().map(|one| one.map(cast)).collect::<Float32Array>())
        }
        DataType::Decimal128(precision, to_scale) => {
            return decimals(values.iter(), (*precision, *to_scale), casting, |value| {
                (rescale(value, scale, *precision, *to_scale), decimal_text(value, scale))
            });
        }
        DataType::Int8 => integers::<Int8Type>(values, (from, to), casting, |value| value as i8)?,
        DataType::Int16 => integers::<Int16Type>(values, (from, to), casting, |value| value as i16)?,
        DataType::Int32 => integers::<Int32Type>(values, (from, to), casting, |value| value as i32)?,
        DataType::Int64 => integers::<Int64Type>(values, (from, to), casting, |value| value as i64)?,
        other => return Err(Error::internal(format!("a cast of decimals to {other}"))),
    };
    Ok(column)
}

fn integers<T: arrow::array::ArrowPrimitiveType>(
    values: &Decimal128Array,
    types: (&DataType, &DataType),
    casting: Casting,
    wrap: fn(i128) -> T::Native,
) -> Result<ArrayRef>
where
    T::Native: TryFrom<i128>,
{
    let scale = values.scale();
    let divisor = power_of_ten(scale.max(0).unsigned_abs().into()).unwrap_or(i128::MAX);
    let cast = |value: Option<i128>| match value {
        None => Ok(None),
        Some(value) if casting.mode == CastMode::Legacy => Ok(Some(wrap(value / divisor))),
        Some(value) => casting.checked(T::Native::try_from(value / divisor).ok(), || {
            cast_overflow(&format!("{}BD", decimal_text(value, scale)), types.0, types.1)
        }),
    };
    Ok(Arc::new(values.iter().map(cast).collect::<Result<PrimitiveArray<T>>>()?))
}

/// Numbers, booleans and timestamps to DECIMAL.
pub(super) fn to_decimal(column: &ArrayRef, to: &DataType, casting: Casting) -> Result<ArrayRef> {
    let DataType::Decimal128(precision, scale) = *to else {
        return Err(Error::internal(format!("{to} is no decimal type")));
    };
    let target = (precision, scale);
    match column.data_type() {
        DataType::Float32 => decimals(column.as_primitive::<Float32Type>().iter(), target, casting, |value| {
            (decimal_from_double(value.into(), precision, scale), float_text(value))
        }),
        DataType::Float64 => decimals(column.as_primitive::<Float64Type>().iter(), target, casting, |value| {
            (decimal_from_double(value, precision, scale), double_text(value))
        }),
        DataType::Timestamp(_, _) => {
            let times = column.as_primitive::<TimestampMicrosecondType>();
            decimals(times.iter(), target, casting, |us| {
                (rescale(us.into(), 6, precision, scale), decimal_text(us.into(), 6))
            })
        }
        _ => {
            let values = compute::cast(column, &DataType::Int64)?;
            let values: &Int64Array = values.as_primitive();
            decimals(values.iter(), target, casting, |value| {
                (rescale(value.into(), 0, precision, scale), value.to_string())
            })
        }
    }
}

/// A decimal column of converted values; the text is for the error.
fn decimals<V>(
    values: impl Iterator<Item = Option<V>>,
    target: (u8, i8),
    casting: Casting,
    convert: impl Fn(V) -> (Option<i128>, String),
) -> Result<ArrayRef> {
    let (precision, scale) = target;
    let cast = |value: Option<V>| {
        let Some(value) = value else { return Ok(None) };
        let (decimal, text) = convert(value);
        if matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity") {
            // NULL even under ANSI.
            return Ok(None);
        }
        casting.checked(decimal, || decimal_out_of_range(&text, precision, scale))
    };
    let column: Decimal128Array = values.map(cast).collect::<Result<_>>()?;
    Ok(Arc::new(column.with_precision_and_scale(precision, scale)?))
}
