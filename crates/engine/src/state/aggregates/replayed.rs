//! Any aggregate of DataFusion over rows that may be taken back: its rows are kept, and its accumulator is shown all of
//! them for each result.
//!
//! That costs as much as the group is large, for each batch that changes it. No accumulator says how to go back without
//! its rows, so the functions for which arithmetic does have forms of their own.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, new_empty_array};
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use millstream_core::Result;

use super::cells::Cells;
use super::multiset::{Multiset, OverMultiset};
use super::{Argument, Column, KeyedAggregate};
use crate::error::from_datafusion;
use crate::state::shard::Assignment;
use crate::state::values::RowCodec;

/// An aggregate of DataFusion, over rows that may be taken back.
#[derive(Debug, Clone)]
pub(crate) struct ReplayedAggregate {
    function: Arc<AggregateFunctionExpr>,
    output: DataType,
    codec: Arc<RowCodec>,
    description: String,
}

impl ReplayedAggregate {
    /// A function whose arguments, and what it orders them by, come as the columns of an [`Argument`], of these types.
    ///
    /// # Errors
    /// Values that cannot be kept.
    pub(crate) fn try_new(function: AggregateFunctionExpr, types: &[DataType], description: &str) -> Result<Self> {
        let output = function.field().data_type().clone();
        let columns = types.iter().map(|data_type| Arc::new(Field::new("", data_type.clone(), true))).collect();
        let codec = Arc::new(RowCodec::try_new(columns)?);
        Ok(Self { function: Arc::new(function), output, codec, description: format!("{description} of changes") })
    }

    fn result(&self, cell: &Multiset) -> Result<ScalarValue> {
        let mut accumulator = self.function.create_accumulator().map_err(from_datafusion)?;
        let columns = self.codec.decode(cell.in_order_of_arrival())?;
        if columns.first().is_some_and(|column| !column.is_empty()) {
            accumulator.update_batch(&columns).map_err(from_datafusion)?;
        }
        accumulator.evaluate().map_err(from_datafusion)
    }
}

impl KeyedAggregate for ReplayedAggregate {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn output(&self) -> &DataType {
        &self.output
    }

    fn new_column(&self) -> Box<dyn Column> {
        Box::new(Cells::new(self.clone()))
    }

    fn prepare(&self, arguments: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        Ok(arguments.to_vec())
    }

    /// An accumulator sees NULLs and knows what they mean to it.
    fn skips_null(&self) -> bool {
        false
    }
}

impl OverMultiset for ReplayedAggregate {
    fn change(
        &self,
        cells: &mut [Multiset],
        argument: &Argument,
        rows: Assignment<'_>,
        by: (i64, &mut isize),
    ) -> Result<()> {
        Multiset::change(cells, argument, rows, by, |row, out| self.codec.encode(argument.values(), row, out))
    }

    fn check(&self, row: &[u8]) -> Result<()> {
        self.codec.decode(std::iter::once(row)).map(|_| ())
    }

    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a Multiset> + Clone) -> Result<ArrayRef> {
        if cells.len() == 0 {
            return Ok(new_empty_array(&self.output));
        }
        let results = cells.map(|cell| self.result(cell)).collect::<Result<Vec<_>>>()?;
        ScalarValue::iter_to_array(results).map_err(from_datafusion)
    }
}
