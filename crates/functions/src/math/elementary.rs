//! Functions of doubles: Java's where we have them, else the platform's, which may differ in the last bit.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::compute::kernels::arity::binary;
use arrow::datatypes::{
    DataType, DurationMicrosecondType, Float64Type, Int64Type, IntervalUnit, IntervalYearMonthType,
};
use datafusion::common::ScalarValue;
use millstream_core::Result;

use super::java;
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

fn map(one: &Evaluation<'_>, function: fn(f64) -> f64) -> Result<ArrayRef> {
    Ok(Arc::new(one.numbers::<Float64Type>(0).unary::<_, Float64Type>(function)))
}

/// A logarithm: NULL where the number is not above the least that has one.
fn logarithm(one: &Evaluation<'_>, above: f64, function: fn(f64) -> f64) -> Result<ArrayRef> {
    let values = one.numbers::<Float64Type>(0);
    Ok(Arc::new(values.unary_opt::<_, Float64Type>(|value| (value > above || value.is_nan()).then(|| function(value)))))
}

fn map_two(one: &Evaluation<'_>, function: fn(f64, f64) -> f64) -> Result<ArrayRef> {
    let (left, right) = (one.numbers::<Float64Type>(0), one.numbers::<Float64Type>(1));
    Ok(Arc::new(binary::<_, _, _, Float64Type>(left, right, function)?))
}

fn resolve(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let arguments = (0..call.count()).map(|index| call.double(index)).collect::<Result<Vec<_>>>()?;
    scalar(function.call(arguments, DataType::Float64, call))
}

fn resolve_nullable(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let arguments = (0..call.count()).map(|index| call.double(index)).collect::<Result<Vec<_>>>()?;
    scalar(function.call_nullable(arguments, DataType::Float64, call))
}

/// One function a line: its name in plans, what it computes.
macro_rules! functions_of_double {
    ($($name:ident = $function:expr;)*) => {
        $(pub(super) fn $name(call: &FunctionCall<'_>) -> Result<Resolved> {
            static KERNEL: Function = Function::total(stringify!($name), |one| map(one, $function));
            resolve_nullable(call, &KERNEL)
        })*
    };
}

functions_of_double! {
    sqrt = f64::sqrt;
    cbrt = java::cbrt;
    exp = java::exp;
    expm1 = java::expm1;
    sin = f64::sin;
    cos = f64::cos;
    tan = f64::tan;
    cot = |value| 1.0 / value.tan();
    asin = java::asin;
    acos = java::acos;
    atan = java::atan;
    sinh = java::sinh;
    cosh = java::cosh;
    tanh = java::tanh;
    degrees = |value| value * (180.0 / std::f64::consts::PI);
    radians = |value| value * (std::f64::consts::PI / 180.0);
    acosh = java::acosh;
    asinh = java::asinh;
    atanh = |value| 0.5 * (java::log1p(value) - java::log1p(-value));
    sec = |value| 1.0 / value.cos();
    csc = |value| 1.0 / value.sin();
    rint = f64::round_ties_even;
}

/// An interval's microseconds or months as a double.
static INTERVAL_AS_DOUBLE: Function = Function::total("interval_as_double", |evaluation| {
    let column = &evaluation.columns[0];
    Ok(Arc::new(match column.data_type() {
        DataType::Duration(_) => {
            column.as_primitive::<DurationMicrosecondType>().unary::<_, Float64Type>(|us| us as f64)
        }
        _ => column.as_primitive::<IntervalYearMonthType>().unary::<_, Float64Type>(f64::from),
    }))
});

fn is_ansi_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Duration(_) | DataType::Interval(IntervalUnit::YearMonth))
}

fn interval_as_double(call: &FunctionCall<'_>, index: usize) -> TypedExpr {
    INTERVAL_AS_DOUBLE.call([call.argument(index)], DataType::Float64, call)
}

static SIGN: Function = Function::total("sign", |one| {
    map(one, |value| if value == 0.0 || value.is_nan() { value } else { value.signum() })
});

pub(super) fn sign(call: &FunctionCall<'_>) -> Result<Resolved> {
    if is_ansi_interval(call.data_type(0)) {
        return scalar(SIGN.call_nullable([interval_as_double(call, 0)], DataType::Float64, call));
    }
    resolve_nullable(call, &SIGN)
}

static LN: Function = Function::new("ln", |one| logarithm(one, 0.0, java::log));
static LOG10: Function = Function::new("log10", |one| logarithm(one, 0.0, java::log10));
static LOG2: Function = Function::new("log2", |one| logarithm(one, 0.0, |value| java::log(value) / java::log(2.0)));
static LOG1P: Function = Function::new("log1p", |one| logarithm(one, -1.0, java::log1p));
static POW: Function = Function::new("pow", |one| map_two(one, java::pow));
static ATAN2: Function = Function::new("atan2", |one| map_two(one, |y, x| java::atan2(y + 0.0, x + 0.0)));
static HYPOT: Function = Function::new("hypot", |one| map_two(one, f64::hypot));

static LOG: Function = Function::new("log", |one| {
    let (bases, values) = (one.numbers::<Float64Type>(0), one.numbers::<Float64Type>(1));
    let log = |(base, value): (Option<f64>, Option<f64>)| match (base?, value?) {
        (base, value) if base <= 0.0 || value <= 0.0 => None,
        (base, value) => Some(java::log(value) / java::log(base)),
    };
    Ok(Arc::new(bases.iter().zip(values.iter()).map(log).collect::<Float64Array>()))
});

pub(super) fn ln(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_nullable(call, &LN)
}

pub(super) fn log10(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_nullable(call, &LOG10)
}

pub(super) fn log2(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_nullable(call, &LOG2)
}

pub(super) fn log1p(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_nullable(call, &LOG1P)
}

pub(super) fn log(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_nullable(call, if call.count() == 1 { &LN } else { &LOG })
}

/// Spark's expression calls itself POWER, but `pow` in SQL keeps its name.
pub(super) fn pow(call: &FunctionCall<'_>) -> Result<Resolved> {
    let name = if call.name.eq_ignore_ascii_case("pow") { "pow" } else { "POWER" };
    let sql = format!("{name}({}, {})", call.arguments[0].sql, call.arguments[1].sql);
    scalar(POW.call([call.double(0)?, call.double(1)?], DataType::Float64, call).with_sql(sql))
}

pub(super) fn atan2(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &ATAN2)
}

pub(super) fn hypot(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &HYPOT)
}

fn constant(value: f64) -> Result<Resolved> {
    scalar(TypedExpr { sql: String::new(), ..TypedExpr::literal(ScalarValue::Float64(Some(value)), "") })
}

pub(super) fn pi(_call: &FunctionCall<'_>) -> Result<Resolved> {
    constant(std::f64::consts::PI)
}

pub(super) fn e(_call: &FunctionCall<'_>) -> Result<Resolved> {
    constant(std::f64::consts::E)
}

static WIDTH_BUCKET: Function = Function::total("width_bucket", |one| {
    let [values, lows, highs] = [0, 1, 2].map(|index| one.numbers::<Float64Type>(index));
    let counts = one.numbers::<Int64Type>(3);
    let bucket = |row: usize| {
        if !one.all_valid(row) {
            return None;
        }
        let (value, low, high, count) = (values.value(row), lows.value(row), highs.value(row), counts.value(row));
        let sensible =
            count > 0 && count < i64::MAX && !value.is_nan() && low != high && low.is_finite() && high.is_finite();
        let place = if low < high { (value - low) / (high - low) } else { (low - value) / (low - high) };
        sensible.then(|| match place {
            below if below < 0.0 => 0,
            above if above >= 1.0 => count + 1,
            inside => (count as f64 * inside) as i64 + 1,
        })
    };
    Ok(Arc::new((0..one.rows).map(bucket).collect::<Int64Array>()))
});

pub(super) fn width_bucket(call: &FunctionCall<'_>) -> Result<Resolved> {
    let of_intervals = is_ansi_interval(call.data_type(0)) && (1..3).all(|at| call.data_type(at) == call.data_type(0));
    let [value, low, high] = if of_intervals {
        [0, 1, 2].map(|index| interval_as_double(call, index))
    } else {
        [call.double(0)?, call.double(1)?, call.double(2)?]
    };
    let arguments = [value, low, high, call.bigint(3)?];
    scalar(WIDTH_BUCKET.call_nullable(arguments, DataType::Int64, call))
}
