//! AND, OR, NOT and the questions about NULL.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Expr, lit, when};
use millstream_core::Result;
use millstream_engine::error::from_datafusion;

use crate::analyzer::typed_expr::TypedExpr;
use crate::functions::argument::scalar;
use crate::functions::call::{FunctionCall, Resolved};
use crate::functions::failure::{unexpected_input_type, wrong_operand_type};
use crate::functions::kernel::{is_kernel, native};

const BOOLEAN: DataType = DataType::Boolean;

/// Both sides as BOOLEAN.
fn operands(call: &FunctionCall<'_>) -> Result<(TypedExpr, TypedExpr)> {
    for index in 0..2 {
        if !matches!(call.data_type(index), DataType::Boolean | DataType::Null | DataType::Utf8) {
            if call.data_type(0) == call.data_type(1) {
                return Err(wrong_operand_type(call, "\"BOOLEAN\"", call.data_type(index)));
            }
            return Err(crate::functions::failure::different_types(call, call.data_type(0), call.data_type(1)));
        }
    }
    Ok((call.implicit(0, &BOOLEAN)?, call.implicit(1, &BOOLEAN)?))
}

/// Whether evaluating an expression can fail for a value: then it must not be evaluated for a row that Spark would not
/// evaluate it for.
pub(in crate::functions) fn is_fallible(expr: &Expr) -> bool {
    expr.exists(|one| Ok(is_kernel(one))).unwrap_or(true)
}

pub(super) fn and(call: &FunctionCall<'_>) -> Result<Resolved> {
    let (left, right) = operands(call)?;
    let nullable = left.nullable || right.nullable;
    let expr = if is_fallible(&right.expr) {
        // Spark looks at the right side only where the left one is not false; DataFusion's AND looks at both.
        let both = left.expr.clone().and(right.expr);
        when(left.expr.is_not_false(), both).otherwise(lit(false)).map_err(from_datafusion)?
    } else {
        left.expr.and(right.expr)
    };
    scalar(native(expr, BOOLEAN, nullable))
}

pub(super) fn or(call: &FunctionCall<'_>) -> Result<Resolved> {
    let (left, right) = operands(call)?;
    let nullable = left.nullable || right.nullable;
    let expr = if is_fallible(&right.expr) {
        let either = left.expr.clone().or(right.expr);
        when(left.expr.is_not_true(), either).otherwise(lit(true)).map_err(from_datafusion)?
    } else {
        left.expr.or(right.expr)
    };
    scalar(native(expr, BOOLEAN, nullable))
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
