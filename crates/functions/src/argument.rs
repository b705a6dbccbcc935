//! What functions ask of their arguments: a type they can be cast to, or a constant.
//!
//! The rules are Spark's implicit casts: NULL fits anywhere, a string fits any plain type and any plain type a string,
//! and numbers fit each other. What does not fit is `DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE`.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{ColumnarValue, Expr};
use datafusion::physical_expr::create_physical_expr;
use millstream_core::{Options, Result, spark_error};
use millstream_engine::error::from_datafusion;

use crate::coercion::common_type;
use crate::data_type::{is_numeric, sql_name, timestamp};
use crate::typed_expr::TypedExpr;

use super::call::{FunctionCall, FunctionContext, Resolved};
use super::cast::{CastMode, SpecialMoment, cast};
use super::failure::{differing_types, non_foldable, unexpected_input_type};

impl FunctionCall<'_> {
    /// How many arguments there are.
    pub(super) fn count(&self) -> usize {
        self.arguments.len()
    }

    /// An argument's type.
    pub(super) fn data_type(&self, index: usize) -> &DataType {
        &self.arguments[index].data_type
    }

    /// An argument as it is.
    pub(super) fn argument(&self, index: usize) -> TypedExpr {
        self.arguments[index].clone()
    }

    /// An argument cast to a type by the session's rules, whatever it is.
    pub(super) fn cast(&self, expr: TypedExpr, to: &DataType) -> Result<TypedExpr> {
        cast_in(expr, to, self.cast_mode(), self.context)
    }

    /// ANSI or legacy.
    pub(super) fn cast_mode(&self) -> CastMode {
        if self.context.settings.ansi { CastMode::Ansi } else { CastMode::Legacy }
    }

    /// An argument as this type, if Spark casts it implicitly.
    pub(super) fn implicit(&self, index: usize, to: &DataType) -> Result<TypedExpr> {
        let argument = self.argument(index);
        if argument.data_type == *to {
            return Ok(argument);
        }
        if !casts_implicitly(&argument.data_type, to) {
            return unexpected_input_type(self, index, &format!("\"{}\"", sql_name(to)));
        }
        self.cast(argument, to)
    }

    /// An argument as STRING.
    pub(super) fn string(&self, index: usize) -> Result<TypedExpr> {
        self.implicit(index, &DataType::Utf8)
    }

    /// An argument as INT.
    pub(super) fn int(&self, index: usize) -> Result<TypedExpr> {
        self.implicit(index, &DataType::Int32)
    }

    /// An argument as BIGINT.
    pub(super) fn bigint(&self, index: usize) -> Result<TypedExpr> {
        self.implicit(index, &DataType::Int64)
    }

    /// An argument as DOUBLE.
    pub(super) fn double(&self, index: usize) -> Result<TypedExpr> {
        self.implicit(index, &DataType::Float64)
    }

    /// An argument as DATE.
    pub(super) fn date(&self, index: usize) -> Result<TypedExpr> {
        self.implicit(index, &DataType::Date32)
    }

    /// An argument as TIMESTAMP.
    pub(super) fn timestamp(&self, index: usize) -> Result<TypedExpr> {
        self.implicit(index, &timestamp())
    }

    /// All arguments as STRING.
    pub(super) fn all_strings(&self) -> Result<Vec<TypedExpr>> {
        (0..self.count()).map(|index| self.string(index)).collect()
    }

    /// An argument as BINARY; a string stands for its UTF-8.
    pub(super) fn binary(&self, index: usize) -> Result<TypedExpr> {
        match self.data_type(index) {
            DataType::Binary | DataType::Utf8 | DataType::Null => self.cast(self.argument(index), &DataType::Binary),
            _ => unexpected_input_type(self, index, "\"BINARY\""),
        }
    }

    /// A number as it is; a string as DOUBLE.
    pub(super) fn numeric(&self, index: usize) -> Result<TypedExpr> {
        match self.data_type(index) {
            one if is_numeric(one) => Ok(self.argument(index)),
            DataType::Utf8 | DataType::Null => self.cast(self.argument(index), &DataType::Float64),
            _ => unexpected_input_type(self, index, "\"NUMERIC\""),
        }
    }

    /// A constant STRING argument: its value, or `None` for NULL.
    pub(super) fn constant_string(&self, index: usize, name: &str) -> Result<Option<String>> {
        match computed(&self.string(index)?.expr)? {
            Some(ScalarValue::Utf8(value)) => Ok(value),
            _ => non_foldable(self, index, name, "STRING"),
        }
    }

    /// A constant argument that Spark casts to INT: its value, or `None` for NULL.
    pub(super) fn constant_int(&self, index: usize, name: &str) -> Result<Option<i32>> {
        match computed(&self.int(index)?.expr)? {
            Some(ScalarValue::Int32(value)) => Ok(value),
            _ => non_foldable(self, index, name, "INT"),
        }
    }

    /// A constant integer argument: its value, or `None` for NULL.
    pub(super) fn constant_bigint(&self, index: usize, name: &str) -> Result<Option<i64>> {
        match computed(&self.bigint(index)?.expr)? {
            Some(ScalarValue::Int64(value)) => Ok(value),
            _ => non_foldable(self, index, name, "INT"),
        }
    }

    /// An argument that is a constant map of options; none where the call has no such argument.
    pub(super) fn options(&self, index: usize) -> Result<Options> {
        if self.count() <= index {
            return Ok(Options::new());
        }
        let Some(options) = self.constant_map(index)? else {
            return Err(spark_error!("INVALID_OPTIONS.NON_MAP_FUNCTION"));
        };
        Ok(options.into_iter().collect())
    }

    /// A constant MAP&lt;STRING, STRING&gt; argument, such as options.
    pub(super) fn constant_map(&self, index: usize) -> Result<Option<Vec<(String, String)>>> {
        let Some(ScalarValue::Map(entries)) = constant_of(&self.argument(index).expr) else {
            return Ok(None);
        };
        if entries.is_null(0) || !matches!(entries.keys().data_type(), DataType::Utf8) {
            return Ok(None);
        }
        let Some(values) = entries.values().as_string_opt::<i32>() else { return Ok(None) };
        let (keys, first) = (entries.keys().as_string::<i32>(), entries.value_offsets()[0] as usize);
        let last = entries.value_offsets()[1] as usize;
        Ok(Some((first..last).map(|at| (keys.value(at).to_owned(), values.value(at).to_owned())).collect()))
    }
}

/// The type in which all these arguments meet.
pub(crate) fn common_type_of(call: &FunctionCall<'_>, indexes: &[usize]) -> Result<DataType> {
    let types = indexes.iter().map(|&index| call.data_type(index));
    common_type(types, &call.context.settings).ok_or_else(|| differing_types(call))
}

/// Whether Spark casts by itself where a function takes another type.
fn casts_implicitly(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Null, _) => true,
        (_, DataType::Utf8) => is_plain(from) || matches!(from, DataType::Duration(_) | DataType::Interval(_)),
        (DataType::Utf8, _) => is_plain(to),
        (DataType::Date32, DataType::Timestamp(_, _)) | (DataType::Timestamp(_, _), DataType::Date32) => true,
        (DataType::Timestamp(_, _), DataType::Timestamp(_, _)) => true,
        _ => is_numeric(from) && is_numeric(to),
    }
}

/// Neither nested nor an interval, which only a string takes.
fn is_plain(data_type: &DataType) -> bool {
    is_numeric(data_type)
        || matches!(
            data_type,
            DataType::Boolean | DataType::Utf8 | DataType::Binary | DataType::Date32 | DataType::Timestamp(_, _)
        )
}

/// The value of an expression without columns, if it can be computed now.
pub fn constant_of(expr: &Expr) -> Option<ScalarValue> {
    computed(expr).ok().flatten()
}

/// The same, with the error of a computation that fails; none for an expression that is no constant.
pub(super) fn computed(expr: &Expr) -> Result<Option<ScalarValue>> {
    let varies = |one: &Expr| {
        matches!(one, Expr::Column(_) | Expr::LambdaVariable(_) | Expr::AggregateFunction(_) | Expr::WindowFunction(_))
            || one.is_volatile_node()
    };
    if expr.exists(|one| Ok(varies(one))).unwrap_or(true) {
        return Ok(None);
    }
    let (properties, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    // What has no physical form by itself, such as a subquery, is no constant.
    let Ok(physical) = create_physical_expr(expr, &DFSchema::empty(), &properties, &planning) else { return Ok(None) };
    let one_row = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &one_row)?;
    match physical.evaluate(&batch).map_err(from_datafusion)? {
        ColumnarValue::Scalar(value) => Ok(Some(value)),
        ColumnarValue::Array(column) => ScalarValue::try_from_array(&column, 0).map(Some).map_err(from_datafusion),
    }
}

/// A cast by the rules of a session, which knows the words for moments: Spark reads them in constant texts.
///
/// # Errors
/// Those of [`cast`] and of [`SpecialMoment::value`].
pub fn cast_in(expr: TypedExpr, to: &DataType, mode: CastMode, context: &FunctionContext) -> Result<TypedExpr> {
    let zone = context.settings.time_zone;
    if expr.data_type == DataType::Utf8
        && matches!(to, DataType::Date32 | DataType::Timestamp(_, _))
        && let Some(ScalarValue::Utf8(Some(text))) = constant_of(&expr.expr)
        && let Some(moment) = SpecialMoment::parse(&text)
    {
        let plain = cast(expr, to, mode, zone)?;
        let value = moment.value(to, (!context.streaming).then_some(context.now_us), zone)?;
        return Ok(TypedExpr { nullable: plain.nullable, ..TypedExpr::literal(value, plain.sql) });
    }
    cast(expr, to, mode, zone)
}

/// NULL of a type: what a function answers where an argument is a NULL without a type.
pub(super) fn null_of(data_type: &DataType) -> Result<Resolved> {
    let null = ScalarValue::try_from(data_type).map_err(from_datafusion)?;
    scalar(TypedExpr::new(Expr::Literal(null, None), data_type.clone(), true))
}

/// A resolved scalar.
pub(super) fn scalar(expr: TypedExpr) -> Result<Resolved> {
    Ok(Resolved::Scalar(expr))
}
