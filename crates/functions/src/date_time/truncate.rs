//! The beginning of a unit of time.

use std::sync::Arc;

use arrow::array::{Array, AsArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Date32Type, TimestampMicrosecondType};
use millstream_core::Result;
use millstream_core::interval::DAY_US;
use millstream_formats::datetime::{civil_from_days, days_from_civil};

use super::field::local_us;
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::cast::time::dates;
use crate::data_type::{is_timestamp, timestamp};
use crate::failure::long_overflow;
use crate::kernel::Function;
use millstream_formats::calendar::{from_local_us, to_local_us, weekday_of};

/// The first day of the unit in which a day lies; `None` for no such unit.
fn first_day(days: i64, unit: &str) -> Option<i64> {
    let (year, month, _) = civil_from_days(days);
    Some(match unit {
        "YEAR" | "YYYY" | "YY" => days_from_civil(year, 1, 1),
        "QUARTER" => days_from_civil(year, (month - 1) / 3 * 3 + 1, 1),
        "MONTH" | "MM" | "MON" => days_from_civil(year, month, 1),
        "WEEK" => days - weekday_of(days),
        _ => return None,
    })
}

static TRUNC: Function = Function::new("trunc", |one| {
    let (days, units) = (one.columns[0].as_primitive::<Date32Type>(), one.strings(1));
    let trunc = |row: usize| {
        one.all_valid(row).then_some(())?;
        first_day(days.value(row).into(), &units.value(row).to_ascii_uppercase()).map(|days| days as i32)
    };
    Ok(dates((0..one.rows).map(trunc)))
});

pub(super) fn trunc(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(TRUNC.call_nullable([call.date(0)?, call.string(1)?], DataType::Date32, call))
}

static DATE_TRUNC: Function = Function::new("date_trunc", |one| {
    let units = one.strings(0);
    let zone = one.settings.time_zone;
    let times = one.columns[1].as_primitive::<TimestampMicrosecondType>();
    let trunc = |(row, local): (usize, Option<i64>)| {
        let (Some(local), true) = (local, units.is_valid(row)) else { return Ok(None) };
        let unit = units.value(row).to_ascii_uppercase();
        let span = match unit.as_str() {
            "DAY" | "DD" => DAY_US,
            "HOUR" => 3_600_000_000,
            "MINUTE" => 60_000_000,
            "SECOND" => 1_000_000,
            "MILLISECOND" => 1000,
            "MICROSECOND" => 1,
            other => {
                let Some(days) = first_day(local.div_euclid(DAY_US), other) else { return Ok(None) };
                let first = days.checked_mul(DAY_US).and_then(|us| from_local_us(us, zone));
                return first.map(Some).ok_or_else(long_overflow);
            }
        };
        let first = local.checked_sub(local.rem_euclid(span)).ok_or_else(long_overflow)?;
        // An hour that comes twice, as clocks go back, begins twice.
        let same_offset = times.value(row).checked_sub(local.rem_euclid(span));
        let same_offset = same_offset.filter(|&us| span < DAY_US && to_local_us(us, zone) == first);
        same_offset.or_else(|| from_local_us(first, zone)).map(Some).ok_or_else(long_overflow)
    };
    let column = local_us(one, 1).enumerate().map(trunc).collect::<Result<TimestampMicrosecondArray>>()?;
    Ok(Arc::new(column.with_timezone("UTC")))
});

pub(super) fn date_trunc(call: &FunctionCall<'_>) -> Result<Resolved> {
    let time =
        if is_timestamp(call.data_type(1)) { call.cast(call.argument(1), &timestamp())? } else { call.timestamp(1)? };
    scalar(DATE_TRUNC.call_nullable([call.string(0)?, time], timestamp(), call))
}
