//! Sums and means of doubles.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::Float64Type;
use millstream_core::Result;

use super::Argument;
use super::cells::{Cell, Form};
use crate::state::codec::{Reader, put_i64};
use crate::state::shard::Assignment;

/// The sum of DOUBLEs, or their mean.
#[derive(Debug)]
pub(super) struct FloatSum {
    pub(super) is_mean: bool,
}

/// A sum and how many values are in it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct FloatCell {
    sum: f64,
    count: i64,
}

impl Cell for FloatCell {
    fn write(&self, out: &mut Vec<u8>) {
        put_i64(out, self.count);
        if self.count != 0 {
            out.extend_from_slice(&self.sum.to_le_bytes());
        }
    }
}

impl Form for FloatSum {
    type Cell = FloatCell;

    fn update(
        &self,
        cells: &mut [FloatCell],
        argument: &Argument,
        rows: Assignment<'_>,
        _heap_bytes: &mut isize,
    ) -> Result<()> {
        let values = argument.value()?.as_primitive::<Float64Type>().values();
        argument.for_each(rows, |row, group| {
            cells[group].sum += values[row];
            cells[group].count += 1;
        });
        Ok(())
    }

    fn merge(&self, cell: &mut FloatCell, other: &FloatCell) -> Result<()> {
        cell.sum += other.sum;
        cell.count += other.count;
        Ok(())
    }

    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a FloatCell> + Clone) -> Result<ArrayRef> {
        let result = |cell: &FloatCell| if self.is_mean { cell.sum / cell.count as f64 } else { cell.sum };
        Ok(Arc::new(cells.map(|cell| (cell.count > 0).then(|| result(cell))).collect::<Float64Array>()))
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<FloatCell> {
        let count = reader.i64()?;
        Ok(FloatCell { count, sum: if count == 0 { 0.0 } else { f64::from_le_bytes(reader.array()?) } })
    }
}
