//! Aggregate functions: DataFusion's where they are right for Spark, under Spark's types; our own accumulators
//! elsewhere.
//!
//! The common ones tell the streaming engine what they mean ([`StreamAggregate`]), and have native state over streams.
//! Of all others the engine keeps the state of the accumulator.

mod average;
mod bitmap;
mod collect;
mod collected;
mod distinct_estimate;
mod extreme;
mod interval;
mod moments;
mod over_rows;
mod percentile;
mod several_by;
mod sum;
mod vector;

pub use self::over_rows::over_rows;

use std::sync::Arc;

use arrow::array::{Array, BinaryArray};
use arrow::datatypes::{DataType, FieldRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate as native;
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::logical_expr::{AggregateUDF, Expr};
use millstream_core::{Error, QuerySettings, Result, spark_error};
use millstream_engine::functions::StreamAggregate;
use millstream_engine::state::{NativeAggregate, Overflow};

use crate::data_type::{array, holds_map};
use crate::typed_expr::TypedExpr;

use super::argument::constant_of;
use super::call::{FunctionCall, Resolved};
pub use super::columns::ordering::holds_floats;
use super::columns::ordering::normal_column;
use super::entry::Arity::{AtLeast, Between, Exactly};
use super::entry::FunctionEntry;
use super::kernel::Function;
use super::sql_form::SqlForm;
use crate::failure::{invalid_ordering_type, unexpected_input_type};

/// The aggregate functions.
pub(super) static FUNCTIONS: &[FunctionEntry] = &[
    FunctionEntry::new("count", AtLeast(1), count, "the number of rows in which no argument is NULL"),
    FunctionEntry::new("count_if", Exactly(1), count_if, "the number of rows in which it is true"),
    FunctionEntry::new("sum", Exactly(1), sum::sum, "the sum; an overflow is an error under ANSI"),
    FunctionEntry::new("try_sum", Exactly(1), sum::try_sum, "the sum, NULL on overflow"),
    FunctionEntry::new("avg", Exactly(1), avg, "the mean").or(&["mean"]),
    FunctionEntry::new("min", Exactly(1), min, "the least value"),
    FunctionEntry::new("max", Exactly(1), max, "the greatest value; NaN is greater than any number"),
    FunctionEntry::new("first", Between(1, 2), first, "the first value").or(&["first_value", "any_value"]),
    FunctionEntry::new("last", Between(1, 2), last, "the last value").or(&["last_value"]),
    FunctionEntry::new("max_by", Between(2, 3), extreme::max_by, "the value beside the greatest, or so many"),
    FunctionEntry::new("min_by", Between(2, 3), extreme::min_by, "the value beside the least, or so many"),
    FunctionEntry::new("bool_and", Exactly(1), bool_and, "whether all are true").or(&["every"]),
    FunctionEntry::new("bool_or", Exactly(1), bool_or, "whether one is true").or(&["some", "any"]),
    FunctionEntry::new("collect_list", Exactly(1), collect::collect_list, "all values that are not NULL")
        .or(&["array_agg"])
        .shown(SqlForm::Named("collect_list")),
    FunctionEntry::new("collect_set", Exactly(1), collect::collect_set, "all values that are not NULL, each once"),
    FunctionEntry::new(
        "approx_count_distinct",
        Between(1, 2),
        distinct_estimate::approx_count_distinct,
        "about how many different values there are",
    ),
    FunctionEntry::new("stddev", Exactly(1), moments::stddev_samp, "the standard deviation of a sample")
        .or(&["std", "stddev_samp"]),
    FunctionEntry::new("stddev_pop", Exactly(1), moments::stddev_pop, "the standard deviation"),
    FunctionEntry::new("variance", Exactly(1), moments::var_samp, "the variance of a sample").or(&["var_samp"]),
    FunctionEntry::new("var_pop", Exactly(1), moments::var_pop, "the variance"),
    FunctionEntry::new("corr", Exactly(2), moments::corr, "Pearson's correlation"),
    FunctionEntry::new("covar_samp", Exactly(2), moments::covar_samp, "the covariance of a sample"),
    FunctionEntry::new("covar_pop", Exactly(2), moments::covar_pop, "the covariance"),
    FunctionEntry::new("median", Exactly(1), percentile::median, "the middle value"),
    FunctionEntry::new("percentile", Between(2, 3), percentile::percentile, "the exact percentile, interpolated"),
    FunctionEntry::new("percentile_approx", Between(2, 3), percentile::percentile_approx, "a value at the percentile")
        .or(&["approx_percentile"]),
    FunctionEntry::new("percentile_cont", Exactly(1), percentile::percentile_cont, "the percentile, interpolated"),
    FunctionEntry::new("percentile_disc", Exactly(1), percentile::percentile_disc, "the value at the percentile"),
    FunctionEntry::new("regr_count", Exactly(2), moments::regr_count, "the number of pairs"),
    FunctionEntry::new("regr_slope", Exactly(2), moments::regr_slope, "the slope of the line through the points"),
    FunctionEntry::new(
        "regr_intercept",
        Exactly(2),
        moments::regr_intercept,
        "where the line through the points begins",
    ),
    FunctionEntry::new("regr_r2", Exactly(2), moments::regr_r2, "how well the line fits"),
    FunctionEntry::new("regr_avgx", Exactly(2), moments::regr_avgx, "the mean of the second"),
    FunctionEntry::new("regr_avgy", Exactly(2), moments::regr_avgy, "the mean of the first"),
    FunctionEntry::new("regr_sxx", Exactly(2), moments::regr_sxx, "the squared distances of the second"),
    FunctionEntry::new("regr_syy", Exactly(2), moments::regr_syy, "the squared distances of the first"),
    FunctionEntry::new("regr_sxy", Exactly(2), moments::regr_sxy, "the products of the distances"),
    FunctionEntry::new("skewness", Exactly(1), collected::skewness, "how far the values lean to one side"),
    FunctionEntry::new("kurtosis", Exactly(1), collected::kurtosis, "how far out the values lie"),
    FunctionEntry::new("product", Exactly(1), collected::product, "the product"),
    FunctionEntry::new("mode", Between(0, 2), collected::mode, "the most frequent value"),
    FunctionEntry::new("listagg", Between(1, 2), collected::listagg, "the texts as one").or(&["string_agg"]),
    FunctionEntry::new("bit_and", Exactly(1), bit_and, "the bits that all have"),
    FunctionEntry::new("bit_or", Exactly(1), bit_or, "the bits that one has"),
    FunctionEntry::new("bit_xor", Exactly(1), bit_xor, "the bits that an odd number has"),
    FunctionEntry::new("bitmap_construct_agg", Exactly(1), bitmap::construct, "the bitmap of these places"),
    FunctionEntry::new("bitmap_or_agg", Exactly(1), bitmap::or, "the bits that one bitmap has"),
    FunctionEntry::new("bitmap_and_agg", Exactly(1), bitmap::and, "the bits that all bitmaps have"),
    FunctionEntry::new("vector_sum", Exactly(1), vector::sum, "the sum of vectors, place by place"),
    FunctionEntry::new("vector_avg", Exactly(1), vector::avg, "the mean of vectors, place by place"),
    FunctionEntry::new("try_avg", Exactly(1), try_avg, "the mean, NULL on overflow"),
];

/// An aggregate expression over these arguments, with the call's DISTINCT, FILTER and order.
fn aggregate(
    call: &FunctionCall<'_>,
    function: Arc<AggregateUDF>,
    arguments: Vec<Expr>,
    data_type: DataType,
    nullable: bool,
) -> TypedExpr {
    TypedExpr::new(aggregate_expr(call, function, arguments, None), data_type, nullable)
}

fn aggregate_expr(
    call: &FunctionCall<'_>,
    function: Arc<AggregateUDF>,
    arguments: Vec<Expr>,
    nulls: Option<NullTreatment>,
) -> Expr {
    let (filter, order) = (call.filter.clone().map(Box::new), call.order_by.clone());
    let arguments =
        if call.distinct { arguments.into_iter().map(|one| normal(one, call)).collect() } else { arguments };
    Expr::AggregateFunction(AggregateFunction::new_udf(function, arguments, call.distinct, filter, order, nulls))
}

static NORMAL: Function = Function::total("normal", |one| Ok(normal_column(&one.columns[0])));

/// A value with one zero and one NaN for all its floating-point numbers, so that equal values are one key.
pub fn normalized(value: TypedExpr, settings: &QuerySettings) -> TypedExpr {
    let (data_type, nullable) = (value.data_type.clone(), value.nullable);
    NORMAL.over([value], data_type, nullable, settings)
}

/// A key by which rows are told apart, with one zero and one NaN, so that equal values are one.
///
/// Of an array or a struct it is bytes in the order of the values, in which NULL is less than anything.
pub fn normal_key(key: TypedExpr, settings: &QuerySettings) -> TypedExpr {
    let TypedExpr { data_type, nullable, sql, .. } = key.clone();
    match data_type {
        DataType::Float32 | DataType::Float64 => NORMAL.over([key], data_type, nullable, settings).with_sql(sql),
        DataType::List(_) | DataType::Struct(_) => {
            NESTED_KEY.over([key], DataType::Binary, nullable, settings).with_sql(sql)
        }
        _ => key,
    }
}

static NESTED_KEY: Function = Function::total("nested_key", |evaluation| {
    let column = normal_column(&evaluation.columns[0]);
    let converter = RowConverter::new(vec![SortField::new(column.data_type().clone())])?;
    let rows = converter.convert_columns(&[Arc::clone(&column)])?;
    let key = |row: usize| column.is_valid(row).then(|| rows.row(row).data().to_vec());
    Ok(Arc::new((0..evaluation.rows).map(key).collect::<BinaryArray>()))
});

/// A floating-point argument with one zero and one NaN, so that equal values are one to DISTINCT.
fn normal(argument: Expr, call: &FunctionCall<'_>) -> Expr {
    let given = call.arguments.iter().find(|one| one.expr == argument);
    match given.map(|one| (&one.data_type, one.nullable)) {
        Some((data_type, nullable)) if holds_floats(data_type) => {
            normalized(TypedExpr::new(argument, data_type.clone(), nullable), &call.context.settings).expr
        }
        _ => argument,
    }
}

fn resolved(expr: TypedExpr) -> Result<Resolved> {
    Ok(Resolved::Aggregate(expr))
}

/// DataFusion's `count`, which over a stream keeps a number a group.
fn counting() -> Arc<AggregateUDF> {
    StreamAggregate::wrap(native::count::count_udaf(), NativeAggregate::Count)
}

fn count(call: &FunctionCall<'_>) -> Result<Resolved> {
    let arguments: Vec<Expr> = if call.count() > 1 {
        // A row counts if all are there.
        let all = call.arguments.iter().map(|one| one.expr.clone().is_not_null()).reduce(Expr::and);
        let all = all.unwrap_or_else(|| datafusion::logical_expr::lit(true));
        vec![if call.distinct { present_where(all, tuple(call)?)? } else { counted_where(all)? }]
    } else {
        call.arguments.iter().map(|one| one.expr.clone()).collect()
    };
    resolved(aggregate(call, counting(), arguments, DataType::Int64, false))
}

/// A value that is there just where the condition is true.
fn counted_where(condition: Expr) -> Result<Expr> {
    present_where(condition, datafusion::logical_expr::lit(1_i32))
}

fn present_where(condition: Expr, value: Expr) -> Result<Expr> {
    datafusion::logical_expr::when(condition, value).end().map_err(millstream_engine::error::from_datafusion)
}

/// All arguments as one value.
fn tuple(call: &FunctionCall<'_>) -> Result<Expr> {
    let named = call.arguments.iter().enumerate().flat_map(|(index, one)| {
        let name = index.to_string();
        let value = TypedExpr { expr: normal(one.expr.clone(), call), ..one.clone() };
        [TypedExpr::literal(ScalarValue::from(name.as_str()), name.as_str()), value]
    });
    Ok(super::collection::struct_of(call, named.collect())?.expr)
}

fn bits(call: &FunctionCall<'_>, function: Arc<AggregateUDF>) -> Result<Resolved> {
    let value = call.argument(0);
    if !value.data_type.is_signed_integer() {
        return unexpected_input_type(call, 0, "\"INTEGRAL\"");
    }
    let data_type = value.data_type.clone();
    resolved(aggregate(call, function, vec![value.expr], data_type, true))
}

fn bit_and(call: &FunctionCall<'_>) -> Result<Resolved> {
    bits(call, native::bit_and_or_xor::bit_and_udaf())
}

fn bit_or(call: &FunctionCall<'_>) -> Result<Resolved> {
    bits(call, native::bit_and_or_xor::bit_or_udaf())
}

fn bit_xor(call: &FunctionCall<'_>) -> Result<Resolved> {
    // DataFusion's accumulator of different values has another state than it says.
    if call.distinct {
        return Err(Error::unsupported("bit_xor of different values"));
    }
    bits(call, native::bit_and_or_xor::bit_xor_udaf())
}

fn count_if(call: &FunctionCall<'_>) -> Result<Resolved> {
    if !matches!(call.data_type(0), DataType::Boolean | DataType::Null) {
        return unexpected_input_type(call, 0, "\"BOOLEAN\"");
    }
    let condition = call.implicit(0, &DataType::Boolean)?;
    let counted = counted_where(condition.expr)?;
    resolved(aggregate(call, counting(), vec![counted], DataType::Int64, false))
}

fn avg(call: &FunctionCall<'_>) -> Result<Resolved> {
    average_of(call, call.context.settings.ansi)
}

fn try_avg(call: &FunctionCall<'_>) -> Result<Resolved> {
    average_of(call, false)
}

fn average_of(call: &FunctionCall<'_>, fails: bool) -> Result<Resolved> {
    if interval::is_summed(call.data_type(0)) {
        // In both modes, as there is no interval that the sum could wrap to.
        return interval::average(call, call.name.eq_ignore_ascii_case("try_avg"));
    }
    let value = call.numeric(0).or_else(|_| unexpected_input_type(call, 0, "\"NUMERIC\" or \"ANSI INTERVAL\""))?;
    let on_overflow = if fails { Overflow::Error } else { Overflow::Null };
    if let DataType::Decimal128(precision, scale) = value.data_type {
        let (function, data_type) = average::decimal_average(precision, scale, fails);
        let function = StreamAggregate::wrap(function, NativeAggregate::Avg(on_overflow));
        return resolved(aggregate(call, function, vec![value.expr], data_type, true));
    }
    let value = call.cast(value, &DataType::Float64)?;
    let function = StreamAggregate::wrap(native::average::avg_udaf(), NativeAggregate::Avg(on_overflow));
    resolved(aggregate(call, function, vec![value.expr], DataType::Float64, true))
}

fn orderable(call: &FunctionCall<'_>, index: usize) -> Result<TypedExpr> {
    let argument = call.argument(index);
    if holds_map(&argument.data_type) {
        return Err(invalid_ordering_type(call, &argument.data_type));
    }
    Ok(argument)
}

fn min(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = orderable(call, 0)?;
    if value.data_type.is_nested() {
        return extreme::nested(call, false);
    }
    let data_type = value.data_type.clone();
    let function = StreamAggregate::wrap(native::min_max::min_udaf(), NativeAggregate::Min);
    resolved(aggregate(call, function, vec![value.expr], data_type, true))
}

fn max(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = orderable(call, 0)?;
    if value.data_type.is_nested() {
        return extreme::nested(call, true);
    }
    let data_type = value.data_type.clone();
    let function = StreamAggregate::wrap(native::min_max::max_udaf(), NativeAggregate::Max);
    resolved(aggregate(call, function, vec![value.expr], data_type, true))
}

/// Whether NULL is skipped: said by the second argument or behind the call.
fn skips_null(call: &FunctionCall<'_>) -> Result<bool> {
    if call.count() < 2 {
        return Ok(call.ignore_nulls);
    }
    match constant_of(&call.argument(1).expr) {
        Some(ScalarValue::Boolean(Some(skips))) => Ok(skips),
        _ => Err(spark_error!("_LEGACY_ERROR_TEMP_1210", funcName = call.name.to_lowercase())),
    }
}

fn edge(call: &FunctionCall<'_>, function: Arc<AggregateUDF>) -> Result<Resolved> {
    let value = call.argument(0);
    let nulls = if skips_null(call)? { NullTreatment::IgnoreNulls } else { NullTreatment::RespectNulls };
    let data_type = value.data_type.clone();
    // What is done with NULL does not show.
    let sql = if call.count() > 1 { format!("{}({})", call.name, value.sql) } else { String::new() };
    let expr = aggregate_expr(call, function, vec![value.expr], Some(nulls));
    resolved(TypedExpr::new(expr, data_type, true).with_sql(sql))
}

fn first(call: &FunctionCall<'_>) -> Result<Resolved> {
    edge(call, native::first_last::first_value_udaf())
}

fn last(call: &FunctionCall<'_>) -> Result<Resolved> {
    edge(call, native::first_last::last_value_udaf())
}

fn boolean(call: &FunctionCall<'_>, function: Arc<AggregateUDF>) -> Result<Resolved> {
    if !matches!(call.data_type(0), DataType::Boolean | DataType::Null) {
        return unexpected_input_type(call, 0, "\"BOOLEAN\"");
    }
    let value = call.implicit(0, &DataType::Boolean)?;
    resolved(aggregate(call, function, vec![value.expr], DataType::Boolean, true))
}

fn bool_and(call: &FunctionCall<'_>) -> Result<Resolved> {
    // FALSE is less than TRUE, so "all" is the least of them and "any" the greatest.
    boolean(call, StreamAggregate::wrap(native::bool_and_or::bool_and_udaf(), NativeAggregate::Min))
}

fn bool_or(call: &FunctionCall<'_>) -> Result<Resolved> {
    boolean(call, StreamAggregate::wrap(native::bool_and_or::bool_or_udaf(), NativeAggregate::Max))
}

/// ARRAY&lt;element&gt; without NULL.
fn array_of(element: &DataType) -> DataType {
    array(element.clone(), false)
}

/// The element's field of an array type.
fn element_of(data_type: &DataType) -> Option<&FieldRef> {
    match data_type {
        DataType::List(element) => Some(element),
        _ => None,
    }
}
