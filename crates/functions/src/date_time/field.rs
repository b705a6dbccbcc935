//! Parts of dates and timestamps.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int8Array, Int32Array};
use arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, IntervalUnit, IntervalYearMonthType, TimestampMicrosecondType,
};
use chrono_tz::Tz;
use datafusion::common::ScalarValue;
use millstream_core::interval::DAY_US;
use millstream_core::{Error, Result, spark_error};
use millstream_formats::datetime::{civil_from_days, days_from_civil};

use crate::argument::{constant_of, scalar};
use crate::call::{FunctionCall, Resolved};
use crate::data_type::{decimal, is_timestamp};
use crate::failure::{non_foldable, sql_expr, unexpected_input_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;
use millstream_formats::calendar::{to_local_us, weekday_of};

/// A part of a day, by the number of days since 1970.
pub(super) fn date_part(one: &Evaluation<'_>, part: fn(i64) -> i64) -> Result<ArrayRef> {
    let days = one.columns[0].as_primitive::<Date32Type>();
    Ok(Arc::new(days.iter().map(|days| days.map(|days| part(days.into()) as i32)).collect::<Int32Array>()))
}

/// The clock's microseconds for every row of a timestamp column.
pub(super) fn local_us(one: &Evaluation<'_>, index: usize) -> impl Iterator<Item = Option<i64>> {
    let zone = match one.columns[index].data_type() {
        DataType::Timestamp(_, Some(_)) => one.settings.time_zone,
        _ => Tz::UTC,
    };
    let times = one.columns[index].as_primitive::<TimestampMicrosecondType>();
    times.iter().map(move |us| us.map(|us| to_local_us(us, zone)))
}

fn time_part(one: &Evaluation<'_>, unit_us: i64, units: i64) -> Result<ArrayRef> {
    let part = |us: i64| (us.rem_euclid(DAY_US) / unit_us % units) as i32;
    Ok(Arc::new(local_us(one, 0).map(|us| us.map(part)).collect::<Int32Array>()))
}

fn year_of(days: i64) -> i64 {
    civil_from_days(days).0
}

fn month_of(days: i64) -> i64 {
    civil_from_days(days).1
}

fn day_of_year(days: i64) -> i64 {
    days - days_from_civil(year_of(days), 1, 1) + 1
}

/// The week that has the year's first Thursday is the first.
fn iso_week(days: i64) -> (i64, i64) {
    let thursday = days - weekday_of(days) + 3;
    let year = year_of(thursday);
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

static YEAR: Function = Function::total("year", |one| date_part(one, year_of));
static QUARTER: Function = Function::total("quarter", |one| date_part(one, |days| (month_of(days) + 2) / 3));
static MONTH: Function = Function::total("month", |one| date_part(one, month_of));
static DAY: Function = Function::total("day", |one| date_part(one, |days| civil_from_days(days).2));
static DAY_OF_WEEK: Function =
    Function::total("dayofweek", |one| date_part(one, |days| (weekday_of(days) + 1) % 7 + 1));
static WEEKDAY: Function = Function::total("weekday", |one| date_part(one, weekday_of));
static ISO_DAY_OF_WEEK: Function = Function::new("dayofweek_iso", |one| date_part(one, |days| weekday_of(days) + 1));
static DAY_OF_YEAR: Function = Function::total("dayofyear", |one| date_part(one, day_of_year));
static WEEK: Function = Function::total("weekofyear", |one| date_part(one, |days| iso_week(days).1));
static ISO_YEAR: Function = Function::new("yearofweek", |one| date_part(one, |days| iso_week(days).0));
static HOUR: Function = Function::total("hour", |one| time_part(one, 3_600_000_000, 24));
static MINUTE: Function = Function::total("minute", |one| time_part(one, 60_000_000, 60));
static SECOND: Function = Function::total("second", |one| time_part(one, 1_000_000, 60));
static EXACT_SECOND: Function = Function::new("second_with_fraction", |one| {
    let seconds = local_us(one, 0).map(|us| us.map(|us| i128::from(us.rem_euclid(60_000_000))));
    Ok(Arc::new(seconds.collect::<Decimal128Array>().with_precision_and_scale(8, 6)?))
});

/// The last argument as a date.
fn of_date(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let value = call.date(call.count() - 1)?;
    scalar(function.call([value], DataType::Int32, call))
}

/// The last argument as a timestamp, with a zone or without.
fn moment(call: &FunctionCall<'_>) -> Result<TypedExpr> {
    let last = call.count() - 1;
    if is_timestamp(call.data_type(last)) { Ok(call.argument(last)) } else { call.timestamp(last) }
}

fn of_time(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    scalar(function.call([moment(call)?], DataType::Int32, call))
}

/// One function a line.
macro_rules! fields {
    ($($name:ident = $resolve:ident($function:ident);)*) => {
        $(pub(super) fn $name(call: &FunctionCall<'_>) -> Result<Resolved> {
            $resolve(call, &$function)
        })*
    };
}

fields! {
    year = of_date(YEAR);
    quarter = of_date(QUARTER);
    month = of_date(MONTH);
    day = of_date(DAY);
    dayofweek = of_date(DAY_OF_WEEK);
    weekday = of_date(WEEKDAY);
    dayofyear = of_date(DAY_OF_YEAR);
    weekofyear = of_date(WEEK);
    hour = of_time(HOUR);
    minute = of_time(MINUTE);
    second = of_time(SECOND);
}

/// `extract(field FROM source)`, `date_part('field', source)`
pub(super) fn extract(call: &FunctionCall<'_>) -> Result<Resolved> {
    let extracted = extracted(call)?;
    match extracted {
        Resolved::Scalar(part) if !call.name.eq_ignore_ascii_case("date_part") => {
            let sql = format!("{}({} FROM {})", call.name, call.arguments[0].sql, call.arguments[1].sql);
            scalar(part.with_sql(sql))
        }
        other => Ok(other),
    }
}

fn extracted(call: &FunctionCall<'_>) -> Result<Resolved> {
    let Some(ScalarValue::Utf8(Some(field))) = constant_of(&call.argument(0).expr) else {
        return non_foldable(call, 0, "field", "STRING");
    };
    match call.data_type(1) {
        DataType::Duration(_) | DataType::Interval(IntervalUnit::YearMonth) => return interval_part(call, &field),
        DataType::Interval(_) => return unexpected_input_type(call, 1, "(\"DATE\" or \"TIMESTAMP\")"),
        _ => {}
    }
    match field.to_ascii_uppercase().as_str() {
        "YEAR" | "Y" | "YEARS" | "YR" | "YRS" => of_date(call, &YEAR),
        "YEAROFWEEK" => of_date(call, &ISO_YEAR),
        "QUARTER" | "QTR" => of_date(call, &QUARTER),
        "MONTH" | "MON" | "MONS" | "MONTHS" => of_date(call, &MONTH),
        "WEEK" | "W" | "WEEKS" => of_date(call, &WEEK),
        "DAY" | "D" | "DAYS" => of_date(call, &DAY),
        "DAYOFWEEK" | "DOW" => of_date(call, &DAY_OF_WEEK),
        "DAYOFWEEK_ISO" | "DOW_ISO" => of_date(call, &ISO_DAY_OF_WEEK),
        "DOY" => of_date(call, &DAY_OF_YEAR),
        "HOUR" | "H" | "HOURS" | "HR" | "HRS" => of_time(call, &HOUR),
        "MINUTE" | "M" | "MIN" | "MINS" | "MINUTES" => of_time(call, &MINUTE),
        "SECOND" | "S" | "SEC" | "SECONDS" | "SECS" => scalar(EXACT_SECOND.call([moment(call)?], decimal(8, 6), call)),
        _ => Err(invalid_field(call, &field)),
    }
}

fn invalid_field(call: &FunctionCall<'_>, field: &str) -> Error {
    spark_error!("INVALID_EXTRACT_FIELD", field = format!("`{field}`"), expr = sql_expr(&call.arguments[1].sql))
}

/// A part of day-time intervals, which are microseconds.
fn span_part(evaluation: &Evaluation<'_>, unit_us: i64, units: i64) -> Result<ArrayRef> {
    let spans = evaluation.columns[0].as_primitive::<DurationMicrosecondType>();
    Ok(Arc::new(spans.iter().map(|us| us.map(|us| (us / unit_us % units) as i8)).collect::<Int8Array>()))
}

static INTERVAL_YEARS: Function = Function::total("interval_years", |one| {
    let months = one.columns[0].as_primitive::<IntervalYearMonthType>();
    Ok(Arc::new(months.iter().map(|months| months.map(|months| months / 12)).collect::<Int32Array>()))
});
static INTERVAL_MONTHS: Function = Function::total("interval_months", |one| {
    let months = one.columns[0].as_primitive::<IntervalYearMonthType>();
    Ok(Arc::new(months.iter().map(|months| months.map(|months| (months % 12) as i8)).collect::<Int8Array>()))
});
static INTERVAL_DAYS: Function = Function::total("interval_days", |one| {
    let spans = one.columns[0].as_primitive::<DurationMicrosecondType>();
    Ok(Arc::new(spans.iter().map(|us| us.map(|us| (us / DAY_US) as i32)).collect::<Int32Array>()))
});
static INTERVAL_HOURS: Function = Function::total("interval_hours", |one| span_part(one, 3_600_000_000, 24));
static INTERVAL_MINUTES: Function = Function::total("interval_minutes", |one| span_part(one, 60_000_000, 60));
static INTERVAL_SECONDS: Function = Function::total("interval_seconds", |one| {
    let spans = one.columns[0].as_primitive::<DurationMicrosecondType>();
    let seconds = spans.iter().map(|us| us.map(|us| i128::from(us % 60_000_000)));
    Ok(Arc::new(seconds.collect::<Decimal128Array>().with_precision_and_scale(8, 6)?))
});

/// A part of an interval, if its type has that field.
fn interval_part(call: &FunctionCall<'_>, field: &str) -> Result<Resolved> {
    let (unit, function, data_type): (&str, &'static Function, _) = match field.to_ascii_uppercase().as_str() {
        "YEAR" | "Y" | "YEARS" | "YR" | "YRS" => ("YEAR", &INTERVAL_YEARS, DataType::Int32),
        "MONTH" | "MON" | "MONS" | "MONTHS" => ("MONTH", &INTERVAL_MONTHS, DataType::Int8),
        "DAY" | "D" | "DAYS" => ("DAY", &INTERVAL_DAYS, DataType::Int32),
        "HOUR" | "H" | "HOURS" | "HR" | "HRS" => ("HOUR", &INTERVAL_HOURS, DataType::Int8),
        "MINUTE" | "M" | "MIN" | "MINS" | "MINUTES" => ("MINUTE", &INTERVAL_MINUTES, DataType::Int8),
        "SECOND" | "S" | "SEC" | "SECONDS" | "SECS" => ("SECOND", &INTERVAL_SECONDS, decimal(8, 6)),
        _ => return Err(invalid_field(call, field)),
    };
    if !units_of(&call.arguments[1]).contains(&unit) {
        return Err(invalid_field(call, field));
    }
    scalar(function.call([call.argument(1)], data_type, call))
}

static UNITS: [&str; 6] = ["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"];

/// The fields of an interval: those that a literal is written with, else all of its kind.
fn units_of(interval: &TypedExpr) -> &'static [&'static str] {
    let all = if matches!(interval.data_type, DataType::Duration(_)) { 2..6 } else { 0..2 };
    let written = interval.as_literal().and_then(|_| interval.sql.strip_prefix("INTERVAL '")?.rsplit_once("' "));
    let place = |unit: &str| UNITS.iter().position(|one| *one == unit);
    let Some((_, units)) = written else { return &UNITS[all] };
    let (first, last) = units.split_once(" TO ").unwrap_or((units, units));
    match (place(first), place(last)) {
        (Some(first), Some(last)) if first <= last => &UNITS[first..=last],
        _ => &UNITS[all],
    }
}
