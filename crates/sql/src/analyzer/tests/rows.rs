//! Rows as text, in the form that record.py gives to Spark's.

use arrow::array::{Array, AsArray, RecordBatch, StructArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType,
};
use chrono::{DateTime, TimeDelta};

/// One text a row.
pub(super) fn rows(batch: &RecordBatch) -> Vec<String> {
    (0..batch.num_rows())
        .map(|row| tuple(batch.columns().iter().map(|column| cell(column.as_ref(), row)).collect()))
        .collect()
}

fn tuple(parts: Vec<String>) -> String {
    format!("({})", parts.join(", "))
}

fn cell(column: &dyn Array, row: usize) -> String {
    if column.is_null(row) || *column.data_type() == DataType::Null {
        return "NULL".to_owned();
    }
    match column.data_type() {
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Int8 => column.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => column.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float32 => format!("{:?}", f64::from(column.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => format!("{:?}", column.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, _) => column.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => {
            let bytes = column.as_binary::<i32>().value(row);
            format!("0x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().value(row);
            (chrono::NaiveDate::default() + TimeDelta::days(i64::from(days))).to_string()
        }
        DataType::Timestamp(_, _) => {
            let us = column.as_primitive::<TimestampMicrosecondType>().value(row);
            let stamp = DateTime::from_timestamp_micros(us).expect("a time within chrono's range").naive_utc();
            let plain = stamp.format("%Y-%m-%d %H:%M:%S").to_string();
            if us % 1_000_000 == 0 { plain } else { format!("{plain}.{:06}", us.rem_euclid(1_000_000)) }
        }
        DataType::Duration(_) => {
            let us = column.as_primitive::<DurationMicrosecondType>().value(row);
            let (days, seconds) = (us.div_euclid(86_400_000_000), us.rem_euclid(86_400_000_000) / 1_000_000);
            let days = match days {
                0 => String::new(),
                1 | -1 => format!("{days} day, "),
                _ => format!("{days} days, "),
            };
            format!("{days}{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
        }
        DataType::Struct(_) => {
            let one = column.as_struct();
            tuple((0..one.num_columns()).map(|index| cell(one.column(index).as_ref(), row)).collect())
        }
        DataType::List(_) => {
            let list = column.as_list::<i32>().value(row);
            let elements: Vec<_> = (0..list.len()).map(|index| cell(list.as_ref(), index)).collect();
            format!("[{}]", elements.join(", "))
        }
        DataType::Map(_, _) => {
            let entries: StructArray = column.as_map().value(row);
            let shown: Vec<_> = (0..entries.len())
                .map(|index| format!("{}: {}", cell(entries.column(0), index), cell(entries.column(1), index)))
                .collect();
            format!("{{{}}}", shown.join(", "))
        }
        other => panic!("no text for {other}"),
    }
}
