//! Types as text: `BIGINT` in error messages and expressions, `bigint` in `dtypes` and schema trees.

use arrow::datatypes::{DataType, Field, IntervalUnit};

use super::map_entry;

/// Spark's `DataType.sql`: `STRUCT<a: INT NOT NULL, b: STRING>`.
pub(crate) fn sql_name(data_type: &DataType) -> String {
    match data_type {
        DataType::List(element) => format!("ARRAY<{}>", sql_name(element.data_type())),
        DataType::Map(entries, _) => match map_entry(entries) {
            Some((key, value)) => format!("MAP<{}, {}>", sql_name(key.data_type()), sql_name(value.data_type())),
            None => "MAP".to_owned(),
        },
        DataType::Struct(fields) => {
            let fields: Vec<_> = fields.iter().map(|field| sql_field(field)).collect();
            format!("STRUCT<{}>", fields.join(", "))
        }
        plain => simple_string(plain).to_ascii_uppercase(),
    }
}

fn sql_field(field: &Field) -> String {
    let not_null = if field.is_nullable() { "" } else { " NOT NULL" };
    format!("{}: {}{not_null}", quote_if_needed(field.name()), sql_name(field.data_type()))
}

/// Spark's `DataType.simpleString`: `struct<a:int,b:string>`.
pub(crate) fn simple_string(data_type: &DataType) -> String {
    let plain = match data_type {
        DataType::Null => "void",
        DataType::Boolean => "boolean",
        DataType::Int8 => "tinyint",
        DataType::Int16 => "smallint",
        DataType::Int32 => "int",
        DataType::Int64 => "bigint",
        DataType::Float32 => "float",
        DataType::Float64 => "double",
        DataType::Utf8 => "string",
        DataType::Binary => "binary",
        DataType::Date32 => "date",
        DataType::Time64(_) => "time(6)",
        DataType::Timestamp(_, Some(_)) => "timestamp",
        DataType::Timestamp(_, None) => "timestamp_ntz",
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month",
        DataType::Duration(_) => "interval day to second",
        DataType::Interval(_) => "interval",
        DataType::Decimal128(precision, scale) => return format!("decimal({precision},{scale})"),
        DataType::List(element) => return format!("array<{}>", simple_string(element.data_type())),
        DataType::Map(entries, _) => match map_entry(entries) {
            Some((key, value)) => {
                return format!("map<{},{}>", simple_string(key.data_type()), simple_string(value.data_type()));
            }
            None => "map",
        },
        DataType::Struct(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|field| format!("{}:{}", field.name(), simple_string(field.data_type()))).collect();
            return format!("struct<{}>", fields.join(","));
        }
        other => return other.to_string().to_ascii_lowercase(),
    };
    plain.to_owned()
}

/// A name in backticks unless it is a plain identifier (Spark: `quoteIfNeeded`).
pub(crate) fn quote_if_needed(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.bytes().all(|byte| byte.is_ascii_digit());
    if plain { name.to_owned() } else { format!("`{}`", name.replace('`', "``")) }
}
