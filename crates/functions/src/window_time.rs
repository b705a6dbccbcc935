//! Event-time windows: `window` and what belongs to it. The rows of windows are made by the analyzer.

use arrow::datatypes::{DataType, IntervalMonthDayNano, TimeUnit};
use datafusion::common::ScalarValue;
use millstream_core::error::SparkException;
use millstream_core::interval::{CalendarInterval, parse_interval};
use millstream_core::{Error, Result};
use millstream_engine::functions::Meaning;

use crate::data_type::{is_timestamp, sql_name, timestamp};
use crate::typed_expr::TypedExpr;

use super::argument::{constant_of, scalar};
use super::call::{FunctionCall, Resolved, SessionWindow, TimeWindow};
use super::entry::Arity::{Between, Exactly};
use super::entry::FunctionEntry;
use super::failure::{datatype_mismatch, unexpected_input_type};
use super::kernel::Function;

/// The windowing functions.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("window", Between(2, 4), window, "the event-time windows of a time"),
    FunctionEntry::new("session_window", Exactly(2), session_window, "windows that end after a gap without events"),
    FunctionEntry::new("window_time", Exactly(1), window_time, "the last moment within a window"),
];

fn window(call: &FunctionCall<'_>) -> Result<Resolved> {
    let time = event_time(call)?;
    let window_us = duration(call, 1)?;
    let slide_us = if call.count() > 2 { duration(call, 2)? } else { window_us };
    let start_us = if call.count() > 3 { duration(call, 3)? } else { 0 };
    for (name, value, index) in [("window duration", window_us, 1), ("slide duration", slide_us, 2)] {
        if value <= 0 {
            let reason = format!("The `{name}` must be between (0, 9223372036854775807] (current value = {value}L).");
            let _ = index;
            return Err(datatype_mismatch(call, "VALUE_OUT_OF_RANGE", &reason));
        }
    }
    let relation = |left: &str, right: &str, left_value: i64, right_value: i64, operator: &str| {
        let reason = format!("The `{left}` ({left_value}L) must be {operator} the `{right}` ({right_value}L).");
        datatype_mismatch(call, "PARAMETER_CONSTRAINT_VIOLATION", &reason)
    };
    if slide_us > window_us {
        return Err(relation("slide_duration", "window_duration", slide_us, window_us, "<="));
    }
    if start_us.unsigned_abs() >= slide_us.unsigned_abs() {
        return Err(relation("abs(start_time)", "slide_duration", start_us, slide_us, "<"));
    }
    Ok(Resolved::TimeWindow(TimeWindow { time, window_us, slide_us, start_us }))
}

fn event_time(call: &FunctionCall<'_>) -> Result<TypedExpr> {
    match call.data_type(0) {
        one if is_timestamp(one) => Ok(call.argument(0)),
        DataType::Date32 | DataType::Utf8 => call.timestamp(0),
        // A window of a window is that of its last moment.
        DataType::Struct(fields) if fields.len() == 2 && fields[1].name() == "end" => last_moment(call),
        _ => unexpected_input_type(call, 0, "(\"TIMESTAMP\" or \"TIMESTAMP WITHOUT TIME ZONE\")"),
    }
}

/// A constant span of time in microseconds.
fn duration(call: &FunctionCall<'_>, index: usize) -> Result<i64> {
    match constant_of(&call.argument(index).expr) {
        Some(ScalarValue::Utf8(Some(text))) => parse_interval(&text)?.fixed_us().ok_or_else(|| {
            Error::illegal_argument(format!("Intervals greater than a month is not supported ({text})."))
                .with_class("_LEGACY_ERROR_TEMP_3231", SparkException::IllegalArgument)
        }),
        Some(ScalarValue::DurationMicrosecond(Some(us))) => Ok(us),
        Some(ScalarValue::Int64(Some(us))) => Ok(us),
        Some(ScalarValue::Int32(Some(us))) => Ok(us.into()),
        _ => Err(Error::invalid("The duration and time inputs to window must be an integer, long or string literal.")
            .with_class("_LEGACY_ERROR_TEMP_1101", SparkException::Analysis)),
    }
}

fn session_window(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.context.streaming {
        return Err(Error::unsupported(format!(
            "The session window \"{}\" over a stream is not supported.",
            call.sql()
        )));
    }
    let time = event_time(call)?;
    let gap = match constant_of(&call.argument(1).expr) {
        // A text that is no interval is a gap of NULL, so that there is no window.
        Some(ScalarValue::Utf8(text)) => text.and_then(|text| parse_interval(&text).ok()),
        Some(ScalarValue::IntervalMonthDayNano(gap)) => {
            gap.map(|gap| CalendarInterval { months: gap.months, days: gap.days, microseconds: gap.nanoseconds / 1000 })
        }
        Some(other) => {
            let message = format!(
                "Gap duration expression used in session window must be CalendarIntervalType, but got {}.",
                sql_name(&other.data_type())
            );
            return Err(Error::invalid(message).with_class("_LEGACY_ERROR_TEMP_1040", SparkException::Analysis));
        }
        None => return Err(Error::unsupported("A session window with a gap that is no constant is not supported.")),
    };
    let gap = gap.map(|gap| IntervalMonthDayNano::new(gap.months, gap.days, gap.microseconds.saturating_mul(1000)));
    let gap = TypedExpr::literal(ScalarValue::IntervalMonthDayNano(gap), "");
    let end = super::operators::time_plus(call, time.clone(), gap);
    Ok(Resolved::SessionWindow(SessionWindow { time, end }))
}

/// The last microsecond of a window. It takes the window and not its end, because only the window is event time.
const LAST_MOMENT: Function = Function::new("last_moment", |one| {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::TimestampMicrosecondType;
    let windows = one.columns[0].as_struct();
    let ends = windows.column_by_name("end").and_then(|ends| ends.as_primitive_opt::<TimestampMicrosecondType>());
    let (Some(ends), DataType::Timestamp(_, zone)) = (ends, one.data_type) else {
        return Err(Error::internal("a window's end is a timestamp"));
    };
    let moments = ends.unary::<_, TimestampMicrosecondType>(|us| us - 1);
    let (_, values, nulls) = moments.into_parts();
    let nulls = arrow::buffer::NullBuffer::union(nulls.as_ref(), windows.nulls());
    let moments = arrow::array::TimestampMicrosecondArray::new(values, nulls);
    Ok(std::sync::Arc::new(moments.with_timezone_opt(zone.clone())))
})
.meaning(Meaning::EventTime);

fn last_moment(call: &FunctionCall<'_>) -> Result<TypedExpr> {
    let window = call.argument(0);
    let DataType::Struct(fields) = &window.data_type else {
        return unexpected_input_type(call, 0, "\"STRUCT\"");
    };
    let Some(end) = fields.iter().find(|field| field.name() == "end") else {
        return unexpected_input_type(call, 0, "\"STRUCT\"");
    };
    let data_type = match end.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, None) => end.data_type().clone(),
        _ => timestamp(),
    };
    let nullable = window.nullable;
    Ok(LAST_MOMENT.over([window], (data_type, nullable), &call.context.settings))
}

fn window_time(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(last_moment(call)?)
}
