//! The errors of the JSON decoder, in Spark's words.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field};
use millstream_core::{Error, spark_error};

use crate::text::push_internal;

/// The last of `rows` is what could be read of a malformed record.
pub(super) fn malformed(rows: &ArrayRef) -> Error {
    let last = rows.len().saturating_sub(1);
    let mut record = String::new();
    push_internal(&mut record, rows, last);
    if !matches!(rows.data_type(), DataType::Struct(_)) {
        record = format!("[{record}]");
    }
    spark_error!("MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION", badRecord = record, failFastMode = "FAILFAST")
}

/// An array where the schema asks for one struct.
pub(super) fn array_as_struct(record: &str) -> Error {
    spark_error!(
        "MALFORMED_RECORD_IN_PARSING.CANNOT_PARSE_JSON_ARRAYS_AS_STRUCTS",
        badRecord = record,
        failFastMode = "FAILFAST",
    )
}

pub(super) fn corrupt_column_type(field: &Field) -> Error {
    spark_error!(
        "INVALID_CORRUPT_RECORD_TYPE",
        columnName = format!("`{}`", field.name()),
        actualType = format!("\"{}\"", sql_name(field.data_type())),
    )
}

/// Spark's name of a type, as far as one can mistake it for STRING.
fn sql_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN".to_string(),
        DataType::Int8 => "TINYINT".to_string(),
        DataType::Int16 => "SMALLINT".to_string(),
        DataType::Int32 => "INT".to_string(),
        DataType::Int64 => "BIGINT".to_string(),
        DataType::Float32 => "FLOAT".to_string(),
        DataType::Float64 => "DOUBLE".to_string(),
        DataType::Date32 => "DATE".to_string(),
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP".to_string(),
        DataType::Timestamp(_, None) => "TIMESTAMP_NTZ".to_string(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        other => other.to_string().to_ascii_uppercase(),
    }
}
