//! Spark's errors for values that cannot be computed and arguments that do not fit, where several functions raise them.

use arrow::datatypes::DataType;
use millstream_core::condition::ANSI_ENABLED;
use millstream_core::error::SparkException;
use millstream_core::{Error, Result, spark_error};

use super::call::FunctionCall;
use crate::data_type::sql_name;

pub(super) use millstream_core::condition::{arithmetic_overflow, decimal_out_of_range};

/// The classes of errors of values for which Spark names the place of the expression in the user's program.
const PLACED: [&str; 11] = [
    "ARITHMETIC_OVERFLOW",
    "CAST_INVALID_INPUT",
    "DIVIDE_BY_ZERO",
    "INTERVAL_DIVIDED_BY_ZERO",
    "INVALID_ARRAY_INDEX",
    "INVALID_ARRAY_INDEX_IN_ELEMENT_AT",
    "INVALID_INDEX_OF_ZERO",
    "INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION",
    "NUMERIC_VALUE_OUT_OF_RANGE.WITHOUT_SUGGESTION",
    "NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION",
    "REMAINDER_BY_ZERO",
];

/// Whether Spark names the place of the expression that such an error comes from.
pub(super) fn names_its_place(error: &Error) -> bool {
    error.class().is_some_and(|class| PLACED.contains(&class))
}

/// Elements of an array at the most: the JVM's limit.
pub(super) const ELEMENTS_MAX: i64 = 2_147_483_632;

/// An expression as Spark's messages quote it (`toSQLExpr`).
pub(super) fn sql_expr(sql: &str) -> String {
    format!("\"{sql}\"")
}

/// A type as Spark's messages quote it (`toSQLType`).
pub(super) fn sql_type(data_type: &DataType) -> String {
    format!("\"{}\"", sql_name(data_type))
}

/// A function's name as Spark's messages quote it (`toSQLId`).
pub(super) fn sql_id(name: &str) -> String {
    format!("`{}`", name.to_lowercase())
}

/// A string as Spark's messages quote it (`toSQLValue`).
pub(super) fn sql_value(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A time left the range of its type; the JVM's error, to which Spark gives no class.
pub(super) fn long_overflow() -> Error {
    jvm_overflow("long overflow")
}

/// An arithmetic error of the JVM in its own words.
pub(super) fn jvm_overflow(message: &str) -> Error {
    Error::data(message).with_exception(SparkException::Arithmetic)
}

/// A collection with more elements than the JVM could hold, wanted by a parameter of a function.
pub(super) fn too_many_elements(count: i128, parameter: &str, function: &str) -> Error {
    spark_error!(
        "COLLECTION_SIZE_LIMIT_EXCEEDED.PARAMETER",
        numberOfElements = count,
        maxRoundedArrayLength = ELEMENTS_MAX,
        parameter = sql_id(parameter),
        functionName = sql_id(function),
    )
}

/// An interval left the range of its type.
pub(super) fn interval_overflow() -> Error {
    spark_error!("INTERVAL_ARITHMETIC_OVERFLOW.WITHOUT_SUGGESTION")
}

/// A result of two intervals left the range of their type; `instead` is the function that answers NULL.
pub(super) fn interval_overflow_of(instead: &str) -> Error {
    spark_error!("INTERVAL_ARITHMETIC_OVERFLOW.WITH_SUGGESTION", functionName = sql_id(instead))
}

/// `x / 0`
pub(super) fn divide_by_zero() -> Error {
    spark_error!("DIVIDE_BY_ZERO", config = ANSI_ENABLED)
}

/// `x % 0`
pub(super) fn remainder_by_zero() -> Error {
    spark_error!("REMAINDER_BY_ZERO", config = ANSI_ENABLED)
}

/// A text that is not a value of the type.
pub(super) fn cast_invalid_input(value: &str, to: &DataType) -> Error {
    cast_invalid_value(&sql_value(value), &DataType::Utf8, to)
}

/// A value, as SQL text, that the type has nothing for.
pub(super) fn cast_invalid_value(value: &str, from: &DataType, to: &DataType) -> Error {
    let exception = match to {
        DataType::Boolean => SparkException::Runtime,
        DataType::Date32 | DataType::Timestamp(_, _) => SparkException::DateTime,
        _ => SparkException::NumberFormat,
    };
    spark_error!("CAST_INVALID_INPUT", expression = value, sourceType = sql_type(from), targetType = sql_type(to))
        .with_exception(exception)
        .with_parameter("ansiConfig", ANSI_ENABLED)
}

/// A value, as SQL text, beyond the range of the type.
pub(super) fn cast_overflow(value: &str, from: &DataType, to: &DataType) -> Error {
    spark_error!("CAST_OVERFLOW", value = value, sourceType = sql_type(from), targetType = sql_type(to))
        .with_parameter("ansiConfig", ANSI_ENABLED)
}

/// `array[index]` beside the array.
pub(super) fn invalid_array_index(index: i64, length: usize) -> Error {
    spark_error!("INVALID_ARRAY_INDEX", indexValue = index, arraySize = length)
}

/// `element_at(array, index)` beside the array.
pub(super) fn invalid_index_of_element_at(index: i64, length: usize) -> Error {
    spark_error!("INVALID_ARRAY_INDEX_IN_ELEMENT_AT", indexValue = index, arraySize = length)
}

/// The index 0 where Spark counts from 1.
pub(super) fn index_of_zero() -> Error {
    spark_error!("INVALID_INDEX_OF_ZERO")
}

/// A text that does not follow its date-time pattern, with Java's sentence; `instead` is the function that answers
/// NULL.
pub(super) fn cannot_parse_timestamp(message: &str, instead: &str) -> Error {
    spark_error!("CANNOT_PARSE_TIMESTAMP", message = message, func = sql_id(instead))
}

/// A date or time that does not exist, in Java's words.
pub(super) fn datetime_field_out_of_bounds(range: &str) -> Error {
    spark_error!("DATETIME_FIELD_OUT_OF_BOUNDS.WITH_SUGGESTION", rangeMessage = range, ansiConfig = ANSI_ENABLED)
}

/// A number of arguments that the function does not take, with Spark's way to say how many it does.
pub(super) fn wrong_argument_count(call: &FunctionCall<'_>, expected: &str) -> Error {
    spark_error!(
        "WRONG_NUM_ARGS.WITHOUT_SUGGESTION",
        functionName = sql_id(call.name),
        expectedNum = expected,
        actualNum = call.count(),
        docroot = millstream_core::condition::DOCROOT,
    )
}

/// The argument at this place (from 0) has another type than the one wanted.
pub(super) fn unexpected_input_type<T>(call: &FunctionCall<'_>, index: usize, wanted: &str) -> Result<T> {
    const ORDINALS: [&str; 8] = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"];
    let argument = &call.arguments[index];
    Err(spark_error!(
        "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE",
        sqlExpr = sql_expr(&call.sql()),
        paramIndex = ORDINALS.get(index).map_or_else(|| format!("{}th", index + 1), |word| (*word).to_owned()),
        requiredType = wanted,
        inputSql = sql_expr(&argument.sql),
        inputType = sql_type(&argument.data_type),
    ))
}

/// An argument that must be a constant is not.
pub(super) fn non_foldable<T>(call: &FunctionCall<'_>, index: usize, name: &str, data_type: &str) -> Result<T> {
    Err(spark_error!(
        "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT",
        sqlExpr = sql_expr(&call.sql()),
        inputName = format!("`{name}`"),
        inputType = format!("\"{data_type}\""),
        inputExpr = sql_expr(&call.arguments[index].sql),
    ))
}

/// A constant outside the range that the function takes; range and value as Spark writes them.
pub(super) fn value_out_of_range(call: &FunctionCall<'_>, name: &str, range: &str, value: &str) -> Error {
    spark_error!(
        "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE",
        sqlExpr = sql_expr(&call.sql()),
        exprName = name,
        valueRange = range,
        currentValue = value,
    )
}

/// A constant that must not be NULL is.
pub(super) fn unexpected_null(call: &FunctionCall<'_>, name: &str) -> Error {
    spark_error!("DATATYPE_MISMATCH.UNEXPECTED_NULL", sqlExpr = sql_expr(&call.sql()), exprName = name)
}

/// A type whose values have no order.
pub(super) fn invalid_ordering_type(call: &FunctionCall<'_>, data_type: &DataType) -> Error {
    spark_error!(
        "DATATYPE_MISMATCH.INVALID_ORDERING_TYPE",
        sqlExpr = sql_expr(&call.sql()),
        functionName = sql_id(if call.name == "==" { "=" } else { call.name }),
        dataType = sql_type(data_type),
    )
}

/// A key of another type than the keys of the map.
pub(super) fn differing_key_type(call: &FunctionCall<'_>) -> Error {
    spark_error!(
        "DATATYPE_MISMATCH.MAP_FUNCTION_DIFF_TYPES",
        sqlExpr = sql_expr(&call.sql()),
        functionName = sql_id(call.name),
        dataType = "\"MAP\"",
        leftType = sql_type(call.data_type(0)),
        rightType = sql_type(call.data_type(1)),
    )
}

/// An argument without a type.
pub(super) fn null_type(call: &FunctionCall<'_>) -> Error {
    spark_error!("DATATYPE_MISMATCH.NULL_TYPE", sqlExpr = sql_expr(&call.sql()), functionName = sql_id(call.name),)
}

/// A schema that is no container, for JSON.
pub(super) fn invalid_json_schema(sql: &str, schema: &DataType) -> Error {
    spark_error!("DATATYPE_MISMATCH.INVALID_JSON_SCHEMA", sqlExpr = sql_expr(sql), schema = sql_type(schema))
}

/// A schema that is no constant string.
pub(super) fn schema_not_constant(call: &FunctionCall<'_>) -> Error {
    spark_error!("INVALID_SCHEMA.NON_STRING_LITERAL", inputSchema = sql_expr(&call.arguments[1].sql))
}

/// Two operands of types that have nothing in common.
pub(super) fn different_types(call: &FunctionCall<'_>, left: &DataType, right: &DataType) -> Error {
    spark_error!(
        "DATATYPE_MISMATCH.BINARY_OP_DIFF_TYPES",
        sqlExpr = sql_expr(&call.sql()),
        left = sql_type(left),
        right = sql_type(right),
    )
}

/// Operands of one type that the operator does not take.
pub(super) fn wrong_operand_type(call: &FunctionCall<'_>, wanted: &str, actual: &DataType) -> Error {
    spark_error!(
        "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE",
        sqlExpr = sql_expr(&call.sql()),
        inputType = wanted,
        actualDataType = sql_type(actual),
    )
}

/// Arguments that must have one type have not.
pub(super) fn differing_types(call: &FunctionCall<'_>) -> Error {
    let types: Vec<_> = call.arguments.iter().map(|argument| sql_type(&argument.data_type)).collect();
    let shown = match call.name.to_lowercase().as_str() {
        "greatest" | "least" => format!("[{}]", types.join(", ")),
        _ => format!("({})", types.join(" or ")),
    };
    spark_error!(
        "DATATYPE_MISMATCH.DATA_DIFF_TYPES",
        sqlExpr = sql_expr(&call.sql()),
        functionName = sql_id(call.name),
        dataType = shown,
    )
}
