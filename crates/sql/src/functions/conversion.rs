//! Types as functions: `int(x)` is `CAST(x AS INT)`.

use arrow::datatypes::DataType;
use millstream_core::Result;

use crate::data_type::{decimal, sql_name, timestamp};

use super::argument::scalar;
use super::call::{FunctionCall, Resolved};
use super::entry::Arity::Exactly;
use super::entry::FunctionEntry;

/// The types that are functions too.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::scalar("boolean", Exactly(1), |call| to(call, &DataType::Boolean), "as BOOLEAN"),
    FunctionEntry::scalar("tinyint", Exactly(1), |call| to(call, &DataType::Int8), "as TINYINT"),
    FunctionEntry::scalar("smallint", Exactly(1), |call| to(call, &DataType::Int16), "as SMALLINT"),
    FunctionEntry::scalar("int", Exactly(1), |call| to(call, &DataType::Int32), "as INT"),
    FunctionEntry::scalar("bigint", Exactly(1), |call| to(call, &DataType::Int64), "as BIGINT"),
    FunctionEntry::scalar("float", Exactly(1), |call| to(call, &DataType::Float32), "as FLOAT"),
    FunctionEntry::scalar("double", Exactly(1), |call| to(call, &DataType::Float64), "as DOUBLE"),
    FunctionEntry::scalar("decimal", Exactly(1), |call| to(call, &decimal(10, 0)), "as DECIMAL(10,0)"),
    FunctionEntry::scalar("string", Exactly(1), |call| to(call, &DataType::Utf8), "as STRING"),
    FunctionEntry::scalar("binary", Exactly(1), |call| to(call, &DataType::Binary), "as BINARY"),
    FunctionEntry::scalar("date", Exactly(1), |call| to(call, &DataType::Date32), "as DATE"),
    FunctionEntry::scalar("timestamp", Exactly(1), |call| to(call, &timestamp()), "as TIMESTAMP"),
];

fn to(call: &FunctionCall<'_>, data_type: &DataType) -> Result<Resolved> {
    let sql = format!("CAST({} AS {})", call.arguments[0].sql, sql_name(data_type));
    scalar(call.cast(call.argument(0), data_type)?.with_sql(sql))
}
