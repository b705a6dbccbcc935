//! Timestamps as numbers and as text, and clocks of other zones.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use datafusion::common::ScalarValue;
use millstream_core::{Result, spark_error};
use millstream_formats::datetime::{SECOND_US, Zone};

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::data_type::{timestamp, timestamp_ntz};
use crate::failure::{jvm_overflow, long_overflow, unexpected_input_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;
use millstream_formats::date_time_pattern::{CompiledPatterns, PrintPattern};

/// Text of moments by patterns.
fn formatted(one: &Evaluation<'_>, moment: impl Fn(usize) -> i64) -> Result<ArrayRef> {
    let patterns = one.strings(1);
    let mut compiled = CompiledPatterns::new(PrintPattern::new);
    let format = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        Ok(Some(compiled.get(patterns.value(row))?.format(moment(row), one.settings.time_zone)))
    };
    Ok(Arc::new((0..one.rows).map(format).collect::<Result<StringArray>>()?))
}

static DATE_FORMAT: Function = Function::new("date_format", |one| {
    let times = one.columns[0].as_primitive::<TimestampMicrosecondType>();
    formatted(one, |row| times.value(row))
});

pub(crate) fn date_format(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(DATE_FORMAT.call([call.timestamp(0)?, call.string(1)?], DataType::Utf8, call))
}

/// A part of a date by its short English name.
fn named(call: &FunctionCall<'_>, pattern: &str) -> Result<Resolved> {
    let date = call.date(0)?;
    let midnight = call.cast(date, &timestamp())?;
    scalar(DATE_FORMAT.call([midnight, TypedExpr::literal(ScalarValue::from(pattern), "")], DataType::Utf8, call))
}

pub(super) fn dayname(call: &FunctionCall<'_>) -> Result<Resolved> {
    named(call, "EEE")
}

pub(super) fn monthname(call: &FunctionCall<'_>) -> Result<Resolved> {
    named(call, "MMM")
}

static FROM_UNIXTIME: Function = Function::new("from_unixtime", |one| {
    let seconds = one.numbers::<Int64Type>(0);
    // Spark multiplies without looking.
    formatted(one, |row| seconds.value(row).wrapping_mul(SECOND_US))
});

pub(super) fn from_unixtime(call: &FunctionCall<'_>) -> Result<Resolved> {
    let pattern = if call.count() > 1 {
        call.string(1)?
    } else {
        TypedExpr::literal(ScalarValue::from("yyyy-MM-dd HH:mm:ss"), "")
    };
    let sql = if call.count() > 1 {
        String::new()
    } else {
        format!("{}({}, yyyy-MM-dd HH:mm:ss)", call.name, call.arguments[0].sql)
    };
    scalar(FROM_UNIXTIME.call_nullable([call.bigint(0)?, pattern], DataType::Utf8, call).with_sql(sql))
}

fn instants(us: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(us).with_timezone("UTC"))
}

/// Whole units as timestamps.
fn from_units(one: &Evaluation<'_>, unit_us: i64) -> Result<ArrayRef> {
    let us = |value: Option<i64>| match value {
        None => Ok(None),
        Some(value) => value.checked_mul(unit_us).map(Some).ok_or_else(long_overflow),
    };
    Ok(instants(one.numbers::<Int64Type>(0).iter().map(us).collect::<Result<_>>()?))
}

static TIMESTAMP_SECONDS: Function = Function::new("timestamp_seconds", |one| match one.columns[0].data_type() {
    DataType::Float64 => {
        let values: &Float64Array = one.numbers::<Float64Type>(0);
        // Saturates, as Java's conversion.
        let us = |value: f64| (value.is_finite()).then_some((value * 1e6) as i64);
        Ok(instants(values.iter().map(|value| value.and_then(us)).collect()))
    }
    DataType::Decimal128(_, _) => {
        let values = one.numbers::<Decimal128Type>(0);
        let scale = i32::from(values.scale());
        let us = |value: i128| {
            let power = 10_i128.pow((6 - scale).unsigned_abs());
            let us = if scale <= 6 { value.checked_mul(power) } else { Some(value / power) };
            if scale > 6 && value % power != 0 {
                return Err(jvm_overflow("Rounding necessary"));
            }
            us.and_then(|us| i64::try_from(us).ok()).ok_or_else(|| jvm_overflow("Overflow"))
        };
        let us = |value: Option<i128>| value.map(us).transpose();
        Ok(instants(values.iter().map(us).collect::<Result<_>>()?))
    }
    _ => from_units(one, SECOND_US),
});
static TIMESTAMP_MILLIS: Function = Function::new("timestamp_millis", |one| from_units(one, 1000));
static TIMESTAMP_MICROS: Function = Function::new("timestamp_micros", |one| from_units(one, 1));

pub(super) fn timestamp_seconds(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = match call.data_type(0) {
        DataType::Float32 | DataType::Float64 => call.double(0)?,
        DataType::Decimal128(_, _) => call.argument(0),
        one if one.is_signed_integer() => call.bigint(0)?,
        DataType::Null => call.bigint(0)?,
        _ => return unexpected_input_type(call, 0, "\"NUMERIC\""),
    };
    let nullable = value.nullable || value.data_type == DataType::Float64;
    scalar(TIMESTAMP_SECONDS.over([value], timestamp(), nullable, &call.context.settings))
}

fn integral(call: &FunctionCall<'_>) -> Result<TypedExpr> {
    match call.data_type(0) {
        one if one.is_signed_integer() || *one == DataType::Null => call.bigint(0),
        _ => unexpected_input_type(call, 0, "\"INTEGRAL\""),
    }
}

pub(super) fn timestamp_millis(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(TIMESTAMP_MILLIS.call([integral(call)?], timestamp(), call))
}

pub(super) fn timestamp_micros(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(TIMESTAMP_MICROS.call([integral(call)?], timestamp(), call))
}

fn to_units(one: &Evaluation<'_>, unit_us: i64) -> ArrayRef {
    let times = one.columns[0].as_primitive::<TimestampMicrosecondType>();
    Arc::new(times.iter().map(|us| us.map(|us| us.div_euclid(unit_us))).collect::<Int64Array>())
}

static UNIX_SECONDS: Function = Function::total("unix_seconds", |one| Ok(to_units(one, SECOND_US)));
static UNIX_MILLIS: Function = Function::total("unix_millis", |one| Ok(to_units(one, 1000)));
static UNIX_MICROS: Function = Function::total("unix_micros", |one| Ok(to_units(one, 1)));

pub(super) fn unix_seconds(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(UNIX_SECONDS.call([call.timestamp(0)?], DataType::Int64, call))
}

pub(super) fn unix_millis(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(UNIX_MILLIS.call([call.timestamp(0)?], DataType::Int64, call))
}

pub(super) fn unix_micros(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(UNIX_MICROS.call([call.timestamp(0)?], DataType::Int64, call))
}

static UNIX_DATE: Function = Function::new("unix_date", |one| {
    Ok(Arc::new(one.columns[0].as_primitive::<Date32Type>().iter().collect::<Int32Array>()))
});
static DATE_FROM_UNIX_DATE: Function = Function::new("date_from_unix_date", |one| {
    Ok(Arc::new(one.numbers::<Int32Type>(0).iter().collect::<Date32Array>()))
});

pub(super) fn unix_date(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(UNIX_DATE.call([call.date(0)?], DataType::Int32, call))
}

pub(super) fn date_from_unix_date(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(DATE_FROM_UNIX_DATE.call([call.int(0)?], DataType::Date32, call))
}

/// The clock of a zone as that of UTC, or the other way.
fn moved(us: i64, zone: &str, from_utc: bool) -> Result<i64> {
    let zone = Zone::parse(zone).ok_or_else(|| spark_error!("INVALID_TIMEZONE", timeZone = zone))?;
    let seconds = us.div_euclid(SECOND_US);
    let moved = if from_utc { seconds + i64::from(zone.offset_at(seconds)) } else { zone.to_utc_s(seconds) };
    let us = i128::from(moved) * i128::from(SECOND_US) + i128::from(us.rem_euclid(SECOND_US));
    i64::try_from(us).map_err(|_| long_overflow())
}

/// Moves the clock of a zone to that of UTC, or the other way.
fn shifted(one: &Evaluation<'_>, from_utc: bool) -> Result<ArrayRef> {
    let (times, zones) = (one.columns[0].as_primitive::<TimestampMicrosecondType>(), one.strings(1));
    let shift = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        moved(times.value(row), zones.value(row), from_utc).map(Some)
    };
    // The clock that is read and the clock that is shown are both the session's: the difference alone is applied.
    Ok(instants((0..one.rows).map(shift).collect::<Result<_>>()?))
}

static FROM_UTC: Function = Function::new("from_utc_timestamp", |one| shifted(one, true));
static TO_UTC: Function = Function::new("to_utc_timestamp", |one| shifted(one, false));

pub(super) fn from_utc_timestamp(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(FROM_UTC.call([call.timestamp(0)?, call.string(1)?], timestamp(), call))
}

pub(super) fn to_utc_timestamp(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(TO_UTC.call([call.timestamp(0)?, call.string(1)?], timestamp(), call))
}

static CONVERT_TIMEZONE: Function = Function::new("convert_timezone", |one| {
    let times = one.columns[2].as_primitive::<TimestampMicrosecondType>();
    let convert = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let utc = moved(times.value(row), one.strings(0).value(row), false)?;
        moved(utc, one.strings(1).value(row), true).map(Some)
    };
    Ok(Arc::new((0..one.rows).map(convert).collect::<Result<TimestampMicrosecondArray>>()?))
});

/// `convert_timezone([from,] to, time)`: what the clock of another zone shows, out of the session's if none is named.
pub(super) fn convert_timezone(call: &FunctionCall<'_>) -> Result<Resolved> {
    let last = call.count() - 1;
    let from = if last > 1 {
        call.string(0)?
    } else {
        TypedExpr::literal(ScalarValue::from(call.context.time_zone_text.as_str()), "current_timezone()")
    };
    let time = call.implicit(last, &timestamp_ntz())?;
    let arguments = [from, call.string(last - 1)?, time];
    let texts: Vec<&str> = arguments.iter().map(|one| one.sql.as_str()).collect();
    let sql = format!("{}({})", call.name, texts.join(", "));
    scalar(CONVERT_TIMEZONE.call(arguments, timestamp_ntz(), call).with_sql(sql))
}
