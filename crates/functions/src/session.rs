//! What a query knows of itself and its session, errors on purpose, and identifiers.

mod per_call;
mod seeded_uuid;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::{Array, ArrayRef, Int64Array, StringArray, new_null_array};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use millstream_core::{Error, Result, spark_error};
use millstream_engine::functions::{Meaning, with_meaning};

use self::per_call::{CallState, call_of};
use self::seeded_uuid::SeededUuid;
use crate::data_type::simple_string;
use crate::typed_expr::TypedExpr;

use super::argument::scalar;
use super::call::{FunctionCall, Resolved};
use super::entry::Arity::{Between, Exactly};
use super::entry::FunctionEntry;
use super::kernel::{Evaluation, Function};
use super::sql_form::SqlForm;

/// The functions about the session.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("typeof", Exactly(1), type_of, "the type of a value"),
    FunctionEntry::new("version", Exactly(0), version, "the version of Spark that is spoken"),
    FunctionEntry::new("current_user", Exactly(0), current_user, "the session's user").or(&["user", "session_user"]),
    FunctionEntry::new("current_database", Exactly(0), current_database, "the default schema").or(&["current_schema"]),
    FunctionEntry::new("current_path", Exactly(0), current_path, "where names without a schema are looked for"),
    FunctionEntry::new("current_catalog", Exactly(0), current_catalog, "the default catalog"),
    FunctionEntry::new("raise_error", Between(1, 2), raise_error, "fails with a message"),
    FunctionEntry::new("assert_true", Between(1, 2), assert_true, "fails unless it is true"),
    FunctionEntry::new("input_file_name", Exactly(0), input_file_name, "the file that is read, or nothing"),
    FunctionEntry::new("spark_partition_id", Exactly(0), spark_partition_id, "the task's number")
        .shown(SqlForm::Capitals),
    FunctionEntry::new("monotonically_increasing_id", Exactly(0), increasing_id, "a number that no other row has")
        .or(&["distributed_sequence_id"]),
    FunctionEntry::new("uuid", Between(0, 1), uuid, "a random identifier"),
];

fn text(value: &str) -> Result<Resolved> {
    scalar(TypedExpr { sql: String::new(), ..TypedExpr::literal(ScalarValue::from(value), "") })
}

fn type_of(call: &FunctionCall<'_>) -> Result<Resolved> {
    text(&simple_string(call.data_type(0)))
}

fn version(_call: &FunctionCall<'_>) -> Result<Resolved> {
    text("4.2.0")
}

fn current_user(call: &FunctionCall<'_>) -> Result<Resolved> {
    text(&call.context.user)
}

/// Spark shows it as the schema under either name.
fn current_database(call: &FunctionCall<'_>) -> Result<Resolved> {
    match text(&call.context.database)? {
        Resolved::Scalar(name) => scalar(name.with_sql("current_schema()")),
        other => Ok(other),
    }
}

fn current_path(call: &FunctionCall<'_>) -> Result<Resolved> {
    text(&format!("system.builtin,system.session,spark_catalog.{}", call.context.database))
}

fn current_catalog(_call: &FunctionCall<'_>) -> Result<Resolved> {
    text("spark_catalog")
}

fn input_file_name(_call: &FunctionCall<'_>) -> Result<Resolved> {
    text("")
}

fn spark_partition_id(_call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(TypedExpr { sql: String::new(), ..TypedExpr::literal(ScalarValue::Int32(Some(0)), "") })
}

static RAISE_ERROR: Function = Function::volatile("raise_error", |one| {
    let messages = one.strings(0);
    if one.rows == 0 {
        return Ok(new_null_array(one.data_type, 0));
    }
    let message = if messages.is_null(0) { "null" } else { messages.value(0) };
    Err(user_raised(message))
});

fn user_raised(message: &str) -> Error {
    spark_error!("USER_RAISED_EXCEPTION", errorMessage = message)
}

fn raise_error(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.count() == 2 {
        return Err(Error::unsupported("raise_error with an error class is not supported."));
    }
    scalar(RAISE_ERROR.call_nullable([call.string(0)?], DataType::Null, call))
}

static ASSERT_TRUE: Function = Function::volatile("assert_true", |one| {
    let (flags, messages) = (one.booleans(0), one.strings(1));
    match (0..one.rows).find(|&row| flags.is_null(row) || !flags.value(row)) {
        Some(row) => Err(user_raised(messages.value(row))),
        None => Ok(new_null_array(one.data_type, one.rows)),
    }
});

fn assert_true(call: &FunctionCall<'_>) -> Result<Resolved> {
    let message = if call.count() == 2 {
        call.string(1)?
    } else {
        TypedExpr::literal(ScalarValue::from(format!("'{}' is not true!", call.arguments[0].sql)), "")
    };
    let text = match &message.expr {
        _ if call.count() == 2 => message.sql.clone(),
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => text.clone(),
        _ => String::new(),
    };
    let sql = format!("{}({}, {text})", call.name.to_lowercase(), call.arguments[0].sql);
    let asserted = ASSERT_TRUE.call_nullable([call.implicit(0, &DataType::Boolean)?, message], DataType::Null, call);
    scalar(asserted.with_sql(sql))
}

/// The next number of a call of `monotonically_increasing_id()`.
#[derive(Debug)]
struct IncreasingId(AtomicI64);

impl CallState for IncreasingId {
    const NAME: &'static str = "monotonically_increasing_id";
    const DATA_TYPE: DataType = DataType::Int64;

    fn next(&self, rows: usize) -> ArrayRef {
        let rows = rows as i64;
        let first = self.0.fetch_add(rows, Ordering::Relaxed);
        Arc::new(Int64Array::from_iter_values(first..first + rows))
    }
}

fn increasing_id(_call: &FunctionCall<'_>) -> Result<Resolved> {
    let function = with_meaning(call_of(IncreasingId(AtomicI64::new(0))), Meaning::RowNumber);
    scalar(TypedExpr::new(function.call(Vec::new()), DataType::Int64, false))
}

static UUID: Function = Function::volatile("uuid", new_uuids);

fn new_uuids(one: &Evaluation<'_>) -> Result<ArrayRef> {
    let new = |_| uuid::Uuid::new_v4().to_string();
    Ok(Arc::new(StringArray::from_iter_values((0..one.rows).map(new))))
}

/// In a stream a seed would give each run the same identifiers again, so there it is not looked at.
fn uuid(call: &FunctionCall<'_>) -> Result<Resolved> {
    let seed = if call.count() > 0 { call.constant_bigint(0, "seed")? } else { None };
    let uuid = match seed.filter(|_| !call.context.streaming) {
        Some(seed) => TypedExpr::new(call_of(SeededUuid::new(seed)).call(Vec::new()), DataType::Utf8, false),
        None => UUID.call([], DataType::Utf8, call),
    };
    // The seed does not show.
    scalar(uuid.with_sql(format!("{}()", call.name)))
}
