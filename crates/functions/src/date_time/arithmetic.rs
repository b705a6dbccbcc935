//! Dates and timestamps moved, and the distance between two.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Float64Array, Int32Array, Int64Array, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Date32Type, Int32Type, Int64Type};
use datafusion::common::ScalarValue;
use millstream_core::interval::DAY_US;
use millstream_core::{Error, Result, spark_error};
use millstream_formats::datetime::{civil_from_days, days_from_civil};

use super::field::local_us;
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::cast::time::dates;
use crate::data_type::is_timestamp;
use crate::failure::{arithmetic_overflow, long_overflow, sql_id, sql_value, unexpected_input_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;
use millstream_formats::calendar::add_months_to_days;
use millstream_formats::calendar::from_local_us;
use millstream_formats::calendar::weekday_of;

/// A date of each date and number.
fn moved(one: &Evaluation<'_>, by: fn(i64, i64) -> i64) -> Result<ArrayRef> {
    let (days, numbers) = (one.columns[0].as_primitive::<Date32Type>(), one.numbers::<Int32Type>(1));
    let moved = days.iter().zip(numbers).map(|(days, number)| Some(by(days?.into(), number?.into()) as i32));
    Ok(dates(moved))
}

static DATE_ADD: Function = Function::new("date_add", |one| moved(one, |days, by| days + by));
static DATE_SUB: Function = Function::new("date_sub", |one| moved(one, |days, by| days - by));
static ADD_MONTHS: Function = Function::new("add_months", |one| {
    let rows = one.columns[0].as_primitive::<Date32Type>().iter().zip(one.numbers::<Int32Type>(1));
    let moved = rows.map(|(days, months)| {
        let (Some(days), Some(months)) = (days, months) else { return Ok(None) };
        let moved = add_months_to_days(days.into(), months.into());
        // In both modes.
        i32::try_from(moved).map(Some).map_err(|_| arithmetic_overflow("overflow", ""))
    });
    Ok(Arc::new(moved.collect::<Result<Date32Array>>()?))
});

fn resolve_moved(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let number = match call.data_type(1) {
        DataType::Int64 | DataType::Float32 | DataType::Float64 | DataType::Decimal128(_, _) => {
            return unexpected_input_type(call, 1, "(\"INT\" or \"SMALLINT\" or \"TINYINT\")");
        }
        _ => call.int(1)?,
    };
    scalar(function.call([call.date(0)?, number], DataType::Date32, call))
}

pub(super) fn date_add(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_moved(call, &DATE_ADD)
}

pub(super) fn date_sub(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_moved(call, &DATE_SUB)
}

pub(super) fn add_months(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(ADD_MONTHS.call([call.date(0)?, call.int(1)?], DataType::Date32, call))
}

static DATEDIFF: Function = Function::new("datediff", |one| {
    let (ends, starts) = (one.columns[0].as_primitive::<Date32Type>(), one.columns[1].as_primitive::<Date32Type>());
    let difference = ends.iter().zip(starts).map(|(end, start)| Some(end?.wrapping_sub(start?)));
    Ok(Arc::new(difference.collect::<Int32Array>()))
});

pub(super) fn datediff(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(DATEDIFF.call([call.date(0)?, call.date(1)?], DataType::Int32, call))
}

static LAST_DAY: Function = Function::new("last_day", |one| {
    let last = |days: i32| {
        let (year, month, _) = civil_from_days(days.into());
        let first = days_from_civil(year, month, 1);
        (add_months_to_days(first, 1) - 1) as i32
    };
    Ok(dates(one.columns[0].as_primitive::<Date32Type>().iter().map(|days| days.map(last))))
});

pub(super) fn last_day(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(LAST_DAY.call([call.date(0)?], DataType::Date32, call))
}

/// Monday is 0; two letters, three or the whole word.
fn weekday_named(name: &str) -> Option<i64> {
    const NAMES: [&str; 7] = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
    let name = name.trim().to_ascii_uppercase();
    NAMES.iter().position(|full| name == *full || name == full[..2] || name == full[..3]).map(|at| at as i64)
}

static NEXT_DAY: Function = Function::new("next_day", |one| {
    let (days, names) = (one.columns[0].as_primitive::<Date32Type>(), one.strings(1));
    let next = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let today = i64::from(days.value(row));
        match weekday_named(names.value(row)) {
            Some(wanted) => Ok(Some((today + 1 + (wanted - weekday_of(today) - 1).rem_euclid(7)) as i32)),
            None if one.settings.ansi => Err(illegal_day(names.value(row))),
            None => Ok(None),
        }
    };
    Ok(dates((0..one.rows).map(next).collect::<Result<Vec<_>>>()?.into_iter()))
});

fn illegal_day(name: &str) -> Error {
    spark_error!("ILLEGAL_DAY_OF_WEEK", string = name)
}

pub(super) fn next_day(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(NEXT_DAY.call_nullable([call.date(0)?, call.string(1)?], DataType::Date32, call))
}

static MONTHS_BETWEEN: Function = Function::new("months_between", |one| {
    let rounds = one.booleans(2);
    let months = local_us(one, 0).zip(local_us(one, 1)).enumerate().map(|(row, (end, start))| {
        rounds.is_valid(row).then_some(())?;
        Some(months_between_us(end?, start?, rounds.value(row)))
    });
    Ok(Arc::new(months.collect::<Float64Array>()))
});

/// Whole months where both are the same day or both the last of their months, else the rest as parts of 31 days.
fn months_between_us(end: i64, start: i64, rounds: bool) -> f64 {
    let parts = |us: i64| {
        let days = us.div_euclid(DAY_US);
        let (year, month, day) = civil_from_days(days);
        let last = add_months_to_days(days_from_civil(year, month, 1), 1) - days_from_civil(year, month, 1);
        (year * 12 + month, day, day == last, us.rem_euclid(DAY_US) / 1_000_000)
    };
    let ((end_month, end_day, end_last, end_s), (start_month, start_day, start_last, start_s)) =
        (parts(end), parts(start));
    let months = (end_month - start_month) as f64;
    if end_day == start_day || (end_last && start_last) {
        return months;
    }
    let seconds = (end_day - start_day) * 86_400 + end_s - start_s;
    let value = months + seconds as f64 / (31 * 86_400) as f64;
    if rounds { (value * 1e8).round() / 1e8 } else { value }
}

pub(super) fn months_between(call: &FunctionCall<'_>) -> Result<Resolved> {
    let rounds = if call.count() > 2 {
        call.implicit(2, &DataType::Boolean)?
    } else {
        TypedExpr::literal(ScalarValue::from(true), "true")
    };
    let sql = if call.count() > 2 {
        String::new()
    } else {
        format!("{}({}, {}, true)", call.name, call.arguments[0].sql, call.arguments[1].sql)
    };
    let arguments = [call.timestamp(0)?, call.timestamp(1)?, rounds];
    scalar(MONTHS_BETWEEN.call(arguments, DataType::Float64, call).with_sql(sql))
}

/// A unit: months of the calendar, or microseconds; days keep the clock's time.
enum Unit {
    Months(i64),
    Days(i64),
    Microseconds(i64),
}

fn unit(name: &str) -> Option<Unit> {
    Some(match name.to_ascii_uppercase().as_str() {
        "YEAR" => Unit::Months(12),
        "QUARTER" => Unit::Months(3),
        "MONTH" => Unit::Months(1),
        "WEEK" => Unit::Days(7),
        "DAY" | "DAYOFYEAR" => Unit::Days(1),
        "HOUR" => Unit::Microseconds(3_600_000_000),
        "MINUTE" => Unit::Microseconds(60_000_000),
        "SECOND" => Unit::Microseconds(1_000_000),
        "MILLISECOND" => Unit::Microseconds(1000),
        "MICROSECOND" => Unit::Microseconds(1),
        _ => return None,
    })
}

/// The first argument, checked to be a unit.
fn unit_argument(call: &FunctionCall<'_>) -> Result<TypedExpr> {
    let name = call.constant_string(0, "unit")?.unwrap_or_default();
    match unit(&name) {
        Some(_) => call.string(0),
        None => Err(spark_error!(
            "INVALID_PARAMETER_VALUE.DATETIME_UNIT",
            parameter = "`unit`",
            functionName = sql_id(call.name),
            invalidValue = sql_value(&name),
        )),
    }
}

static TIMESTAMPADD: Function = Function::new("timestampadd", |one| {
    let DataType::Timestamp(_, zone) = one.data_type else {
        return Err(Error::internal("a timestamp that is none"));
    };
    let session = if zone.is_some() { one.settings.time_zone } else { chrono_tz::Tz::UTC };
    let amounts = one.numbers::<Int64Type>(1);
    let moved = local_us(one, 2).enumerate().map(|(row, local)| {
        let (Some(local), true) = (local, one.all_valid(row)) else { return Ok(None) };
        let amount = amounts.value(row);
        let add = || match unit(one.strings(0).value(row))? {
            Unit::Months(months) => {
                let months = i32::try_from(amount.checked_mul(months)?).ok()?;
                let days = add_months_to_days(local.div_euclid(DAY_US), months.into());
                from_local_us(days.checked_mul(DAY_US)?.checked_add(local.rem_euclid(DAY_US))?, session)
            }
            Unit::Days(days) => {
                from_local_us(local.checked_add(amount.checked_mul(days)?.checked_mul(DAY_US)?)?, session)
            }
            Unit::Microseconds(us) => from_local_us(local, session)?.checked_add(amount.checked_mul(us)?),
        };
        add().map(Some).map_or_else(|| Err(datetime_overflow(one, row)), Ok)
    });
    let column: TimestampMicrosecondArray = moved.collect::<Result<_>>()?;
    Ok(Arc::new(column.with_timezone_opt(zone.clone())))
});

/// The time that a row's addition would leave the range from, in Spark's words.
fn datetime_overflow(one: &Evaluation<'_>, row: usize) -> Error {
    let (unit, amount) = (one.strings(0).value(row).to_uppercase(), one.numbers::<Int64Type>(1).value(row));
    let column = one.columns[2].slice(row, 1);
    let zoned = matches!(column.data_type(), DataType::Timestamp(_, Some(_)));
    let text = millstream_formats::text::cast_to_string(&column, one.settings.time_zone);
    let text = text.map_or_else(|_| String::new(), |text| text.value(0).to_owned());
    let type_name = if zoned { "TIMESTAMP" } else { "TIMESTAMP_NTZ" };
    spark_error!("DATETIME_OVERFLOW", operation = format!("add {amount}L {unit} to {type_name} '{text}'"))
}

pub(super) fn timestampadd(call: &FunctionCall<'_>) -> Result<Resolved> {
    let time = if is_timestamp(call.data_type(2)) { call.argument(2) } else { call.timestamp(2)? };
    let data_type = time.data_type.clone();
    scalar(TIMESTAMPADD.call([unit_argument(call)?, call.bigint(1)?, time], data_type, call))
}

static TIMESTAMPDIFF: Function = Function::new("timestampdiff", |one| {
    let units = one.strings(0);
    let difference = local_us(one, 1).zip(local_us(one, 2)).enumerate().map(|(row, (start, end))| {
        let (Some(start), Some(end)) = (start, end) else { return Ok(None) };
        let apart = |us: i64| (i128::from(end) - i128::from(start)) / i128::from(us);
        let difference = match unit(units.value(row)) {
            None => return Ok(None),
            Some(Unit::Months(months)) => i128::from(whole_months(start, end) / months),
            Some(Unit::Days(days)) => apart(days * DAY_US),
            Some(Unit::Microseconds(us)) => apart(us),
        };
        i64::try_from(difference).map(Some).map_err(|_| long_overflow())
    });
    Ok(Arc::new(difference.collect::<Result<Int64Array>>()?))
});

fn whole_months(start: i64, end: i64) -> i64 {
    if end < start {
        return -whole_months(end, start);
    }
    let place = |us: i64| {
        let (year, month, day) = civil_from_days(us.div_euclid(DAY_US));
        (year * 12 + month, (day, us.rem_euclid(DAY_US)))
    };
    let ((first, from), (last, to)) = (place(start), place(end));
    last - first - i64::from(to < from)
}

pub(super) fn timestampdiff(call: &FunctionCall<'_>) -> Result<Resolved> {
    let arguments = [unit_argument(call)?, call.timestamp(1)?, call.timestamp(2)?];
    scalar(TIMESTAMPDIFF.call(arguments, DataType::Int64, call))
}
