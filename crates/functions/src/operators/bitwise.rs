//! Operators on the bits of integers.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int8Array, Int32Array};
use arrow::compute::kernels::arity::binary;
use arrow::compute::kernels::bitwise::{bitwise_and, bitwise_not, bitwise_or, bitwise_xor};
use arrow::datatypes::{DataType, Int8Type, Int16Type, Int32Type, Int64Type};
use datafusion::common::ScalarValue;
use millstream_core::{Error, Result, spark_error};

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::data_type::sql_name;
use crate::failure::{different_types, unexpected_input_type, wrong_operand_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

use crate::argument::common_type_of;

/// A kernel of ours, because DataFusion takes `a ^ a` for 0 where it is NULL.
macro_rules! of_bits {
    ($name:literal, $function:ident) => {
        Function::total($name, |one| {
            Ok(match one.columns[0].data_type() {
                DataType::Int8 => Arc::new($function(one.numbers::<Int8Type>(0), one.numbers(1))?),
                DataType::Int16 => Arc::new($function(one.numbers::<Int16Type>(0), one.numbers(1))?),
                DataType::Int32 => Arc::new($function(one.numbers::<Int32Type>(0), one.numbers(1))?),
                DataType::Int64 => Arc::new($function(one.numbers::<Int64Type>(0), one.numbers(1))?),
                other => return Err(Error::internal(format!("the bits of {}", sql_name(other)))),
            })
        })
    };
}

static AND: Function = of_bits!("bitwise_and", bitwise_and);
static OR: Function = of_bits!("bitwise_or", bitwise_or);
static XOR: Function = of_bits!("bitwise_xor", bitwise_xor);

fn resolve(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let (left, right) = (call.data_type(0), call.data_type(1));
    let meeting = common_type_of(call, &[0, 1]).map_err(|_| different_types(call, left, right))?;
    if !meeting.is_signed_integer() {
        if left != right {
            return Err(different_types(call, left, right));
        }
        return Err(wrong_operand_type(call, "\"INTEGRAL\"", &meeting));
    }
    let (left, right) = (call.cast(call.argument(0), &meeting)?, call.cast(call.argument(1), &meeting)?);
    scalar(function.call([left, right], meeting, call))
}

pub(super) fn and(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &AND)
}

pub(super) fn or(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &OR)
}

pub(super) fn xor(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &XOR)
}

static NOT: Function = Function::new("bitwise_not", |one| {
    Ok(match one.columns[0].data_type() {
        DataType::Int8 => Arc::new(bitwise_not(one.numbers::<Int8Type>(0))?),
        DataType::Int16 => Arc::new(bitwise_not(one.numbers::<Int16Type>(0))?),
        DataType::Int32 => Arc::new(bitwise_not(one.numbers::<Int32Type>(0))?),
        DataType::Int64 => Arc::new(bitwise_not(one.numbers::<Int64Type>(0))?),
        other => return Err(Error::internal(format!("the bits of {}", sql_name(other)))),
    })
});

pub(super) fn not(call: &FunctionCall<'_>) -> Result<Resolved> {
    let operand = call.argument(0);
    if !operand.data_type.is_signed_integer() {
        return unexpected_input_type(call, 0, "\"INTEGRAL\"");
    }
    let data_type = operand.data_type.clone();
    scalar(NOT.call([operand], data_type, call))
}

static SHIFT_LEFT: Function = Function::new("shiftleft", |one| shift(one, i32::wrapping_shl, i64::wrapping_shl));
static SHIFT_RIGHT: Function = Function::new("shiftright", |one| shift(one, i32::wrapping_shr, i64::wrapping_shr));
static SHIFT_RIGHT_UNSIGNED: Function = Function::new("shiftrightunsigned", |one| {
    let narrow = |value: i32, by: u32| (value as u32).wrapping_shr(by) as i32;
    shift(one, narrow, |value, by| (value as u64).wrapping_shr(by) as i64)
});

fn shift(one: &Evaluation<'_>, narrow: fn(i32, u32) -> i32, wide: fn(i64, u32) -> i64) -> Result<ArrayRef> {
    let by = one.numbers::<Int32Type>(1);
    Ok(match one.columns[0].data_type() {
        DataType::Int64 => {
            let values = one.numbers::<Int64Type>(0);
            Arc::new(binary::<_, _, _, Int64Type>(values, by, |value, by| wide(value, by as u32))?)
        }
        _ => {
            let values = one.numbers::<Int32Type>(0);
            Arc::new(binary::<_, _, _, Int32Type>(values, by, |value, by| narrow(value, by as u32))?)
        }
    })
}

fn resolve_shift(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let wide = *call.data_type(0) == DataType::Int64;
    let data_type = if wide { DataType::Int64 } else { DataType::Int32 };
    scalar(function.call([call.implicit(0, &data_type)?, call.int(1)?], data_type, call))
}

pub(super) fn shift_left(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_shift(call, &SHIFT_LEFT)
}

pub(super) fn shift_right(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_shift(call, &SHIFT_RIGHT)
}

pub(super) fn shift_right_unsigned(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_shift(call, &SHIFT_RIGHT_UNSIGNED)
}

static BIT_COUNT: Function = Function::total("bit_count", |one| {
    let values = one.numbers::<Int64Type>(0);
    Ok(Arc::new(values.iter().map(|value| value.map(|value| value.count_ones() as i32)).collect::<Int32Array>()))
});

/// The bits of a number as if it had 64; of TRUE there is one.
pub(super) fn bit_count(call: &FunctionCall<'_>) -> Result<Resolved> {
    match call.data_type(0) {
        one if one.is_signed_integer() || matches!(one, DataType::Boolean | DataType::Null) => {}
        _ => return unexpected_input_type(call, 0, "(\"INTEGRAL\" or \"BOOLEAN\")"),
    }
    let value = call.cast(call.argument(0), &DataType::Int64)?;
    scalar(BIT_COUNT.call([value], DataType::Int32, call))
}

static BIT_GET: Function = Function::new("bit_get", |one| {
    let (values, places, widths) =
        (one.numbers::<Int64Type>(0), one.numbers::<Int32Type>(1), one.numbers::<Int32Type>(2));
    let get = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let (place, width) = (places.value(row), widths.value(row));
        if !(0..width).contains(&place) {
            return Err(spark_error!(
                "INVALID_PARAMETER_VALUE.BIT_POSITION_RANGE",
                parameter = "`pos`",
                functionName = "`getbit`",
                upper = width,
                invalidValue = place,
            ));
        }
        Ok(Some((values.value(row) >> place & 1) as i8))
    };
    Ok(Arc::new((0..one.rows).map(get).collect::<Result<Int8Array>>()?))
});

pub(super) fn bit_get(call: &FunctionCall<'_>) -> Result<Resolved> {
    let width = match call.data_type(0) {
        DataType::Int8 => 8,
        DataType::Int16 => 16,
        DataType::Int32 => 32,
        DataType::Int64 | DataType::Null => 64,
        _ => return unexpected_input_type(call, 0, "\"INTEGRAL\""),
    };
    let width = TypedExpr::literal(ScalarValue::Int32(Some(width)), "");
    scalar(BIT_GET.call([call.bigint(0)?, call.int(1)?, width], DataType::Int8, call))
}
