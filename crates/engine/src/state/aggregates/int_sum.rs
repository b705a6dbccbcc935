//! Sums of integers.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use millstream_core::{Error, Result};

use super::cells::{Cell, Form, Retract};
use super::overflow::sum_overflow;
use super::{Argument, Overflow};
use crate::state::codec::{Reader, put_i64};
use crate::state::shard::Assignment;

/// The sum of BIGINTs.
#[derive(Debug)]
pub(super) struct IntSum {
    pub(super) overflow: Overflow,
}

/// A sum and how many values are in it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct SumCell {
    sum: i64,
    count: i64,
}

/// The count of a sum that left its type: NULL from then on.
const OVERFLOWED: i64 = -1;

impl Cell for SumCell {
    fn write(&self, out: &mut Vec<u8>) {
        put_i64(out, self.count);
        if self.count != 0 {
            put_i64(out, self.sum);
        }
    }
}

impl IntSum {
    /// Adds `count` values that together are `sum`.
    #[inline]
    fn add(&self, cell: &mut SumCell, sum: i64, count: i64) -> Result<()> {
        match (cell.sum.checked_add(sum), self.overflow) {
            _ if cell.count == OVERFLOWED || count == OVERFLOWED => cell.count = OVERFLOWED,
            (Some(sum), _) => *cell = SumCell { sum, count: cell.count + count },
            (None, Overflow::Wrap) => {
                *cell = SumCell { sum: cell.sum.wrapping_add(sum), count: cell.count + count };
            }
            (None, Overflow::Null) => cell.count = OVERFLOWED,
            (None, Overflow::Error) => return Err(sum_overflow()),
        }
        Ok(())
    }
}

impl Form for IntSum {
    type Cell = SumCell;

    fn update(
        &self,
        cells: &mut [SumCell],
        argument: &Argument,
        rows: Assignment<'_>,
        _heap_bytes: &mut isize,
    ) -> Result<()> {
        let values = argument.value()?.as_primitive::<Int64Type>().values();
        argument.try_for_each(rows, |row, group| self.add(&mut cells[group], values[row], 1))
    }

    fn merge(&self, cell: &mut SumCell, other: &SumCell) -> Result<()> {
        self.add(cell, other.sum, other.count)
    }

    const RETRACT: Option<Retract<Self>> = Some(|_, cells, argument, rows, _heap_bytes| {
        let values = argument.value()?.as_primitive::<Int64Type>().values();
        argument.try_for_each(rows, |row, group| {
            let cell = &mut cells[group];
            // What has overflowed does not know what to go back to.
            if cell.count == OVERFLOWED {
                return Err(Error::internal("a sum that has overflowed was asked to take a value out"));
            }
            *cell = SumCell { sum: cell.sum.wrapping_sub(values[row]), count: cell.count - 1 };
            Ok(())
        })
    });

    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a SumCell> + Clone) -> Result<ArrayRef> {
        Ok(Arc::new(cells.map(|cell| (cell.count > 0).then_some(cell.sum)).collect::<Int64Array>()))
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<SumCell> {
        let count = reader.i64()?;
        Ok(SumCell { count, sum: if count == 0 { 0 } else { reader.i64()? } })
    }
}
