//! Aggregates that are computed from all values of a group at its end: the list of them, and a function of the list.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, Float64Array, StringArray, UInt32Array, new_empty_array};
use arrow::compute::{SortOptions, concat, sort, take};
use arrow::datatypes::{DataType, Float64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use millstream_core::{Error, Result, spark_error};

use super::percentile::{ordered_value, wrong_orderings};
use super::{collect, resolved};
use crate::argument::constant_of;
use crate::call::{FunctionCall, Resolved};
use crate::collection::joined_bytes;
use crate::columns::ordering::normal_column;
use crate::failure::{differing_types, non_foldable, sql_expr, sql_id, unexpected_input_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

/// A function of the values of each group, which come as arrays.
fn of_lists(one: &Evaluation<'_>, value: impl Fn(&Float64Array) -> Option<f64>) -> ArrayRef {
    let list = one.columns[0].as_list::<i32>();
    let value = |row: usize| value(list.value(row).as_primitive::<Float64Type>());
    Arc::new((0..one.rows).map(value).collect::<Float64Array>())
}

/// How many values there are, and the sums of the second, third and fourth powers of their distances from the mean.
fn moments(values: &Float64Array) -> [f64; 4] {
    let count = values.len() as f64;
    let mean = values.values().iter().sum::<f64>() / count;
    let sum = |power: i32| values.values().iter().map(|value| (value - mean).powi(power)).sum::<f64>();
    [count, sum(2), sum(3), sum(4)]
}

static SKEWNESS: Function = Function::total("skewness", |one| {
    Ok(of_lists(one, |values| {
        let [count, second, third, _] = moments(values);
        (count > 0.0 && second != 0.0).then(|| count.sqrt() * third / (second * second * second).sqrt())
    }))
});

static KURTOSIS: Function = Function::total("kurtosis", |one| {
    Ok(of_lists(one, |values| {
        let [count, second, _, fourth] = moments(values);
        (count > 0.0 && second != 0.0).then(|| count * fourth / (second * second) - 3.0)
    }))
});

static PRODUCT: Function = Function::total("product", |one| {
    Ok(of_lists(one, |values| (!values.is_empty()).then(|| values.values().iter().product())))
});

fn of_doubles(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let values = call.cast(call.numeric(0)?, &DataType::Float64)?;
    let list = collect::list_of(call, values);
    resolved(function.call_nullable([list], DataType::Float64, call))
}

pub(super) fn skewness(call: &FunctionCall<'_>) -> Result<Resolved> {
    of_doubles(call, &SKEWNESS)
}

pub(super) fn kurtosis(call: &FunctionCall<'_>) -> Result<Resolved> {
    of_doubles(call, &KURTOSIS)
}

pub(super) fn product(call: &FunctionCall<'_>) -> Result<Resolved> {
    of_doubles(call, &PRODUCT)
}

static MODE: Function = Function::total("mode", |one| modes(one, Tie::First));
static LEAST_MODE: Function = Function::total("least_mode", |one| modes(one, Tie::Least));
static GREATEST_MODE: Function = Function::total("greatest_mode", |one| modes(one, Tie::Greatest));

/// Which of several values that come equally often is the mode.
#[derive(Clone, Copy)]
enum Tie {
    First,
    Least,
    Greatest,
}

fn modes(one: &Evaluation<'_>, tie: Tie) -> Result<ArrayRef> {
    let list = one.columns[0].as_list::<i32>();
    let mode = |row: usize| most_frequent(&list.value(row), one.data_type, tie);
    let parts = (0..one.rows).map(mode).collect::<Result<Vec<_>>>()?;
    let views: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    Ok(if views.is_empty() { new_empty_array(one.data_type) } else { concat(&views)? })
}

/// The value that comes most often.
fn most_frequent(values: &ArrayRef, data_type: &DataType, tie: Tie) -> Result<ArrayRef> {
    if values.is_empty() {
        return Ok(arrow::array::new_null_array(data_type, 1));
    }
    let normal = normal_column(values);
    let converter = RowConverter::new(vec![SortField::new(normal.data_type().clone())])?;
    let rows = converter.convert_columns(&[normal])?;
    let mut counts: HashMap<_, (usize, usize)> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        counts.entry(row).or_insert((0, at)).0 += 1;
    }
    let best = counts.iter().max_by(|(row, (count, at)), (other, (other_count, other_at))| {
        let tied = match tie {
            Tie::First => other_at.cmp(at),
            Tie::Least => other.cmp(row),
            Tie::Greatest => row.cmp(other),
        };
        count.cmp(other_count).then(tied)
    });
    let best = best.map_or(0, |(_, (_, at))| *at);
    Ok(take(values, &UInt32Array::from(vec![best as u32]), None)?)
}

pub(super) fn mode(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.count() == 0 {
        return ordered_mode(call);
    }
    if !call.ordered.is_empty() {
        return Err(wrong_orderings(call, 0, call.ordered.len()));
    }
    let least = match call.arguments.get(1).map(|one| constant_of(&one.expr)) {
        None => false,
        Some(Some(ScalarValue::Boolean(Some(deterministic)))) => deterministic,
        Some(_) => return non_foldable(call, 1, "deterministic", "BOOLEAN"),
    };
    let value = call.argument(0);
    let data_type = value.data_type.clone();
    let sql = match least {
        true => format!("{}() WITHIN GROUP (ORDER BY {} DESC)", call.name, value.sql),
        false => format!("{}({})", call.name, value.sql),
    };
    let list = collect::list_of(call, value);
    let mode = (if least { &LEAST_MODE } else { &MODE }).call_nullable([list], data_type, call);
    resolved(mode.with_sql(sql))
}

/// `mode() WITHIN GROUP (ORDER BY value)`: of several modes the first in this order. Spark shows the other direction.
fn ordered_mode(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = ordered_value(call)?.clone();
    let descending = call.order_by.first().is_some_and(|key| !key.asc);
    let direction = if descending { "" } else { " DESC" };
    let sql = format!("{}() WITHIN GROUP (ORDER BY {}{direction})", call.name, value.sql);
    let data_type = value.data_type.clone();
    let list = collect::list_of(call, value);
    let mode = (if descending { &GREATEST_MODE } else { &LEAST_MODE }).call_nullable([list], data_type, call);
    resolved(mode.with_sql(sql))
}

/// The values in the order that `listagg` names; as they came if it names none.
fn in_order(values: ArrayRef, order: &str) -> Result<ArrayRef> {
    if order.is_empty() {
        return Ok(values);
    }
    Ok(sort(&values, Some(SortOptions { descending: order == "descending", nulls_first: false }))?)
}

static LISTAGG: Function = Function::new("listagg", |evaluation| {
    let (list, delimiters) = (evaluation.columns[0].as_list::<i32>(), evaluation.strings(1));
    let orders = evaluation.strings(2);
    let mut room = evaluation.room("listagg");
    let join = |row: usize| {
        let values = in_order(list.value(row), orders.value(row))?;
        let texts: Vec<&str> = values.as_string::<i32>().iter().flatten().collect();
        let delimiter = delimiters.value(row);
        room.take(joined_bytes(&texts, delimiter))?;
        Ok((!texts.is_empty()).then(|| texts.join(delimiter)))
    };
    Ok(Arc::new((0..evaluation.rows).map(join).collect::<Result<StringArray>>()?))
});

static LISTAGG_BYTES: Function = Function::new("listagg_of_bytes", |evaluation| {
    let (list, delimiters) = (evaluation.columns[0].as_list::<i32>(), evaluation.binary(1));
    let orders = evaluation.strings(2);
    let mut room = evaluation.room("listagg");
    let mut join = |row: usize| {
        let values = in_order(list.value(row), orders.value(row))?;
        let parts: Vec<&[u8]> = values.as_binary::<i32>().iter().flatten().collect();
        let delimiter = delimiters.value(row);
        let bytes = parts.iter().map(|part| part.len() + delimiter.len()).fold(0, usize::saturating_add);
        room.take(bytes)?;
        Ok((!parts.is_empty()).then(|| parts.join(delimiter)))
    };
    Ok(Arc::new((0..evaluation.rows).map(&mut join).collect::<Result<BinaryArray>>()?))
});

/// The delimiter of `listagg`, as a constant of the type that is joined.
fn delimiter(call: &FunctionCall<'_>, bytes: bool) -> Result<ScalarValue> {
    let none = if bytes { ScalarValue::Binary(Some(Vec::new())) } else { ScalarValue::from("") };
    let Some(given) = call.arguments.get(1) else { return Ok(none) };
    match constant_of(&given.expr) {
        Some(ScalarValue::Null | ScalarValue::Utf8(None) | ScalarValue::Binary(None)) => Ok(none),
        Some(text @ ScalarValue::Utf8(_)) if !bytes => Ok(text),
        Some(value @ ScalarValue::Binary(_)) if bytes => Ok(value),
        Some(_) if bytes => Err(differing_types(call)),
        _ => non_foldable(call, 1, "delimiter", "STRING"),
    }
}

/// `listagg(text, delimiter) WITHIN GROUP (ORDER BY text)`
pub(super) fn listagg(call: &FunctionCall<'_>) -> Result<Resolved> {
    if matches!(call.data_type(0), DataType::List(_) | DataType::Map(_, _) | DataType::Struct(_)) {
        return unexpected_input_type(call, 0, "(\"STRING\" or \"BINARY\")");
    }
    let bytes = *call.data_type(0) == DataType::Binary;
    let delimiter = delimiter(call, bytes)?;
    let value = if bytes { call.argument(0) } else { call.string(0)? };
    let order = match call.order_by.as_slice() {
        [] => "",
        [key] if key.expr == call.arguments[0].expr && key.expr == value.expr => {
            if key.asc {
                "ascending"
            } else {
                "descending"
            }
        }
        _ if call.distinct => {
            let keys: Vec<_> = call.order_by.iter().map(|key| sql_expr(&key.expr.schema_name().to_string())).collect();
            return Err(spark_error!(
                "INVALID_WITHIN_GROUP_EXPRESSION.MISMATCH_WITH_DISTINCT_INPUT",
                funcName = sql_id(call.name),
                funcArg = sql_expr(&call.arguments[0].sql),
                orderingExpr = keys.join(", "),
            ));
        }
        _ => return Err(Error::unsupported("listagg in the order of something else is not supported.")),
    };
    let list = collect::list_of(call, value);
    let (function, data_type) = if bytes { (&LISTAGG_BYTES, DataType::Binary) } else { (&LISTAGG, DataType::Utf8) };
    let (delimiter, order_name) = (TypedExpr::literal(delimiter, ""), TypedExpr::literal(ScalarValue::from(order), ""));
    let text = function.call_nullable([list, delimiter, order_name], data_type, call);
    let delimiter_sql = call.arguments.get(1).map_or("NULL", |one| one.sql.as_str());
    let given = format!("{}, {delimiter_sql}", call.arguments[0].sql);
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    let direction = if order == "descending" { "DESC NULLS LAST" } else { "ASC NULLS FIRST" };
    let within = if order.is_empty() {
        String::new()
    } else {
        format!(" WITHIN GROUP (ORDER BY {} {direction})", call.arguments[0].sql)
    };
    let name = if order.is_empty() { call.name } else { "listagg" };
    resolved(text.with_sql(format!("{name}({distinct}{given}){within}")))
}
