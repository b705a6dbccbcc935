//! The errors of the JSON decoder, in Spark's words.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type};
use arrow::util::display::array_value_to_string;

use crate::error::{Error, SparkException};
use crate::text::double::{push_double, push_float};

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

/// A value as Spark prints its inner form: times as numbers, structs and arrays in brackets.
fn push_internal(out: &mut String, array: &ArrayRef, row: usize) {
    if array.is_null(row) {
        return out.push_str("null");
    }
    match array.data_type() {
        DataType::Struct(_) => {
            let columns = array.as_struct().columns();
            push_list(out, columns.len(), |out, index| push_internal(out, &columns[index], row));
        }
        DataType::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            push_list(out, elements.len(), |out, index| push_internal(out, &elements, index));
        }
        DataType::Float32 => push_float(out, array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => push_double(out, array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(_, _) | DataType::Date32 => {
            let wide = arrow::compute::cast(array, &DataType::Int64);
            let number = wide.and_then(|numbers| array_value_to_string(&numbers, row));
            out.push_str(&number.unwrap_or_default());
        }
        _ => out.push_str(&array_value_to_string(array, row).unwrap_or_default()),
    }
}

fn push_list(out: &mut String, len: usize, mut push: impl FnMut(&mut String, usize)) {
    out.push('[');
    for index in 0..len {
        if index > 0 {
            out.push(',');
        }
        push(out, index);
    }
    out.push(']');
}
