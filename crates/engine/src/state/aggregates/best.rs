//! The least and the greatest of values of fixed width.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{ArrowPrimitiveType, Decimal128Type, Float64Type, Int64Type};
use millstream_core::{Error, Result};

use super::Argument;
use super::cells::{Cell, Form};
use crate::state::codec::{Reader, put_i64};
use crate::state::shard::Assignment;

/// Values with Spark's order.
pub(super) trait Ordered: ArrowPrimitiveType + Debug + Send + Sync {
    fn is_less(left: Self::Native, right: Self::Native) -> bool;

    fn write(value: Self::Native, out: &mut Vec<u8>);

    fn read(reader: &mut Reader<'_>) -> Result<Self::Native>;
}

impl Ordered for Int64Type {
    #[inline]
    fn is_less(left: i64, right: i64) -> bool {
        left < right
    }

    fn write(value: i64, out: &mut Vec<u8>) {
        put_i64(out, value);
    }

    fn read(reader: &mut Reader<'_>) -> Result<i64> {
        reader.i64()
    }
}

impl Ordered for Float64Type {
    /// −0.0 equals 0.0, NaN equals NaN and is greater than everything else.
    #[inline]
    fn is_less(left: f64, right: f64) -> bool {
        left < right || (right.is_nan() && !left.is_nan())
    }

    fn write(value: f64, out: &mut Vec<u8>) {
        out.extend_from_slice(&value.to_le_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<f64> {
        Ok(f64::from_le_bytes(reader.array()?))
    }
}

impl Ordered for Decimal128Type {
    #[inline]
    fn is_less(left: i128, right: i128) -> bool {
        left < right
    }

    fn write(value: i128, out: &mut Vec<u8>) {
        out.extend_from_slice(&value.to_le_bytes());
    }

    fn read(reader: &mut Reader<'_>) -> Result<i128> {
        Ok(i128::from_le_bytes(reader.array()?))
    }
}

/// The least or the greatest value; of equal ones the first, as in Spark.
#[derive(Debug)]
pub(super) struct Best<T: Ordered> {
    is_least: bool,
    order: PhantomData<T>,
}

impl<T: Ordered> Best<T> {
    pub(super) fn new(is_least: bool) -> Self {
        Self { is_least, order: PhantomData }
    }

    #[inline]
    fn is_better(&self, new: T::Native, old: T::Native) -> bool {
        if self.is_least { T::is_less(new, old) } else { T::is_less(old, new) }
    }
}

/// The best value so far.
#[derive(Debug)]
pub(super) struct BestCell<T: Ordered>(Option<T::Native>);

// Derived, these would ask the same of the type parameter.
impl<T: Ordered> Clone for BestCell<T> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<T: Ordered> Default for BestCell<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Ordered> Cell for BestCell<T> {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.0.is_some()));
        if let Some(value) = self.0 {
            T::write(value, out);
        }
    }
}

impl<T: Ordered> Form for Best<T> {
    type Cell = BestCell<T>;

    fn update(
        &self,
        cells: &mut [BestCell<T>],
        argument: &Argument,
        rows: Assignment<'_>,
        _heap_bytes: &mut isize,
    ) -> Result<()> {
        let values = argument.value()?.as_primitive::<T>().values();
        argument.for_each(rows, |row, group| {
            let cell = &mut cells[group];
            if cell.0.is_none_or(|old| self.is_better(values[row], old)) {
                cell.0 = Some(values[row]);
            }
        });
        Ok(())
    }

    fn merge(&self, cell: &mut BestCell<T>, other: &BestCell<T>) -> Result<()> {
        if let Some(new) = other.0.filter(|&new| cell.0.is_none_or(|old| self.is_better(new, old))) {
            cell.0 = Some(new);
        }
        Ok(())
    }

    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a BestCell<T>> + Clone) -> Result<ArrayRef> {
        Ok(Arc::new(cells.map(|cell| cell.0).collect::<PrimitiveArray<T>>()))
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<BestCell<T>> {
        match reader.array()? {
            [0] => Ok(BestCell(None)),
            [1] => Ok(BestCell(Some(T::read(reader)?))),
            [other] => Err(Error::data(format!("a value in the state begins with {other}, not with 0 or 1"))),
        }
    }
}
