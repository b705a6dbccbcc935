//! Counts rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use millstream_core::Result;

use super::Argument;
use super::cells::{Cell, Form, Retract};
use crate::state::codec::{Reader, put_i64};
use crate::state::shard::Assignment;

/// The number of rows.
#[derive(Debug)]
pub(super) struct Count;

impl Cell for i64 {
    fn write(&self, out: &mut Vec<u8>) {
        put_i64(out, *self);
    }
}

impl Form for Count {
    type Cell = i64;

    fn update(
        &self,
        cells: &mut [i64],
        argument: &Argument,
        rows: Assignment<'_>,
        _heap_bytes: &mut isize,
    ) -> Result<()> {
        argument.for_each(rows, |_, group| cells[group] += 1);
        Ok(())
    }

    fn merge(&self, cell: &mut i64, other: &i64) -> Result<()> {
        *cell += other;
        Ok(())
    }

    const RETRACT: Option<Retract<Self>> = Some(|_, cells, argument, rows, _heap_bytes| {
        argument.for_each(rows, |_, group| cells[group] -= 1);
        Ok(())
    });

    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a i64> + Clone) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from_iter_values(cells.copied())))
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<i64> {
        reader.i64()
    }
}
