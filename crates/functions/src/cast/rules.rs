//! Which casts there are (Spark: `Cast.canCast`, `Cast.canAnsiCast`), and which can make NULL of a value.

use arrow::datatypes::{DataType, IntervalUnit};
use millstream_core::condition::ANSI_ENABLED;
use millstream_core::{Error, spark_error};

use super::CastMode;
use crate::data_type::{is_numeric, is_timestamp, map_entry, sql_name};
use crate::failure::{sql_expr, sql_type};

/// Whether there is such a cast.
pub(super) fn can_cast(from: &DataType, to: &DataType, mode: CastMode) -> bool {
    use DataType::{
        Binary, Boolean, Date32, Decimal128, Duration, Int8, Int16, Int32, Int64, Interval, List, Map, Null, Struct,
        Time64, Utf8,
    };
    let legacy = mode == CastMode::Legacy;
    match (from, to) {
        _ if from == to => true,
        (Null, _) | (_, Utf8) => true,
        (Utf8, Binary | Boolean | Date32 | Interval(_) | Duration(_) | Time64(_)) => true,
        (Utf8, _) => is_numeric(to) || is_timestamp(to),
        // Known, and refused by name: their meaning depends on the interval's fields, which the type does not keep.
        (Int8 | Int16 | Int32 | Int64 | Decimal128(_, _), Duration(_) | Interval(IntervalUnit::YearMonth))
        | (Duration(_) | Interval(IntervalUnit::YearMonth), Int8 | Int16 | Int32 | Int64 | Decimal128(_, _)) => true,
        (List(from), List(to)) => can_cast(from.data_type(), to.data_type(), mode),
        (Map(from, _), Map(to, _)) => match (map_entry(from), map_entry(to)) {
            (Some((from_key, from_value)), Some((to_key, to_value))) => {
                // A key may not become NULL.
                can_cast(from_key.data_type(), to_key.data_type(), mode)
                    && !(mode != CastMode::Ansi && forces_null(from_key.data_type(), to_key.data_type()))
                    && can_cast(from_value.data_type(), to_value.data_type(), mode)
            }
            _ => false,
        },
        (Struct(from), Struct(to)) => {
            from.len() == to.len()
                && from.iter().zip(to).all(|(from, to)| can_cast(from.data_type(), to.data_type(), mode))
        }
        (Date32, _) if is_timestamp(to) => true,
        (Date32, Boolean) => legacy,
        (Date32, _) => legacy && is_numeric(to),
        (_, Date32) => is_timestamp(from),
        _ if is_timestamp(from) && is_timestamp(to) => true,
        (DataType::Timestamp(_, Some(_)), Boolean) | (Boolean, DataType::Timestamp(_, Some(_))) => legacy,
        (DataType::Timestamp(_, Some(_)), _) => is_numeric(to),
        (_, DataType::Timestamp(_, Some(_))) => is_numeric(from),
        (Boolean, _) => is_numeric(to),
        (_, Boolean) => is_numeric(from),
        (_, Binary) => legacy && matches!(from, Int8 | Int16 | Int32 | Int64),
        _ => is_numeric(from) && is_numeric(to),
    }
}

/// The error for a cast that there is not.
pub(super) fn cannot_cast(sql: &str, from: &DataType, to: &DataType, mode: CastMode) -> Error {
    let word = if mode == CastMode::Try { "TRY_CAST" } else { "CAST" };
    // To Spark a cast to a nested type is refused at its child.
    let sql_expr = if to.is_nested() { sql_expr(sql) } else { sql_expr(&format!("{word}({sql} AS {})", sql_name(to))) };
    let (source, target) = (sql_type(from), sql_type(to));
    let instead = match (from, to) {
        (DataType::Date32, to) if is_numeric(to) => Some("`UNIX_DATE`"),
        (from, DataType::Date32) if is_numeric(from) => Some("`DATE_FROM_UNIX_DATE`"),
        _ => None,
    };
    if let Some(function) = instead.filter(|_| mode != CastMode::Legacy) {
        spark_error!(
            "DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION",
            sqlExpr = sql_expr,
            srcType = source,
            targetType = target,
            functionNames = function,
        )
    } else if mode == CastMode::Ansi && can_cast(from, to, CastMode::Legacy) {
        spark_error!(
            "DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION",
            sqlExpr = sql_expr,
            srcType = source,
            targetType = target,
            config = ANSI_ENABLED,
            configVal = "'false'",
        )
    } else {
        spark_error!(
            "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION",
            sqlExpr = sql_expr,
            srcType = source,
            targetType = target,
        )
    }
}

/// Whether a value that is not NULL can become NULL (Spark: `Cast.forceNullable`).
pub(super) fn forces_null(from: &DataType, to: &DataType) -> bool {
    use DataType::{Binary, Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Null, Timestamp, Utf8};
    match (from, to) {
        _ if from == to => false,
        (Null, _) | (Utf8, Binary) | (_, Utf8) => false,
        (Utf8, _) => true,
        (Timestamp(_, _), Int8 | Int16 | Int32) => true,
        (Float32 | Float64, Timestamp(_, _)) => true,
        (Timestamp(_, _), Date32) | (Date32, Timestamp(_, Some(_))) => false,
        (_, Date32) | (Date32, _) => true,
        (_, Decimal128(precision, scale)) => !fits_decimal(from, *precision, *scale),
        (Float32 | Float64, Int8 | Int16 | Int32 | Int64) => true,
        (Decimal128(_, _), Int8 | Int16 | Int32 | Int64) => true,
        _ => false,
    }
}

fn fits_decimal(from: &DataType, precision: u8, scale: i8) -> bool {
    let (from_precision, from_scale) = match from {
        DataType::Boolean => (1, 0),
        DataType::Int8 => (3, 0),
        DataType::Int16 => (5, 0),
        DataType::Int32 => (10, 0),
        DataType::Int64 => (20, 0),
        DataType::Float32 => (14, 7),
        DataType::Float64 => (30, 15),
        DataType::Decimal128(precision, scale) => (*precision, *scale),
        _ => return false,
    };
    let (whole, from_whole) =
        (i16::from(precision) - i16::from(scale), i16::from(from_precision) - i16::from(from_scale));
    // Digits after the point may be cut off: one more before it has room for what rounding adds.
    (whole >= from_whole && scale >= from_scale) || (whole > from_whole && matches!(from, DataType::Decimal128(_, _)))
}
