//! `+ - * / % div`, the types that come out of them, and what happens on overflow and division by zero.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::compute::kernels::arity::{binary, try_binary};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type};
use arrow::error::ArrowError;
use millstream_core::{Error, Result, spark_error};
use millstream_engine::functions::Meaning;

use super::{decimal, time};
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::coercion::common_type;
use crate::data_type::is_numeric;
use crate::failure::{
    arithmetic_overflow, different_types, divide_by_zero, interval_overflow, remainder_by_zero, wrong_operand_type,
};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

/// One of the operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    IntegralDivide,
    Remainder,
    Pmod,
}

/// What becomes of a result that there is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnFailure {
    Error,
    /// Integers wrap; the rest is NULL.
    Wrap,
    Null,
}

impl OnFailure {
    pub(super) fn of(evaluation: &Evaluation<'_>) -> Self {
        if evaluation.settings.ansi { Self::Error } else { Self::Wrap }
    }
}

impl Operation {
    /// The function that answers NULL instead of failing.
    pub(super) fn tolerant_name(self) -> &'static str {
        match self {
            Self::Add => "try_add",
            Self::Subtract => "try_subtract",
            Self::Multiply => "try_multiply",
            Self::Divide | Self::IntegralDivide => "try_divide",
            Self::Remainder | Self::Pmod => "try_mod",
        }
    }

    pub(super) fn by_zero(self) -> Error {
        match self {
            Self::Remainder | Self::Pmod => remainder_by_zero(),
            _ => divide_by_zero(),
        }
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::IntegralDivide => "div",
            Self::Remainder => "%",
            Self::Pmod => "pmod",
        }
    }

    pub(super) fn divides(self) -> bool {
        matches!(self, Self::Divide | Self::IntegralDivide | Self::Remainder | Self::Pmod)
    }
}

static ADD: Function =
    Function::new("add", |one| compute(one, Operation::Add, OnFailure::of(one))).meaning(Meaning::Plus);
static SUBTRACT: Function =
    Function::new("subtract", |one| compute(one, Operation::Subtract, OnFailure::of(one))).meaning(Meaning::Minus);
static MULTIPLY: Function = Function::new("multiply", |one| compute(one, Operation::Multiply, OnFailure::of(one)));
static DIVIDE: Function = Function::new("divide", |one| compute(one, Operation::Divide, OnFailure::of(one)));
static INTEGRAL_DIVIDE: Function =
    Function::new("integral_divide", |one| compute(one, Operation::IntegralDivide, OnFailure::of(one)));
static REMAINDER: Function = Function::new("remainder", |one| compute(one, Operation::Remainder, OnFailure::of(one)));
static PMOD: Function = Function::new("pmod", |one| compute(one, Operation::Pmod, OnFailure::of(one)));
static TRY_ADD: Function = Function::new("try_add", |one| compute(one, Operation::Add, OnFailure::Null));
static TRY_SUBTRACT: Function = Function::new("try_subtract", |one| compute(one, Operation::Subtract, OnFailure::Null));
static TRY_MULTIPLY: Function = Function::new("try_multiply", |one| compute(one, Operation::Multiply, OnFailure::Null));
static TRY_DIVIDE: Function = Function::new("try_divide", |one| compute(one, Operation::Divide, OnFailure::Null));
static TRY_MOD: Function = Function::new("try_mod", |one| compute(one, Operation::Remainder, OnFailure::Null));
static NEGATIVE: Function = Function::new("negative", negate).placeless();

pub(super) fn add(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.count() == 1 {
        return positive(call);
    }
    resolve(call, Operation::Add, &ADD)
}

/// A timestamp moved by an interval.
pub(crate) fn time_plus(call: &FunctionCall<'_>, time: TypedExpr, by: TypedExpr) -> TypedExpr {
    let data_type = time.data_type.clone();
    ADD.call_nullable([time, by], data_type, call)
}

pub(super) fn subtract(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.count() == 1 {
        return negative(call);
    }
    resolve(call, Operation::Subtract, &SUBTRACT)
}

pub(super) fn multiply(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operation::Multiply, &MULTIPLY)
}

pub(super) fn divide(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operation::Divide, &DIVIDE)
}

pub(super) fn integral_divide(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operation::IntegralDivide, &INTEGRAL_DIVIDE)
}

pub(super) fn remainder(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operation::Remainder, &REMAINDER)
}

pub(super) fn pmod(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operation::Pmod, &PMOD)
}

pub(super) fn try_add(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operation::Add, &TRY_ADD)
}

pub(super) fn try_subtract(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operation::Subtract, &TRY_SUBTRACT)
}

pub(super) fn try_multiply(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operation::Multiply, &TRY_MULTIPLY)
}

pub(super) fn try_divide(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operation::Divide, &TRY_DIVIDE)
}

pub(super) fn try_mod(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Operation::Remainder, &TRY_MOD)
}

pub(super) fn positive(call: &FunctionCall<'_>) -> Result<Resolved> {
    match call.data_type(0) {
        DataType::Interval(_) | DataType::Duration(_) => scalar(call.argument(0).with_sql("")),
        _ => scalar(call.numeric(0)?.with_sql("")),
    }
}

pub(super) fn negative(call: &FunctionCall<'_>) -> Result<Resolved> {
    let operand = match call.data_type(0) {
        DataType::Interval(_) | DataType::Duration(_) => call.argument(0),
        _ => call.numeric(0)?,
    };
    let data_type = operand.data_type.clone();
    scalar(NEGATIVE.call([operand], data_type, call))
}

/// Finds the type in which the operands meet, and the result's.
fn resolve(call: &FunctionCall<'_>, operation: Operation, function: &'static Function) -> Result<Resolved> {
    if let Some(resolved) = time::resolve(call, operation, function)? {
        return scalar(resolved);
    }
    let (left, right) = (promoted(call, 0, 1)?, promoted(call, 1, 0)?);
    if !is_numeric(&left.data_type) || !is_numeric(&right.data_type) {
        if left.data_type == right.data_type {
            let wanted = match operation {
                Operation::Divide => "(\"DOUBLE\" or \"DECIMAL\")",
                Operation::Remainder | Operation::Pmod | Operation::Multiply => "\"NUMERIC\"",
                Operation::IntegralDivide => {
                    "(\"BIGINT\" or \"DECIMAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")"
                }
                _ => "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL\")",
            };
            return Err(wrong_operand_type(call, wanted, &left.data_type));
        }
        return Err(different_types(call, &left.data_type, &right.data_type));
    }
    let floating = |one: &TypedExpr| one.data_type.is_floating();
    let is_decimal = |one: &TypedExpr| matches!(one.data_type, DataType::Decimal128(_, _));
    if (is_decimal(&left) || is_decimal(&right)) && !floating(&left) && !floating(&right) {
        return scalar(decimal::resolve(call, operation, function, (left, right))?);
    }
    let settings = &call.context.settings;
    let meeting = match operation {
        Operation::Divide => DataType::Float64,
        Operation::IntegralDivide => DataType::Int64,
        _ => common_type([&left.data_type, &right.data_type], settings)
            .ok_or_else(|| different_types(call, &left.data_type, &right.data_type))?,
    };
    if operation == Operation::IntegralDivide && (floating(&left) || floating(&right)) {
        if left.data_type != right.data_type {
            return Err(different_types(call, &left.data_type, &right.data_type));
        }
        return Err(wrong_operand_type(
            call,
            "(\"BIGINT\" or \"DECIMAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")",
            &DataType::Float64,
        ));
    }
    let nullable = left.nullable || right.nullable || operation.divides() || is_tolerant(call);
    let operands = [call.cast(left, &meeting)?, call.cast(right, &meeting)?];
    scalar(function.over(operands, meeting, nullable, settings))
}

/// Whether the function is one that answers NULL instead of failing.
pub(super) fn is_tolerant(call: &FunctionCall<'_>) -> bool {
    call.name.len() > 4 && call.name[..4].eq_ignore_ascii_case("try_")
}

/// An operand with strings and NULL turned into numbers.
fn promoted(call: &FunctionCall<'_>, index: usize, other: usize) -> Result<TypedExpr> {
    let argument = call.argument(index);
    let ansi = call.context.settings.ansi;
    let target = match (&argument.data_type, call.data_type(other)) {
        (DataType::Utf8, DataType::Utf8) if ansi => return Ok(argument),
        (DataType::Utf8, one) if ansi && one.is_signed_integer() => DataType::Int64,
        (DataType::Utf8, _) => DataType::Float64,
        (DataType::Null, DataType::Utf8 | DataType::Null) => DataType::Float64,
        (DataType::Null, other) => other.clone(),
        _ => return Ok(argument),
    };
    call.cast(argument, &target)
}

/// Computes an operator over two columns of one type.
fn compute(evaluation: &Evaluation<'_>, operation: Operation, failure: OnFailure) -> Result<ArrayRef> {
    let types = (evaluation.columns[0].data_type(), evaluation.columns[1].data_type());
    match types {
        (DataType::Int8, DataType::Int8) => integers::<Int8Type>(evaluation, operation, failure),
        (DataType::Int16, DataType::Int16) => integers::<Int16Type>(evaluation, operation, failure),
        (DataType::Int32, DataType::Int32) => integers::<Int32Type>(evaluation, operation, failure),
        (DataType::Int64, DataType::Int64) => integers::<Int64Type>(evaluation, operation, failure),
        (DataType::Float32, DataType::Float32) => floats::<Float32Type>(evaluation, operation, failure),
        (DataType::Float64, DataType::Float64) => floats::<Float64Type>(evaluation, operation, failure),
        (DataType::Decimal128(_, _), DataType::Decimal128(_, _)) => decimal::compute(evaluation, operation, failure),
        _ => time::compute(evaluation, operation, failure),
    }
}

type Checked<N> = fn(N, N) -> std::result::Result<N, ArrowError>;
type Wrapping<N> = fn(N, N) -> N;

fn integers<T: ArrowPrimitiveType>(
    evaluation: &Evaluation<'_>,
    operation: Operation,
    failure: OnFailure,
) -> Result<ArrayRef> {
    let (left, right) = (evaluation.numbers::<T>(0), evaluation.numbers::<T>(1));
    if operation.divides() {
        let divide = |a, b| divided(operation, a, b);
        return nullable::<T>((left, right), operation, failure, divide);
    }
    let (checked, wrapping): (Checked<T::Native>, Wrapping<T::Native>) = match operation {
        Operation::Add => (T::Native::add_checked, T::Native::add_wrapping),
        Operation::Subtract => (T::Native::sub_checked, T::Native::sub_wrapping),
        _ => (T::Native::mul_checked, T::Native::mul_wrapping),
    };
    Ok(match failure {
        OnFailure::Wrap => Arc::new(binary::<_, _, _, T>(left, right, wrapping)?),
        OnFailure::Error => {
            let column = try_binary::<_, _, _, T>(left, right, checked);
            Arc::new(column.map_err(|_| integer_overflow((left, right), operation, checked))?)
        }
        OnFailure::Null => {
            let compute = |(a, b): (Option<_>, Option<_>)| checked(a?, b?).ok();
            Arc::new(left.iter().zip(right).map(compute).collect::<PrimitiveArray<T>>())
        }
    })
}

/// The narrow types name the operands, the others do not.
fn integer_overflow<T: ArrowPrimitiveType>(
    operands: (&PrimitiveArray<T>, &PrimitiveArray<T>),
    operation: Operation,
    checked: Checked<T::Native>,
) -> Error {
    let suffix = match T::DATA_TYPE {
        DataType::Int8 | DataType::Int16 => "S",
        _ => return arithmetic_overflow("overflow", operation.tolerant_name()),
    };
    let failing =
        operands.0.iter().zip(operands.1).find_map(|(a, b)| Some((a?, b?)).filter(|&(a, b)| checked(a, b).is_err()));
    let Some((a, b)) = failing else { return arithmetic_overflow("overflow", operation.tolerant_name()) };
    spark_error!(
        "BINARY_ARITHMETIC_OVERFLOW",
        value1 = format!("{a:?}{suffix}"),
        symbol = operation.symbol(),
        value2 = format!("{b:?}{suffix}"),
        functionName = format!("`{}`", operation.tolerant_name()),
    )
}

/// What a division gives, apart from a divisor of 0.
fn divided<N: ArrowNativeTypeOp>(operation: Operation, a: N, b: N) -> Option<N> {
    match operation {
        // The least integer by −1 is beyond the type.
        Operation::IntegralDivide | Operation::Divide => a.div_checked(b).ok(),
        Operation::Pmod => {
            let remainder = a.mod_wrapping(b);
            let negative = remainder.is_lt(N::ZERO) && !remainder.is_zero();
            Some(if negative { remainder.add_wrapping(b).mod_wrapping(b) } else { remainder })
        }
        _ => Some(a.mod_wrapping(b)),
    }
}

fn nullable<T: ArrowPrimitiveType>(
    operands: (&PrimitiveArray<T>, &PrimitiveArray<T>),
    operation: Operation,
    failure: OnFailure,
    divide: impl Fn(T::Native, T::Native) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let row = |(a, b): (Option<T::Native>, Option<T::Native>)| {
        let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
        if b.is_zero() {
            return if failure == OnFailure::Error { Err(operation.by_zero()) } else { Ok(None) };
        }
        match divide(a, b) {
            None if failure == OnFailure::Error => {
                Err(arithmetic_overflow("Overflow in integral divide", operation.tolerant_name()))
            }
            None if failure == OnFailure::Wrap => Ok(Some(a.div_wrapping(b))),
            other => Ok(other),
        }
    };
    Ok(Arc::new(operands.0.iter().zip(operands.1).map(row).collect::<Result<PrimitiveArray<T>>>()?))
}

fn floats<T: ArrowPrimitiveType>(
    evaluation: &Evaluation<'_>,
    operation: Operation,
    failure: OnFailure,
) -> Result<ArrayRef> {
    let (left, right) = (evaluation.numbers::<T>(0), evaluation.numbers::<T>(1));
    Ok(match operation {
        Operation::Add => numeric::add(left, right)?,
        Operation::Subtract => numeric::sub(left, right)?,
        Operation::Multiply => numeric::mul(left, right)?,
        _ => nullable::<T>((left, right), operation, failure, |a, b| match operation {
            Operation::Divide => Some(a.div_wrapping(b)),
            _ => divided(operation, a, b),
        })?,
    })
}

fn negate(evaluation: &Evaluation<'_>) -> Result<ArrayRef> {
    let column = &evaluation.columns[0];
    let ansi = evaluation.settings.ansi;
    match column.data_type() {
        DataType::Decimal128(_, _) => return Ok(numeric::neg_wrapping(column)?),
        DataType::Duration(_) | DataType::Interval(_) => {
            return numeric::neg(column).map_err(|_| interval_overflow());
        }
        _ => {}
    }
    if ansi && !column.data_type().is_floating() {
        return numeric::neg(column).map_err(|_| arithmetic_overflow("overflow", ""));
    }
    // The sign of a zero turns too, as in Java.
    Ok(match column.data_type() {
        DataType::Float32 => Arc::new(column.as_primitive::<Float32Type>().unary::<_, Float32Type>(|value| -value)),
        DataType::Float64 => Arc::new(column.as_primitive::<Float64Type>().unary::<_, Float64Type>(|value| -value)),
        _ => numeric::neg_wrapping(column)?,
    })
}
