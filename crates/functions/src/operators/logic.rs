//! AND, OR, NOT and the questions about NULL.

use arrow::compute;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Case, Expr, lit, when};
use millstream_core::{QuerySettings, Result};
use millstream_engine::error::from_datafusion;
use millstream_engine::functions::Meaning;

use crate::argument::{constant_of, scalar};
use crate::call::{FunctionCall, Resolved};
use crate::failure::{unexpected_input_type, wrong_operand_type};
use crate::kernel::{Function, is_fallible_call, native};
use crate::typed_expr::TypedExpr;

const BOOLEAN: DataType = DataType::Boolean;

/// Both sides as BOOLEAN.
fn operands(call: &FunctionCall<'_>) -> Result<(TypedExpr, TypedExpr)> {
    for index in 0..2 {
        if !matches!(call.data_type(index), DataType::Boolean | DataType::Null | DataType::Utf8) {
            if call.data_type(0) == call.data_type(1) {
                return Err(wrong_operand_type(call, "\"BOOLEAN\"", call.data_type(index)));
            }
            return Err(crate::failure::different_types(call, call.data_type(0), call.data_type(1)));
        }
    }
    Ok((call.implicit(0, &BOOLEAN)?, call.implicit(1, &BOOLEAN)?))
}

/// Whether evaluating an expression can fail for a value: then it must not be evaluated for a row that Spark would not
/// evaluate it for. A constant fails for none or for all, such as the text of a time beside a column.
pub(crate) fn is_fallible(expr: &Expr) -> bool {
    expr.exists(|one| Ok(is_fallible_call(one) && constant_of(one).is_none())).unwrap_or(true)
}

static AS_NUMBER: Function =
    Function::total("boolean_as_number", |one| Ok(compute::cast(&one.columns[0], &DataType::Int8)?));
static AS_BOOLEAN: Function = Function::total("number_as_boolean", |one| Ok(compute::cast(&one.columns[0], &BOOLEAN)?));

static LAZY_AND: Function =
    Function::total("lazy_and", |one| Ok(compute::cast(&one.columns[0], &BOOLEAN)?)).meaning(Meaning::LazyAnd);

/// `either` where the condition holds, else `decided`; for other rows `either` is not evaluated. A CASE of numbers,
/// because DataFusion makes AND and OR of a CASE of booleans, which look at both their sides.
fn guarded(condition: Expr, either: Expr, decided: bool, call: &FunctionCall<'_>) -> Result<TypedExpr> {
    let as_boolean = if decided { &AS_BOOLEAN } else { &LAZY_AND };
    let settings = &call.context.settings;
    let either = AS_NUMBER.over([native(either, BOOLEAN, true)], DataType::Int8, true, settings);
    let case = when(condition, either.expr).otherwise(lit(i8::from(decided))).map_err(from_datafusion)?;
    Ok(as_boolean.over([native(case, DataType::Int8, true)], BOOLEAN, true, settings))
}

/// A CASE of booleans that are not evaluated but where they are chosen, for the same reason.
pub(crate) fn lazy_case(case: Case, settings: &QuerySettings) -> Expr {
    let number = |branch: Box<Expr>| {
        Box::new(AS_NUMBER.over([native(*branch, BOOLEAN, true)], DataType::Int8, true, settings).expr)
    };
    let branches = case.when_then_expr.into_iter().map(|(when, then)| (when, number(then))).collect();
    let case = Case::new(case.expr, branches, case.else_expr.map(number));
    AS_BOOLEAN.over([native(Expr::Case(case), DataType::Int8, true)], BOOLEAN, true, settings).expr
}

pub(super) fn and(call: &FunctionCall<'_>) -> Result<Resolved> {
    let (left, right) = operands(call)?;
    let nullable = left.nullable || right.nullable;
    if is_fallible(&right.expr) {
        let both = left.expr.clone().and(right.expr);
        return scalar(TypedExpr { nullable, ..guarded(left.expr.is_not_false(), both, false, call)? });
    }
    scalar(native(left.expr.and(right.expr), BOOLEAN, nullable))
}

pub(super) fn or(call: &FunctionCall<'_>) -> Result<Resolved> {
    let (left, right) = operands(call)?;
    let nullable = left.nullable || right.nullable;
    if is_fallible(&right.expr) {
        let either = left.expr.clone().or(right.expr);
        return scalar(TypedExpr { nullable, ..guarded(left.expr.is_not_true(), either, true, call)? });
    }
    scalar(native(left.expr.or(right.expr), BOOLEAN, nullable))
}

pub(super) fn not(call: &FunctionCall<'_>) -> Result<Resolved> {
    if !matches!(call.data_type(0), DataType::Boolean | DataType::Null | DataType::Utf8) {
        return unexpected_input_type(call, 0, "\"BOOLEAN\"");
    }
    let operand = call.implicit(0, &BOOLEAN)?;
    scalar(native(Expr::Not(Box::new(operand.expr)), BOOLEAN, operand.nullable))
}

pub(super) fn is_null(call: &FunctionCall<'_>) -> Result<Resolved> {
    let operand = call.argument(0);
    if operand.data_type == DataType::Null {
        return scalar(native(Expr::Literal(ScalarValue::from(true), None), BOOLEAN, false));
    }
    scalar(native(operand.expr.is_null(), BOOLEAN, false))
}

pub(super) fn is_not_null(call: &FunctionCall<'_>) -> Result<Resolved> {
    let operand = call.argument(0);
    if operand.data_type == DataType::Null {
        return scalar(native(Expr::Literal(ScalarValue::from(false), None), BOOLEAN, false));
    }
    scalar(native(operand.expr.is_not_null(), BOOLEAN, false))
}

pub(super) fn is_true(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(native(call.implicit(0, &BOOLEAN)?.expr.is_true(), BOOLEAN, false))
}

pub(super) fn is_false(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(native(call.implicit(0, &BOOLEAN)?.expr.is_false(), BOOLEAN, false))
}
