//! Implicit casts: the type in which two or more values meet.
//!
//! Spark has two sets of rules: ANSI (`AnsiTypeCoercion`, the default since 4.0), in which a string follows the other
//! side, and the older one (`TypeCoercion`), in which most things can become strings.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use millstream_core::{QuerySettings, Result};

use super::typed_expr::TypedExpr;
use crate::CastMode;
use crate::data_type::{array, decimal, is_integral, is_numeric, map, map_entry, timestamp};

/// How a cast that the user did not qualify behaves.
pub fn cast_mode(settings: &QuerySettings) -> CastMode {
    if settings.ansi { CastMode::Ansi } else { CastMode::Legacy }
}

/// The expression as a value of this type. What has the type already stays as it is; the text stays in any case,
/// because Spark does not show implicit casts.
pub fn coerce_to(expr: TypedExpr, to: &DataType, settings: &QuerySettings) -> Result<TypedExpr> {
    if expr.data_type == *to {
        return Ok(expr);
    }
    if expr.data_type == DataType::Null
        && let Ok(value) = ScalarValue::try_from(to)
    {
        return Ok(TypedExpr { expr: Expr::Literal(value, None), data_type: to.clone(), ..expr });
    }
    let sql = expr.sql.clone();
    Ok(crate::cast(expr, to, cast_mode(settings), settings.time_zone)?.with_sql(sql))
}

/// The type in which all values meet: the arguments of `coalesce`, the branches of CASE, the columns of a union.
pub fn common_type<'t>(types: impl IntoIterator<Item = &'t DataType>, settings: &QuerySettings) -> Option<DataType> {
    let mut types: Vec<&DataType> = types.into_iter().collect();
    // As in Spark, strings come last (first in ANSI's reading), so that the order of the others does not matter.
    types.sort_by_key(|one| has_string(one));
    let mut types = types.into_iter();
    let first = types.next()?.clone();
    types.try_fold(first, |wide, next| wider_type(&wide, next, settings))
}

/// The type in which two values meet.
pub fn wider_type(left: &DataType, right: &DataType, settings: &QuerySettings) -> Option<DataType> {
    if let Some(tight) = tightest_type(left, right, settings) {
        return Some(tight);
    }
    match (left, right) {
        (DataType::Utf8, other) | (other, DataType::Utf8) => promote_string(other, settings),
        (DataType::List(one), DataType::List(other)) => {
            let element = wider_type(one.data_type(), other.data_type(), settings)?;
            Some(array(element, one.is_nullable() || other.is_nullable()))
        }
        (DataType::Map(one, _), DataType::Map(other, _)) => {
            let ((key1, value1), (key2, value2)) = (map_entry(one)?, map_entry(other)?);
            let key = wider_type(key1.data_type(), key2.data_type(), settings)?;
            let value = wider_type(value1.data_type(), value2.data_type(), settings)?;
            Some(map(key, value, value1.is_nullable() || value2.is_nullable()))
        }
        (DataType::Struct(one), DataType::Struct(other)) => meeting_struct(one, other, settings, wider_type),
        _ => None,
    }
}

/// A rule by which two types meet in one.
type Meeting = fn(&DataType, &DataType, &QuerySettings) -> Option<DataType>;

fn meeting_struct(one: &Fields, other: &Fields, settings: &QuerySettings, meet: Meeting) -> Option<DataType> {
    if one.len() != other.len() {
        return None;
    }
    let fields = one.iter().zip(other).map(|(left, right)| {
        let same = left.name() == right.name()
            || (!settings.case_sensitive && left.name().to_lowercase() == right.name().to_lowercase());
        let data_type = meet(left.data_type(), right.data_type(), settings).filter(|_| same)?;
        Some(Field::new(left.name(), data_type, left.is_nullable() || right.is_nullable()))
    });
    Some(DataType::Struct(fields.collect::<Option<Fields>>()?))
}

/// The type in which two values meet without loss or strings (Spark: `findTightestCommonType`), decimals included.
fn tightest_type(left: &DataType, right: &DataType, settings: &QuerySettings) -> Option<DataType> {
    match (left, right) {
        (one, other) if one == other => Some(one.clone()),
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        (DataType::Decimal128(_, _), other) | (other, DataType::Decimal128(_, _)) if is_numeric(other) => {
            wider_decimal(left, right)
        }
        (one, other) if is_numeric(one) && is_numeric(other) => Some(wider_number(one, other, settings)),
        (DataType::Date32, stamp @ DataType::Timestamp(_, _))
        | (stamp @ DataType::Timestamp(_, _), DataType::Date32) => Some(stamp.clone()),
        (DataType::Timestamp(TimeUnit::Microsecond, _), DataType::Timestamp(TimeUnit::Microsecond, _)) => {
            Some(timestamp())
        }
        _ => None,
    }
}

/// The type in which two values meet without strings, and without a decimal that both would be cast to: that of an
/// array and a further element, of nested values under a comparison (Spark: `findTightestCommonType`).
pub fn lossless_type(left: &DataType, right: &DataType, settings: &QuerySettings) -> Option<DataType> {
    match (left, right) {
        (one, other) if one == other => Some(one.clone()),
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        (whole, wide @ DataType::Decimal128(_, _)) | (wide @ DataType::Decimal128(_, _), whole) => {
            let ((digits, _), (precision, scale)) = (as_decimal(whole)?, as_decimal(wide)?);
            (is_integral(whole) && precision - scale >= digits).then(|| wide.clone())
        }
        (DataType::List(one), DataType::List(other)) => {
            let element = lossless_type(one.data_type(), other.data_type(), settings)?;
            Some(array(element, one.is_nullable() || other.is_nullable()))
        }
        (DataType::Map(one, _), DataType::Map(other, _)) => {
            let ((key1, value1), (key2, value2)) = (map_entry(one)?, map_entry(other)?);
            let key = lossless_type(key1.data_type(), key2.data_type(), settings)?;
            let value = lossless_type(value1.data_type(), value2.data_type(), settings)?;
            Some(map(key, value, value1.is_nullable() || value2.is_nullable()))
        }
        (DataType::Struct(one), DataType::Struct(other)) => meeting_struct(one, other, settings, lossless_type),
        _ => tightest_type(left, right, settings),
    }
}

/// Whether two types differ at most in the names of fields and in what can be NULL.
fn same_structure(left: &DataType, right: &DataType) -> bool {
    match (left, right) {
        (DataType::List(one), DataType::List(other)) => same_structure(one.data_type(), other.data_type()),
        (DataType::Map(one, _), DataType::Map(other, _)) => match (map_entry(one), map_entry(other)) {
            (Some((key1, value1)), Some((key2, value2))) => {
                same_structure(key1.data_type(), key2.data_type())
                    && same_structure(value1.data_type(), value2.data_type())
            }
            _ => false,
        },
        (DataType::Struct(one), DataType::Struct(other)) => {
            let mut pairs = one.iter().zip(other);
            one.len() == other.len() && pairs.all(|(a, b)| same_structure(a.data_type(), b.data_type()))
        }
        _ => left == right,
    }
}

/// The type with elements and fields that may be NULL, but for the keys of maps.
fn all_nullable(data_type: &DataType) -> DataType {
    let nullable = |field: &FieldRef| {
        let data_type = all_nullable(field.data_type());
        Arc::new(field.as_ref().clone().with_data_type(data_type).with_nullable(true))
    };
    match data_type {
        DataType::List(element) => DataType::List(nullable(element)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(nullable).collect()),
        other => other.clone(),
    }
}

/// The wider of two numeric types that are not both the same, none a decimal.
fn wider_number(left: &DataType, right: &DataType, settings: &QuerySettings) -> DataType {
    let rank = |one: &DataType| match one {
        DataType::Int8 => 0,
        DataType::Int16 => 1,
        DataType::Int32 => 2,
        DataType::Int64 => 3,
        DataType::Float32 => 4,
        _ => 5,
    };
    let (narrow, wide) = if rank(left) < rank(right) { (left, right) } else { (right, left) };
    // A float cannot hold every whole number; ANSI minds.
    if settings.ansi && *wide == DataType::Float32 && is_integral(narrow) {
        return DataType::Float64;
    }
    wide.clone()
}

fn wider_decimal(left: &DataType, right: &DataType) -> Option<DataType> {
    let (Some((p1, s1)), Some((p2, s2))) = (as_decimal(left), as_decimal(right)) else {
        return Some(DataType::Float64);
    };
    let scale = s1.max(s2);
    let whole = (p1 - s1).max(p2 - s2);
    // Where 38 digits are not enough, those before the point are kept.
    Some(bounded_decimal(whole + scale, scale.min(38 - whole)))
}

/// Precision and scale of a decimal, or of the decimal that holds every value of an integral type.
pub fn as_decimal(data_type: &DataType) -> Option<(i32, i32)> {
    match data_type {
        DataType::Int8 => Some((3, 0)),
        DataType::Int16 => Some((5, 0)),
        DataType::Int32 => Some((10, 0)),
        DataType::Int64 => Some((20, 0)),
        DataType::Decimal128(precision, scale) => Some((i32::from(*precision), i32::from(*scale))),
        _ => None,
    }
}

fn bounded_decimal(precision: i32, scale: i32) -> DataType {
    let precision = u8::try_from(precision.clamp(1, 38)).unwrap_or(38);
    decimal(precision, i8::try_from(scale.clamp(0, 38)).unwrap_or(38))
}

/// What a string becomes beside a value of another type.
fn promote_string(other: &DataType, settings: &QuerySettings) -> Option<DataType> {
    match other {
        DataType::List(_) | DataType::Map(_, _) | DataType::Struct(_) => None,
        DataType::Interval(_) | DataType::Duration(_) if settings.ansi => None,
        DataType::Binary | DataType::Boolean if !settings.ansi => None,
        _ if !settings.ansi => Some(DataType::Utf8),
        integral if is_integral(integral) => Some(DataType::Int64),
        DataType::Float32 | DataType::Float64 | DataType::Decimal128(_, _) => Some(DataType::Float64),
        plain => Some(plain.clone()),
    }
}

/// The type in which the two sides of a comparison meet.
pub fn comparison_type(left: &DataType, right: &DataType, settings: &QuerySettings) -> Option<DataType> {
    if !settings.ansi {
        match (left, right) {
            (DataType::Utf8, DataType::Decimal128(_, _)) | (DataType::Decimal128(_, _), DataType::Utf8) => {
                return Some(DataType::Float64);
            }
            // Without ANSI TRUE equals 1.
            (DataType::Boolean, number) | (number, DataType::Boolean) if is_numeric(number) => {
                return Some(number.clone());
            }
            (DataType::Utf8, other) | (other, DataType::Utf8)
                if is_numeric(other)
                    || matches!(other, DataType::Boolean | DataType::Date32 | DataType::Timestamp(_, _)) =>
            {
                return Some(other.clone());
            }
            (DataType::Utf8, DataType::Interval(_) | DataType::Duration(_))
            | (DataType::Interval(_) | DataType::Duration(_), DataType::Utf8) => return None,
            _ => {}
        }
    }
    if left.is_nested() || right.is_nested() {
        let same = same_structure(left, right).then(|| if left == right { left.clone() } else { all_nullable(left) });
        return same.or_else(|| lossless_type(left, right, settings));
    }
    wider_type(left, right, settings)
}

pub(crate) fn has_string(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 => true,
        DataType::List(element) => has_string(element.data_type()),
        _ => false,
    }
}
