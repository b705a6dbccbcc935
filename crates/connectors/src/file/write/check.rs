//! What formats refuse of the columns that they are to write.

use std::collections::HashSet;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use millstream_core::{Error, QuerySettings, Result, spark_error};
use millstream_formats::text::sql_name;

use crate::file::format::FileFormat;

/// Each column has a type that the format takes.
pub(in crate::file) fn types(schema: &Schema, format: &str, takes: impl Fn(&DataType) -> bool) -> Result<()> {
    match schema.fields().iter().find(|field| !takes(field.data_type())) {
        None => Ok(()),
        Some(field) => Err(spark_error!(
            "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
            format = format,
            columnName = format!("`{}`", field.name()),
            columnType = format!("\"{}\"", sql_name(field.data_type())),
        )),
    }
}

/// Neither the row nor a struct in it is without fields.
pub(super) fn no_empty_struct(schema: &Schema, format: &dyn FileFormat) -> Result<()> {
    fn is_empty(data_type: &DataType) -> bool {
        matches!(data_type, DataType::Struct(fields)
            if fields.is_empty() || fields.iter().any(|field| is_empty(field.data_type())))
    }
    if schema.fields().is_empty() || schema.fields().iter().any(|field| is_empty(field.data_type())) {
        return Err(spark_error!("EMPTY_SCHEMA_NOT_SUPPORTED_FOR_DATASOURCE", format = format.title()));
    }
    Ok(())
}

/// No two columns have the same name.
pub(in crate::file) fn no_duplicates<'n>(names: impl Iterator<Item = &'n str>, settings: &QuerySettings) -> Result<()> {
    let mut seen = HashSet::new();
    for name in names {
        let name = if settings.case_sensitive { name.to_owned() } else { name.to_lowercase() };
        if !seen.insert(name.clone()) {
            return Err(already_exists(&name));
        }
    }
    Ok(())
}

fn already_exists(name: &str) -> Error {
    spark_error!("COLUMN_ALREADY_EXISTS", columnName = format!("`{name}`"))
}

/// The type as a table's columns have it: whatever is in it may be NULL.
pub(super) fn nullable(data_type: &DataType) -> DataType {
    let part = |field: &Arc<Field>| {
        Arc::new(Field::clone(field).with_data_type(nullable(field.data_type())).with_nullable(true))
    };
    match data_type {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(part).collect()),
        DataType::List(element) => DataType::List(part(element)),
        other => other.clone(),
    }
}

/// A type without parts, of those that have a text in a file.
pub(in crate::file) fn is_atomic(data_type: &DataType) -> bool {
    !matches!(data_type, DataType::Struct(_) | DataType::List(_) | DataType::Map(_, _) | DataType::Null)
        && !has_calendar_interval(data_type)
}

/// Whether the type is, or has in it, an interval of months, days and seconds at once.
pub(in crate::file) fn has_calendar_interval(data_type: &DataType) -> bool {
    use arrow::datatypes::IntervalUnit::MonthDayNano;
    match data_type {
        DataType::Interval(MonthDayNano) => true,
        DataType::Struct(fields) => fields.iter().any(|field| has_calendar_interval(field.data_type())),
        DataType::List(field) | DataType::Map(field, _) => has_calendar_interval(field.data_type()),
        _ => false,
    }
}
