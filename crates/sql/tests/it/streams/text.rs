//! Values as the text in which `conformance/streams/spark/Feed.scala` records them: any two that differ look different.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::DecimalType;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalUnit, IntervalYearMonthType, TimestampMicrosecondType,
};
use chrono::{DateTime, NaiveDate, TimeDelta};

/// The rows of a batch, a line each.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<String> {
    let row = |row| batch.columns().iter().map(|column| value(column, row)).collect::<Vec<_>>().join("\t");
    (0..batch.num_rows()).map(row).collect()
}

fn value(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return "NULL".to_owned();
    }
    match array.data_type() {
        DataType::Null => "NULL".to_owned(),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float32 => float(array.as_primitive::<Float32Type>().value(row), f32::is_finite),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row), f64::is_finite),
        DataType::Decimal128(_, scale) => decimal(array.as_primitive::<Decimal128Type>().value(row), *scale),
        DataType::Utf8 => quoted(array.as_string::<i32>().value(row)),
        DataType::Binary => {
            let bytes = array.as_binary::<i32>().value(row).iter();
            format!("X'{}'", bytes.map(|byte| format!("{byte:02X}")).collect::<String>())
        }
        DataType::Date32 => {
            let days = TimeDelta::days(array.as_primitive::<Date32Type>().value(row).into());
            (NaiveDate::default() + days).to_string()
        }
        DataType::Timestamp(..) => timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        DataType::Duration(_) => array.as_primitive::<DurationMicrosecondType>().value(row).to_string(),
        DataType::Interval(IntervalUnit::YearMonth) => {
            array.as_primitive::<IntervalYearMonthType>().value(row).to_string()
        }
        DataType::List(_) => {
            let values = array.as_list::<i32>().value(row);
            let texts: Vec<_> = (0..values.len()).map(|index| value(&values, index)).collect();
            format!("[{}]", texts.join(", "))
        }
        DataType::Struct(fields) => {
            let fields = fields.iter().zip(array.as_struct().columns());
            let texts: Vec<_> =
                fields.map(|(field, column)| format!("{}: {}", field.name(), value(column, row))).collect();
            format!("{{{}}}", texts.join(", "))
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let entry = |index| format!("{}: {}", value(keys, index), value(values, index));
            format!("{{{}}}", (0..entries.len()).map(entry).collect::<Vec<_>>().join(", "))
        }
        other => panic!("no text for a value of type {other}"),
    }
}

/// The fewest digits that are this number and no other, without an exponent.
fn float<T: Copy + std::fmt::Display>(number: T, is_finite: fn(T) -> bool) -> String {
    let text = number.to_string();
    match text.as_str() {
        "inf" => "Infinity".to_owned(),
        "-inf" => "-Infinity".to_owned(),
        _ if text.contains('.') || !is_finite(number) => text,
        _ => format!("{text}.0"),
    }
}

/// As `BigDecimal.toString` has it: what is smaller than a millionth has an exponent.
fn decimal(unscaled: i128, scale: i8) -> String {
    let digits = unscaled.unsigned_abs().to_string();
    let sign = if unscaled < 0 { "-" } else { "" };
    let exponent = digits.len() as i64 - 1 - i64::from(scale);
    if exponent >= -6 {
        return Decimal128Type::format_decimal(unscaled, 38, scale);
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}E{exponent}")
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control < ' ' => quoted.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

/// In UTC, with as many digits of the second as there are.
fn timestamp(micros: i64) -> String {
    let moment = DateTime::from_timestamp_micros(micros).expect("a moment that has a year");
    let text = moment.format("%Y-%m-%d %H:%M:%S").to_string();
    let fraction = format!("{:06}", moment.timestamp_subsec_micros());
    match fraction.trim_end_matches('0') {
        "" => text,
        digits => format!("{text}.{digits}"),
    }
}
