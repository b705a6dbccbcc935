//! Types as SQL has them: `BIGINT` in error messages and expressions. (`bigint` is [`simple_string`].)

use arrow::datatypes::{DataType, Field};

use super::data_type::simple_string;

/// Spark's `DataType.sql`: `STRUCT<a: INT NOT NULL, b: STRING>`.
pub fn sql_name(data_type: &DataType) -> String {
    match data_type {
        DataType::List(element) => format!("ARRAY<{}>", sql_name(element.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(entry) => {
                let parts: Vec<_> = entry.iter().map(|part| sql_name(part.data_type())).collect();
                format!("MAP<{}>", parts.join(", "))
            }
            _ => "MAP".to_owned(),
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

/// Each part of a name in backticks, joined by dots (Spark: `toSQLId`).
pub fn sql_id(parts: &[String]) -> String {
    parts.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(".")
}

/// A name in backticks unless it is a plain identifier (Spark: `quoteIfNeeded`).
pub fn quote_if_needed(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.bytes().all(|byte| byte.is_ascii_digit());
    if plain { name.to_owned() } else { quoted(name) }
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
