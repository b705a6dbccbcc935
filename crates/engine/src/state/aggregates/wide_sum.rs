//! Sums of integers and decimals that values can be taken out of.
//!
//! While rows come and go, a sum may leave its type and come back. So it is kept in a number that is wide enough for
//! all sums, and only a result that does not fit is an overflow.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::datatypes::{Decimal128Type, Int64Type, i256};
use millstream_core::{Error, Result};

use super::cells::{Cell, Form, Retract};
use super::decimal_sum::DecimalSum;
use super::overflow::sum_overflow;
use super::{Argument, Overflow};
use crate::state::codec::{Reader, put_i64};
use crate::state::shard::Assignment;

/// A sum, or a mean, over rows that may be taken back.
#[derive(Debug)]
pub(super) enum WideSum {
    /// The sum of BIGINTs.
    Int(Overflow),
    /// Their mean, which is a DOUBLE.
    IntMean,
    /// The sum of DECIMALs, or their mean.
    Decimal(DecimalSum),
}

/// A sum and how many values are in it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct WideCell {
    sum: i256,
    count: i64,
}

impl Cell for WideCell {
    fn write(&self, out: &mut Vec<u8>) {
        put_i64(out, self.count);
        if self.count != 0 {
            out.extend_from_slice(&self.sum.to_le_bytes());
        }
    }
}

impl WideSum {
    fn change(&self, cells: &mut [WideCell], argument: &Argument, rows: Assignment<'_>, by: i64) -> Result<()> {
        let mut add = |group: usize, value: i256| {
            let cell = &mut cells[group];
            // Values of 127 bits do not fill 255, however many come.
            cell.sum = if by < 0 { cell.sum.wrapping_sub(value) } else { cell.sum.wrapping_add(value) };
            cell.count += by;
        };
        let values = argument.value()?;
        match self {
            Self::Int(_) | Self::IntMean => {
                let values = values.as_primitive::<Int64Type>().values();
                argument.for_each(rows, |row, group| add(group, i256::from_i128(i128::from(values[row]))));
            }
            Self::Decimal(_) => {
                let values = values.as_primitive::<Decimal128Type>().values();
                argument.for_each(rows, |row, group| add(group, i256::from_i128(values[row])));
            }
        }
        Ok(())
    }

    fn int_sum(cell: &WideCell, overflow: Overflow) -> Result<Option<i64>> {
        let fits = cell.sum.to_i128().and_then(|sum| i64::try_from(sum).ok());
        match (fits, overflow) {
            _ if cell.count <= 0 => Ok(None),
            (Some(sum), _) => Ok(Some(sum)),
            (None, Overflow::Wrap) => Ok(Some(cell.sum.as_i128() as i64)),
            (None, Overflow::Null) => Ok(None),
            (None, Overflow::Error) => Err(sum_overflow()),
        }
    }
}

impl Form for WideSum {
    type Cell = WideCell;

    fn update(
        &self,
        cells: &mut [WideCell],
        argument: &Argument,
        rows: Assignment<'_>,
        _heap_bytes: &mut isize,
    ) -> Result<()> {
        self.change(cells, argument, rows, 1)
    }

    fn merge(&self, cell: &mut WideCell, other: &WideCell) -> Result<()> {
        *cell = WideCell { sum: cell.sum.wrapping_add(other.sum), count: cell.count + other.count };
        Ok(())
    }

    const RETRACT: Option<Retract<Self>> =
        Some(|sum, cells, argument, rows, _heap_bytes| sum.change(cells, argument, rows, -1));

    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a WideCell> + Clone) -> Result<ArrayRef> {
        Ok(match self {
            Self::Int(overflow) => {
                Arc::new(cells.map(|cell| Self::int_sum(cell, *overflow)).collect::<Result<Int64Array>>()?)
            }
            Self::IntMean => {
                let sum = |cell: &WideCell| cell.sum.to_i128().map_or(f64::INFINITY, |sum| sum as f64);
                let mean = |cell: &WideCell| (cell.count > 0).then(|| sum(cell) / cell.count as f64);
                Arc::new(cells.map(mean).collect::<Float64Array>())
            }
            Self::Decimal(decimals) => decimals.wide_results(cells.map(|cell| (cell.sum, cell.count)))?,
        })
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<WideCell> {
        let count = reader.i64()?;
        if count < 0 {
            return Err(Error::data("a sum in the state has less than no values"));
        }
        Ok(WideCell { sum: if count == 0 { i256::ZERO } else { i256::from_le_bytes(reader.array()?) }, count })
    }
}
