//! `format_string`: values by a format of Java's.

mod java_format;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalUnit, IntervalYearMonthType, TimestampMicrosecondType,
};
use datafusion::common::ScalarValue;
use millstream_core::error::SparkException;
use millstream_core::{Error, Result, spark_error};
use millstream_formats::json_text::push_decimal;

use self::java_format::{Argument, JavaFormat, Refusal};
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::cast::to_text::column_to_text;
use crate::data_type::sql_name;
use crate::failure::sql_id;
use crate::hash::hash_of_string;
use crate::kernel::Function;

static FORMAT_STRING: Function = Function::new("format_string", |evaluation| {
    let formats = evaluation.strings(0);
    let columns =
        evaluation.columns[1..].iter().map(|column| ArgumentColumn::new(column, evaluation.settings.time_zone));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let mut room = evaluation.room("format_string");
    let mut compiled: Option<(&str, JavaFormat)> = None;
    let mut print = |row: usize| {
        if formats.is_null(row) {
            return Ok(None);
        }
        let text = formats.value(row);
        if compiled.as_ref().is_none_or(|(known, _)| *known != text) {
            compiled = Some((text, JavaFormat::new(text).map_err(refused)?));
        }
        let Some((_, format)) = &compiled else { return Err(Error::internal("a format was not kept")) };
        let arguments: Vec<Argument> = columns.iter().map(|column| column.argument(row)).collect();
        let texts = arguments.iter().map(|argument| match argument {
            Argument::Text { text, .. } => text.len(),
            _ => 0,
        });
        room.take(format.bytes().saturating_add(texts.sum()))?;
        format.print(&arguments).map(Some).map_err(refused)
    };
    Ok(Arc::new((0..evaluation.rows).map(&mut print).collect::<Result<StringArray>>()?))
});

/// Java's own error: Spark gives it no class.
fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Illegal(sentence) => Error::data(sentence).with_exception(SparkException::IllegalArgument),
        Refusal::Unbuilt(what) => Error::unsupported(what),
    }
}

/// A column of values as Spark hands them to Java: dates and times are numbers there.
struct ArgumentColumn<'a> {
    column: &'a ArrayRef,
    /// The values' texts, where they are not printed as numbers.
    texts: Option<StringArray>,
}

impl<'a> ArgumentColumn<'a> {
    fn new(column: &'a ArrayRef, zone: chrono_tz::Tz) -> Result<Self> {
        let is_text = matches!(column.data_type(), DataType::Utf8 | DataType::Interval(IntervalUnit::MonthDayNano));
        let texts = if is_text { Some(column_to_text(column, zone)?.as_string::<i32>().clone()) } else { None };
        Ok(Self { column, texts })
    }

    fn argument(&self, row: usize) -> Argument {
        let column = self.column;
        if *column.data_type() == DataType::Null || column.is_null(row) {
            return Argument::Null;
        }
        let integer = |value: i64, bits: u32| Argument::Integer { value, bits };
        match column.data_type() {
            DataType::Boolean => Argument::Boolean(column.as_boolean().value(row)),
            DataType::Int8 => integer(column.as_primitive::<Int8Type>().value(row).into(), 8),
            DataType::Int16 => integer(column.as_primitive::<Int16Type>().value(row).into(), 16),
            DataType::Int32 => integer(column.as_primitive::<Int32Type>().value(row).into(), 32),
            DataType::Int64 => integer(column.as_primitive::<Int64Type>().value(row), 64),
            DataType::Date32 => integer(column.as_primitive::<Date32Type>().value(row).into(), 32),
            DataType::Timestamp(_, _) => integer(column.as_primitive::<TimestampMicrosecondType>().value(row), 64),
            DataType::Duration(_) => integer(column.as_primitive::<DurationMicrosecondType>().value(row), 64),
            DataType::Interval(IntervalUnit::YearMonth) => {
                integer(column.as_primitive::<IntervalYearMonthType>().value(row).into(), 32)
            }
            DataType::Float32 => Argument::Float(column.as_primitive::<Float32Type>().value(row)),
            DataType::Float64 => Argument::Double(column.as_primitive::<Float64Type>().value(row)),
            DataType::Decimal128(_, scale) => {
                let mut text = String::new();
                push_decimal(&mut text, column.as_primitive::<Decimal128Type>().value(row), *scale);
                Argument::Text { text, class: "org.apache.spark.sql.types.Decimal", hash: None }
            }
            other => {
                let text = self.texts.as_ref().map_or("", |texts| texts.value(row)).to_owned();
                let hash = (*other == DataType::Utf8).then(|| hash_of_string(&text));
                let class = match other {
                    DataType::Utf8 => "org.apache.spark.unsafe.types.UTF8String",
                    _ => "org.apache.spark.unsafe.types.CalendarInterval",
                };
                Argument::Text { text, class, hash }
            }
        }
    }
}

pub(super) fn format_string(call: &FunctionCall<'_>) -> Result<Resolved> {
    if let Some(ScalarValue::Utf8(Some(format))) = call.arguments[0].as_literal()
        && format.contains("%0$")
    {
        return Err(spark_error!(
            "INVALID_PARAMETER_VALUE.ZERO_INDEX",
            parameter = "`strfmt`",
            functionName = sql_id("format_string"),
        ));
    }
    let mut arguments = vec![call.string(0)?];
    for index in 1..call.count() {
        let data_type = call.data_type(index);
        // Spark prints these as Java's objects, with addresses in memory.
        if matches!(data_type, DataType::Binary | DataType::List(_) | DataType::Map(_, _) | DataType::Struct(_)) {
            return Err(Error::unsupported(format!("{} of {}", call.name, sql_name(data_type))));
        }
        arguments.push(call.argument(index));
    }
    let nullable = arguments[0].nullable;
    scalar(FORMAT_STRING.over(arguments, DataType::Utf8, nullable, &call.context.settings))
}
