//! Spark's errors for values that cannot be computed and arguments that do not fit.

use arrow::datatypes::DataType;
use millstream_core::error::{ErrorKind, SparkException};
use millstream_core::{Error, Result};

use super::call::FunctionCall;
use crate::data_type::sql_name;

const BYPASS: &str = "If necessary set \"spark.sql.ansi.enabled\" to \"false\" to bypass this error.";

fn data(message: impl Into<String>, class: &str, exception: SparkException, state: &str) -> Error {
    Error::new(ErrorKind::Data, message).with_class(class, exception).with_sql_state(state)
}

/// A computation left the range of its type; `instead` is the function that answers NULL, if there is one.
pub(super) fn arithmetic_overflow(instead: &str) -> Error {
    let hint = if instead.is_empty() {
        String::new()
    } else {
        format!(" Use '{instead}' to tolerate overflow and return NULL instead.")
    };
    data(format!("overflow.{hint} {BYPASS}"), "ARITHMETIC_OVERFLOW", SparkException::Arithmetic, "22003")
}

/// An interval left the range of its type.
pub(super) fn interval_overflow() -> Error {
    let class = "INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION";
    data("Integer overflow while operating with intervals.", class, SparkException::Arithmetic, "22015")
}

/// `x / 0`
pub(super) fn divide_by_zero() -> Error {
    let message =
        format!("Division by zero. Use `try_divide` to tolerate divisor being 0 and return NULL instead. {BYPASS}");
    data(message, "DIVIDE_BY_ZERO", SparkException::Arithmetic, "22012")
}

/// `x % 0`
pub(super) fn remainder_by_zero() -> Error {
    let message =
        format!("Remainder by zero. Use `try_mod` to tolerate divisor being 0 and return NULL instead. {BYPASS}");
    data(message, "REMAINDER_BY_ZERO", SparkException::Arithmetic, "22012")
}

/// A lambda that compares has said nothing.
pub(super) fn comparator_returns_null() -> Error {
    let message = "The comparator has returned a NULL. It has to return a positive integer for \"greater than\", 0 for \
                   \"equal\" and a negative integer for \"less than\".";
    data(message, "COMPARATOR_RETURNS_NULL", SparkException::Spark, "22004")
}

/// A text that is not a value of the type.
pub(super) fn cast_invalid_input(value: &str, to: &DataType) -> Error {
    cast_invalid_value(&format!("'{value}'"), &DataType::Utf8, to)
}

/// A value, as SQL text, that the type has nothing for.
pub(super) fn cast_invalid_value(value: &str, from: &DataType, to: &DataType) -> Error {
    let message = format!(
        "The value {value} of the type \"{}\" cannot be cast to \"{}\" because it is malformed. Correct the value as \
         per the syntax, or change its target type. Use `try_cast` to tolerate malformed input and return NULL instead.",
        sql_name(from),
        sql_name(to)
    );
    let exception = match to {
        DataType::Boolean => SparkException::Runtime,
        DataType::Date32 | DataType::Timestamp(_, _) => SparkException::DateTime,
        _ => SparkException::NumberFormat,
    };
    data(message, "CAST_INVALID_INPUT", exception, "22018")
}

/// A value, as SQL text, beyond the range of the type.
pub(super) fn cast_overflow(value: &str, from: &DataType, to: &DataType) -> Error {
    let message = format!(
        "The value {value} of the type \"{}\" cannot be cast to \"{}\" due to an overflow. Use `try_cast` to tolerate \
         overflow and return NULL instead.",
        sql_name(from),
        sql_name(to)
    );
    data(message, "CAST_OVERFLOW", SparkException::Arithmetic, "22003")
}

/// A number that a decimal of this precision and scale cannot hold.
pub(super) fn decimal_out_of_range(value: &str, precision: u8, scale: i8) -> Error {
    let message = format!(
        " {value} cannot be represented as Decimal({precision}, {scale}). If necessary set \"spark.sql.ansi.enabled\" to \
         \"false\" to bypass this error, and return NULL instead."
    );
    data(message, "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", SparkException::Arithmetic, "22003")
}

/// `array[index]` beside the array.
pub(super) fn invalid_array_index(index: i64, length: usize) -> Error {
    let message = format!(
        "The index {index} is out of bounds. The array has {length} elements. Use the SQL function `get()` to tolerate \
         accessing element at invalid index and return NULL instead."
    );
    data(message, "INVALID_ARRAY_INDEX", SparkException::ArrayIndexOutOfBounds, "22003")
}

/// `element_at(array, index)` beside the array.
pub(super) fn invalid_index_of_element_at(index: i64, length: usize) -> Error {
    let message = format!(
        "The index {index} is out of bounds. The array has {length} elements. Use `try_element_at` to tolerate accessing \
         element at invalid index and return NULL instead."
    );
    data(message, "INVALID_ARRAY_INDEX_IN_ELEMENT_AT", SparkException::ArrayIndexOutOfBounds, "22003")
}

/// A text that does not follow its date-time pattern.
pub(super) fn cannot_parse_timestamp(text: &str, at: usize, instead: &str) -> Error {
    let message = format!(
        "Text '{text}' could not be parsed at index {at}. Use `{instead}` to tolerate invalid input string and return NULL \
         instead."
    );
    data(message, "CANNOT_PARSE_TIMESTAMP", SparkException::DateTime, "22007")
}

/// A date or time that does not exist.
pub(super) fn datetime_field_out_of_bounds(message: impl Into<String>) -> Error {
    let message =
        format!("{}. If necessary set \"spark.sql.ansi.enabled\" to \"false\" to bypass this error.", message.into());
    data(message, "DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION", SparkException::DateTime, "22023")
}

/// An argument's value is outside what the function takes.
pub(super) fn invalid_parameter(function: &str, parameter: &str, class: &str, message: impl Into<String>) -> Error {
    let message = format!("The value of parameter(s) {parameter} in `{function}` is invalid: {}", message.into());
    let class = format!("INVALID_PARAMETER_VALUE.{class}");
    data(message, &class, SparkException::Runtime, "22023")
}

/// Arguments whose types do not fit; `sub_class` and `reason` are the end of Spark's message.
pub(super) fn datatype_mismatch(call: &FunctionCall<'_>, sub_class: &str, reason: &str) -> Error {
    let sql = call.sql();
    Error::invalid(format!("Cannot resolve \"{sql}\" due to data type mismatch: {reason}"))
        .with_class(format!("DATATYPE_MISMATCH.{sub_class}"), SparkException::Analysis)
        .with_sql_state("42K09")
        .with_parameter("sqlExpr", format!("\"{sql}\""))
}

/// The argument at this place (from 0) has another type than the one wanted.
pub(super) fn unexpected_input_type<T>(call: &FunctionCall<'_>, index: usize, wanted: &str) -> Result<T> {
    const ORDINALS: [&str; 8] = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"];
    let argument = &call.arguments[index];
    let ordinal = ORDINALS.get(index).map_or_else(|| format!("{}th", index + 1), |word| (*word).to_owned());
    let (sql, actual) = (&argument.sql, sql_name(&argument.data_type));
    let reason =
        format!("The {ordinal} parameter requires the {wanted} type, however \"{sql}\" has the type \"{actual}\".");
    Err(datatype_mismatch(call, "UNEXPECTED_INPUT_TYPE", &reason)
        .with_parameter("paramIndex", ordinal)
        .with_parameter("requiredType", wanted)
        .with_parameter("inputSql", format!("\"{sql}\""))
        .with_parameter("inputType", format!("\"{actual}\"")))
}

/// An argument that must be a constant is not.
pub(super) fn non_foldable<T>(call: &FunctionCall<'_>, index: usize, name: &str, data_type: &str) -> Result<T> {
    let sql = &call.arguments[index].sql;
    let reason = format!("the input `{name}` should be a foldable \"{data_type}\" expression; however, got \"{sql}\".");
    Err(datatype_mismatch(call, "NON_FOLDABLE_INPUT", &reason))
}

/// Two operands of types that have nothing in common.
pub(super) fn different_types(call: &FunctionCall<'_>, left: &DataType, right: &DataType) -> Error {
    let (left, right) = (sql_name(left), sql_name(right));
    let reason = format!(
        "the left and right operands of the binary operator have incompatible types (\"{left}\" and \"{right}\")."
    );
    datatype_mismatch(call, "BINARY_OP_DIFF_TYPES", &reason)
        .with_parameter("left", format!("\"{left}\""))
        .with_parameter("right", format!("\"{right}\""))
}

/// Operands of one type that the operator does not take.
pub(super) fn wrong_operand_type(call: &FunctionCall<'_>, wanted: &str, actual: &DataType) -> Error {
    let actual = sql_name(actual);
    let reason = format!("the binary operator requires the input type {wanted}, not \"{actual}\".");
    datatype_mismatch(call, "BINARY_OP_WRONG_TYPE", &reason)
        .with_parameter("inputType", wanted)
        .with_parameter("actualDataType", format!("\"{actual}\""))
}

/// Arguments that must have one type have not.
pub(super) fn differing_types(call: &FunctionCall<'_>) -> Error {
    let types: Vec<_> = call.arguments.iter().map(|one| format!("\"{}\"", sql_name(&one.data_type))).collect();
    let name = call.name.to_lowercase();
    let reason = format!("Input to `{name}` should all be the same type, but it's ({}).", types.join(" or "));
    datatype_mismatch(call, "DATA_DIFF_TYPES", &reason)
        .with_parameter("functionName", format!("`{name}`"))
        .with_parameter("dataType", format!("({})", types.join(" or ")))
}
