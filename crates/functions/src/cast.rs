//! `CAST` between all types, in Spark's three ways: ANSI (errors), legacy (NULL, or Java's wrapping), and `try_cast`.
//!
//! What can be cast is decided here; a column is cast by [`cast_column`], which goes into arrays, maps and structs.
//! Casts that cannot fail and that Arrow does as Spark does stay DataFusion's own, because its optimizer knows those.
//!
//! Deliberately not here: the text of the cast expression itself, which shows only where the user wrote it.

mod decimal;
mod from_text;
mod nested;
pub(super) mod number;
mod rules;
mod special;
pub(super) mod time;
pub(super) mod to_text;

use arrow::array::{Array, ArrayRef, new_null_array};
use arrow::datatypes::{DataType, IntervalUnit};
use chrono_tz::Tz;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use millstream_core::{Error, QuerySettings, Result};
use millstream_engine::functions::Meaning;

pub use self::special::SpecialMoment;
use crate::data_type::{is_numeric, sql_name};
use crate::typed_expr::TypedExpr;

use super::kernel::{Evaluation, Function};

use rules::can_cast;

/// What happens to a value that the target type cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CastMode {
    /// An error.
    Ansi,
    /// NULL, or for numbers what Java makes of it.
    Legacy,
    /// NULL.
    Try,
}

/// How a column is cast.
#[derive(Debug, Clone, Copy)]
pub(super) struct Casting {
    pub(super) mode: CastMode,
    pub(super) zone: Tz,
}

impl Casting {
    /// The way of casting of a session.
    pub(super) fn of(settings: &QuerySettings) -> Self {
        let mode = if settings.ansi { CastMode::Ansi } else { CastMode::Legacy };
        Self { mode, zone: settings.time_zone }
    }

    /// A value that could be cast, or NULL, or this error.
    fn checked<T>(self, value: Option<T>, error: impl FnOnce() -> Error) -> Result<Option<T>> {
        match value {
            None if self.mode == CastMode::Ansi => Err(error()),
            other => Ok(other),
        }
    }
}

static CAST: Function = Function::new("cast", |evaluation| {
    cast_column(&evaluation.columns[0], evaluation.data_type, Casting::of(evaluation.settings))
});

/// The cast from BINARY to STRING.
static TO_STRING: Function = Function::total("binary_to_string", |evaluation| {
    cast_column(&evaluation.columns[0], evaluation.data_type, Casting::of(evaluation.settings))
})
.meaning(Meaning::BytesAsText);

static TRY_CAST: Function = Function::total("try_cast", try_cast);

fn try_cast(evaluation: &Evaluation<'_>) -> Result<ArrayRef> {
    let casting = Casting { mode: CastMode::Try, zone: evaluation.settings.time_zone };
    cast_column(&evaluation.columns[0], evaluation.data_type, casting)
}

/// An expression of the type `to`; its text stays.
///
/// # Errors
/// `DATATYPE_MISMATCH` with the suggestion Spark makes, where there is no such cast.
pub fn cast(expr: TypedExpr, to: &DataType, mode: CastMode, zone: Tz) -> Result<TypedExpr> {
    if expr.data_type == *to {
        return Ok(expr);
    }
    let from = expr.data_type.clone();
    if !can_cast(&from, to, mode) {
        return Err(rules::cannot_cast(&expr.sql, &from, to, mode));
    }
    if is_interval(&from) != is_interval(to) && is_number_or_interval(&from) && is_number_or_interval(to) {
        return Err(refused(&from, to));
    }
    if from == DataType::Null && expr.as_literal().is_some() {
        let null = ScalarValue::try_from(to).map_err(|_| Error::unsupported(format!("NULL as {}", sql_name(to))))?;
        return Ok(TypedExpr::literal(null, expr.sql));
    }
    let nullable = expr.nullable || rules::forces_null(&from, to) || mode == CastMode::Try;
    let sql = expr.sql.clone();
    if is_native(&from, to) {
        let cast = match expr.as_literal() {
            Some(value) => Expr::Literal(value.cast_to(to).map_err(millstream_engine::error::from_datafusion)?, None),
            None => datafusion::logical_expr::cast(expr.expr, to.clone()),
        };
        return Ok(TypedExpr::new(cast, to.clone(), nullable).with_sql(sql));
    }
    let settings = QuerySettings { time_zone: zone, ansi: mode == CastMode::Ansi, ..QuerySettings::default() };
    let function = match (mode, &from, to) {
        (_, DataType::Binary, DataType::Utf8) => &TO_STRING,
        (CastMode::Try, ..) => &TRY_CAST,
        _ => &CAST,
    };
    Ok(function.over([expr], to.clone(), nullable, &settings).with_sql(sql))
}

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Duration(_) | DataType::Interval(_))
}

fn is_number_or_interval(data_type: &DataType) -> bool {
    is_numeric(data_type) || is_interval(data_type)
}

fn refused(from: &DataType, to: &DataType) -> Error {
    Error::unsupported(format!("a cast from {} to {}", sql_name(from), sql_name(to)))
}

/// Casts without loss that Arrow does as Spark does.
fn is_native(from: &DataType, to: &DataType) -> bool {
    use DataType::{Binary, Boolean, Float32, Float64, Int8, Int16, Int32, Int64, Utf8};
    matches!(
        (from, to),
        (Int8, Int16 | Int32 | Int64 | Float32 | Float64)
            | (Int16, Int32 | Int64 | Float32 | Float64)
            | (Int32, Int64 | Float32 | Float64)
            | (Int64, Float32 | Float64)
            | (Float32, Float64)
            | (Boolean, Int8 | Int16 | Int32 | Int64)
            | (Utf8, Binary)
    )
}

/// Casts a column.
pub(super) fn cast_column(column: &ArrayRef, to: &DataType, casting: Casting) -> Result<ArrayRef> {
    let from = column.data_type();
    if from == to {
        return Ok(column.clone());
    }
    if *from == DataType::Null {
        return Ok(new_null_array(to, column.len()));
    }
    match (from, to) {
        (_, DataType::Utf8) => to_text::column_to_text(column, casting.zone),
        (DataType::Utf8, _) => from_text::column_from_text(column, to, casting),
        (DataType::List(_), DataType::List(_))
        | (DataType::Map(_, _), DataType::Map(_, _))
        | (DataType::Struct(_), DataType::Struct(_)) => nested::cast_nested(column, to, casting),
        (DataType::Decimal128(_, _), _) if is_numeric(to) || *to == DataType::Boolean => {
            decimal::from_decimal(column, to, casting)
        }
        (_, DataType::Decimal128(_, _)) => decimal::to_decimal(column, to, casting),
        (DataType::Date32 | DataType::Timestamp(_, _), _) | (_, DataType::Date32 | DataType::Timestamp(_, _)) => {
            time::cast_time(column, to, casting)
        }
        (_, DataType::Binary) => number::to_bytes(column),
        (DataType::Interval(IntervalUnit::YearMonth) | DataType::Duration(_), _)
        | (_, DataType::Interval(_) | DataType::Duration(_)) => Err(refused(from, to)),
        _ => number::cast_number(column, to, casting),
    }
}
