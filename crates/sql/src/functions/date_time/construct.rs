//! Dates and timestamps of their parts.

use std::sync::Arc;

use arrow::array::TimestampMicrosecondArray;
use arrow::datatypes::{DataType, Decimal128Type, Int32Type};
use millstream_core::Result;
use millstream_core::datetime::{SECOND_US, Zone, checked_days};

use crate::analyzer::typed_expr::TypedExpr;
use crate::data_type::{decimal, timestamp};
use crate::functions::argument::scalar;
use crate::functions::call::{FunctionCall, Resolved};
use crate::functions::cast::time::dates;
use crate::functions::failure::datetime_field_out_of_bounds;
use crate::functions::kernel::{Evaluation, Function};

/// Days since 1970, an error under ANSI where there is no such date.
fn days(one: &Evaluation<'_>, row: usize) -> Result<Option<i64>> {
    let part = |index: usize| i64::from(one.numbers::<Int32Type>(index).value(row));
    match checked_days(part(0), part(1), part(2)) {
        None if one.settings.ansi => Err(datetime_field_out_of_bounds(format!(
            "Invalid value for a date: {}-{:02}-{:02}",
            part(0),
            part(1),
            part(2)
        ))),
        other => Ok(other),
    }
}

/// What there is not is an error under ANSI, else NULL.
fn made(function: Function, parts: Vec<TypedExpr>, data_type: DataType, call: &FunctionCall<'_>) -> TypedExpr {
    let nullable = !call.context.settings.ansi || parts.iter().any(|part| part.nullable);
    function.over(parts, (data_type, nullable), &call.context.settings)
}

const MAKE_DATE: Function = Function::new("make_date", |one| {
    let make = |row: usize| if one.all_valid(row) { days(one, row) } else { Ok(None) };
    let made = (0..one.rows).map(make).collect::<Result<Vec<_>>>()?;
    Ok(dates(made.into_iter().map(|days| days.map(|days| days as i32))))
});

pub(super) fn make_date(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(made(MAKE_DATE, vec![call.int(0)?, call.int(1)?, call.int(2)?], DataType::Date32, call))
}

const MAKE_TIMESTAMP: Function = Function::new("make_timestamp", |one| {
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
            None => Some(Zone::Region(one.settings.time_zone)),
        };
        let (true, Some(zone)) = (fits, zone) else {
            if one.settings.ansi {
                return Err(datetime_field_out_of_bounds("Invalid value for a time"));
            }
            return Ok(None);
        };
        let local_s = days * 86_400 + hour * 3600 + minute * 60 + seconds_us / SECOND_US;
        Ok(Some(zone.to_utc_s(local_s) * SECOND_US + seconds_us % SECOND_US))
    };
    let made: TimestampMicrosecondArray = (0..one.rows).map(make).collect::<Result<_>>()?;
    Ok(Arc::new(made.with_timezone("UTC")))
});

pub(super) fn make_timestamp(call: &FunctionCall<'_>) -> Result<Resolved> {
    let mut arguments = (0..5).map(|index| call.int(index)).collect::<Result<Vec<_>>>()?;
    arguments.push(call.implicit(5, &decimal(16, 6))?);
    if call.count() > 6 {
        arguments.push(call.string(6)?);
    }
    scalar(made(MAKE_TIMESTAMP, arguments, timestamp(), call))
}
