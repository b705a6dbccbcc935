//! Dates, timestamps and intervals under `+ - * /`.
//!
//! Months are added to the date in the session's zone and cut at the month's end, days keep the clock's time, the rest
//! is a span of real time. A day-time interval is one span (Spark's has no separate days).
//!
//! Deliberately not here: Spark's narrower interval types. `date + interval` is a DATE where the interval is a constant
//! of whole days, else a TIMESTAMP.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DurationMicrosecondArray, IntervalMonthDayNanoArray, IntervalYearMonthArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::compute::concat;
use arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Float64Type, Int32Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, TimeUnit, TimestampMicrosecondType,
};
use chrono_tz::Tz;
use datafusion::common::ScalarValue;
use millstream_core::interval::DAY_US;
use millstream_core::{Error, Result, spark_error};

use super::arithmetic::Operation;
use crate::call::FunctionCall;
use crate::cast::time::dates;
use crate::columns::calendar::{add_months_to_days, from_local_us, to_local_us};
use crate::data_type::{is_numeric, is_timestamp, sql_name, timestamp};
use crate::failure::{arithmetic_overflow, long_overflow, unexpected_input_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

const DAY_TIME: DataType = DataType::Duration(TimeUnit::Microsecond);
const YEAR_MONTH: DataType = DataType::Interval(IntervalUnit::YearMonth);
const CALENDAR: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_) | DataType::Duration(_))
}

/// What an interval can be multiplied with.
fn is_factor(data_type: &DataType) -> bool {
    is_numeric(data_type) || matches!(data_type, DataType::Utf8 | DataType::Null)
}

fn is_time(data_type: &DataType) -> bool {
    *data_type == DataType::Date32 || is_timestamp(data_type)
}

/// The operator over dates, timestamps or intervals, if it is one.
pub(super) fn resolve(
    call: &FunctionCall<'_>,
    operation: Operation,
    function: &'static Function,
) -> Result<Option<TypedExpr>> {
    let (left, right) = (call.argument(0), call.argument(1));
    let (a, b) = (left.data_type.clone(), right.data_type.clone());
    let minus = operation == Operation::Subtract;
    let plus = operation == Operation::Add;
    if !(is_time(&a) || is_time(&b) || is_interval(&a) || is_interval(&b)) {
        return Ok(None);
    }
    let build = |left: TypedExpr, right: TypedExpr, data_type: DataType| {
        let tolerant = call.name.eq_ignore_ascii_case(operation.tolerant_name());
        let nullable = left.nullable || right.nullable || operation.divides() || tolerant;
        Ok(Some(function.over([left, right], data_type, nullable, &call.context.settings)))
    };
    let moving = |time: TypedExpr, by: TypedExpr| {
        // Spark shows the time first, and no parentheses.
        let tolerant = call.name.eq_ignore_ascii_case(operation.tolerant_name());
        let sql = match tolerant {
            true => call.sql(),
            false => format!("{} {} {}", time.sql, if minus { "-" } else { "+" }, by.sql),
        };
        let (time, by) = moved(call, time, by)?;
        let data_type = time.data_type.clone();
        Ok(build(time, by, data_type)?.map(|moved| moved.with_sql(sql)))
    };
    match (&a, &b) {
        _ if is_time(&a) && is_interval(&b) && (plus || minus) => moving(left, right),
        _ if is_interval(&a) && is_time(&b) && plus => moving(right, left),
        (DataType::Date32, DataType::Int8 | DataType::Int16 | DataType::Int32) if plus || minus => {
            let days = call.cast(right, &DataType::Int32)?;
            build(left, days, DataType::Date32)
        }
        (DataType::Int8 | DataType::Int16 | DataType::Int32, DataType::Date32) if plus => {
            let days = call.cast(left, &DataType::Int32)?;
            build(right, days, DataType::Date32)
        }
        (DataType::Date32, other) if (plus || minus) && is_numeric(other) => {
            unexpected_input_type(call, 1, "(\"INT\" or \"SMALLINT\" or \"TINYINT\")")
        }
        _ if minus && is_time(&a) && (is_time(&b) || b == DataType::Utf8) => difference(call, left, right, build),
        _ if minus && a == DataType::Utf8 && is_time(&b) => difference(call, left, right, build),
        _ if is_interval(&a) && is_interval(&b) && (plus || minus) => {
            if [&a, &b].iter().all(|one| **one != CALENDAR) && a != b {
                return unexpected_input_type(call, 0, "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\"");
            }
            let meeting = if a == b { a } else { CALENDAR };
            build(as_calendar_if(left, &meeting, call), as_calendar_if(right, &meeting, call), meeting)
        }
        _ if is_interval(&a) && is_factor(&b) && matches!(operation, Operation::Multiply | Operation::Divide) => {
            let factor = call.cast(right, &DataType::Float64)?;
            build(left, factor, a)
        }
        _ if is_factor(&a) && is_interval(&b) && operation == Operation::Multiply => {
            let factor = call.cast(left, &DataType::Float64)?;
            build(right, factor, b)
        }
        _ => Ok(None),
    }
}

/// A time and an interval to move it by: a date moved by more than whole days is a timestamp.
fn moved(call: &FunctionCall<'_>, time: TypedExpr, by: TypedExpr) -> Result<(TypedExpr, TypedExpr)> {
    let stays_date = match (&by.data_type, by.as_literal()) {
        (DataType::Interval(_), _) => true,
        (_, Some(ScalarValue::DurationMicrosecond(Some(us)))) => us % DAY_US == 0,
        _ => false,
    };
    if time.data_type == DataType::Date32 && !stays_date {
        return Ok((call.cast(time, &timestamp())?, by));
    }
    Ok((time, by))
}

fn difference(
    call: &FunctionCall<'_>,
    left: TypedExpr,
    right: TypedExpr,
    build: impl Fn(TypedExpr, TypedExpr, DataType) -> Result<Option<TypedExpr>>,
) -> Result<Option<TypedExpr>> {
    let meeting = match (&left.data_type, &right.data_type) {
        (DataType::Date32, DataType::Date32 | DataType::Utf8) | (DataType::Utf8, DataType::Date32) => DataType::Date32,
        (DataType::Timestamp(_, None), DataType::Timestamp(_, None)) => left.data_type.clone(),
        _ => timestamp(),
    };
    build(call.cast(left, &meeting)?, call.cast(right, &meeting)?, DAY_TIME)
}

/// A day-time or year-month interval beside one of the other kind is a calendar interval.
fn as_calendar_if(expr: TypedExpr, meeting: &DataType, call: &FunctionCall<'_>) -> TypedExpr {
    if expr.data_type == *meeting {
        return expr;
    }
    let nullable = expr.nullable;
    TO_CALENDAR.over([expr], CALENDAR, nullable, &call.context.settings)
}

static TO_CALENDAR: Function = Function::new("to_calendar_interval", |one| to_calendar(&one.columns[0]));

fn to_calendar(column: &ArrayRef) -> Result<ArrayRef> {
    let column: IntervalMonthDayNanoArray = match column.data_type() {
        DataType::Duration(_) => {
            let spans = column.as_primitive::<DurationMicrosecondType>();
            spans.unary(|us| IntervalMonthDayNano::new(0, (us / DAY_US) as i32, us % DAY_US * 1000))
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            let months = column.as_primitive::<IntervalYearMonthType>();
            months.unary(|months| IntervalMonthDayNano::new(months, 0, 0))
        }
        _ => column.as_primitive().clone(),
    };
    Ok(Arc::new(column))
}

/// Computes an operator over columns of dates, timestamps and intervals, with NULL for what fails.
pub(super) fn compute_or_null(evaluation: &Evaluation<'_>, operation: Operation) -> Result<ArrayRef> {
    if let Ok(all) = compute(evaluation, operation) {
        return Ok(all);
    }
    let rows = (0..evaluation.rows).map(|row| {
        let columns = evaluation.columns.iter().map(|column| column.slice(row, 1)).collect();
        let alone = Evaluation { columns, rows: 1, ..*evaluation };
        compute(&alone, operation).unwrap_or_else(|_| new_null_array(evaluation.data_type, 1))
    });
    let rows: Vec<ArrayRef> = rows.collect();
    Ok(concat(&rows.iter().map(AsRef::as_ref).collect::<Vec<_>>())?)
}

/// Computes an operator over columns of dates, timestamps and intervals.
pub(super) fn compute(evaluation: &Evaluation<'_>, operation: Operation) -> Result<ArrayRef> {
    let (left, right) = (&evaluation.columns[0], &evaluation.columns[1]);
    let sign = if operation == Operation::Subtract { -1 } else { 1 };
    match (left.data_type(), right.data_type()) {
        (DataType::Date32, DataType::Int32) => {
            let days = left.as_primitive::<Date32Type>().iter().zip(right.as_primitive::<Int32Type>());
            checked(days, |days, by| days.checked_add(by.checked_mul(sign as i32)?)).map(dates_of)
        }
        (DataType::Date32, DataType::Date32) => {
            let days = left.as_primitive::<Date32Type>().iter().zip(right.as_primitive::<Date32Type>());
            let spans = in_range(days, |a, b| (i64::from(a) - i64::from(b)).checked_mul(DAY_US))?;
            Ok(Arc::new(DurationMicrosecondArray::from(spans)))
        }
        (DataType::Timestamp(_, _), DataType::Timestamp(_, _)) => subtract_times(left, right, evaluation),
        (DataType::Date32, _) => move_dates(left, &to_calendar(right)?, sign),
        (DataType::Timestamp(_, zone), DataType::Duration(_)) => {
            let times = left.as_primitive::<TimestampMicrosecondType>().iter();
            let spans = right.as_primitive::<DurationMicrosecondType>();
            let session = zone.as_ref().map_or(Tz::UTC, |_| evaluation.settings.time_zone);
            // Whole days are days of the calendar, 23 or 25 hours long where the clock is changed.
            let moved = in_range(times.zip(spans), |us, by| {
                let days = i32::try_from(by / DAY_US).ok()?;
                let nanoseconds = (by % DAY_US).checked_mul(1000)?;
                move_time(us, IntervalMonthDayNano::new(0, days, nanoseconds), sign, session)
            })?;
            Ok(Arc::new(TimestampMicrosecondArray::from(moved).with_timezone_opt(zone.clone())))
        }
        (DataType::Timestamp(_, zone), _) => {
            let session = zone.as_ref().map_or(Tz::UTC, |_| evaluation.settings.time_zone);
            let times = left.as_primitive::<TimestampMicrosecondType>().iter();
            let by = to_calendar(right)?;
            let by = by.as_primitive::<IntervalMonthDayNanoType>();
            let moved = in_range(times.zip(by), |us, by| move_time(us, by, sign, session))?;
            Ok(Arc::new(TimestampMicrosecondArray::from(moved).with_timezone_opt(zone.clone())))
        }
        (_, DataType::Float64) => scale(left, right, operation),
        _ => combine(left, right, operation),
    }
}

fn dates_of(days: Vec<Option<i32>>) -> ArrayRef {
    dates(days.into_iter())
}

fn checked<A, B, C>(
    rows: impl Iterator<Item = (Option<A>, Option<B>)>,
    compute: impl Fn(A, B) -> Option<C>,
) -> Result<Vec<Option<C>>> {
    or_fail(rows, compute, || arithmetic_overflow("overflow", ""))
}

/// The same for timestamps and spans between times, for which Spark has the JVM's error.
fn in_range<A, B, C>(
    rows: impl Iterator<Item = (Option<A>, Option<B>)>,
    compute: impl Fn(A, B) -> Option<C>,
) -> Result<Vec<Option<C>>> {
    or_fail(rows, compute, long_overflow)
}

fn or_fail<A, B, C>(
    rows: impl Iterator<Item = (Option<A>, Option<B>)>,
    compute: impl Fn(A, B) -> Option<C>,
    failure: impl Fn() -> Error,
) -> Result<Vec<Option<C>>> {
    rows.map(|row| match row {
        (Some(a), Some(b)) => compute(a, b).map(Some).ok_or_else(&failure),
        _ => Ok(None),
    })
    .collect()
}

/// Timestamps are subtracted as the clock in the session's zone shows them.
fn subtract_times(left: &ArrayRef, right: &ArrayRef, evaluation: &Evaluation<'_>) -> Result<ArrayRef> {
    let zone = match left.data_type() {
        DataType::Timestamp(_, Some(_)) => evaluation.settings.time_zone,
        _ => Tz::UTC,
    };
    let (left, right) = (left.as_primitive::<TimestampMicrosecondType>(), right.as_primitive());
    let rows = left.iter().zip(right as &TimestampMicrosecondArray);
    let spans = in_range(rows, |a, b| to_local_us(a, zone).checked_sub(to_local_us(b, zone)))?;
    Ok(Arc::new(DurationMicrosecondArray::from(spans)))
}

fn move_dates(dates: &ArrayRef, by: &ArrayRef, sign: i64) -> Result<ArrayRef> {
    let rows = dates.as_primitive::<Date32Type>().iter().zip(by.as_primitive::<IntervalMonthDayNanoType>());
    checked(rows, |days, by| {
        let moved = add_months_to_days(days.into(), sign * i64::from(by.months)) + sign * i64::from(by.days);
        i32::try_from(moved + sign * (by.nanoseconds / 1000 / DAY_US)).ok()
    })
    .map(dates_of)
}

fn move_time(us: i64, by: IntervalMonthDayNano, sign: i64, zone: Tz) -> Option<i64> {
    let mut moved = us;
    if by.months != 0 || by.days != 0 {
        let local = to_local_us(us, zone);
        let days =
            add_months_to_days(local.div_euclid(DAY_US), sign * i64::from(by.months)) + sign * i64::from(by.days);
        moved = from_local_us(days.checked_mul(DAY_US)?.checked_add(local.rem_euclid(DAY_US))?, zone)?;
    }
    moved.checked_add(sign * (by.nanoseconds / 1000))
}

/// An interval times or by a number, rounded half up.
fn scale(intervals: &ArrayRef, factors: &ArrayRef, operation: Operation) -> Result<ArrayRef> {
    let factors = factors.as_primitive::<Float64Type>();
    let divides = operation == Operation::Divide;
    let divided_by_zero = |row: usize| intervals.is_valid(row) && factors.is_valid(row) && factors.value(row) == 0.0;
    if divides && (0..factors.len()).any(divided_by_zero) {
        return Err(spark_error!("INTERVAL_DIVIDED_BY_ZERO"));
    }
    let apply = |value: f64, factor: f64| if divides { value / factor } else { value * factor };
    let round = |value: f64| (value.abs() < i64::MAX as f64).then_some(value.round() as i64);
    match intervals.data_type() {
        DataType::Duration(_) => {
            let rows = intervals.as_primitive::<DurationMicrosecondType>().iter().zip(factors);
            let spans = in_range(rows, |us, factor| round(apply(us as f64, factor)))?;
            Ok(Arc::new(DurationMicrosecondArray::from(spans)))
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            let rows = intervals.as_primitive::<IntervalYearMonthType>().iter().zip(factors);
            let months = checked(rows, |months, factor| i32::try_from(round(apply(f64::from(months), factor))?).ok())?;
            Ok(Arc::new(IntervalYearMonthArray::from(months)))
        }
        _ => {
            let rows = intervals.as_primitive::<IntervalMonthDayNanoType>().iter().zip(factors);
            let scaled = checked(rows, |one, factor| {
                let months = apply(one.months.into(), factor).trunc();
                let days = apply(one.days.into(), factor);
                let us = apply((one.nanoseconds / 1000) as f64, factor) + days.fract() * DAY_US as f64;
                Some(IntervalMonthDayNano::new(months as i32, days.trunc() as i32, round(us)? * 1000))
            })?;
            Ok(Arc::new(IntervalMonthDayNanoArray::from(scaled)))
        }
    }
}

/// The sum or difference of two intervals of one kind.
fn combine(left: &ArrayRef, right: &ArrayRef, operation: Operation) -> Result<ArrayRef> {
    let (sign, narrow_sign) = if operation == Operation::Subtract { (-1, -1) } else { (1, 1) };
    let overflow = |_| {
        let tolerant = format!("`{}`", operation.tolerant_name());
        spark_error!("INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION", functionName = tolerant)
    };
    match (left.data_type(), right.data_type()) {
        (DataType::Duration(_), DataType::Duration(_)) => {
            let rows = left
                .as_primitive::<DurationMicrosecondType>()
                .iter()
                .zip(right.as_primitive::<DurationMicrosecondType>());
            let spans = checked(rows, |a, b| a.checked_add(b.checked_mul(sign)?)).map_err(overflow)?;
            Ok(Arc::new(DurationMicrosecondArray::from(spans)))
        }
        (one, other) if *one == YEAR_MONTH && *other == YEAR_MONTH => {
            let rows =
                left.as_primitive::<IntervalYearMonthType>().iter().zip(right.as_primitive::<IntervalYearMonthType>());
            let months = checked(rows, |a, b| a.checked_add(b.checked_mul(narrow_sign)?)).map_err(overflow)?;
            Ok(Arc::new(IntervalYearMonthArray::from(months)))
        }
        (one, other) if *one == CALENDAR && *other == CALENDAR => {
            let rows = left
                .as_primitive::<IntervalMonthDayNanoType>()
                .iter()
                .zip(right.as_primitive::<IntervalMonthDayNanoType>());
            let sums = checked(rows, |a, b| {
                Some(IntervalMonthDayNano::new(
                    a.months.checked_add(b.months.checked_mul(narrow_sign)?)?,
                    a.days.checked_add(b.days.checked_mul(narrow_sign)?)?,
                    a.nanoseconds.checked_add(b.nanoseconds.checked_mul(sign)?)?,
                ))
            })?;
            Ok(Arc::new(IntervalMonthDayNanoArray::from(sums)))
        }
        (one, other) => Err(Error::internal(format!("an operator over {} and {}", sql_name(one), sql_name(other)))),
    }
}
