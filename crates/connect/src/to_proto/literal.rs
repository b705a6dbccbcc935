//! A value as a literal of a message.

#![expect(deprecated, reason = "PySpark reads the types of nested values from these fields alone")]

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, TimeUnit,
    TimestampMicrosecondType,
};
use millstream_core::{Error, Result};
use millstream_formats::text::push_decimal;
use millstream_sql::type_to_proto;
use spark_connect_proto::expression::Literal;
use spark_connect_proto::expression::literal::{self as message, LiteralType};

/// The value of a row. Nested values name their types in the fields that PySpark reads.
pub(super) fn literal(array: &dyn Array, row: usize) -> Result<Literal> {
    let kind = if array.is_null(row) {
        LiteralType::Null(type_to_proto(array.data_type()))
    } else {
        match array.data_type() {
            DataType::Null => LiteralType::Null(type_to_proto(&DataType::Null)),
            DataType::List(_) => list(array, row)?,
            DataType::Map(_, _) => map(array, row)?,
            DataType::Struct(_) => structure(array, row)?,
            _ => plain(array, row)?,
        }
    };
    Ok(Literal { literal_type: Some(kind), data_type: None })
}

fn value<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> T::Native {
    array.as_primitive::<T>().value(row)
}

fn plain(array: &dyn Array, row: usize) -> Result<LiteralType> {
    Ok(match array.data_type() {
        DataType::Boolean => LiteralType::Boolean(array.as_boolean().value(row)),
        DataType::Int8 => LiteralType::Byte(value::<Int8Type>(array, row).into()),
        DataType::Int16 => LiteralType::Short(value::<Int16Type>(array, row).into()),
        DataType::Int32 => LiteralType::Integer(value::<Int32Type>(array, row)),
        DataType::Int64 => LiteralType::Long(value::<Int64Type>(array, row)),
        DataType::Float32 => LiteralType::Float(value::<Float32Type>(array, row)),
        DataType::Float64 => LiteralType::Double(value::<Float64Type>(array, row)),
        DataType::Decimal128(precision, scale) => {
            let mut text = String::new();
            push_decimal(&mut text, value::<Decimal128Type>(array, row), *scale);
            let (precision, scale) = (Some(i32::from(*precision)), Some(i32::from(*scale)));
            LiteralType::Decimal(message::Decimal { value: text, precision, scale })
        }
        DataType::Utf8 => LiteralType::String(array.as_string::<i32>().value(row).to_owned()),
        DataType::Binary => LiteralType::Binary(array.as_binary::<i32>().value(row).to_vec().into()),
        DataType::Date32 => LiteralType::Date(value::<Date32Type>(array, row)),
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let us = value::<TimestampMicrosecondType>(array, row);
            if zone.is_some() { LiteralType::Timestamp(us) } else { LiteralType::TimestampNtz(us) }
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            LiteralType::YearMonthInterval(value::<IntervalYearMonthType>(array, row))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let interval = value::<IntervalMonthDayNanoType>(array, row);
            let (months, days, microseconds) = (interval.months, interval.days, interval.nanoseconds / 1000);
            LiteralType::CalendarInterval(message::CalendarInterval { months, days, microseconds })
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            LiteralType::DayTimeInterval(value::<DurationMicrosecondType>(array, row))
        }
        other => return Err(Error::unsupported(format!("A value of type {other} as a literal is not supported."))),
    })
}

fn literals(array: &dyn Array) -> Result<Vec<Literal>> {
    (0..array.len()).map(|row| literal(array, row)).collect()
}

fn list(array: &dyn Array, row: usize) -> Result<LiteralType> {
    let elements = array.as_list::<i32>().value(row);
    let element_type = Some(type_to_proto(elements.data_type()));
    Ok(LiteralType::Array(message::Array { element_type, elements: literals(&*elements)? }))
}

fn map(array: &dyn Array, row: usize) -> Result<LiteralType> {
    let entries = array.as_map().value(row);
    let (keys, values) = (entries.column(0), entries.column(1));
    Ok(LiteralType::Map(message::Map {
        key_type: Some(type_to_proto(keys.data_type())),
        value_type: Some(type_to_proto(values.data_type())),
        keys: literals(keys)?,
        values: literals(values)?,
    }))
}

fn structure(array: &dyn Array, row: usize) -> Result<LiteralType> {
    let fields = array.as_struct().columns();
    let elements = fields.iter().map(|field| literal(field, row)).collect::<Result<_>>()?;
    Ok(LiteralType::Struct(message::Struct { struct_type: Some(type_to_proto(array.data_type())), elements }))
}
