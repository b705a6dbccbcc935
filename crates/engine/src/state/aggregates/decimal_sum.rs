//! Sums and means of decimals.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array};
use arrow::datatypes::{DataType, Decimal128Type, i256};
use millstream_core::{Error, Result};

use super::cells::{Cell, Form, Retract};
use super::overflow::decimal_overflow;
use super::{Argument, Overflow};
use crate::state::codec::{Reader, put_i64};
use crate::state::shard::Assignment;

/// The sum of DECIMALs, or their mean. Values are kept without their scale.
#[derive(Debug)]
pub(super) struct DecimalSum {
    /// Precision and scale of the argument.
    pub(super) input: (u8, i8),
    /// Precision and scale of the result.
    pub(super) output: (u8, i8),
    pub(super) is_mean: bool,
    pub(super) overflow: Overflow,
}

/// A sum and how many values are in it.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct DecimalCell {
    /// The halves of the sum: as one number it would be laid out with eight bytes more.
    high: i64,
    low: u64,
    count: i64,
}

/// The count of a sum that left its type: NULL from then on.
const OVERFLOWED: i64 = -1;

impl DecimalCell {
    #[inline]
    fn sum(self) -> i128 {
        i128::from(self.high) << 64 | i128::from(self.low)
    }

    #[inline]
    fn new(sum: i128, count: i64) -> Self {
        Self { high: (sum >> 64) as i64, low: sum as u64, count }
    }
}

impl Cell for DecimalCell {
    fn write(&self, out: &mut Vec<u8>) {
        put_i64(out, self.count);
        if self.count != 0 {
            out.extend_from_slice(&self.sum().to_le_bytes());
        }
    }
}

impl DecimalSum {
    /// The type of a sum, also of that below a mean.
    fn sum_type(&self) -> (u8, i8) {
        ((self.input.0 + 10).min(38), self.input.1)
    }

    #[inline]
    fn add(&self, cell: &mut DecimalCell, sum: i128, count: i64) -> Result<()> {
        if cell.count == OVERFLOWED || count == OVERFLOWED {
            cell.count = OVERFLOWED;
            return Ok(());
        }
        let limit = 10_i128.pow(u32::from(self.sum_type().0)) - 1;
        match cell.sum().checked_add(sum).filter(|sum| (-limit..=limit).contains(sum)) {
            Some(sum) => *cell = DecimalCell::new(sum, cell.count + count),
            None if self.overflow == Overflow::Error => {
                let exact = i256::from_i128(cell.sum()).wrapping_add(i256::from_i128(sum));
                return Err(decimal_overflow(&exact.to_string(), self.input.1, self.sum_type()));
            }
            None => cell.count = OVERFLOWED,
        }
        Ok(())
    }

    /// Sum through count, rounded half away from zero to the result's scale.
    fn mean(&self, sum: i128, count: i64) -> Result<Option<i128>> {
        let (from, (precision, to)) = (self.input.1, self.output);
        let more_digits = u32::from((to - from).unsigned_abs());
        let scaled = i256::from_i128(sum).wrapping_mul(i256::from_i128(10_i128.pow(more_digits)));
        let count = i256::from_i128(i128::from(count));
        let (quotient, remainder) = (scaled.wrapping_div(count), scaled.wrapping_rem(count));
        let round_up = remainder.wrapping_abs().wrapping_mul(i256::from_i128(2)) >= count;
        let away = if sum < 0 { i256::MINUS_ONE } else { i256::ONE };
        let mean = if round_up { quotient.wrapping_add(away) } else { quotient };
        let limit = 10_i128.pow(u32::from(precision)) - 1;
        match mean.to_i128().filter(|mean| (-limit..=limit).contains(mean)) {
            Some(mean) => Ok(Some(mean)),
            None if self.overflow == Overflow::Error => Err(decimal_overflow(&mean.to_string(), to, self.output)),
            None => Ok(None),
        }
    }
}

impl DecimalSum {
    /// The results of sums that may be wider than their type, with the numbers of their values.
    pub(super) fn wide_results(&self, sums: impl Iterator<Item = (i256, i64)>) -> Result<ArrayRef> {
        let sum_type = self.sum_type();
        let limit = 10_i128.pow(u32::from(sum_type.0)) - 1;
        let result = |(sum, count): (i256, i64)| match sum.to_i128().filter(|sum| (-limit..=limit).contains(sum)) {
            _ if count <= 0 => Ok(None),
            Some(sum) if self.is_mean => self.mean(sum, count),
            Some(sum) => Ok(Some(sum)),
            None if self.overflow == Overflow::Error => Err(decimal_overflow(&sum.to_string(), self.input.1, sum_type)),
            None => Ok(None),
        };
        self.presented(sums.map(result).collect::<Result<Decimal128Array>>()?)
    }

    fn presented(&self, results: Decimal128Array) -> Result<ArrayRef> {
        let (precision, scale) = self.output;
        Ok(Arc::new(results.with_data_type(DataType::Decimal128(precision, scale))))
    }
}

impl Form for DecimalSum {
    type Cell = DecimalCell;

    fn update(
        &self,
        cells: &mut [DecimalCell],
        argument: &Argument,
        rows: Assignment<'_>,
        _heap_bytes: &mut isize,
    ) -> Result<()> {
        let values = argument.value()?.as_primitive::<Decimal128Type>().values();
        argument.try_for_each(rows, |row, group| self.add(&mut cells[group], values[row], 1))
    }

    fn merge(&self, cell: &mut DecimalCell, other: &DecimalCell) -> Result<()> {
        self.add(cell, other.sum(), other.count)
    }

    const RETRACT: Option<Retract<Self>> = Some(|_, cells, argument, rows, _heap_bytes| {
        let values = argument.value()?.as_primitive::<Decimal128Type>().values();
        argument.try_for_each(rows, |row, group| {
            let cell = cells[group];
            // What has overflowed does not know what to go back to.
            if cell.count == OVERFLOWED {
                return Err(Error::internal("a sum that has overflowed was asked to take a value out"));
            }
            cells[group] = DecimalCell::new(cell.sum() - values[row], cell.count - 1);
            Ok(())
        })
    });

    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a DecimalCell> + Clone) -> Result<ArrayRef> {
        let result = |cell: &DecimalCell| match cell.count {
            ..=0 => Ok(None),
            count if self.is_mean => self.mean(cell.sum(), count),
            _ => Ok(Some(cell.sum())),
        };
        self.presented(cells.map(result).collect::<Result<Decimal128Array>>()?)
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<DecimalCell> {
        let count = reader.i64()?;
        Ok(DecimalCell::new(if count == 0 { 0 } else { i128::from_le_bytes(reader.array()?) }, count))
    }
}
