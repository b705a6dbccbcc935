//! Casts among integers, floating-point numbers and booleans.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, PrimitiveArray};
use arrow::compute;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use millstream_core::{Error, Result};

use super::to_text::{double_literal, float_text};
use super::{CastMode, Casting};
use crate::failure::cast_overflow;

/// Casts a column of numbers or booleans to numbers or booleans, decimals apart.
pub(super) fn cast_number(column: &ArrayRef, to: &DataType, casting: Casting) -> Result<ArrayRef> {
    let from = column.data_type();
    match (from, to) {
        (DataType::Float32, DataType::Boolean) => Ok(Arc::new(
            column.as_primitive::<Float32Type>().iter().map(|one| one.map(|v| v != 0.0)).collect::<BooleanArray>(),
        )),
        (DataType::Float64, DataType::Boolean) => Ok(Arc::new(
            column.as_primitive::<Float64Type>().iter().map(|one| one.map(|v| v != 0.0)).collect::<BooleanArray>(),
        )),
        (_, DataType::Boolean) => {
            let values = as_i64(column)?;
            let values = values.as_primitive::<Int64Type>();
            Ok(Arc::new(values.iter().map(|one| one.map(|v| v != 0)).collect::<BooleanArray>()))
        }
        (DataType::Float64, DataType::Float32) | (_, DataType::Float32 | DataType::Float64) => {
            Ok(compute::cast(column, to)?)
        }
        (DataType::Float32, _) => {
            let values = column.as_primitive::<Float32Type>();
            let text = |value: f64| float_text(value as f32);
            from_floating(values.iter().map(|one| one.map(f64::from)), (from, to), casting, text)
        }
        (DataType::Float64, _) => {
            from_floating(column.as_primitive::<Float64Type>().iter(), (from, to), casting, double_literal)
        }
        _ => from_integers(&as_i64(column)?, (from, to), casting),
    }
}

fn as_i64(column: &ArrayRef) -> Result<ArrayRef> {
    Ok(compute::cast(column, &DataType::Int64)?)
}

fn from_integers(values: &ArrayRef, types: (&DataType, &DataType), casting: Casting) -> Result<ArrayRef> {
    let values = values.as_primitive::<Int64Type>();
    match types.1 {
        DataType::Int8 => integers::<Int8Type>(values, types, casting, |value| value as i8),
        DataType::Int16 => integers::<Int16Type>(values, types, casting, |value| value as i16),
        DataType::Int32 => integers::<Int32Type>(values, types, casting, |value| value as i32),
        DataType::Int64 => Ok(Arc::new(values.clone())),
        other => Err(Error::internal(format!("a cast of integers to {other}"))),
    }
}

/// Integers to a narrower type; `wrap` keeps the low bits.
fn integers<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<Int64Type>,
    types: (&DataType, &DataType),
    casting: Casting,
    wrap: fn(i64) -> T::Native,
) -> Result<ArrayRef>
where
    T::Native: TryFrom<i64>,
{
    if casting.mode == CastMode::Legacy {
        return Ok(Arc::new(values.unary::<_, T>(wrap)));
    }
    let cast = |value: Option<i64>| match value {
        None => Ok(None),
        Some(value) => casting.checked(T::Native::try_from(value).ok(), || {
            cast_overflow(&integer_literal(value, types.0), types.0, types.1)
        }),
    };
    Ok(Arc::new(values.iter().map(cast).collect::<Result<PrimitiveArray<T>>>()?))
}

/// An integer as SQL writes it: with the letter of its type.
fn integer_literal(value: i64, data_type: &DataType) -> String {
    let suffix = match data_type {
        DataType::Int8 => "Y",
        DataType::Int16 => "S",
        DataType::Int64 => "L",
        _ => "",
    };
    format!("{value}{suffix}")
}

fn from_floating(
    values: impl Iterator<Item = Option<f64>>,
    types: (&DataType, &DataType),
    casting: Casting,
    text: impl Fn(f64) -> String,
) -> Result<ArrayRef> {
    let (least, greatest) = match types.1 {
        DataType::Int8 => (f64::from(i8::MIN), f64::from(i8::MAX)),
        DataType::Int16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
        DataType::Int32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        _ => (i64::MIN as f64, i64::MAX as f64),
    };
    let narrow = matches!(types.1, DataType::Int8 | DataType::Int16);
    let cast = |value: Option<f64>| match value {
        None => Ok(None),
        // Java goes by way of int to the narrow types, and its conversions saturate as Rust's do.
        Some(value) if casting.mode == CastMode::Legacy => {
            Ok(Some(if narrow { i64::from(value as i32) } else { value as i64 }))
        }
        Some(value) => {
            let fits = value.floor() <= greatest && value.ceil() >= least;
            casting.checked(fits.then_some(value as i64), || cast_overflow(&text(value), types.0, types.1))
        }
    };
    let whole: PrimitiveArray<Int64Type> = values.map(cast).collect::<Result<_>>()?;
    let legacy = Casting { mode: CastMode::Legacy, ..casting };
    if types.1 == &DataType::Int32 {
        // Saturates, where integers wrap.
        let saturated = whole.unary::<_, Int32Type>(|value| value.clamp(i32::MIN.into(), i32::MAX.into()) as i32);
        return Ok(Arc::new(saturated));
    }
    from_integers(&(Arc::new(whole) as ArrayRef), types, legacy)
}

/// The bytes of integers, the highest first.
pub(super) fn to_bytes(column: &ArrayRef) -> Result<ArrayRef> {
    let width = match column.data_type() {
        DataType::Int8 => 1,
        DataType::Int16 => 2,
        DataType::Int32 => 4,
        _ => 8,
    };
    let values = as_i64(column)?;
    let values = values.as_primitive::<Int64Type>();
    let bytes = values.iter().map(|value| value.map(|value| value.to_be_bytes()[8 - width..].to_vec()));
    Ok(Arc::new(bytes.collect::<BinaryArray>()))
}
