//! Window functions: ranks and neighbours. The window itself (`OVER`) is the analyzer's.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions_window as native;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr, WindowFrame, WindowFunctionDefinition, WindowUDF, cast, when};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;

use crate::typed_expr::TypedExpr;

use super::call::{FunctionCall, Resolved};
use super::collection::struct_of;
use super::entry::Arity::{AtLeast, Between, Exactly};
use super::entry::FunctionEntry;
use super::sql_form::SqlForm;
use crate::argument::{common_type_of, constant_of};
use crate::data_type::{is_numeric, sql_name};
use crate::failure::{arithmetic_overflow, sql_expr, sql_id, unexpected_input_type, value_out_of_range};

/// The window functions.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("row_number", Exactly(0), row_number, "the row's place"),
    FunctionEntry::new("rank", AtLeast(0), rank, "the place, equal rows sharing one, with gaps")
        .shown(SqlForm::Capitals),
    FunctionEntry::new("dense_rank", AtLeast(0), dense_rank, "the place, equal rows sharing one, without gaps")
        .shown(SqlForm::Capitals),
    FunctionEntry::new("percent_rank", AtLeast(0), percent_rank, "the rank as a share").shown(SqlForm::Capitals),
    FunctionEntry::new("cume_dist", Exactly(0), cume_dist, "the share of rows not after this one"),
    FunctionEntry::new("ntile", Between(0, 1), ntile, "the number of the row's bucket"),
    FunctionEntry::new("lag", Between(1, 3), lag, "the value some rows before"),
    FunctionEntry::new("lead", Between(1, 3), lead, "the value some rows after"),
    FunctionEntry::new("nth_value", Between(2, 3), nth_value, "the n-th value of the window"),
];

fn windowed(call: &FunctionCall<'_>, function: Arc<WindowUDF>, arguments: Vec<Expr>) -> Expr {
    let params = WindowFunctionParams {
        args: arguments,
        partition_by: Vec::new(),
        order_by: Vec::new(),
        window_frame: WindowFrame::new(None),
        filter: None,
        null_treatment: call.ignore_nulls.then_some(NullTreatment::IgnoreNulls),
        distinct: false,
    };
    Expr::WindowFunction(Box::new(WindowFunction { fun: WindowFunctionDefinition::WindowUDF(function), params }))
}

/// A function of DataFusion that counts in 64 bits, where Spark counts in 32.
fn counted(call: &FunctionCall<'_>, function: Arc<WindowUDF>, arguments: Vec<Expr>) -> Result<Resolved> {
    let expr = cast(windowed(call, function, arguments), DataType::Int32);
    Ok(Resolved::Window(TypedExpr::new(expr, DataType::Int32, false)))
}

fn shared(call: &FunctionCall<'_>, function: Arc<WindowUDF>) -> Result<Resolved> {
    Ok(Resolved::Window(TypedExpr::new(windowed(call, function, Vec::new()), DataType::Float64, false)))
}

fn row_number(call: &FunctionCall<'_>) -> Result<Resolved> {
    counted(call, native::row_number::row_number_udwf(), Vec::new())
}

/// Arguments say nothing, since the window has the order, and do not show.
fn rank_of(call: &FunctionCall<'_>, rank: Resolved) -> Resolved {
    match rank {
        Resolved::Window(expr) => Resolved::Window(expr.with_sql(format!("{}()", call.name.to_uppercase()))),
        other => other,
    }
}

fn rank(call: &FunctionCall<'_>) -> Result<Resolved> {
    Ok(rank_of(call, counted(call, native::rank::rank_udwf(), Vec::new())?))
}

fn dense_rank(call: &FunctionCall<'_>) -> Result<Resolved> {
    Ok(rank_of(call, counted(call, native::rank::dense_rank_udwf(), Vec::new())?))
}

fn percent_rank(call: &FunctionCall<'_>) -> Result<Resolved> {
    Ok(rank_of(call, shared(call, native::rank::percent_rank_udwf())?))
}

fn cume_dist(call: &FunctionCall<'_>) -> Result<Resolved> {
    shared(call, native::cume_dist::cume_dist_udwf())
}

/// A constant that is an INT and nothing that could be cast to one.
fn plain_int(call: &FunctionCall<'_>, index: usize, name: &str) -> Result<i32> {
    match call.data_type(index) {
        DataType::Int32 => Ok(call.constant_int(index, name)?.unwrap_or(0)),
        _ => unexpected_input_type(call, index, "\"INT\""),
    }
}

fn ntile(call: &FunctionCall<'_>) -> Result<Resolved> {
    let buckets = if call.count() > 0 { plain_int(call, 0, "buckets")? } else { 1 };
    if buckets <= 0 {
        return Err(value_out_of_range(call, "buckets", "(0, 2147483647]", &buckets.to_string()));
    }
    let buckets = Expr::Literal(ScalarValue::Int64(Some(buckets.into())), None);
    counted(call, native::ntile::ntile_udwf(), vec![buckets])
}

/// How many rows away. What is no INT Spark refuses, in words that have little to do with it.
fn offset(call: &FunctionCall<'_>) -> Result<i64> {
    let name = call.name.to_lowercase();
    let refused = || spark_error!("_LEGACY_ERROR_TEMP_1035", prettyName = name);
    match call.data_type(1) {
        DataType::Int32 => {
            let offset = call.constant_int(1, "offset")?.ok_or_else(refused)?;
            // Spark negates it.
            if offset == i32::MIN && name == "lag" && call.context.settings.ansi {
                return Err(arithmetic_overflow("overflow", ""));
            }
            Ok(offset.into())
        }
        one if is_numeric(one) || *one == DataType::Null => Err(refused()),
        _ if name == "lag" => Err(spark_error!("FAILED_FUNCTION_CALL", funcName = sql_id(call.name))),
        DataType::Utf8 => Err(refused()),
        _ => unexpected_input_type(call, 1, "\"INT\""),
    }
}

/// The default as the type of the value, which takes what casts to it implicitly. Of nested values, both become what
/// holds either.
fn default_of(call: &FunctionCall<'_>, value: &mut TypedExpr) -> Result<TypedExpr> {
    let wanted = format!("(\"{}\" or \"VOID\")", sql_name(&value.data_type));
    let default = if value.data_type.is_nested() {
        let meeting = common_type_of(call, &[0, 2]).or_else(|_| unexpected_input_type(call, 2, &wanted))?;
        *value = call.cast(value.clone(), &meeting)?;
        call.cast(call.argument(2), &meeting)?
    } else {
        call.implicit(2, &value.data_type).or_else(|_| unexpected_input_type(call, 2, &wanted))?
    };
    Ok(match constant_of(&default.expr) {
        Some(constant) => TypedExpr { expr: Expr::Literal(constant, None), ..default },
        None => default,
    })
}

fn neighbour(call: &FunctionCall<'_>, function: Arc<WindowUDF>) -> Result<Resolved> {
    let offset = if call.count() > 1 { offset(call)? } else { 1 };
    let mut value = call.argument(0);
    let mut arguments = Vec::new();
    let mut nullable = true;
    if call.count() > 2 {
        let default = default_of(call, &mut value)?;
        nullable = value.nullable || default.nullable;
        if default.as_literal().is_none() {
            let data_type = value.data_type.clone();
            let expr = with_computed_default(call, function, (value, offset), default)?;
            return Ok(Resolved::Window(TypedExpr::new(expr, data_type, nullable)));
        }
        arguments.push(default.expr);
    }
    let data_type = value.data_type.clone();
    let offset = Expr::Literal(ScalarValue::Int64(Some(offset)), None);
    let arguments = [value.expr, offset].into_iter().chain(arguments).collect();
    let name = call.name;
    let sql = match call.count() {
        1 => format!("{name}({}, 1, NULL)", call.arguments[0].sql),
        2 => format!("{name}({}, {}, NULL)", call.arguments[0].sql, call.arguments[1].sql),
        _ => String::new(),
    };
    Ok(Resolved::Window(TypedExpr::new(windowed(call, function, arguments), data_type, nullable).with_sql(sql)))
}

/// A neighbour's value, or this row's default where there is no neighbour. The value is packed, so that one that is
/// NULL and a row that is missing are two things.
fn with_computed_default(
    call: &FunctionCall<'_>,
    function: Arc<WindowUDF>,
    (value, offset): (TypedExpr, i64),
    default: TypedExpr,
) -> Result<Expr> {
    const PACKED: &str = "value";
    if call.ignore_nulls {
        return Err(Error::unsupported("a default that is computed, with IGNORE NULLS"));
    }
    let packed = struct_of(call, vec![TypedExpr::literal(ScalarValue::from(PACKED), PACKED), value])?;
    let offset = Expr::Literal(ScalarValue::Int64(Some(offset)), None);
    let neighbour = windowed(call, function, vec![packed.expr, offset]);
    let found = get_field(neighbour.clone(), PACKED);
    when(neighbour.is_null(), default.expr).otherwise(found).map_err(from_datafusion)
}

fn lag(call: &FunctionCall<'_>) -> Result<Resolved> {
    neighbour(call, native::lead_lag::lag_udwf())
}

fn lead(call: &FunctionCall<'_>) -> Result<Resolved> {
    neighbour(call, native::lead_lag::lead_udwf())
}

fn nth_value(call: &FunctionCall<'_>) -> Result<Resolved> {
    let n = i64::from(call.constant_int(1, "offset")?.unwrap_or(0));
    if n <= 0 {
        return Err(value_out_of_range(call, "offset", "(0, 9223372036854775807]", &format!("{n}L")));
    }
    let value = call.argument(0);
    let skips_null = match call.arguments.get(2).map(|argument| constant_of(&argument.expr)) {
        None => call.ignore_nulls,
        Some(Some(ScalarValue::Boolean(Some(skips)))) => skips,
        Some(_) => {
            return Err(spark_error!(
                "INVALID_PARAMETER_VALUE.BOOLEAN",
                parameter = "`ignoreNulls`",
                functionName = sql_id(call.name),
                invalidValue = sql_expr(&call.arguments[2].sql),
            ));
        }
    };
    let data_type = value.data_type.clone();
    let arguments = vec![value.expr, Expr::Literal(ScalarValue::Int64(Some(n)), None)];
    let mut expr = windowed(call, native::nth_value::nth_value_udwf(), arguments);
    if let Expr::WindowFunction(function) = &mut expr {
        function.params.null_treatment = skips_null.then_some(NullTreatment::IgnoreNulls);
    }
    let treatment = if skips_null { " ignore nulls" } else { "" };
    let sql = format!("{}({}, {}){treatment}", call.name, call.arguments[0].sql, call.arguments[1].sql);
    Ok(Resolved::Window(TypedExpr::new(expr, data_type, true).with_sql(sql)))
}
