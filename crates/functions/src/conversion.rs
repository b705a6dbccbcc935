//! Types as functions, `int(x)` is `CAST(x AS INT)`, and numbers by a format.

mod number_text;

use arrow::datatypes::DataType;
use millstream_core::Result;

use crate::data_type::{decimal, timestamp};

use super::argument::scalar;
use super::call::{FunctionCall, Resolved};
use super::entry::Arity::Exactly;
use super::entry::FunctionEntry;

/// The types that are functions too, and numbers by a format.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("boolean", Exactly(1), |call| to(call, &DataType::Boolean), "as BOOLEAN"),
    FunctionEntry::new("tinyint", Exactly(1), |call| to(call, &DataType::Int8), "as TINYINT"),
    FunctionEntry::new("smallint", Exactly(1), |call| to(call, &DataType::Int16), "as SMALLINT"),
    FunctionEntry::new("int", Exactly(1), |call| to(call, &DataType::Int32), "as INT"),
    FunctionEntry::new("bigint", Exactly(1), |call| to(call, &DataType::Int64), "as BIGINT"),
    FunctionEntry::new("float", Exactly(1), |call| to(call, &DataType::Float32), "as FLOAT"),
    FunctionEntry::new("double", Exactly(1), |call| to(call, &DataType::Float64), "as DOUBLE"),
    FunctionEntry::new("decimal", Exactly(1), |call| to(call, &decimal(10, 0)), "as DECIMAL(10,0)"),
    FunctionEntry::new("string", Exactly(1), |call| to(call, &DataType::Utf8), "as STRING"),
    FunctionEntry::new("binary", Exactly(1), |call| to(call, &DataType::Binary), "as BINARY"),
    FunctionEntry::new("date", Exactly(1), |call| to(call, &DataType::Date32), "as DATE"),
    FunctionEntry::new("timestamp", Exactly(1), |call| to(call, &timestamp()), "as TIMESTAMP"),
    FunctionEntry::new("to_number", Exactly(2), number_text::to_number, "a decimal out of text, by a format"),
    FunctionEntry::new("try_to_number", Exactly(2), number_text::try_to_number, "the same, NULL for what is none"),
    FunctionEntry::new(
        "to_char",
        Exactly(2),
        number_text::to_char,
        "a number, date or binary value as text, by a format",
    )
    .or(&["to_varchar"]),
];

fn to(call: &FunctionCall<'_>, data_type: &DataType) -> Result<Resolved> {
    // Spark shows no cast that is not written as one.
    let sql = call.arguments[0].sql.clone();
    scalar(call.cast(call.argument(0), data_type)?.with_sql(sql))
}
