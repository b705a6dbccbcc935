//! Any aggregate of DataFusion as keyed state: what its accumulator says of itself is kept as scalars.
//!
//! For each group of a batch an accumulator is made, given the state so far, shown the rows, and asked for its state
//! again. That costs more than a column of its own, so the common functions have one.

use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take_arrays;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Accumulator;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use millstream_core::Result;

use super::cells::{Cell, Cells, Form};
use super::{Argument, Column, KeyedAggregate};
use crate::error::from_datafusion;
use crate::state::codec::Reader;
use crate::state::shard::Assignment;
use crate::state::value_codec::{check_type, put_value, read_values};

/// An aggregate of DataFusion over its arguments.
#[derive(Debug, Clone)]
pub(crate) struct AccumulatorAggregate {
    function: Arc<AggregateFunctionExpr>,
    output: DataType,
    /// The types of the accumulator's state.
    state: Arc<[DataType]>,
    description: String,
}

impl AccumulatorAggregate {
    /// A function whose arguments, and what it orders them by, come as the columns of an [`Argument`].
    ///
    /// # Errors
    /// A state that cannot be kept.
    pub(crate) fn try_new(function: AggregateFunctionExpr, description: String) -> Result<Self> {
        let state = function.state_fields().map_err(from_datafusion)?;
        state.iter().try_for_each(|field| check_type(field.data_type()))?;
        let output = function.field().data_type().clone();
        let state = state.iter().map(|field| field.data_type().clone()).collect();
        Ok(Self { function: Arc::new(function), output, state, description })
    }

    /// An accumulator that has seen what a cell says.
    fn restored(&self, cell: &StateCell) -> Result<Box<dyn Accumulator>> {
        let mut accumulator = self.function.create_accumulator().map_err(from_datafusion)?;
        if let Some(state) = &cell.0 {
            let state = state.iter().map(ScalarValue::to_array).collect::<Result<Vec<_>, _>>();
            state.and_then(|state| accumulator.merge_batch(&state)).map_err(from_datafusion)?;
        }
        Ok(accumulator)
    }
}

impl KeyedAggregate for AccumulatorAggregate {
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

/// The state of an accumulator; none before the first row.
#[derive(Debug, Default, Clone)]
pub(super) struct StateCell(Option<Box<[ScalarValue]>>);

impl StateCell {
    fn new(state: Vec<ScalarValue>) -> Self {
        // A list may be a slice of the rows of a whole batch, which it would keep in memory.
        let compact = |mut value: ScalarValue| {
            value.compact();
            value
        };
        Self(Some(state.into_iter().map(compact).collect()))
    }
}

impl Cell for StateCell {
    fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |state| state.iter().map(ScalarValue::size).sum())
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.0.is_some()));
        for value in self.0.iter().flatten() {
            let written = value.to_array().map_err(from_datafusion).and_then(|array| put_value(out, &array, 0));
            // The types were checked when the query was planned.
            written.expect("a state whose types can be written is written");
        }
    }
}

impl Form for AccumulatorAggregate {
    type Cell = StateCell;

    fn update(
        &self,
        cells: &mut [StateCell],
        argument: &Argument,
        rows: Assignment<'_>,
        heap_bytes: &mut isize,
    ) -> Result<()> {
        let mut pairs = Vec::with_capacity(rows.rows.len());
        argument.for_each(rows, |row, group| pairs.push((group, row as u32)));
        // Stable, so that each group sees its rows in their order.
        pairs.sort_by_key(|&(group, _)| group);
        for of_group in pairs.chunk_by(|a, b| a.0 == b.0) {
            let cell = &mut cells[of_group[0].0];
            let mut accumulator = self.restored(cell)?;
            let rows = UInt32Array::from_iter_values(of_group.iter().map(|&(_, row)| row));
            let values = take_arrays(argument.values(), &rows, None)?;
            let state =
                accumulator.update_batch(&values).and_then(|()| accumulator.state()).map_err(from_datafusion)?;
            let before = cell.heap_bytes();
            *cell = StateCell::new(state);
            *heap_bytes += cell.heap_bytes() as isize - before as isize;
        }
        Ok(())
    }

    fn merge(&self, cell: &mut StateCell, other: &StateCell) -> Result<()> {
        let Some(state) = &other.0 else { return Ok(()) };
        let mut accumulator = self.restored(cell)?;
        let state = state.iter().map(ScalarValue::to_array).collect::<Result<Vec<_>, _>>();
        let merged = state.and_then(|state| accumulator.merge_batch(&state)).and_then(|()| accumulator.state());
        *cell = StateCell::new(merged.map_err(from_datafusion)?);
        Ok(())
    }

    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a StateCell> + Clone) -> Result<ArrayRef> {
        if cells.len() == 0 {
            return Ok(arrow::array::new_empty_array(&self.output));
        }
        let results = cells.map(|cell| self.restored(cell)?.evaluate().map_err(from_datafusion));
        let results = results.collect::<Result<Vec<_>>>()?;
        ScalarValue::iter_to_array(results).map_err(from_datafusion)
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<StateCell> {
        match reader.array()? {
            [0] => return Ok(StateCell(None)),
            [1] => {}
            [other] => {
                let message = format!("a state of an aggregate begins with {other}, not with 0 or 1");
                return Err(millstream_core::Error::data(message));
            }
        }
        let read = |data_type: &DataType| {
            let array = read_values(data_type, std::slice::from_mut(reader))?;
            ScalarValue::try_from_array(&array, 0).map_err(from_datafusion)
        };
        Ok(StateCell(Some(self.state.iter().map(read).collect::<Result<_>>()?)))
    }
}
