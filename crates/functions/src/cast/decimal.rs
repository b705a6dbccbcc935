//! Casts to and from DECIMAL, and the decimal arithmetic that others need: rounding is half up, as Spark's.

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
use crate::failure::{cast_overflow, decimal_out_of_range};
use crate::math::{Rounding, divide};

/// 10 to this power, up to 38.
pub(crate) fn power_of_ten(exponent: u32) -> Option<i128> {
    10_i128.checked_pow(exponent)
}

/// `value / divisor`, halves away from zero.
pub(crate) fn divide_half_up(value: i128, divisor: i128) -> i128 {
    let (quotient, remainder) = (value / divisor, value % divisor);
    let up = remainder.unsigned_abs() >= divisor.unsigned_abs() - remainder.unsigned_abs();
    if up { quotient + value.signum() * divisor.signum() } else { quotient }
}

/// The same number with another scale, if it fits the precision.
pub(crate) fn rescale(value: i128, from_scale: i8, precision: u8, scale: i8) -> Option<i128> {
    let shift = i32::from(scale) - i32::from(from_scale);
    let rescaled = if shift >= 0 {
        if value == 0 { 0 } else { value.checked_mul(power_of_ten(shift.unsigned_abs())?)? }
    } else {
        match power_of_ten(shift.unsigned_abs()) {
            Some(divisor) => divide_half_up(value, divisor),
            None => 0,
        }
    };
    (rescaled.unsigned_abs() < power_of_ten(precision.into())?.unsigned_abs()).then_some(rescaled)
}

/// A decimal number in plain or scientific notation: digits and scale. Digits beyond 38 significant ones are `None`, except
/// those after the point, which are cut where they cannot matter.
pub(crate) fn parse_decimal(text: &str, precision: u8, scale: i8) -> Option<Option<i128>> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].strip_prefix('+').unwrap_or(&text[at + 1..]).parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.as_bytes().first()? {
        b'-' => (true, &mantissa[1..]),
        b'+' => (false, &mantissa[1..]),
        _ => (false, mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0').collect();
    // The point's place among the digits decides which of them the target keeps.
    let point = i64::from(exponent) + whole.len() as i64;
    let kept = point + i64::from(scale);
    let mut value: i128 = 0;
    for place in 0..kept.max(0) {
        let digit = usize::try_from(place).ok().and_then(|place| digits.get(place)).copied().unwrap_or(0);
        if value == 0 && digit == 0 && place >= digits.len() as i64 {
            break;
        }
        match value.checked_mul(10).and_then(|value| value.checked_add(digit.into())) {
            Some(next) => value = next,
            None => return Some(None),
        }
    }
    let rounds_up =
        kept >= 0 && usize::try_from(kept).ok().and_then(|at| digits.get(at)).is_some_and(|&digit| digit >= 5);
    value += i128::from(rounds_up);
    let value = if negative { -value } else { value };
    Some((value.unsigned_abs() < power_of_ten(precision.into())?.unsigned_abs()).then_some(value))
}

/// The decimal of a double's shortest text, as Spark makes it.
pub(crate) fn decimal_from_double(value: f64, precision: u8, scale: i8) -> Option<i128> {
    if !value.is_finite() {
        return None;
    }
    parse_decimal(&double_text(value), precision, scale).flatten()
}

/// A decimal in plain notation.
pub(crate) fn decimal_text(value: i128, scale: i8) -> String {
    Decimal128Type::format(value, scale)
}

trait Format {
    fn format(value: i128, scale: i8) -> String;
}

impl Format for Decimal128Type {
    fn format(value: i128, scale: i8) -> String {
        let Ok(places @ 1..) = usize::try_from(scale) else { return value.to_string() };
        let sign = if value < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", value.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        format!("{sign}{whole}.{fraction}")
    }
}

/// The double nearest to a decimal.
pub(crate) fn to_double(value: i128, scale: i8) -> f64 {
    const EXACT: u128 = 1 << 53;
    if value.unsigned_abs() <= EXACT && (0..=22).contains(&scale) {
        // Both are exact doubles, so the quotient is rounded once.
        return value as f64 / 10_f64.powi(scale.into());
    }
    decimal_text(value, scale).parse().unwrap_or(f64::NAN)
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

/// A number in text rounded to so many places, exactly; `None` where 128 bits do not hold its digits.
pub(crate) fn round_decimal_text(text: &str, places: i32, rounding: Rounding) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['E', 'e']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()? - exponent;
    if scale <= places {
        return Some(text.to_owned());
    }
    let rounded = match power_of_ten((scale - places).unsigned_abs()) {
        Some(divisor) => divide(digits, divisor, rounding),
        None => 0,
    };
    // The sign of a zero goes, as in a decimal.
    Some(format!("{rounded}E{}", -places))
}
