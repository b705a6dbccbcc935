//! `max_by` and `min_by`, and `max` and `min` of arrays and structs.
//!
//! NULL within a nested value is less than anything, as in Spark. Of rows with equal keys the last one's value is taken
//! (Spark: `MaxMinBy`).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use millstream_core::Result;

use super::several_by::several_by;
use super::{aggregate, orderable, resolved};
use crate::call::{FunctionCall, Resolved};
use crate::columns::ordering::normal_column;

pub(super) fn max_by(call: &FunctionCall<'_>) -> Result<Resolved> {
    beside(call, true)
}

pub(super) fn min_by(call: &FunctionCall<'_>) -> Result<Resolved> {
    beside(call, false)
}

fn beside(call: &FunctionCall<'_>, greatest: bool) -> Result<Resolved> {
    if call.count() > 2 {
        return several_by(call, greatest);
    }
    let (value, key) = (call.argument(0), orderable(call, 1)?);
    let types = vec![key.data_type.clone(), value.data_type.clone()];
    let name = if greatest { "max_by" } else { "min_by" };
    let function = Extreme::function(name, greatest, types);
    resolved(aggregate(call, function, vec![key.expr, value.expr], value.data_type, true))
}

/// `max` or `min` of values that are made of others.
pub(super) fn nested(call: &FunctionCall<'_>, greatest: bool) -> Result<Resolved> {
    let value = call.argument(0);
    let name = if greatest { "max" } else { "min" };
    let function = Extreme::function(name, greatest, vec![value.data_type.clone()]);
    resolved(aggregate(call, function, vec![value.expr], value.data_type, true))
}

/// The types are the key's and, where the value is not the key itself, the value's.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Extreme {
    name: &'static str,
    greatest: bool,
    types: Vec<DataType>,
    signature: Signature,
}

impl Extreme {
    fn function(name: &'static str, greatest: bool, types: Vec<DataType>) -> Arc<AggregateUDF> {
        let signature = Signature::any(types.len(), Volatility::Immutable);
        Arc::new(AggregateUDF::new_from_impl(Self { name, greatest, types, signature }))
    }
}

impl AggregateUDFImpl for Extreme {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.types[self.types.len() - 1].clone())
    }

    fn accumulator(&self, _arguments: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        let order = SortOptions { descending: false, nulls_first: true };
        let field = SortField::new_with_options(self.types[0].clone(), order);
        let best = self.types.iter().map(ScalarValue::try_from).collect::<DataFusionResult<_>>()?;
        Ok(Box::new(Best { converter: RowConverter::new(vec![field])?, key: None, best, greatest: self.greatest }))
    }

    fn state_fields(&self, _arguments: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        let field = |(name, data_type): (&str, &DataType)| Arc::new(Field::new(name, data_type.clone(), true));
        Ok(["key", "value"].into_iter().zip(&self.types).map(field).collect())
    }
}

/// The row with the best key so far.
#[derive(Debug)]
struct Best {
    converter: RowConverter,
    key: Option<OwnedRow>,
    /// The key, and the value if it is another.
    best: Vec<ScalarValue>,
    greatest: bool,
}

impl Accumulator for Best {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> DataFusionResult<()> {
        let rows = self.converter.convert_columns(&[normal_column(&columns[0])])?;
        let mut found = None;
        for (at, row) in rows.iter().enumerate().filter(|(at, _)| columns[0].is_valid(*at)) {
            let order = match (found, &self.key) {
                (Some(best), _) => row.cmp(&rows.row(best)),
                (None, Some(best)) => row.cmp(&best.row()),
                (None, None) => std::cmp::Ordering::Equal,
            };
            // A value beside equal keys is the last one's; of equal keys themselves the first one stays.
            let tied = columns.len() > 1 || (found.is_none() && self.key.is_none());
            let better = if self.greatest { order.is_gt() } else { order.is_lt() };
            if better || (tied && order.is_eq()) {
                found = Some(at);
            }
        }
        if let Some(at) = found {
            self.key = Some(rows.row(at).owned());
            self.best = columns
                .iter()
                .map(|column| ScalarValue::try_from_array(column, at))
                .collect::<DataFusionResult<_>>()?;
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        Ok(self.best[self.best.len() - 1].clone())
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        Ok(self.best.clone())
    }

    fn size(&self) -> usize {
        let key = self.key.as_ref().map_or(0, |key| key.as_ref().len());
        size_of::<Self>() + self.converter.size() + key + self.best.iter().map(ScalarValue::size).sum::<usize>()
    }
}
