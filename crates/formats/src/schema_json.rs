//! Types as the JSON that Spark keeps of them beside data (`StructType.json`).

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};
use millstream_core::error::{Error, Result};

use crate::json_text::push_quoted;
use crate::text::simple_string;

/// The JSON of a struct of these fields.
///
/// # Errors
/// A type that Spark does not have.
pub fn schema_json(fields: &Fields) -> Result<String> {
    let mut out = String::new();
    push_struct(&mut out, fields)?;
    Ok(out)
}

fn push_struct(out: &mut String, fields: &Fields) -> Result<()> {
    out.push_str("{\"type\":\"struct\",\"fields\":[");
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        out.push_str("{\"name\":");
        push_quoted(out, field.name(), false);
        out.push_str(",\"type\":");
        push_type(out, field.data_type())?;
        push_flag(out, "nullable", field.is_nullable());
        out.push_str(",\"metadata\":{}}");
    }
    out.push_str("]}");
    Ok(())
}

fn push_flag(out: &mut String, name: &str, value: bool) {
    out.push_str(&format!(",\"{name}\":{value}"));
}

fn push_type(out: &mut String, data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::Struct(fields) => return push_struct(out, fields),
        DataType::List(element) => {
            out.push_str("{\"type\":\"array\",\"elementType\":");
            push_type(out, element.data_type())?;
            push_flag(out, "containsNull", element.is_nullable());
            out.push('}');
            return Ok(());
        }
        DataType::Map(entries, _) => {
            let [key, value] = entry_fields(entries)?;
            out.push_str("{\"type\":\"map\",\"keyType\":");
            push_type(out, key.data_type())?;
            out.push_str(",\"valueType\":");
            push_type(out, value.data_type())?;
            push_flag(out, "valueContainsNull", value.is_nullable());
            out.push('}');
            return Ok(());
        }
        _ => {}
    }
    let name = match data_type {
        DataType::Null => "void",
        DataType::Boolean => "boolean",
        DataType::Int8 => "byte",
        DataType::Int16 => "short",
        DataType::Int32 => "integer",
        DataType::Int64 => "long",
        DataType::Float32 => "float",
        DataType::Float64 => "double",
        DataType::Utf8 => "string",
        DataType::Binary => "binary",
        DataType::Date32 => "date",
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "timestamp",
        DataType::Timestamp(TimeUnit::Microsecond, None) => "timestamp_ntz",
        DataType::Interval(IntervalUnit::YearMonth) => "interval year to month",
        DataType::Duration(TimeUnit::Microsecond) => "interval day to second",
        DataType::Decimal128(_, _) => &simple_string(data_type),
        other => return Err(Error::unsupported(format!("A schema with the type {other}"))),
    };
    push_quoted(out, name, false);
    Ok(())
}

fn entry_fields(entries: &Field) -> Result<[&Field; 2]> {
    match entries.data_type() {
        DataType::Struct(fields) if fields.len() == 2 => Ok([&fields[0], &fields[1]]),
        _ => Err(Error::internal("a map whose entries are no pairs")),
    }
}

#[cfg(test)]
mod tests;
