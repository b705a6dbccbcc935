//! Event-time windows: `window` and what belongs to it. The rows of windows are made by the analyzer.

use std::sync::Arc;

use arrow::array::StructArray;
use arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalUnit, TimeUnit};
use datafusion::common::ScalarValue;
use millstream_core::interval::parse_interval;
use millstream_core::{Error, Result, spark_error};
use millstream_engine::functions::Meaning;

use crate::data_type::{is_timestamp, sql_name, structure, timestamp};
use crate::typed_expr::TypedExpr;

use super::argument::{constant_of, scalar};
use super::call::{FunctionCall, Resolved, SessionWindow, TimeWindow};
use super::cast::{CastMode, cast};
use super::entry::Arity::{Between, Exactly};
use super::entry::FunctionEntry;
use super::kernel::Function;
use crate::failure::{arithmetic_overflow, sql_expr, unexpected_input_type};

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
    let sql_expr = sql_expr(&format!("window({}, {window_us}, {slide_us}, {start_us})", time.sql));
    for (name, value) in [("`window_duration`", window_us), ("`slide_duration`", slide_us)] {
        if value <= 0 {
            return Err(spark_error!(
                "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
                sqlExpr = sql_expr,
                exprName = name,
                valueRange = "(0, 9223372036854775807]",
                currentValue = format!("{value}L"),
            ));
        }
    }
    if slide_us > window_us {
        return Err(spark_error!(
            "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION",
            sqlExpr = sql_expr,
            leftExprName = "`slide_duration`",
            leftExprValue = format!("{slide_us}L"),
            constraint = "<=",
            rightExprName = "`window_duration`",
            rightExprValue = format!("{window_us}L"),
        ));
    }
    if start_us.unsigned_abs() >= slide_us.unsigned_abs() {
        return Err(spark_error!(
            "DATATYPE_MISMATCH.PARAMETER_CONSTRAINT_VIOLATION",
            sqlExpr = sql_expr,
            leftExprName = "`abs(start_time)`",
            leftExprValue = format!("{}L", start_us.unsigned_abs()),
            constraint = "<",
            rightExprName = "`slide_duration`",
            rightExprValue = format!("{slide_us}L"),
        ));
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
        Some(ScalarValue::Utf8(Some(text))) => {
            let us = parse_interval(&text)?.fixed_us();
            us.ok_or_else(|| spark_error!("_LEGACY_ERROR_TEMP_3231", interval = text))
        }
        Some(ScalarValue::DurationMicrosecond(Some(us))) => Ok(us),
        Some(ScalarValue::Int64(Some(us))) => Ok(us),
        Some(ScalarValue::Int32(Some(us))) => Ok(us.into()),
        _ => Err(spark_error!("_LEGACY_ERROR_TEMP_1207")),
    }
}

/// The class of a type in Spark, where its message names that.
fn type_class(data_type: &DataType) -> String {
    let class = match data_type {
        DataType::Boolean => "BooleanType",
        DataType::Int8 => "ByteType",
        DataType::Int16 => "ShortType",
        DataType::Int32 => "IntegerType",
        DataType::Int64 => "LongType",
        DataType::Float32 => "FloatType",
        DataType::Float64 => "DoubleType",
        DataType::Date32 => "DateType",
        DataType::Timestamp(_, _) => "TimestampType",
        other => return sql_name(other),
    };
    class.to_owned()
}

fn session_window(call: &FunctionCall<'_>) -> Result<Resolved> {
    let time = event_time(call)?;
    let end = super::operators::time_plus(call, time.clone(), gap(call)?);
    let bounds = structure([("start", time.data_type.clone(), true), ("end", time.data_type.clone(), true)]);
    let window = OWN_SESSION.over([time.clone(), end.clone()], bounds, false, &call.context.settings);
    Ok(Resolved::SessionWindow(Box::new(SessionWindow { time, end, window })))
}

/// The gap of a session as an interval. A text that is no interval is a gap of NULL, so that there is no window.
fn gap(call: &FunctionCall<'_>) -> Result<TypedExpr> {
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    let gap = call.argument(1);
    match (constant_of(&gap.expr), &gap.data_type) {
        (Some(ScalarValue::Utf8(text)), _) => {
            let gap = text.and_then(|text| parse_interval(&text).ok());
            let gap =
                gap.map(|gap| IntervalMonthDayNano::new(gap.months, gap.days, gap.microseconds.saturating_mul(1000)));
            Ok(TypedExpr::literal(ScalarValue::IntervalMonthDayNano(gap), ""))
        }
        (_, DataType::Utf8 | DataType::Null) => cast(gap, &interval, CastMode::Try, call.context.settings.time_zone),
        (_, DataType::Interval(IntervalUnit::MonthDayNano)) => Ok(gap),
        (_, other) => Err(spark_error!("_LEGACY_ERROR_TEMP_1040", dt = type_class(other))),
    }
}

/// The session of an event alone.
static OWN_SESSION: Function = Function::total("own_session", |evaluation| {
    let DataType::Struct(bounds) = evaluation.data_type else { return Err(Error::internal("a session is a struct")) };
    Ok(Arc::new(StructArray::try_new(bounds.clone(), evaluation.columns.clone(), None)?))
})
.meaning(Meaning::EventTime);

/// The last microsecond of a window. It takes the window and not its end, because only the window is event time.
static LAST_MOMENT: Function = Function::new("last_moment", |one| {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::TimestampMicrosecondType;
    let windows = one.columns[0].as_struct();
    let ends = windows.column_by_name("end").and_then(|ends| ends.as_primitive_opt::<TimestampMicrosecondType>());
    let (Some(ends), DataType::Timestamp(_, zone)) = (ends, one.data_type) else {
        return Err(Error::internal("a window's end is a timestamp"));
    };
    let moments = match one.settings.ansi {
        true => ends.try_unary::<_, TimestampMicrosecondType, Error>(|us| {
            us.checked_sub(1).ok_or_else(|| arithmetic_overflow("overflow", "try_subtract"))
        })?,
        false => ends.unary(|us| us.wrapping_sub(1)),
    };
    let (_, values, nulls) = moments.into_parts();
    let nulls = arrow::buffer::NullBuffer::union(nulls.as_ref(), windows.nulls());
    let moments = arrow::array::TimestampMicrosecondArray::new(values, nulls);
    Ok(Arc::new(moments.with_timezone_opt(zone.clone())))
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
    Ok(LAST_MOMENT.over([window], data_type, nullable, &call.context.settings))
}

fn window_time(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(last_moment(call)?)
}
