//! Casts among dates and timestamps, and between timestamps and numbers, which count seconds.

use std::sync::Arc;

use arrow::array::TimestampMicrosecondArray;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float32Array, Float64Array, Int64Array};
use arrow::compute;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use millstream_core::interval::DAY_US;
use millstream_core::{Error, Result};
use millstream_formats::datetime::SECOND_US;
use millstream_formats::text::cast_to_string;

use super::number::cast_number;
use super::to_text::double_literal;
use super::{CastMode, Casting};
use crate::columns::decimal::{power_of_ten, rescale};
use crate::data_type::sql_name;
use crate::failure::{cast_invalid_value, cast_overflow, long_overflow};
use millstream_formats::calendar::{from_local_us, to_local_us};

/// Casts from or to a date or timestamp.
pub(super) fn cast_time(column: &ArrayRef, to: &DataType, casting: Casting) -> Result<ArrayRef> {
    let zone = casting.zone;
    match (column.data_type(), to) {
        (DataType::Date32, DataType::Timestamp(_, target)) => {
            let midnight = |days: i32| {
                let local = i64::from(days).checked_mul(DAY_US);
                match if target.is_some() { local.and_then(|us| from_local_us(us, zone)) } else { local } {
                    // Java's exception, whatever the mode.
                    None if casting.mode != CastMode::Try => Err(long_overflow()),
                    time => Ok(time),
                }
            };
            let days = column.as_primitive::<Date32Type>().iter();
            let times =
                days.map(|days| days.map_or(Ok(None), midnight)).collect::<Result<TimestampMicrosecondArray>>()?;
            Ok(if target.is_some() { instants(times) } else { Arc::new(times) })
        }
        (DataType::Timestamp(_, from), DataType::Date32) => {
            let times = column.as_primitive::<TimestampMicrosecondType>();
            let has_zone = from.is_some();
            Ok(Arc::new(times.unary::<_, Date32Type>(|us| {
                let local = if has_zone { to_local_us(us, zone) } else { us };
                local.div_euclid(DAY_US) as i32
            })))
        }
        (DataType::Timestamp(_, from), DataType::Timestamp(_, target)) => {
            let times = column.as_primitive::<TimestampMicrosecondType>();
            Ok(match (from, target) {
                (Some(_), None) => Arc::new(times.unary::<_, TimestampMicrosecondType>(|us| to_local_us(us, zone))),
                (None, Some(_)) => {
                    let to_instant = |us: i64| from_local_us(us, zone).ok_or_else(long_overflow);
                    instants(times.try_unary::<_, TimestampMicrosecondType, Error>(to_instant)?)
                }
                _ => column.clone(),
            })
        }
        (DataType::Timestamp(_, _), _) => from_timestamp(column, to, casting),
        (DataType::Date32, DataType::Boolean) => Ok(Arc::new(BooleanArray::new_null(column.len()))),
        (DataType::Date32, _) => Ok(arrow::array::new_null_array(to, column.len())),
        (_, DataType::Timestamp(_, _)) => to_timestamp(column, to, casting),
        (from, to) => Err(Error::internal(format!("a cast from {} to {}", sql_name(from), sql_name(to)))),
    }
}

/// TIMESTAMP's Arrow form.
fn instants(column: TimestampMicrosecondArray) -> ArrayRef {
    Arc::new(column.with_timezone("UTC"))
}

fn from_timestamp(column: &ArrayRef, to: &DataType, casting: Casting) -> Result<ArrayRef> {
    let times = column.as_primitive::<TimestampMicrosecondType>();
    match to {
        DataType::Boolean => Ok(Arc::new(times.iter().map(|one| one.map(|us| us != 0)).collect::<BooleanArray>())),
        DataType::Float64 => {
            Ok(Arc::new(times.iter().map(|one| one.map(|us| us as f64 / 1e6)).collect::<Float64Array>()))
        }
        DataType::Float32 => {
            Ok(Arc::new(times.iter().map(|one| one.map(|us| (us as f64 / 1e6) as f32)).collect::<Float32Array>()))
        }
        _ => {
            let seconds = times.unary::<_, Int64Type>(|us| us.div_euclid(SECOND_US));
            narrow_seconds(times, &(Arc::new(seconds) as ArrayRef), to, casting)
        }
    }
}

/// Seconds in the integer type that is wanted. They never wrap: what does not fit is NULL even in legacy mode.
fn narrow_seconds(
    times: &TimestampMicrosecondArray,
    seconds: &ArrayRef,
    to: &DataType,
    casting: Casting,
) -> Result<ArrayRef> {
    let limits = match to {
        DataType::Int8 => i64::from(i8::MIN)..=i64::from(i8::MAX),
        DataType::Int16 => i64::from(i16::MIN)..=i64::from(i16::MAX),
        DataType::Int32 => i64::from(i32::MIN)..=i64::from(i32::MAX),
        _ => return Ok(seconds.clone()),
    };
    let seconds: &Int64Array = seconds.as_primitive();
    if casting.mode == CastMode::Ansi
        && let Some(row) =
            (0..seconds.len()).find(|&row| seconds.is_valid(row) && !limits.contains(&seconds.value(row)))
    {
        let moment = cast_to_string(&times.slice(row, 1), casting.zone)?;
        let value = format!("TIMESTAMP '{}'", moment.value(0));
        return Err(cast_overflow(&value, times.data_type(), to));
    }
    let fitting = seconds.unary_opt::<_, Int64Type>(|value| limits.contains(&value).then_some(value));
    cast_number(&(Arc::new(fitting) as ArrayRef), to, Casting { mode: CastMode::Legacy, ..casting })
}

fn to_timestamp(column: &ArrayRef, to: &DataType, casting: Casting) -> Result<ArrayRef> {
    match column.data_type() {
        DataType::Boolean => {
            let values = column.as_boolean();
            Ok(instants(values.iter().map(|one| one.map(i64::from)).collect()))
        }
        DataType::Float32 | DataType::Float64 => {
            let seconds = compute::cast(column, &DataType::Float64)?;
            let convert = |seconds: Option<f64>| {
                let Some(seconds) = seconds else { return Ok(None) };
                let us = seconds * 1e6;
                if casting.mode != CastMode::Legacy && !(us.floor() <= i64::MAX as f64 && us.ceil() >= i64::MIN as f64)
                {
                    return casting.checked(None, || {
                        let value = double_literal(seconds);
                        if seconds.is_finite() {
                            cast_overflow(&value, column.data_type(), to)
                        } else {
                            cast_invalid_value(&value, column.data_type(), to)
                        }
                    });
                }
                Ok((!us.is_nan() && !us.is_infinite()).then_some(us as i64))
            };
            let times = seconds.as_primitive::<Float64Type>().iter().map(convert).collect::<Result<_>>()?;
            Ok(instants(times))
        }
        DataType::Decimal128(_, _) => {
            let values = column.as_primitive::<Decimal128Type>();
            let scale = values.scale();
            // Digits after the sixth are cut off, not rounded.
            let us = |value: i128| match u32::try_from(scale - 6) {
                Ok(surplus) => power_of_ten(surplus).map_or(0, |divisor| value / divisor),
                Err(_) => rescale(value, scale, 38, 6).unwrap_or(i128::MAX),
            };
            Ok(instants(values.iter().map(|one| one.map(|value| us(value) as i64)).collect()))
        }
        _ => {
            let seconds = compute::cast(column, &DataType::Int64)?;
            let seconds = seconds.as_primitive::<Int64Type>();
            Ok(instants(seconds.unary(|seconds| seconds.saturating_mul(SECOND_US))))
        }
    }
}

/// Dates of days since the epoch.
pub(crate) fn dates(days: impl Iterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(days.collect::<Date32Array>())
}
