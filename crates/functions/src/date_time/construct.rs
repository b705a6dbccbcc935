//! Dates and timestamps of their parts.

use std::sync::Arc;

use arrow::array::{DurationMicrosecondArray, IntervalYearMonthArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Decimal128Type, Int32Type, IntervalUnit, TimeUnit};
use datafusion::common::ScalarValue;
use millstream_core::{QuerySettings, Result, spark_error};
use millstream_formats::datetime::{SECOND_US, Zone};

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::cast::time::dates;
use crate::data_type::{decimal, timestamp, timestamp_ntz};
use crate::failure::{arithmetic_overflow, datetime_field_out_of_bounds, interval_overflow, long_overflow};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;
use millstream_formats::calendar::java_date;

/// Days since 1970, an error under ANSI where there is no such date.
fn days(one: &Evaluation<'_>, row: usize) -> Result<Option<i64>> {
    let part = |index: usize| i64::from(one.numbers::<Int32Type>(index).value(row));
    match java_date(part(0), part(1), part(2)) {
        Ok(days) => Ok(Some(days)),
        Err(sentence) if one.settings.ansi => Err(datetime_field_out_of_bounds(&sentence)),
        Err(_) => Ok(None),
    }
}

/// What `java.time` says of a time of day that there is not.
fn invalid_time(hour: i64, minute: i64, second: i64) -> String {
    match (hour, minute) {
        (..0 | 24.., _) => format!("Invalid value for HourOfDay (valid values 0 - 23): {hour}"),
        (_, ..0 | 60..) => format!("Invalid value for MinuteOfHour (valid values 0 - 59): {minute}"),
        _ => format!("Invalid value for SecondOfMinute (valid values 0 - 59): {second}"),
    }
}

/// What there is not is an error under ANSI, else NULL.
fn made(function: &'static Function, parts: Vec<TypedExpr>, data_type: DataType, call: &FunctionCall<'_>) -> TypedExpr {
    let nullable = !call.context.settings.ansi || parts.iter().any(|part| part.nullable);
    function.over(parts, data_type, nullable, &call.context.settings)
}

static MAKE_DATE: Function = Function::new("make_date", |one| {
    let make = |row: usize| if one.all_valid(row) { days(one, row) } else { Ok(None) };
    let narrow = |days: i64| i32::try_from(days).map_err(|_| arithmetic_overflow("overflow", ""));
    let make = |row: usize| make(row)?.map(narrow).transpose();
    Ok(dates((0..one.rows).map(make).collect::<Result<Vec<_>>>()?.into_iter()))
});

pub(super) fn make_date(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(made(&MAKE_DATE, vec![call.int(0)?, call.int(1)?, call.int(2)?], DataType::Date32, call))
}

static MAKE_TIMESTAMP: Function = Function::new("make_timestamp", |one| {
    let make = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let part = |index: usize| i64::from(one.numbers::<Int32Type>(index).value(row));
        let (hour, minute) = (part(3), part(4));
        let seconds_us = one.numbers::<Decimal128Type>(5).value(row) as i64;
        // 60 seconds are the next minute, as long as there is no fraction.
        let fits = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60 * SECOND_US).contains(&seconds_us);
        let Some(days) = days(one, row)? else { return Ok(None) };
        let zone = match one.columns.get(6) {
            Some(_) => Zone::parse(one.strings(6).value(row)),
            None if matches!(one.data_type, DataType::Timestamp(_, None)) => Some(Zone::Region(chrono_tz::UTC)),
            None => Some(Zone::Region(one.settings.time_zone)),
        };
        let (true, Some(zone)) = (fits, zone) else {
            return match fits {
                _ if !one.settings.ansi => Ok(None),
                false => Err(datetime_field_out_of_bounds(&invalid_time(hour, minute, seconds_us / SECOND_US))),
                true => Err(spark_error!("INVALID_TIMEZONE", timeZone = one.strings(6).value(row))),
            };
        };
        let local_s = days * 86_400 + hour * 3600 + minute * 60 + seconds_us / SECOND_US;
        let us = i128::from(zone.to_utc_s(local_s)) * i128::from(SECOND_US) + i128::from(seconds_us % SECOND_US);
        i64::try_from(us).map(Some).map_err(|_| long_overflow())
    };
    let made: TimestampMicrosecondArray = (0..one.rows).map(make).collect::<Result<_>>()?;
    Ok(Arc::new(made.with_data_type(one.data_type.clone())))
});

fn timestamp_parts(call: &FunctionCall<'_>) -> Result<Vec<TypedExpr>> {
    let mut arguments = (0..5).map(|index| call.int(index)).collect::<Result<Vec<_>>>()?;
    arguments.push(call.implicit(5, &decimal(16, 6))?);
    if call.count() > 6 {
        arguments.push(call.string(6)?);
    }
    Ok(arguments)
}

pub(super) fn make_timestamp(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(made(&MAKE_TIMESTAMP, timestamp_parts(call)?, timestamp(), call))
}

pub(super) fn make_timestamp_ntz(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(made(&MAKE_TIMESTAMP, timestamp_parts(call)?, timestamp_ntz(), call))
}

fn tried(call: &FunctionCall<'_>, data_type: DataType) -> Result<Resolved> {
    let settings = QuerySettings { ansi: false, ..call.context.settings };
    let made = MAKE_TIMESTAMP.over(timestamp_parts(call)?, data_type, true, &settings);
    // The zone does not show.
    let texts: Vec<&str> = call.arguments.iter().take(6).map(|one| one.sql.as_str()).collect();
    scalar(made.with_sql(format!("{}({})", call.name.to_lowercase(), texts.join(", "))))
}

pub(super) fn try_make_timestamp(call: &FunctionCall<'_>) -> Result<Resolved> {
    tried(call, timestamp())
}

pub(super) fn try_make_timestamp_ntz(call: &FunctionCall<'_>) -> Result<Resolved> {
    tried(call, timestamp_ntz())
}

static MAKE_DAY_TIME: Function = Function::new("make_dt_interval", |one| {
    let seconds = one.numbers::<Decimal128Type>(3);
    let make = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let part = |index: usize| i64::from(one.numbers::<Int32Type>(index).value(row));
        // Numbers of 32 bits cannot overflow this far.
        let whole = ((part(0) * 24 + part(1)) * 60 + part(2)) * 60;
        let us = i64::try_from(seconds.value(row)).ok().zip(whole.checked_mul(SECOND_US));
        us.and_then(|(us, whole)| whole.checked_add(us)).map(Some).ok_or_else(interval_overflow)
    };
    Ok(Arc::new((0..one.rows).map(make).collect::<Result<DurationMicrosecondArray>>()?))
});

/// `make_dt_interval(days, hours, minutes, seconds)`, where what is not given is 0.
pub(super) fn make_day_time_interval(call: &FunctionCall<'_>) -> Result<Resolved> {
    let mut arguments = (0..call.count().min(3)).map(|index| call.int(index)).collect::<Result<Vec<_>>>()?;
    arguments.resize(3, TypedExpr::literal(ScalarValue::Int32(Some(0)), "0"));
    arguments.push(match call.count() {
        4 => call.implicit(3, &decimal(18, 6))?,
        _ => TypedExpr::literal(ScalarValue::Decimal128(Some(0), 18, 6), "0.000000"),
    });
    let texts: Vec<&str> = arguments.iter().map(|one| one.sql.as_str()).collect();
    let sql = format!("{}({})", call.name, texts.join(", "));
    scalar(MAKE_DAY_TIME.call(arguments, DataType::Duration(TimeUnit::Microsecond), call).with_sql(sql))
}

static MAKE_YEAR_MONTH: Function = Function::new("make_ym_interval", |one| {
    let (years, months) = (one.numbers::<Int32Type>(0), one.numbers::<Int32Type>(1));
    let make = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let total = years.value(row).checked_mul(12).and_then(|years| years.checked_add(months.value(row)));
        total.map(Some).ok_or_else(interval_overflow)
    };
    Ok(Arc::new((0..one.rows).map(make).collect::<Result<IntervalYearMonthArray>>()?))
});

/// `make_ym_interval(years, months)`, where what is not given is 0.
pub(super) fn make_year_month_interval(call: &FunctionCall<'_>) -> Result<Resolved> {
    let mut arguments = (0..call.count()).map(|index| call.int(index)).collect::<Result<Vec<_>>>()?;
    arguments.resize(2, TypedExpr::literal(ScalarValue::Int32(Some(0)), "0"));
    let sql = format!("{}({}, {})", call.name, arguments[0].sql, arguments[1].sql);
    scalar(MAKE_YEAR_MONTH.call(arguments, DataType::Interval(IntervalUnit::YearMonth), call).with_sql(sql))
}
