//! Comparisons: NaN equals NaN and is greater than any number, −0.0 equals 0.0, strings compare by their UTF-8 bytes.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Datum, make_comparator};
use arrow::compute::SortOptions;
use arrow::compute::kernels::cmp;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::logical_expr::{Expr, Operator, binary_expr};
use millstream_core::Result;
use millstream_engine::functions::Meaning;

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::coercion::{common_type, comparison_type};
use crate::columns::ordering::normal_column;
use crate::data_type::holds_map;
use crate::failure::{different_types, differing_types, invalid_ordering_type};
use crate::kernel::{Evaluation, Function, native};
use crate::typed_expr::TypedExpr;

const BOOLEAN: DataType = DataType::Boolean;

fn operands(call: &FunctionCall<'_>) -> Result<(TypedExpr, TypedExpr)> {
    let (left, right) = (call.data_type(0), call.data_type(1));
    let Some(meeting) = comparison_type(left, right, &call.context.settings) else {
        return Err(different_types(call, left, right));
    };
    if holds_map(&meeting) {
        return Err(invalid_ordering_type(call, &meeting));
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
        Operator::Eq => &EQUAL,
        Operator::NotEq => &NOT_EQUAL,
        Operator::Lt => &LESS,
        Operator::LtEq => &LESS_OR_EQUAL,
        Operator::Gt => &GREATER,
        Operator::GtEq => &GREATER_OR_EQUAL,
        _ => &NULL_SAFE_EQUAL,
    };
    function.over([left, right], BOOLEAN, nullable, &call.context.settings)
}

static EQUAL: Function =
    Function::total("equal", |one| ordered(one, cmp::eq, Ordering::is_eq)).meaning(Meaning::Equality);
static NOT_EQUAL: Function = Function::total("not_equal", |one| ordered(one, cmp::neq, Ordering::is_ne));
static LESS: Function = Function::total("less", |one| ordered(one, cmp::lt, Ordering::is_lt));
static LESS_OR_EQUAL: Function = Function::total("less_or_equal", |one| ordered(one, cmp::lt_eq, Ordering::is_le));
static GREATER: Function = Function::total("greater", |one| ordered(one, cmp::gt, Ordering::is_gt));
static GREATER_OR_EQUAL: Function =
    Function::total("greater_or_equal", |one| ordered(one, cmp::gt_eq, Ordering::is_ge));
static NULL_SAFE_EQUAL: Function = Function::total("null_safe_equal", |one| {
    let [left, right] = [0, 1].map(|index| normal_column(&one.columns[index]));
    let order = make_comparator(&left, &right, SortOptions::default())?;
    Ok(Arc::new((0..one.rows).map(|row| Some(order(row, row).is_eq())).collect::<BooleanArray>()))
})
.meaning(Meaning::NullSafeEquality);

type Comparison = fn(&dyn Datum, &dyn Datum) -> std::result::Result<BooleanArray, ArrowError>;

/// Plain columns are compared at once, nested ones row by row.
fn ordered(evaluation: &Evaluation<'_>, plain: Comparison, accept: fn(Ordering) -> bool) -> Result<ArrayRef> {
    let [left, right] = [0, 1].map(|index| normal_column(&evaluation.columns[index]));
    if !left.data_type().is_nested() {
        return Ok(Arc::new(plain(&left, &right)?));
    }
    let order = make_comparator(&left, &right, SortOptions::default())?;
    let compare = |row| evaluation.all_valid(row).then(|| accept(order(row, row)));
    Ok(Arc::new((0..evaluation.rows).map(compare).collect::<BooleanArray>()))
}

/// `left = right`, for functions that are defined by it.
pub(crate) fn equal(left: TypedExpr, right: TypedExpr, call: &FunctionCall<'_>) -> TypedExpr {
    compare(Operator::Eq, left, right, call)
}

/// `left <=> right`, for functions that are defined by it.
pub(crate) fn null_safe(left: TypedExpr, right: TypedExpr, call: &FunctionCall<'_>) -> TypedExpr {
    compare(Operator::IsNotDistinctFrom, left, right, call)
}

fn resolve(call: &FunctionCall<'_>, operator: Operator) -> Result<Resolved> {
    let (left, right) = operands(call)?;
    scalar(compare(operator, left, right, call))
}

/// An integer literal beside a decimal becomes a decimal of just its digits in Spark, a cast that may give NULL.
fn narrows_literal(call: &FunctionCall<'_>) -> bool {
    let is_decimal = |index: usize| matches!(call.data_type(index), DataType::Decimal128(_, _));
    let is_integer =
        |index: usize| call.data_type(index).is_signed_integer() && call.arguments[index].as_literal().is_some();
    (is_decimal(0) && is_integer(1)) || (is_integer(0) && is_decimal(1))
}

fn resolve_equality(call: &FunctionCall<'_>, operator: Operator) -> Result<Resolved> {
    let (left, right) = operands(call)?;
    let compared = compare(operator, left, right, call);
    let nullable = compared.nullable || narrows_literal(call);
    scalar(TypedExpr { nullable, ..compared })
}

pub(super) fn equal_to(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_equality(call, Operator::Eq)
}

pub(super) fn not_equal_to(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_equality(call, Operator::NotEq)
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
    let compared = match call.count() {
        2 if !call.data_type(0).is_nested() => comparison_type(call.data_type(0), call.data_type(1), settings),
        _ => None,
    };
    let meeting = compared.or_else(|| common_type(all.iter().map(|&index| call.data_type(index)), settings));
    let meeting = meeting.ok_or_else(|| differing_types(call))?;
    let value = call.cast(call.argument(0), &meeting)?;
    let list = all[1..].iter().map(|&index| call.cast(call.argument(index), &meeting)).collect::<Result<Vec<_>>>()?;
    let nullable = value.nullable || list.iter().any(|one| one.nullable);
    if compares_natively(&meeting) {
        let list = list.into_iter().map(|one| one.expr).collect();
        return scalar(native(value.expr.in_list(list, false), BOOLEAN, nullable));
    }
    let any = list.into_iter().map(|one| equal(value.clone(), one, call).expr).reduce(Expr::or);
    let any = any.unwrap_or_else(|| datafusion::logical_expr::lit(false));
    scalar(native(any, BOOLEAN, nullable))
}
