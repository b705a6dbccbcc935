//! Types as Spark prints them in schemas and messages.

use arrow::datatypes::{DataType, IntervalUnit};

/// Spark's `DataType.simpleString`: `struct<a:int,b:string>`. Every Arrow form of a type has its name.
pub fn simple_string(data_type: &DataType) -> String {
    let plain = match data_type {
        DataType::Null => "void",
        DataType::Boolean => "boolean",
        DataType::Int8 => "tinyint",
        DataType::Int16 => "smallint",
        DataType::Int32 => "int",
        DataType::Int64 => "bigint",
        DataType::Float32 => "float",
        DataType::Float64 => "double",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "binary",
        DataType::Date32 => "date",
        DataType::Time64(_) => "time(6)",
        DataType::Timestamp(_, Some(_)) => "timestamp",
        DataType::Timestamp(_, None) => "timestamp_ntz",
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month",
        DataType::Duration(_) => "interval day to second",
        DataType::Interval(_) => "interval",
        DataType::Decimal128(precision, scale) => return format!("decimal({precision},{scale})"),
        DataType::List(element) | DataType::LargeList(element) => {
            return format!("array<{}>", simple_string(element.data_type()));
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(entry) => {
                let parts: Vec<_> = entry.iter().map(|part| simple_string(part.data_type())).collect();
                return format!("map<{}>", parts.join(","));
            }
            _ => "map",
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
