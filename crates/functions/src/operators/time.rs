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
    TimestampMicrosecondArray,
};
use arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Float64Type, Int32Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, TimeUnit, TimestampMicrosecondType,
};
use chrono_tz::Tz;
use datafusion::common::ScalarValue;
use millstream_core::interval::DAY_US;
use millstream_core::{Error, Result, spark_error};

use super::arithmetic::{OnFailure, Operation, is_tolerant};
use super::interval;
use crate::call::FunctionCall;
use crate::cast::time::dates;
use crate::data_type::{is_numeric, is_timestamp, sql_name, timestamp};
use crate::failure::{arithmetic_overflow, interval_overflow_of, long_overflow, unexpected_input_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;
use millstream_formats::calendar::{add_months_to_days, from_local_us, to_local_us};

const DAY_TIME: DataType = DataType::Duration(TimeUnit::Microsecond);
const YEAR_MONTH: DataType = DataType::Interval(IntervalUnit::YearMonth);
const CALENDAR: DataType = DataType::Interval(IntervalUnit::MonthDayNano);

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_) | DataType::Duration(_))
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
    let (left, right) = (beside(left, &b, operation, call)?, beside(right, &a, operation, call)?);
    let (a, b) = (left.data_type.clone(), right.data_type.clone());
    let build = |left: TypedExpr, right: TypedExpr, data_type: DataType| {
        let nullable = left.nullable || right.nullable || operation == Operation::IntegralDivide || is_tolerant(call);
        Ok(Some(function.over([left, right], data_type, nullable, &call.context.settings)))
    };
    let moving = |time: TypedExpr, by: TypedExpr| {
        // Spark shows the time first, and no parentheses.
        let sql = match is_tolerant(call) {
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
            build(left, factor(&a, right, call)?, a)
        }
        _ if is_factor(&a) && is_interval(&b) && operation == Operation::Multiply => {
            build(right, factor(&b, left, call)?, b)
        }
        _ if operation == Operation::IntegralDivide && (a == b && a != CALENDAR && is_interval(&a)) => {
            build(left, right, DataType::Int64)
        }
        _ => Ok(None),
    }
}

/// An operand, or what an untyped NULL is beside a time or an interval.
fn beside(operand: TypedExpr, other: &DataType, operation: Operation, call: &FunctionCall<'_>) -> Result<TypedExpr> {
    if operand.data_type != DataType::Null {
        return Ok(operand);
    }
    let data_type = match operation {
        Operation::Add if is_time(other) => DAY_TIME,
        Operation::Multiply | Operation::Divide => DataType::Float64,
        _ => other.clone(),
    };
    call.cast(operand, &data_type)
}

/// Whether an interval can be multiplied by a value of this type.
fn is_factor(data_type: &DataType) -> bool {
    is_numeric(data_type) || *data_type == DataType::Utf8
}

/// The number beside an interval as it is computed.
fn factor(interval_type: &DataType, number: TypedExpr, call: &FunctionCall<'_>) -> Result<TypedExpr> {
    if *interval_type == CALENDAR { call.cast(number, &DataType::Float64) } else { interval::factor(number, call) }
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

/// Computes an operator over columns of dates, timestamps and intervals.
pub(super) fn compute(evaluation: &Evaluation<'_>, operation: Operation, failure: OnFailure) -> Result<ArrayRef> {
    let (left, right) = (&evaluation.columns[0], &evaluation.columns[1]);
    let sign = if operation == Operation::Subtract { -1 } else { 1 };
    // Java's exceptions, which do not depend on ANSI mode.
    let beyond = Beyond { tolerated: failure == OnFailure::Null, error: long_overflow };
    match (left.data_type(), right.data_type()) {
        (DataType::Date32, DataType::Int32) => {
            let days = left.as_primitive::<Date32Type>().iter().zip(right.as_primitive::<Int32Type>());
            // The sum of two numbers of 32 bits, in Java.
            let moved =
                |(days, by): (Option<i32>, Option<i32>)| Some(days?.wrapping_add(by?.wrapping_mul(sign as i32)));
            Ok(dates(days.map(moved)))
        }
        (DataType::Date32, DataType::Date32) => {
            let days = left.as_primitive::<Date32Type>().iter().zip(right.as_primitive::<Date32Type>());
            let spans = beyond.checked(days, |a, b| (i64::from(a) - i64::from(b)).checked_mul(DAY_US))?;
            Ok(Arc::new(DurationMicrosecondArray::from(spans)))
        }
        (DataType::Timestamp(_, _), DataType::Timestamp(_, _)) => subtract_times((left, right), evaluation, beyond),
        (DataType::Date32, _) => {
            let beyond = Beyond { tolerated: beyond.tolerated, error: || arithmetic_overflow("overflow", "") };
            move_dates(left, &to_calendar(right)?, sign, beyond)
        }
        (DataType::Timestamp(_, zone), DataType::Duration(_)) => {
            let times = left.as_primitive::<TimestampMicrosecondType>().iter();
            let spans = right.as_primitive::<DurationMicrosecondType>();
            let session = zone.as_ref().map_or(Tz::UTC, |_| evaluation.settings.time_zone);
            // Whole days are days of the calendar, 23 or 25 hours long where the clock is changed.
            let moved = beyond.checked(times.zip(spans), |us, by| {
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
            let moved = beyond.checked(times.zip(by), |us, by| move_time(us, by, sign, session))?;
            Ok(Arc::new(TimestampMicrosecondArray::from(moved).with_timezone_opt(zone.clone())))
        }
        (scaled, DataType::Float64) if *scaled == CALENDAR => scale(left, right, operation),
        (_, DataType::Int64 | DataType::Float64 | DataType::Decimal128(_, _)) => {
            interval::scale(evaluation, operation, failure)
        }
        _ if operation == Operation::IntegralDivide => interval::integral_quotient(evaluation, operation, failure),
        _ => combine(left, right, operation, failure),
    }
}

/// What becomes of a result that there is not.
struct Beyond<E> {
    /// It is NULL.
    tolerated: bool,
    /// Else it is this error.
    error: E,
}

impl<E: Fn() -> Error> Beyond<E> {
    fn checked<A, B, C>(
        &self,
        rows: impl Iterator<Item = (Option<A>, Option<B>)>,
        compute: impl Fn(A, B) -> Option<C>,
    ) -> Result<Vec<Option<C>>> {
        rows.map(|row| match row {
            (Some(a), Some(b)) => match compute(a, b) {
                None if !self.tolerated => Err((self.error)()),
                result => Ok(result),
            },
            _ => Ok(None),
        })
        .collect()
    }
}

/// Timestamps are subtracted as the clock in the session's zone shows them.
fn subtract_times(
    (left, right): (&ArrayRef, &ArrayRef),
    evaluation: &Evaluation<'_>,
    beyond: Beyond<impl Fn() -> Error>,
) -> Result<ArrayRef> {
    let zone = match left.data_type() {
        DataType::Timestamp(_, Some(_)) => evaluation.settings.time_zone,
        _ => Tz::UTC,
    };
    let (left, right) = (left.as_primitive::<TimestampMicrosecondType>(), right.as_primitive());
    let rows = left.iter().zip(right as &TimestampMicrosecondArray);
    let spans = beyond.checked(rows, |a, b| to_local_us(a, zone).checked_sub(to_local_us(b, zone)))?;
    Ok(Arc::new(DurationMicrosecondArray::from(spans)))
}

fn move_dates(column: &ArrayRef, by: &ArrayRef, sign: i64, beyond: Beyond<impl Fn() -> Error>) -> Result<ArrayRef> {
    let rows = column.as_primitive::<Date32Type>().iter().zip(by.as_primitive::<IntervalMonthDayNanoType>());
    let moved = beyond.checked(rows, |days, by| {
        let moved = add_months_to_days(days.into(), sign * i64::from(by.months)) + sign * i64::from(by.days);
        i32::try_from(moved + sign * (by.nanoseconds / 1000 / DAY_US)).ok()
    })?;
    Ok(dates(moved.into_iter()))
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

/// A calendar interval times or by a number.
fn scale(intervals: &ArrayRef, factors: &ArrayRef, operation: Operation) -> Result<ArrayRef> {
    let factors = factors.as_primitive::<Float64Type>();
    let divides = operation == Operation::Divide;
    let divided_by_zero = |row: usize| intervals.is_valid(row) && factors.is_valid(row) && factors.value(row) == 0.0;
    if divides && (0..factors.len()).any(divided_by_zero) {
        return Err(spark_error!("INTERVAL_DIVIDED_BY_ZERO"));
    }
    let apply = |value: f64, factor: f64| if divides { value / factor } else { value * factor };
    let round = |value: f64| (value.abs() < i64::MAX as f64).then_some(value.round() as i64);
    let rows = intervals.as_primitive::<IntervalMonthDayNanoType>().iter().zip(factors);
    let beyond = Beyond { tolerated: false, error: || arithmetic_overflow("overflow", "") };
    let scaled = beyond.checked(rows, |interval, factor| {
        let months = apply(interval.months.into(), factor).trunc();
        let days = apply(interval.days.into(), factor);
        let us = apply((interval.nanoseconds / 1000) as f64, factor) + days.fract() * DAY_US as f64;
        Some(IntervalMonthDayNano::new(months as i32, days.trunc() as i32, round(us)? * 1000))
    })?;
    Ok(Arc::new(IntervalMonthDayNanoArray::from(scaled)))
}

/// The sum or difference of two intervals of one kind.
fn combine(left: &ArrayRef, right: &ArrayRef, operation: Operation, failure: OnFailure) -> Result<ArrayRef> {
    let (sign, narrow_sign) = if operation == Operation::Subtract { (-1, -1) } else { (1, 1) };
    let error = || interval_overflow_of(operation.tolerant_name());
    let beyond = Beyond { tolerated: failure == OnFailure::Null, error };
    match (left.data_type(), right.data_type()) {
        (DataType::Duration(_), DataType::Duration(_)) => {
            let rows = left
                .as_primitive::<DurationMicrosecondType>()
                .iter()
                .zip(right.as_primitive::<DurationMicrosecondType>());
            Ok(Arc::new(DurationMicrosecondArray::from(
                beyond.checked(rows, |a, b| if sign < 0 { a.checked_sub(b) } else { a.checked_add(b) })?,
            )))
        }
        (one, other) if *one == YEAR_MONTH && *other == YEAR_MONTH => {
            let rows =
                left.as_primitive::<IntervalYearMonthType>().iter().zip(right.as_primitive::<IntervalYearMonthType>());
            let months = beyond.checked(rows, |a, b| if sign < 0 { a.checked_sub(b) } else { a.checked_add(b) })?;
            Ok(Arc::new(IntervalYearMonthArray::from(months)))
        }
        (one, other) if *one == CALENDAR && *other == CALENDAR => {
            let rows = left
                .as_primitive::<IntervalMonthDayNanoType>()
                .iter()
                .zip(right.as_primitive::<IntervalMonthDayNanoType>());
            let sums = beyond.checked(rows, |a, b| {
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
