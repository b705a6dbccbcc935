//! `collect_list` and `collect_set`: NULL is left out, and no values are an empty array.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, new_empty_array};
use arrow::compute::{concat, filter, is_not_null, take};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility};
use millstream_core::{Result, spark_error};

use super::{aggregate, array_of, element_of, resolved};
use crate::call::{FunctionCall, Resolved};
use crate::failure::{sql_expr, sql_id};
use crate::typed_expr::TypedExpr;

pub(super) fn collect_list(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, false)
}

pub(super) fn collect_set(call: &FunctionCall<'_>) -> Result<Resolved> {
    if matches!(call.data_type(0), DataType::Map(_, _)) {
        return Err(spark_error!(
            "DATATYPE_MISMATCH.UNSUPPORTED_INPUT_TYPE",
            sqlExpr = sql_expr(&call.sql()),
            functionName = sql_id(call.name),
            dataType = "\"MAP\" or \"COLLATED STRING\"",
        ));
    }
    resolve(call, true)
}

fn resolve(call: &FunctionCall<'_>, once: bool) -> Result<Resolved> {
    resolved(collected(call, call.argument(0), once))
}

/// All values of a group that are not NULL, as an array.
pub(super) fn list_of(call: &FunctionCall<'_>, value: TypedExpr) -> TypedExpr {
    // The order is the business of the function around the list.
    let mut plain =
        aggregate(call, collector(&value, false), vec![value.expr.clone()], array_of(&value.data_type), false);
    if let Expr::AggregateFunction(function) = &mut plain.expr {
        function.params.order_by.clear();
    }
    plain
}

fn collected(call: &FunctionCall<'_>, value: TypedExpr, once: bool) -> TypedExpr {
    let function = collector(&value, once);
    let data_type = array_of(&value.data_type);
    aggregate(call, function, vec![value.expr], data_type, false)
}

fn collector(value: &TypedExpr, once: bool) -> Arc<AggregateUDF> {
    let data_type = array_of(&value.data_type);
    let function = Collect { once, data_type, signature: Signature::any(1, Volatility::Immutable) };
    Arc::new(AggregateUDF::new_from_impl(function))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Collect {
    once: bool,
    data_type: DataType,
    signature: Signature,
}

impl AggregateUDFImpl for Collect {
    fn name(&self) -> &str {
        if self.once { "collect_set" } else { "collect_list" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.data_type.clone())
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        Ok(Box::new(Collected::new(&self.data_type, self.once || arguments.is_distinct)))
    }

    fn state_fields(&self, _arguments: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new("values", self.data_type.clone(), true))])
    }

    fn default_value(&self, _data_type: &DataType) -> DataFusionResult<ScalarValue> {
        Collected::new(&self.data_type, false).evaluate()
    }
}

/// Values of `collect_set` after which repetitions are taken out for the first time; later whenever there are twice as
/// many as were left.
const THIN_OUT_FIRST: usize = 1 << 16;

/// Copies of the values that there are at once while the result is made: one column of all, and for each value once a
/// form that compares, what was seen, and the values that stay.
const COPIES: usize = 2;
const COPIES_ONCE: usize = 5;

/// The values so far, as they came.
#[derive(Debug)]
pub(super) struct Collected {
    parts: Vec<ArrayRef>,
    element: FieldRef,
    once: bool,
    /// Values in `parts` at which repetitions are taken out next; without end where they are kept.
    thin_out_at: usize,
    count: usize,
}

impl Collected {
    /// Nothing yet; `data_type` is the array's.
    pub(super) fn new(data_type: &DataType, once: bool) -> Self {
        let element =
            element_of(data_type).map_or_else(|| Arc::new(Field::new_list_field(DataType::Null, true)), Arc::clone);
        let thin_out_at = if once { THIN_OUT_FIRST } else { usize::MAX };
        Self { parts: Vec::new(), element, once, thin_out_at, count: 0 }
    }

    /// All values in one column.
    pub(super) fn values(&self) -> DataFusionResult<ArrayRef> {
        let parts: Vec<&dyn Array> = self.parts.iter().map(AsRef::as_ref).collect();
        let values = if parts.is_empty() { new_empty_array(self.element.data_type()) } else { concat(&parts)? };
        if self.once { first_of_each(&values) } else { Ok(values) }
    }

    fn push(&mut self, values: &ArrayRef) -> DataFusionResult<()> {
        // A column of nothing but NULL does not count its NULLs.
        if *values.data_type() == DataType::Null {
            return Ok(());
        }
        let values = if values.null_count() > 0 { filter(values, &is_not_null(values)?)? } else { Arc::clone(values) };
        if values.is_empty() {
            return Ok(());
        }
        self.count += values.len();
        self.parts.push(values);
        if self.count >= self.thin_out_at {
            self.parts = vec![self.values()?];
            self.count = self.parts[0].len();
            self.thin_out_at = THIN_OUT_FIRST.max(2 * self.count);
        }
        Ok(())
    }
}

/// The values without repetitions, each where it came first.
fn first_of_each(values: &ArrayRef) -> DataFusionResult<ArrayRef> {
    let normal = crate::columns::ordering::normal_column(values);
    let converter = RowConverter::new(vec![SortField::new(normal.data_type().clone())])?;
    let rows = converter.convert_columns(&[Arc::clone(&normal)])?;
    let mut seen = std::collections::HashSet::new();
    let first: Vec<u32> = (0..values.len()).filter(|&row| seen.insert(rows.row(row))).map(|row| row as u32).collect();
    // As in Spark, whichever zero came, the positive one is shown.
    Ok(take(&normal, &arrow::array::UInt32Array::from(first), None)?)
}

impl Accumulator for Collected {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        self.push(&values[0])
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        let list = SingleRowListArrayBuilder::new(self.values()?).with_field(&self.element);
        Ok(list.build_list_scalar())
    }

    fn size(&self) -> usize {
        let values = self.parts.iter().map(|part| part.get_array_memory_size()).sum::<usize>();
        size_of::<Self>() + values * if self.once { COPIES_ONCE } else { COPIES }
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        for values in states[0].as_list::<i32>().iter().flatten() {
            self.push(&values)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
