//! Rounding, to whole numbers and to places before or behind the point.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float32Array, Float64Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, IntervalUnit, IntervalYearMonthType,
};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::cast::to_text::{double_text, float_text};
use crate::columns::decimal::{Rounding, divide, power_of_ten, round_decimal_text};
use crate::data_type::decimal;
use crate::failure::{arithmetic_overflow, unexpected_input_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

static ABS: Function = Function::new("abs", |one| {
    let column = &one.columns[0];
    let wrapped = || if one.settings.ansi { Err(arithmetic_overflow("overflow", "")) } else { Ok(()) };
    macro_rules! integers {
        ($kind:ty, $native:ty) => {{
            let values = column.as_primitive::<$kind>();
            if values.iter().flatten().any(|value| value == <$native>::MIN) {
                wrapped()?;
            }
            Arc::new(values.unary::<_, $kind>(<$native>::wrapping_abs)) as ArrayRef
        }};
    }
    Ok(match column.data_type() {
        DataType::Int8 => integers!(Int8Type, i8),
        DataType::Int16 => integers!(Int16Type, i16),
        DataType::Int32 => integers!(Int32Type, i32),
        DataType::Int64 => integers!(Int64Type, i64),
        // In both modes: a span without sign has to be one.
        DataType::Duration(_) => {
            let spans = column.as_primitive::<DurationMicrosecondType>();
            let without_sign = |us: i64| us.checked_abs().ok_or_else(|| arithmetic_overflow("overflow", ""));
            Arc::new(spans.try_unary::<_, DurationMicrosecondType, _>(without_sign)?)
        }
        DataType::Interval(IntervalUnit::YearMonth) => {
            let spans = column.as_primitive::<IntervalYearMonthType>();
            let without_sign = |months: i32| months.checked_abs().ok_or_else(|| arithmetic_overflow("overflow", ""));
            Arc::new(spans.try_unary::<_, IntervalYearMonthType, _>(without_sign)?)
        }
        DataType::Float32 => Arc::new(column.as_primitive::<Float32Type>().unary::<_, Float32Type>(f32::abs)),
        DataType::Float64 => Arc::new(column.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::abs)),
        other => {
            let values = column.as_primitive::<Decimal128Type>().unary::<_, Decimal128Type>(i128::abs);
            Arc::new(values.with_data_type(other.clone()))
        }
    })
})
.placeless();

pub(super) fn abs(call: &FunctionCall<'_>) -> Result<Resolved> {
    let wanted = "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\")";
    let value = match call.data_type(0) {
        DataType::Duration(_) | DataType::Interval(IntervalUnit::YearMonth) => call.argument(0),
        _ => call.numeric(0).or_else(|_| unexpected_input_type(call, 0, wanted))?,
    };
    let data_type = value.data_type.clone();
    scalar(ABS.call([value], data_type, call))
}

static CEIL: Function = Function::new("ceil", |one| to_whole(one, f64::ceil, Rounding::Up));
static FLOOR: Function = Function::new("floor", |one| to_whole(one, f64::floor, Rounding::Down));

fn to_whole(one: &Evaluation<'_>, of_double: fn(f64) -> f64, rounding: Rounding) -> Result<ArrayRef> {
    let column = &one.columns[0];
    match one.data_type {
        DataType::Decimal128(precision, _) => {
            let values = column.as_primitive::<Decimal128Type>();
            let divisor = power_of_ten(values.scale().unsigned_abs().into()).unwrap_or(i128::MAX);
            let whole = values.unary::<_, Decimal128Type>(|value| divide(value, divisor, rounding));
            Ok(Arc::new(whole.with_precision_and_scale(*precision, 0)?))
        }
        _ => match column.data_type() {
            DataType::Int64 => Ok(Arc::clone(column)),
            // Saturates, as Java's conversion.
            _ => Ok(Arc::new(
                column.as_primitive::<Float64Type>().unary::<_, Int64Type>(|value| of_double(value) as i64),
            )),
        },
    }
}

fn whole(call: &FunctionCall<'_>, function: &'static Function, rounding: &'static Function) -> Result<Resolved> {
    if call.count() == 2 {
        return to_places(call, rounding);
    }
    let value = call.numeric(0)?;
    match value.data_type {
        DataType::Decimal128(precision, scale) => {
            let digits = i16::from(precision) - i16::from(scale) + i16::from(scale > 0);
            let data_type = decimal(u8::try_from(digits.max(1)).unwrap_or(38), 0);
            scalar(function.call_nullable([value], data_type, call))
        }
        ref one if one.is_signed_integer() => {
            scalar(function.call_nullable([call.cast(value, &DataType::Int64)?], DataType::Int64, call))
        }
        _ => scalar(function.call_nullable([call.cast(value, &DataType::Float64)?], DataType::Int64, call)),
    }
}

pub(super) fn ceil(call: &FunctionCall<'_>) -> Result<Resolved> {
    whole(call, &CEIL, &CEIL_TO)
}

pub(super) fn floor(call: &FunctionCall<'_>) -> Result<Resolved> {
    whole(call, &FLOOR, &FLOOR_TO)
}

static ROUND: Function = Function::new("round", |one| rounded(one, Rounding::HalfUp));
static BROUND: Function = Function::new("bround", |one| rounded(one, Rounding::HalfEven));
static CEIL_TO: Function = Function::new("ceil_to", |one| rounded(one, Rounding::Up));
static FLOOR_TO: Function = Function::new("floor_to", |one| rounded(one, Rounding::Down));

/// Rounds to the places in the second column, which is constant.
fn rounded(one: &Evaluation<'_>, rounding: Rounding) -> Result<ArrayRef> {
    let column = &one.columns[0];
    let places = one.numbers::<Int32Type>(1);
    let places = if places.is_empty() || places.is_null(0) { 0 } else { places.value(0) };
    Ok(match column.data_type() {
        DataType::Float64 => {
            let round = |value: f64| {
                if !value.is_finite() {
                    Some(value)
                } else {
                    round_decimal_text(&double_text(value), places, rounding)?.parse().ok()
                }
            };
            let values = column.as_primitive::<Float64Type>().iter();
            Arc::new(values.map(|value| value.and_then(round)).collect::<Float64Array>())
        }
        DataType::Float32 => {
            let round = |value: f32| {
                if !value.is_finite() {
                    Some(value)
                } else {
                    round_decimal_text(&float_text(value), places, rounding)?.parse().ok()
                }
            };
            let values = column.as_primitive::<Float32Type>().iter();
            Arc::new(values.map(|value| value.and_then(round)).collect::<Float32Array>())
        }
        DataType::Decimal128(_, from_scale) => {
            let DataType::Decimal128(precision, scale) = *one.data_type else {
                return Err(Error::internal("a rounded decimal that is none"));
            };
            let dropped = (i32::from(*from_scale) - places).max(0).unsigned_abs();
            let kept = i32::from(scale) - (i32::from(*from_scale) - dropped as i32);
            let zeros = kept.max(0).unsigned_abs();
            let limit = power_of_ten(precision.into()).unwrap_or(i128::MAX);
            let round = |value: i128| {
                let units = units_of(value, dropped, rounding);
                let rounded =
                    if units == 0 { Some(0) } else { power_of_ten(zeros).and_then(|ten| units.checked_mul(ten)) };
                rounded.filter(|value| value.abs() < limit).ok_or_else(|| out_of_range(units, zeros, precision, scale))
            };
            let values = column.as_primitive::<Decimal128Type>().iter();
            let rounded = values.map(|value| value.map(round).transpose()).collect::<Result<Decimal128Array>>()?;
            Arc::new(rounded.with_precision_and_scale(precision, scale)?)
        }
        narrow => integers(column, narrow, (places, rounding), one.settings.ansi)?,
    })
}

/// How many units of 10 to the power `dropped` a value is, rounded.
fn units_of(value: i128, dropped: u32, rounding: Rounding) -> i128 {
    match (power_of_ten(dropped), rounding) {
        (Some(divisor), _) => divide(value, divisor, rounding),
        // The unit is more than twice any value.
        (None, Rounding::Up) => i128::from(value > 0),
        (None, Rounding::Down) => -i128::from(value < 0),
        (None, Rounding::HalfUp | Rounding::HalfEven) => 0,
    }
}

/// A rounded decimal that has become too long for the longest type, with as many zeros behind it. The number before is
/// the rounded one as well, written as Java does.
fn out_of_range(units: i128, zeros: u32, precision: u8, scale: i8) -> Error {
    let digits = units.unsigned_abs().to_string();
    let sign = if units < 0 { "-" } else { "" };
    let point = if digits.len() > 1 { "." } else { "" };
    let exponent = digits.len() - 1 + zeros as usize;
    spark_error!(
        "NUMERIC_VALUE_OUT_OF_RANGE.WITHOUT_SUGGESTION",
        roundedValue = format!("{units}{}", "0".repeat(zeros as usize)),
        originalValue = format!("{sign}{}{point}{}E+{exponent}", &digits[..1], &digits[1..]),
        precision = precision,
        scale = scale,
    )
}

fn integers(column: &ArrayRef, narrow: &DataType, how: (i32, Rounding), ansi: bool) -> Result<ArrayRef> {
    let (places, rounding) = how;
    if places >= 0 {
        return Ok(Arc::clone(column));
    }
    let divisor = power_of_ten(places.unsigned_abs()).unwrap_or(i128::MAX);
    let wide = cast(column, &DataType::Int64)?;
    let values = wide.as_primitive::<Int64Type>();
    let round = |value: i64| divide(value.into(), divisor, rounding) * if divisor == i128::MAX { 0 } else { divisor };
    let bounds = match narrow {
        DataType::Int8 => i8::MIN.into()..=i8::MAX.into(),
        DataType::Int16 => i16::MIN.into()..=i16::MAX.into(),
        DataType::Int32 => i32::MIN.into()..=i32::MAX.into(),
        _ => i128::from(i64::MIN)..=i128::from(i64::MAX),
    };
    if ansi && values.iter().flatten().any(|value| !bounds.contains(&round(value))) {
        return Err(arithmetic_overflow("Overflow", ""));
    }
    let wrap = |value: i64| match narrow {
        DataType::Int8 => i64::from(round(value) as i8),
        DataType::Int16 => i64::from(round(value) as i16),
        DataType::Int32 => i64::from(round(value) as i32),
        _ => round(value) as i64,
    };
    let rounded: Int64Array = values.unary(wrap);
    Ok(cast(&rounded, narrow)?)
}

/// No number has a digit that is further from its point: the smallest double has 1,074 decimals.
const PLACES_MAX: i32 = 1100;

fn to_places(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let places = if call.arguments.len() > 1 { call.constant_int(1, "scale")? } else { Some(0) };
    let mut value = call.numeric(0)?;
    let Some(places) = places else {
        let data_type = value.data_type;
        let null = ScalarValue::try_from(&data_type).map_err(from_datafusion)?;
        return scalar(TypedExpr::new(Expr::Literal(null, None), data_type, true));
    };
    // Beyond these no place makes a difference.
    let places = places.clamp(-PLACES_MAX, PLACES_MAX);
    let up_or_down = matches!(call.name.to_ascii_lowercase().as_str(), "ceil" | "ceiling" | "floor");
    if up_or_down && value.data_type.is_signed_integer() {
        let digits = match value.data_type {
            DataType::Int8 => 3,
            DataType::Int16 => 5,
            DataType::Int32 => 10,
            _ => 20,
        };
        value = call.cast(value, &decimal(digits, 0))?;
    } else if up_or_down && value.data_type.is_floating() {
        let (precision, scale) = if value.data_type == DataType::Float32 { (14, 7) } else { (30, 15) };
        value = call.cast(value, &decimal(precision, scale))?;
    }
    let data_type = match value.data_type {
        DataType::Decimal128(precision, scale) => {
            let whole = i32::from(precision) - i32::from(scale) + 1;
            let (precision, scale) = if places < 0 {
                (whole.max(1 - places), 0)
            } else {
                let scale = i32::from(scale).min(places);
                (whole + scale, scale)
            };
            decimal(u8::try_from(precision).unwrap_or(38), i8::try_from(scale).unwrap_or(38))
        }
        ref other => other.clone(),
    };
    let places = TypedExpr::literal(ScalarValue::Int32(Some(places)), "");
    let sql = if call.count() > 1 { String::new() } else { format!("{}({}, 0)", call.name, call.arguments[0].sql) };
    scalar(function.call_nullable([value, places], data_type, call).with_sql(sql))
}

pub(super) fn round(call: &FunctionCall<'_>) -> Result<Resolved> {
    to_places(call, &ROUND)
}

pub(super) fn bround(call: &FunctionCall<'_>) -> Result<Resolved> {
    to_places(call, &BROUND)
}
