//! The least and the greatest of values that may be taken back: all values are kept, as bytes with the values' order.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, PrimitiveArray};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};
use millstream_core::{Error, Result};

use super::Argument;
use super::multiset::{Multiset, OverMultiset};
use super::native::ValueForm;
use crate::state::shard::Assignment;

/// The least or the greatest value, over rows that may be taken back.
#[derive(Debug)]
pub(super) struct Extreme {
    pub(super) is_least: bool,
    pub(super) form: ValueForm,
    /// Whether what is read from a checkpoint must be UTF-8.
    pub(super) is_text: bool,
}

const SIGN: u64 = 1 << 63;

fn int_bytes(value: i64) -> [u8; 8] {
    (value as u64 ^ SIGN).to_be_bytes()
}

/// NaN is greater than all else and −0.0 stands before 0.0: of the two, which are equal to Spark, each may be given.
fn float_bytes(value: f64) -> [u8; 8] {
    let bits = if value.is_nan() { f64::NAN.to_bits() & !SIGN } else { value.to_bits() };
    (if bits & SIGN == 0 { bits | SIGN } else { !bits }).to_be_bytes()
}

fn float_of(bytes: [u8; 8]) -> f64 {
    let bits = u64::from_be_bytes(bytes);
    f64::from_bits(if bits & SIGN == 0 { !bits } else { bits & !SIGN })
}

fn decimal_bytes(value: i128) -> [u8; 16] {
    (value as u128 ^ 1 << 127).to_be_bytes()
}

/// The bytes of a value of fixed width.
fn fixed<const WIDTH: usize>(bytes: &[u8]) -> Result<[u8; WIDTH]> {
    bytes.try_into().map_err(|_| Error::data(format!("a value in the state has {} bytes, not {WIDTH}", bytes.len())))
}

impl OverMultiset for Extreme {
    fn change(
        &self,
        cells: &mut [Multiset],
        argument: &Argument,
        rows: Assignment<'_>,
        by: (i64, &mut isize),
    ) -> Result<()> {
        let values = argument.value()?;
        Multiset::change(cells, argument, rows, by, |row, out| {
            match self.form {
                ValueForm::Int64 => {
                    out.extend_from_slice(&int_bytes(values.as_primitive::<Int64Type>().value(row)));
                }
                ValueForm::Float64 => {
                    out.extend_from_slice(&float_bytes(values.as_primitive::<Float64Type>().value(row)));
                }
                ValueForm::Decimal => {
                    out.extend_from_slice(&decimal_bytes(values.as_primitive::<Decimal128Type>().value(row)));
                }
                ValueForm::Bytes => out.extend_from_slice(values.as_binary::<i32>().value(row)),
            }
            Ok(())
        })
    }

    fn check(&self, bytes: &[u8]) -> Result<()> {
        match self.form {
            ValueForm::Int64 | ValueForm::Float64 => fixed::<8>(bytes).map(|_| ()),
            ValueForm::Decimal => fixed::<16>(bytes).map(|_| ()),
            ValueForm::Bytes if self.is_text && std::str::from_utf8(bytes).is_err() => {
                Err(Error::data("a value in the state is not text"))
            }
            ValueForm::Bytes => Ok(()),
        }
    }

    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a Multiset> + Clone) -> Result<ArrayRef> {
        let best = cells.map(|cell| if self.is_least { cell.first() } else { cell.last() });
        Ok(match self.form {
            ValueForm::Int64 => {
                let value = |bytes| Ok((u64::from_be_bytes(fixed(bytes)?) ^ SIGN) as i64);
                let values = best.map(|bytes| bytes.map(value).transpose());
                Arc::new(values.collect::<Result<PrimitiveArray<Int64Type>>>()?)
            }
            ValueForm::Float64 => {
                let values = best.map(|bytes| bytes.map(|bytes| fixed(bytes).map(float_of)).transpose());
                Arc::new(values.collect::<Result<PrimitiveArray<Float64Type>>>()?)
            }
            ValueForm::Decimal => {
                let value = |bytes| Ok((u128::from_be_bytes(fixed(bytes)?) ^ 1 << 127) as i128);
                let values = best.map(|bytes| bytes.map(value).transpose());
                Arc::new(values.collect::<Result<PrimitiveArray<Decimal128Type>>>()?)
            }
            ValueForm::Bytes => Arc::new(best.collect::<BinaryArray>()),
        })
    }
}
