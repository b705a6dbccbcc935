//! Sums of doubles that values can be taken out of.
//!
//! A double is a whole number of the least double, 2⁻¹⁰⁷⁴. The sum of such numbers is kept exactly, as one whole number
//! that is wide enough for all of them. So it does not depend on the order of values, and a value that was taken in and
//! out again leaves no trace. The result is the double next to the exact sum. NaN and the infinities are counted beside
//! it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float64Array};
use arrow::datatypes::Float64Type;
use millstream_core::{Error, Result};

use super::Argument;
use super::cells::{Cell, Form, Retract};
use crate::state::codec::{Reader, put_i64, put_u64};
use crate::state::shard::Assignment;

/// Words of 64 bits: the greatest double has 2,098 of them, and 2⁷⁷ such values may come together.
const WORDS: usize = 34;

/// The bits of a double's significand behind its first.
const FRACTION_BITS: usize = 52;

/// The sum of DOUBLEs, or their mean, over rows that may be taken back.
#[derive(Debug)]
pub(super) struct ExactFloatSum {
    pub(super) is_mean: bool,
}

/// What went into a sum.
#[derive(Debug, Default, Clone)]
pub(super) struct ExactCell {
    /// The sum of the finite values in two's complement, the lowest word first; none while it is zero and was no other.
    words: Option<Box<[u64; WORDS]>>,
    count: i64,
    nan: i64,
    infinite: i64,
    negative_infinite: i64,
}

impl ExactCell {
    /// Takes a value in, or out where `by` is −1.
    fn add(&mut self, value: f64, by: i64) {
        self.count += by;
        if value.is_nan() {
            self.nan += by;
        } else if value.is_infinite() {
            let count = if value > 0.0 { &mut self.infinite } else { &mut self.negative_infinite };
            *count += by;
        } else if value != 0.0 {
            self.add_finite(if by < 0 { -value } else { value });
        }
    }

    fn add_finite(&mut self, value: f64) {
        let bits = value.to_bits();
        let exponent = (bits >> FRACTION_BITS) as usize & 0x7ff;
        let fraction = bits & ((1 << FRACTION_BITS) - 1);
        // Below the least exponent there is no first bit that goes without saying.
        let (significand, shift) =
            if exponent == 0 { (fraction, 0) } else { (fraction | 1 << FRACTION_BITS, exponent - 1) };
        let shifted = u128::from(significand) << (shift % 64);
        let words = self.words.get_or_insert_with(|| Box::new([0; WORDS]));
        let parts = [shifted as u64, (shifted >> 64) as u64];
        let mut carry = false;
        for (place, word) in words[shift / 64..].iter_mut().enumerate() {
            let part = parts.get(place).copied().unwrap_or(0);
            if place >= parts.len() && !carry {
                break;
            }
            let (sum, first) = if value < 0.0 { word.overflowing_sub(part) } else { word.overflowing_add(part) };
            let last = u64::from(carry);
            let (sum, second) = if value < 0.0 { sum.overflowing_sub(last) } else { sum.overflowing_add(last) };
            *word = sum;
            carry = first | second;
        }
    }

    fn sum(&self) -> f64 {
        if self.nan > 0 || (self.infinite > 0 && self.negative_infinite > 0) {
            return f64::NAN;
        }
        match (self.infinite > 0, self.negative_infinite > 0) {
            (true, _) => f64::INFINITY,
            (_, true) => f64::NEG_INFINITY,
            _ => self.words.as_ref().map_or(0.0, |words| nearest_double(words)),
        }
    }
}

/// The double next to a sum; of two that are equally near the even one.
fn nearest_double(words: &[u64; WORDS]) -> f64 {
    let is_negative = words[WORDS - 1] >> 63 == 1;
    let magnitude = if is_negative { negated(words) } else { *words };
    let Some(top_word) = magnitude.iter().rposition(|word| *word != 0) else { return 0.0 };
    let top = top_word * 64 + 63 - magnitude[top_word].leading_zeros() as usize;
    let sign = if is_negative { -1.0 } else { 1.0 };
    if top <= FRACTION_BITS {
        // The bits of a double that is this multiple of the least one are the number itself.
        return sign * f64::from_bits(magnitude[0]);
    }
    let bit = |place: usize| magnitude[place / 64] >> (place % 64) & 1;
    let lowest = top - FRACTION_BITS;
    let fraction = (lowest..top).rev().fold(0, |fraction, place| fraction << 1 | bit(place));
    let exponent = lowest as u64 + 1;
    if exponent >= 0x7ff {
        return sign * f64::INFINITY;
    }
    let is_half = bit(lowest - 1) == 1;
    let rounds_up = is_half && (fraction & 1 == 1 || (0..lowest - 1).any(|place| bit(place) == 1));
    // A fraction that is all ones goes on into the exponent, which is what it should do.
    sign * f64::from_bits((exponent << FRACTION_BITS | fraction) + u64::from(rounds_up))
}

fn negated(words: &[u64; WORDS]) -> [u64; WORDS] {
    let mut carry = true;
    words.map(|word| {
        let (negated, overflows) = (!word).overflowing_add(u64::from(carry));
        carry = overflows;
        negated
    })
}

impl Cell for ExactCell {
    fn heap_bytes(&self) -> usize {
        self.words.as_ref().map_or(0, |words| size_of_val(&**words))
    }

    /// Words at the top that only repeat the sign, and zeros at the bottom, are left out.
    fn write(&self, out: &mut Vec<u8>) {
        [self.count, self.nan, self.infinite, self.negative_infinite].into_iter().for_each(|count| put_i64(out, count));
        let words: &[u64] = match &self.words {
            Some(words) if words.iter().any(|word| *word != 0) => &words[..],
            _ => &[],
        };
        let sign = if words.last().is_some_and(|word| word >> 63 == 1) { u64::MAX } else { 0 };
        let first = words.iter().position(|word| *word != 0).unwrap_or(words.len());
        let end = words.iter().rposition(|word| *word != sign).map_or(first, |last| (last + 1).max(first));
        put_u64(out, (first as u64) << 1 | (sign & 1));
        put_u64(out, (end - first) as u64);
        words[first..end].iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    }
}

impl Form for ExactFloatSum {
    type Cell = ExactCell;

    fn update(
        &self,
        cells: &mut [ExactCell],
        argument: &Argument,
        rows: Assignment<'_>,
        heap_bytes: &mut isize,
    ) -> Result<()> {
        let values = argument.value()?.as_primitive::<Float64Type>().values();
        argument.for_each(rows, |row, group| {
            let before = cells[group].heap_bytes();
            cells[group].add(values[row], 1);
            *heap_bytes += cells[group].heap_bytes() as isize - before as isize;
        });
        Ok(())
    }

    fn merge(&self, cell: &mut ExactCell, other: &ExactCell) -> Result<()> {
        cell.count += other.count;
        cell.nan += other.nan;
        cell.infinite += other.infinite;
        cell.negative_infinite += other.negative_infinite;
        let Some(more) = &other.words else { return Ok(()) };
        let mut carry = false;
        for (word, more) in cell.words.get_or_insert_with(|| Box::new([0; WORDS])).iter_mut().zip(&**more) {
            let (sum, first) = word.overflowing_add(*more);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            *word = sum;
            carry = first | second;
        }
        Ok(())
    }

    const RETRACT: Option<Retract<Self>> = Some(|_, cells, argument, rows, heap_bytes| {
        let values = argument.value()?.as_primitive::<Float64Type>().values();
        argument.for_each(rows, |row, group| {
            let before = cells[group].heap_bytes();
            cells[group].add(values[row], -1);
            *heap_bytes += cells[group].heap_bytes() as isize - before as isize;
        });
        Ok(())
    });

    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a ExactCell> + Clone) -> Result<ArrayRef> {
        let result = |cell: &ExactCell| if self.is_mean { cell.sum() / cell.count as f64 } else { cell.sum() };
        Ok(Arc::new(cells.map(|cell| (cell.count > 0).then(|| result(cell))).collect::<Float64Array>()))
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<ExactCell> {
        let mut count = || reader.i64();
        let (count, nan, infinite, negative_infinite) = (count()?, count()?, count()?, count()?);
        let (head, length) = (reader.u64()?, reader.u64()?);
        let (first, sign) = (head >> 1, if head & 1 == 1 { u64::MAX } else { 0 });
        let end = first.checked_add(length).filter(|end| *end <= WORDS as u64);
        let (Ok(first), Some(end)) = (usize::try_from(first), end) else {
            return Err(Error::data("a sum in the state is wider than all doubles together"));
        };
        let mut words = Box::new([0; WORDS]);
        words[end as usize..].fill(sign);
        for word in &mut words[first..end as usize] {
            *word = u64::from_le_bytes(reader.array()?);
        }
        let words = words.iter().any(|word| *word != 0).then_some(words);
        Ok(ExactCell { words, count, nan, infinite, negative_infinite })
    }
}

#[cfg(test)]
mod tests;
