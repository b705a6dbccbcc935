//! `sequence(start, stop[, step])` of integers, dates and timestamps.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, DurationMicrosecondType, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalYearMonthType,
};
use chrono_tz::Tz;
use millstream_core::error::{ErrorKind, SparkException};
use millstream_core::interval::DAY_US;
use millstream_core::{Error, Result, spark_error};

use crate::argument::common_type_of;
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::data_type::{array, is_timestamp};
use crate::failure::{ELEMENTS_MAX, differing_types, sql_expr, sql_id, too_many_elements};
use crate::kernel::{Evaluation, Function};
use crate::room::Room;
use millstream_formats::calendar::add_months_to_days;
use millstream_formats::calendar::{from_local_us, to_local_us};

/// A step in the units of the values: months of the calendar, and units (days or microseconds, or plain numbers).
#[derive(Clone, Copy)]
struct Step {
    months: i64,
    units: i64,
}

impl Step {
    fn sign(self) -> i64 {
        if self.months == 0 { self.units.signum() } else { self.months.signum() }
    }
}

static SEQUENCE: Function = Function::new("sequence", |one| {
    let DataType::List(element) = one.data_type else {
        return Err(Error::internal("an array that is none"));
    };
    let bound = |index: usize| -> Result<Int64Array> {
        let column = match one.columns[index].data_type() {
            DataType::Date32 => cast(&cast(&one.columns[index], &DataType::Int32)?, &DataType::Int64)?,
            _ => cast(&one.columns[index], &DataType::Int64)?,
        };
        Ok(column.as_primitive::<Int64Type>().clone())
    };
    let (starts, stops) = (bound(0)?, bound(1)?);
    let mut values: Vec<i64> = Vec::new();
    let mut room = one.room("sequence");
    let mut lengths = Vec::with_capacity(one.rows);
    let mut present = Vec::with_capacity(one.rows);
    for row in 0..one.rows {
        let before = values.len();
        present.push(one.all_valid(row));
        if one.all_valid(row) {
            let (start, stop) = (starts.value(row), stops.value(row));
            let step = step(one, row, start <= stop, element.data_type());
            let place = Place { zone: one.settings.time_zone, element: element.data_type() };
            fill(&mut values, (start, stop), step, place, &mut room)?;
        }
        lengths.push(values.len() - before);
    }
    let values = of_type(values, element.data_type())?;
    let nulls = NullBuffer::from(present);
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), OffsetBuffer::from_lengths(lengths), values, Some(nulls))?))
});

fn of_type(values: Vec<i64>, data_type: &DataType) -> Result<ArrayRef> {
    let values: ArrayRef = Arc::new(Int64Array::from(values));
    Ok(match data_type {
        DataType::Date32 => cast(&cast(&values, &DataType::Int32)?, data_type)?,
        _ => cast(&values, data_type)?,
    })
}

/// The row's step, or one unit (a day) towards the stop.
fn step(one: &Evaluation<'_>, row: usize, up: bool, element: &DataType) -> Step {
    let Some(column) = one.columns.get(2) else {
        let unit = if is_timestamp(element) { DAY_US } else { 1 };
        return Step { months: 0, units: if up { unit } else { -unit } };
    };
    let per_unit = if *element == DataType::Date32 { DAY_US } else { 1 };
    match column.data_type() {
        DataType::Duration(_) => {
            Step { months: 0, units: column.as_primitive::<DurationMicrosecondType>().value(row) / per_unit }
        }
        DataType::Interval(arrow::datatypes::IntervalUnit::YearMonth) => {
            Step { months: column.as_primitive::<IntervalYearMonthType>().value(row).into(), units: 0 }
        }
        DataType::Interval(_) => {
            let IntervalMonthDayNano { months, days, nanoseconds } =
                column.as_primitive::<IntervalMonthDayNanoType>().value(row);
            let us = i64::from(days).saturating_mul(DAY_US).saturating_add(nanoseconds / 1000);
            Step { months: months.into(), units: us / per_unit }
        }
        DataType::Int8 => Step { months: 0, units: column.as_primitive::<Int8Type>().value(row).into() },
        DataType::Int16 => Step { months: 0, units: column.as_primitive::<Int16Type>().value(row).into() },
        DataType::Int32 => Step { months: 0, units: column.as_primitive::<Int32Type>().value(row).into() },
        _ => Step { months: 0, units: column.as_primitive::<Int64Type>().value(row) },
    }
}

/// What the calendar of a sequence depends on.
#[derive(Clone, Copy)]
struct Place<'a> {
    zone: Tz,
    element: &'a DataType,
}

/// So many elements take room together.
const ELEMENTS_AT_ONCE: i64 = 1 << 12;

fn fill(values: &mut Vec<i64>, bounds: (i64, i64), step: Step, place: Place<'_>, room: &mut Room<'_>) -> Result<()> {
    let Place { zone, element } = place;
    let (start, stop) = bounds;
    let sign = step.sign();
    if (sign == 0 && start != stop) || (sign > 0 && start > stop) || (sign < 0 && start < stop) {
        let by = step.units.saturating_add(step.months);
        let message = format!("Illegal sequence boundaries: {start} to {stop} by {by}");
        return Err(Error::new(ErrorKind::Data, message).with_exception(SparkException::IllegalArgument));
    }
    if step.months == 0 && sign != 0 {
        let count = (i128::from(stop) - i128::from(start)) / i128::from(step.units) + 1;
        if count > i128::from(ELEMENTS_MAX) {
            return Err(too_many_elements(count, "count", "sequence"));
        }
    }
    let zone = if matches!(element, DataType::Timestamp(_, Some(_))) { zone } else { Tz::UTC };
    for index in 0..ELEMENTS_MAX {
        let next = at(start, step, index, zone, element);
        let beyond = next.is_none_or(|next| if sign >= 0 { next > stop } else { next < stop });
        if beyond {
            return Ok(());
        }
        if index % ELEMENTS_AT_ONCE == ELEMENTS_AT_ONCE - 1 {
            room.take(ELEMENTS_AT_ONCE as usize * size_of::<i64>())?;
        }
        values.extend(next);
        if sign == 0 {
            return Ok(());
        }
    }
    Err(Error::data("a sequence has too many elements"))
}

/// The element at an index; months and days go by the calendar in the zone.
fn at(start: i64, step: Step, index: i64, zone: Tz, element: &DataType) -> Option<i64> {
    let by = step.units.checked_mul(index)?;
    match element {
        DataType::Date32 => add_months_to_days(start, step.months * index).checked_add(by),
        DataType::Timestamp(_, _) => {
            let local = to_local_us(start, zone);
            let days = add_months_to_days(local.div_euclid(DAY_US), step.months * index);
            // Days are of the calendar, what is less than a day is of the clock; of a step with both each goes its way.
            let whole_days = (step.units / DAY_US).checked_mul(index)?;
            let moved = (days + whole_days).checked_mul(DAY_US)?.checked_add(local.rem_euclid(DAY_US))?;
            from_local_us(moved, zone)?.checked_add(by - whole_days * DAY_US)
        }
        _ => start.checked_add(by),
    }
}

pub(super) fn sequence(call: &FunctionCall<'_>) -> Result<Resolved> {
    let bounds_are_numbers = call.data_type(0).is_signed_integer() || call.data_type(1).is_signed_integer();
    let indexes: &[usize] = if bounds_are_numbers && call.count() > 2 { &[0, 1, 2] } else { &[0, 1] };
    let meeting = common_type_of(call, indexes).map_err(|_| differing_types(call))?;
    if !meeting.is_signed_integer() && meeting != DataType::Date32 && !is_timestamp(&meeting) {
        return Err(spark_error!(
            "DATATYPE_MISMATCH.SEQUENCE_WRONG_INPUT_TYPES",
            sqlExpr = sql_expr(&call.sql()),
            functionName = sql_id(call.name),
            startType = "(\"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or \"DATE\")",
            stepType = "(\"INTERVAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")",
            otherStartType = "\"INTEGRAL\"",
        ));
    }
    let mut arguments = vec![call.cast(call.argument(0), &meeting)?, call.cast(call.argument(1), &meeting)?];
    if call.count() > 2 {
        let step = call.argument(2);
        arguments.push(match step.data_type {
            ref one if one.is_signed_integer() => call.cast(step, &meeting)?,
            _ => step,
        });
    }
    let data_type = array(meeting, false);
    scalar(SEQUENCE.call(arguments, data_type, call))
}
