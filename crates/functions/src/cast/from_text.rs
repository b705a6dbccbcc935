//! Text as values: blanks around are trimmed, and what is left must be a value as a whole.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Decimal128Array, PrimitiveArray, StringArray};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, TimestampMicrosecondType,
};
use millstream_core::interval::parse_interval;
use millstream_core::{Error, Result};
use millstream_formats::datetime::{parse_clock, parse_date, parse_timestamp};

use super::{CastMode, Casting};
use crate::columns::decimal::parse_decimal;
use crate::data_type::sql_name;
use crate::failure::{cast_invalid_input, decimal_out_of_range};

/// Casts a column of strings.
pub(super) fn column_from_text(column: &ArrayRef, to: &DataType, casting: Casting) -> Result<ArrayRef> {
    let texts = column.as_string::<i32>();
    let zone = casting.zone;
    match to {
        DataType::Binary => Ok(arrow::compute::cast(column, to)?),
        DataType::Boolean => {
            let parse = |text: Option<&str>| match text {
                None => Ok(None),
                Some(text) => casting.checked(parse_boolean(text), || cast_invalid_input(text, to)),
            };
            Ok(Arc::new(texts.iter().map(parse).collect::<Result<BooleanArray>>()?))
        }
        DataType::Int8 => integers::<Int8Type>(texts, to, casting),
        DataType::Int16 => integers::<Int16Type>(texts, to, casting),
        DataType::Int32 => integers::<Int32Type>(texts, to, casting),
        DataType::Int64 => integers::<Int64Type>(texts, to, casting),
        DataType::Float32 => parsed::<Float32Type>(texts, to, casting, parse_floating),
        DataType::Float64 => parsed::<Float64Type>(texts, to, casting, parse_floating),
        DataType::Decimal128(precision, scale) => decimals(texts, (*precision, *scale), to, casting),
        DataType::Date32 => parsed::<Date32Type>(texts, to, casting, parse_date),
        DataType::Timestamp(_, Some(_)) => {
            let times = times(texts, to, casting, |text| parse_timestamp(text, zone))?;
            Ok(Arc::new(times.with_timezone("UTC")))
        }
        DataType::Timestamp(_, None) => Ok(Arc::new(times(texts, to, casting, parse_clock)?)),
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            // As in Spark, a text that is none is NULL under ANSI mode too.
            let casting = Casting { mode: CastMode::Try, ..casting };
            parsed::<IntervalMonthDayNanoType>(texts, to, casting, |text| {
                let interval = parse_interval(text).ok()?;
                let nanoseconds = interval.microseconds.checked_mul(1000)?;
                Some(IntervalMonthDayNano::new(interval.months, interval.days, nanoseconds))
            })
        }
        other => Err(Error::unsupported(format!("a cast from STRING to {}", sql_name(other)))),
    }
}

/// Spark trims blanks and control characters.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ' || c == '\u{7f}')
}

fn parse_boolean(text: &str) -> Option<bool> {
    const TRUE: [&str; 5] = ["t", "true", "y", "yes", "1"];
    const FALSE: [&str; 5] = ["f", "false", "n", "no", "0"];
    let text = trim(text);
    if TRUE.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Some(true)
    } else if FALSE.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        Some(false)
    } else {
        None
    }
}

/// An integer; a fraction is cut off where one is allowed.
fn parse_integer(text: &str, fraction_allowed: bool) -> Option<i64> {
    let text = trim(text);
    let number = match text.split_once('.') {
        Some((whole, fraction)) if fraction_allowed && fraction.bytes().all(|byte| byte.is_ascii_digit()) => {
            match whole {
                // A lone point is a zero, in Spark too.
                "" => return Some(0),
                "+" | "-" => return if fraction.is_empty() { None } else { Some(0) },
                _ => whole,
            }
        }
        _ => text,
    };
    number.parse().ok()
}

fn integers<T: ArrowPrimitiveType>(texts: &StringArray, to: &DataType, casting: Casting) -> Result<ArrayRef>
where
    T::Native: TryFrom<i64>,
{
    let fraction_allowed = casting.mode == CastMode::Legacy;
    parsed::<T>(texts, to, casting, |text| T::Native::try_from(parse_integer(text, fraction_allowed)?).ok())
}

/// A double or float as Java reads it: with `Infinity`, `NaN`, and the letters `d` and `f` behind the number.
fn parse_floating<F: std::str::FromStr + From<f32>>(text: &str) -> Option<F> {
    let text = trim(text);
    let last = *text.as_bytes().last()?;
    if last.is_ascii_digit() || last == b'.' {
        return text.parse().ok();
    }
    let (sign, word) = match text.as_bytes().first()? {
        b'-' => (-1.0_f32, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("infinity") {
        return Some((sign * f32::INFINITY).into());
    }
    if text.eq_ignore_ascii_case("nan") {
        return Some(f32::NAN.into());
    }
    let number = text.strip_suffix(['d', 'D', 'f', 'F'])?;
    let ends_plainly = number.as_bytes().last().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.');
    if ends_plainly { number.parse().ok() } else { None }
}

fn parsed<T: ArrowPrimitiveType>(
    texts: &StringArray,
    to: &DataType,
    casting: Casting,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let parse = |text: Option<&str>| match text {
        None => Ok(None),
        Some(text) => casting.checked(parse(text), || cast_invalid_input(text, to)),
    };
    Ok(Arc::new(texts.iter().map(parse).collect::<Result<PrimitiveArray<T>>>()?))
}

fn times(
    texts: &StringArray,
    to: &DataType,
    casting: Casting,
    parse: impl Fn(&str) -> Option<i64>,
) -> Result<PrimitiveArray<TimestampMicrosecondType>> {
    let column = parsed::<TimestampMicrosecondType>(texts, to, casting, parse)?;
    Ok(column.as_primitive().clone())
}

fn decimals(texts: &StringArray, target: (u8, i8), to: &DataType, casting: Casting) -> Result<ArrayRef> {
    let (precision, scale) = target;
    let parse = |text: Option<&str>| {
        let Some(text) = text else { return Ok(None) };
        match parse_decimal(trim(text), precision, scale) {
            None => casting.checked(None, || cast_invalid_input(text, to)),
            Some(value) => casting.checked(value, || decimal_out_of_range(trim(text), precision, scale)),
        }
    };
    let column: Decimal128Array = texts.iter().map(parse).collect::<Result<_>>()?;
    Ok(Arc::new(column.with_precision_and_scale(precision, scale)?))
}
