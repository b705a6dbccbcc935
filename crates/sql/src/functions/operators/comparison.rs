//! Comparisons: NaN equals NaN and is greater than any number, −0.0 equals 0.0, strings compare by their UTF-8 bytes.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, make_comparator};
use arrow::compute::SortOptions;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::logical_expr::{Expr, Operator, binary_expr};
use millstream_core::Result;

use crate::analyzer::coercion::{common_type, comparison_type};
use crate::analyzer::typed_expr::TypedExpr;
use crate::data_type::sql_name;
use crate::functions::argument::scalar;
use crate::functions::call::{FunctionCall, Resolved};
use crate::functions::failure::{datatype_mismatch, different_types, differing_types};
use crate::functions::kernel::{Evaluation, Function, native};

const BOOLEAN: DataType = DataType::Boolean;

/// The type in which all these arguments meet.
pub(in crate::functions) fn common_type_of(call: &FunctionCall<'_>, indexes: &[usize]) -> Result<DataType> {
    let types = indexes.iter().map(|&index| call.data_type(index));
    common_type(types, &call.context.settings).ok_or_else(|| differing_types(call))
}

fn operands(call: &FunctionCall<'_>) -> Result<(TypedExpr, TypedExpr)> {
    let (left, right) = (call.data_type(0), call.data_type(1));
    let Some(meeting) = comparison_type(left, right, &call.context.settings) else {
        return Err(different_types(call, left, right));
    };
    if matches!(meeting, DataType::Map(_, _)) {
        let reason = format!("The `{}` does not support ordering on type \"{}\".", call.name, sql_name(&meeting));
        return Err(datatype_mismatch(call, "INVALID_ORDERING_TYPE", &reason));
    }
    Ok((call.cast(call.argument(0), &meeting)?, call.cast(call.argument(1), &meeting)?))
}

/// Whether Arrow's comparison is Spark's.
fn compares_natively(data_type: &DataType) -> bool {
    !data_type.is_nested() && !data_type.is_floating() && !matches!(data_type, DataType::Interval(_))
}

/// `left <operator> right` of one type.
fn compare(operator: Operator, left: TypedExpr, right: TypedExpr, call: &FunctionCall<'_>) -> TypedExpr {
    let null_safe = operator == Operator::IsNotDistinctFrom;
    let nullable = !null_safe && (left.nullable || right.nullable);
    if compares_natively(&left.data_type) {
        return native(binary_expr(left.expr, operator, right.expr), BOOLEAN, nullable);
    }
    let function = match operator {
        Operator::Eq => EQUAL,
        Operator::NotEq => NOT_EQUAL,
        Operator::Lt => LESS,
        Operator::LtEq => LESS_OR_EQUAL,
        Operator::Gt => GREATER,
        Operator::GtEq => GREATER_OR_EQUAL,
        _ => NULL_SAFE_EQUAL,
    };
    function.over([left, right], (BOOLEAN, nullable), &call.context.settings)
}

const EQUAL: Function = Function::new("equal", |one| ordered(one, Ordering::is_eq));
const NOT_EQUAL: Function = Function::new("not_equal", |one| ordered(one, Ordering::is_ne));
const LESS: Function = Function::new("less", |one| ordered(one, Ordering::is_lt));
const LESS_OR_EQUAL: Function = Function::new("less_or_equal", |one| ordered(one, Ordering::is_le));
const GREATER: Function = Function::new("greater", |one| ordered(one, Ordering::is_gt));
const GREATER_OR_EQUAL: Function = Function::new("greater_or_equal", |one| ordered(one, Ordering::is_ge));
const NULL_SAFE_EQUAL: Function = Function::new("null_safe_equal", |one| {
    let [left, right] = [0, 1].map(|index| normal_column(&one.columns[index]));
    let order = make_comparator(&left, &right, SortOptions::default())?;
    Ok(Arc::new((0..one.rows).map(|row| Some(order(row, row).is_eq())).collect::<BooleanArray>()))
});

fn ordered(evaluation: &Evaluation<'_>, accept: fn(Ordering) -> bool) -> Result<ArrayRef> {
    let [left, right] = [0, 1].map(|index| normal_column(&evaluation.columns[index]));
    let order = make_comparator(&left, &right, SortOptions::default())?;
    let compare = |row| evaluation.all_valid(row).then(|| accept(order(row, row)));
    Ok(Arc::new((0..evaluation.rows).map(compare).collect::<BooleanArray>()))
}

/// Floating-point numbers with one zero and one NaN, so that Arrow's total order is Spark's.
pub(in crate::functions) fn normal_column(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float64 => {
            let normal = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
            Arc::new(column.as_primitive::<Float64Type>().unary::<_, Float64Type>(normal))
        }
        DataType::Float32 => {
            let normal = |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 };
            Arc::new(column.as_primitive::<Float32Type>().unary::<_, Float32Type>(normal))
        }
        _ => Arc::clone(column),
    }
}

/// `left = right`, for functions that are defined by it.
pub(in crate::functions) fn equal(left: TypedExpr, right: TypedExpr, call: &FunctionCall<'_>) -> TypedExpr {
    compare(Operator::Eq, left, right, call)
}

/// Whether one value is less than the other, row by row: for `greatest` and `least`.
pub(in crate::functions) fn less(left: &ArrayRef, right: &ArrayRef) -> Result<BooleanArray> {
    let (left_normal, right_normal) = (normal_column(left), normal_column(right));
    let order = make_comparator(&left_normal, &right_normal, SortOptions::default())?;
    Ok((0..left.len()).map(|row| Some(order(row, row).is_lt())).collect())
}

fn resolve(call: &FunctionCall<'_>, operator: Operator) -> Result<Resolved> {
    let (left, right) = operands(call)?;
    scalar(compare(operator, left, right, call))
}

pub(super) fn equal_to(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operator::Eq)
}

pub(super) fn not_equal_to(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operator::NotEq)
}

pub(super) fn null_safe_equal(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operator::IsNotDistinctFrom)
}

pub(super) fn less_than(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operator::Lt)
}

pub(super) fn less_or_equal(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operator::LtEq)
}

pub(super) fn greater_than(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operator::Gt)
}

pub(super) fn greater_or_equal(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operator::GtEq)
}

/// `value BETWEEN low AND high`; each bound is compared by its own rules.
pub(super) fn between(call: &FunctionCall<'_>) -> Result<Resolved> {
    let bound = |index: usize, operator: Operator| {
        let settings = &call.context.settings;
        let Some(meeting) = comparison_type(call.data_type(0), call.data_type(index), settings) else {
            return Err(different_types(call, call.data_type(0), call.data_type(index)));
        };
        let value = call.cast(call.argument(0), &meeting)?;
        Ok(compare(operator, value, call.cast(call.argument(index), &meeting)?, call))
    };
    let (low, high) = (bound(1, Operator::GtEq)?, bound(2, Operator::LtEq)?);
    scalar(native(low.expr.and(high.expr), BOOLEAN, low.nullable || high.nullable))
}

/// `value IN (…)`
pub(super) fn in_list(call: &FunctionCall<'_>) -> Result<Resolved> {
    let all: Vec<usize> = (0..call.count()).collect();
    let settings = &call.context.settings;
    let meeting = match call.count() {
        2 => comparison_type(call.data_type(0), call.data_type(1), settings),
        _ => common_type(all.iter().map(|&index| call.data_type(index)), settings),
    };
    let meeting = meeting.ok_or_else(|| differing_types(call))?;
    let nullable = call.arguments.iter().any(|argument| argument.nullable);
    let value = call.cast(call.argument(0), &meeting)?;
    let list = all[1..].iter().map(|&index| call.cast(call.argument(index), &meeting)).collect::<Result<Vec<_>>>()?;
    if compares_natively(&meeting) {
        let list = list.into_iter().map(|one| one.expr).collect();
        return scalar(native(value.expr.in_list(list, false), BOOLEAN, nullable));
    }
    let any = list.into_iter().map(|one| equal(value.clone(), one, call).expr).reduce(Expr::or);
    let any = any.unwrap_or_else(|| datafusion::logical_expr::lit(false));
    scalar(native(any, BOOLEAN, nullable))
}

/// The values of `left` where the mask is true, else those of `right`.
pub(in crate::functions) fn choose(mask: &BooleanArray, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
    Ok(zip(mask, left, right)?)
}
