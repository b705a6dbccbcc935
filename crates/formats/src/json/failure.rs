//! The errors of the JSON decoder, in Spark's words.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field};

use crate::text::push_internal;
use millstream_core::error::{Error, SparkException};

/// The last of `rows` is what could be read of a malformed record.
pub(super) fn malformed(rows: &ArrayRef) -> Error {
    let last = rows.len().saturating_sub(1);
    let mut record = String::new();
    push_internal(&mut record, rows, last);
    if !matches!(rows.data_type(), DataType::Struct(_)) {
        record = format!("[{record}]");
    }
    in_parsing("WITHOUT_SUGGESTION", &record, "")
}

/// An array where the schema asks for one struct.
pub(super) fn array_as_struct(record: &str) -> Error {
    in_parsing("CANNOT_PARSE_JSON_ARRAYS_AS_STRUCTS", record, "Parsing JSON arrays as structs is forbidden.")
}

fn in_parsing(reason: &str, record: &str, suffix: &str) -> Error {
    Error::data(format!(
        "Malformed records are detected in record parsing: {record}.\nParse Mode: FAILFAST. To process malformed \
         records as null result, try setting the option 'mode' as 'PERMISSIVE'. {suffix}"
    ))
    .with_class(format!("MALFORMED_RECORD_IN_PARSING.{reason}"), SparkException::Spark)
    .with_sql_state("22023")
    .with_parameter("badRecord", record)
    .with_parameter("failFastMode", "FAILFAST")
}

pub(super) fn corrupt_column_type(field: &Field) -> Error {
    let actual = sql_name(field.data_type());
    Error::invalid(format!(
        "The column `{}` for corrupt records must have the nullable STRING type, but got \"{actual}\".",
        field.name()
    ))
    .with_class("INVALID_CORRUPT_RECORD_TYPE", SparkException::Analysis)
    .with_sql_state("42804")
    .with_parameter("columnName", format!("`{}`", field.name()))
    .with_parameter("actualType", format!("\"{actual}\""))
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
