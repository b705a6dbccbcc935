//! Spark's JSON of a type (`StructType.json()`): what `createDataFrame` sends and `from_json` takes.

use arrow::datatypes::{DataType, Field, IntervalUnit, Schema, TimeUnit};
use millstream_core::{Error, Result};
use serde_json::{Value, json};

use super::arrow_form::{array, map, map_entry, structure, timestamp, timestamp_ntz};
use super::from_proto::decimal_type;
use super::text::simple_string;

/// Reads a struct type from JSON.
pub(crate) fn schema_from_json(text: &str) -> Result<Schema> {
    let value: Value = serde_json::from_str(text).map_err(|error| invalid(text).with_source(error))?;
    match type_from_json(&value)? {
        DataType::Struct(fields) => Ok(Schema::new(fields)),
        _ => Err(invalid(text)),
    }
}

/// Writes a schema as JSON.
pub(crate) fn schema_to_json(schema: &Schema) -> String {
    fields_to_json(schema.fields().iter().map(AsRef::as_ref)).to_string()
}

fn type_from_json(value: &Value) -> Result<DataType> {
    if let Some(name) = value.as_str() {
        return plain_type(name).ok_or_else(|| invalid(&value.to_string()));
    }
    match value["type"].as_str() {
        Some("struct") => {
            let fields = value["fields"].as_array().ok_or_else(|| invalid(&value.to_string()))?;
            Ok(structure(fields.iter().map(field_from_json).collect::<Result<Vec<_>>>()?))
        }
        Some("array") => {
            Ok(array(type_from_json(&value["elementType"])?, value["containsNull"].as_bool().unwrap_or(true)))
        }
        Some("map") => Ok(map(
            type_from_json(&value["keyType"])?,
            type_from_json(&value["valueType"])?,
            value["valueContainsNull"].as_bool().unwrap_or(true),
        )),
        Some("udt") => Err(Error::unsupported("The data type a user-defined type is not supported")),
        _ => Err(invalid(&value.to_string())),
    }
}

fn plain_type(name: &str) -> Option<DataType> {
    let name = name.split_once(" collate ").map_or(name, |(plain, _)| plain);
    Some(match name {
        "void" | "null" => DataType::Null,
        "boolean" => DataType::Boolean,
        "byte" | "tinyint" => DataType::Int8,
        "short" | "smallint" => DataType::Int16,
        "integer" | "int" => DataType::Int32,
        "long" | "bigint" => DataType::Int64,
        "float" => DataType::Float32,
        "double" => DataType::Float64,
        "string" => DataType::Utf8,
        "binary" => DataType::Binary,
        "date" => DataType::Date32,
        "timestamp" | "timestamp_ltz" => timestamp(),
        "timestamp_ntz" => timestamp_ntz(),
        "interval" => DataType::Interval(IntervalUnit::MonthDayNano),
        "decimal" => decimal_type(10, 0).ok()?,
        other if other.starts_with("interval year") || other.starts_with("interval month") => {
            DataType::Interval(IntervalUnit::YearMonth)
        }
        other if other.starts_with("interval ") => DataType::Duration(TimeUnit::Microsecond),
        other if other.starts_with("time(") || other == "time" => DataType::Time64(TimeUnit::Microsecond),
        other if other.starts_with("char(") || other.starts_with("varchar(") => DataType::Utf8,
        other => {
            let (precision, scale) = other.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
            decimal_type(precision.trim().parse().ok()?, scale.trim().parse().ok()?).ok()?
        }
    })
}

fn field_from_json(value: &Value) -> Result<(String, DataType, bool)> {
    let name = value["name"].as_str().ok_or_else(|| invalid(&value.to_string()))?;
    Ok((name.to_owned(), type_from_json(&value["type"])?, value["nullable"].as_bool().unwrap_or(true)))
}

fn invalid(text: &str) -> Error {
    Error::invalid(format!("Failed to convert the JSON string '{text}' to a data type."))
}

fn type_to_json(data_type: &DataType) -> Value {
    match data_type {
        DataType::Struct(fields) => fields_to_json(fields.iter().map(AsRef::as_ref)),
        DataType::List(element) => json!({
            "type": "array", "elementType": type_to_json(element.data_type()), "containsNull": element.is_nullable()
        }),
        DataType::Map(entries, _) => match map_entry(entries) {
            Some((key, value)) => json!({
                "type": "map", "keyType": type_to_json(key.data_type()), "valueType": type_to_json(value.data_type()),
                "valueContainsNull": value.is_nullable()
            }),
            None => json!("map"),
        },
        DataType::Int8 => json!("byte"),
        DataType::Int16 => json!("short"),
        DataType::Int32 => json!("integer"),
        DataType::Int64 => json!("long"),
        plain => json!(simple_string(plain)),
    }
}

fn fields_to_json<'a>(fields: impl Iterator<Item = &'a Field>) -> Value {
    let fields: Vec<_> = fields
        .map(|field| {
            json!({
                "name": field.name(), "type": type_to_json(field.data_type()), "nullable": field.is_nullable(),
                "metadata": {}
            })
        })
        .collect();
    json!({"type": "struct", "fields": fields})
}
