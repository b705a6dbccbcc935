//! Values with how often each of them is there, for aggregates that cannot go back by arithmetic.
//!
//! A value is bytes. Their order is the order of the values where a form makes them so; else they are rows, which come
//! back in the order in which they came first.
//!
//! Within a batch a value may be taken out before it is taken in, because the tasks that bring both do not wait for one
//! another. So a count may be below zero for a while.

use std::collections::BTreeMap;
use std::fmt::Debug;

use arrow::array::ArrayRef;
use millstream_core::{Error, Result};

use super::Argument;
use super::cells::{Cell, Form, Retract};
use crate::state::codec::{Reader, put_bytes, put_i64, put_u64};
use crate::state::shard::Assignment;

/// How one function works on the values of its groups.
pub(super) trait OverMultiset: Debug + Send + Sync + 'static {
    /// Takes rows in, or out where `by` is below zero. Bytes that cells hold more, or less, are added to the second of
    /// the pair.
    fn change(
        &self,
        cells: &mut [Multiset],
        argument: &Argument,
        rows: Assignment<'_>,
        by: (i64, &mut isize),
    ) -> Result<()>;

    /// Refuses bytes that are no value.
    fn check(&self, value: &[u8]) -> Result<()>;

    /// The results of these groups.
    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a Multiset> + Clone) -> Result<ArrayRef>;
}

impl<F: OverMultiset> Form for F {
    type Cell = Multiset;

    fn update(
        &self,
        cells: &mut [Multiset],
        argument: &Argument,
        rows: Assignment<'_>,
        heap_bytes: &mut isize,
    ) -> Result<()> {
        self.change(cells, argument, rows, (1, heap_bytes))
    }

    fn merge(&self, cell: &mut Multiset, other: &Multiset) -> Result<()> {
        cell.merge(other);
        Ok(())
    }

    const RETRACT: Option<Retract<Self>> =
        Some(|form, cells, argument, rows, heap_bytes| form.change(cells, argument, rows, (-1, heap_bytes)));

    fn results<'a>(&self, cells: impl ExactSizeIterator<Item = &'a Multiset> + Clone) -> Result<ArrayRef> {
        OverMultiset::results(self, cells)
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<Multiset> {
        Multiset::read(reader, |value| self.check(value))
    }
}

/// The bytes of memory that a value takes beside itself: its place in the map, and its count.
const VALUE_BYTES: usize = 64;

/// The values of one group.
#[derive(Debug, Default, Clone)]
pub(super) struct Multiset {
    values: BTreeMap<Box<[u8]>, Kept>,
    /// The number of the next value that was not there.
    next: u64,
    /// Bytes of all values.
    value_bytes: usize,
}

/// A value that is there.
#[derive(Debug, Clone, Copy)]
struct Kept {
    count: i64,
    /// Values are numbered as they come.
    number: u64,
}

impl Multiset {
    /// Takes a value in, or out where `by` is below zero.
    fn add(&mut self, value: &[u8], by: i64) {
        if let Some(kept) = self.values.get_mut(value) {
            kept.count += by;
            if kept.count == 0 {
                self.values.remove(value);
                self.value_bytes -= value.len();
            }
            return;
        }
        self.values.insert(value.into(), Kept { count: by, number: self.next });
        self.next += 1;
        self.value_bytes += value.len();
    }

    /// The least value by its bytes.
    pub(super) fn first(&self) -> Option<&[u8]> {
        self.values.iter().find(|(_, kept)| kept.count > 0).map(|(value, _)| &**value)
    }

    /// The greatest value by its bytes.
    pub(super) fn last(&self) -> Option<&[u8]> {
        self.values.iter().rev().find(|(_, kept)| kept.count > 0).map(|(value, _)| &**value)
    }

    /// All values as often as they are there, in the order in which they came first.
    pub(super) fn in_order_of_arrival(&self) -> impl Iterator<Item = &[u8]> {
        let mut values: Vec<_> = self.values.iter().collect();
        values.sort_unstable_by_key(|(_, kept)| kept.number);
        values.into_iter().flat_map(|(value, kept)| (0..kept.count).map(|_| &**value))
    }

    /// Reads what [`Cell::write`] wrote; `check` refuses bytes that are no value.
    fn read(reader: &mut Reader<'_>, check: impl Fn(&[u8]) -> Result<()>) -> Result<Self> {
        let next = reader.u64()?;
        let mut set = Self { next, ..Self::default() };
        for _ in 0..reader.u64()? {
            let value = reader.bytes()?;
            check(value)?;
            let kept = Kept { count: reader.i64()?, number: reader.u64()? };
            if kept.count == 0 || set.values.insert(value.into(), kept).is_some() {
                return Err(Error::data("a value of an aggregate in the state is there twice, or not at all"));
            }
            set.value_bytes += value.len();
        }
        Ok(set)
    }

    /// Takes the rows of an argument into their groups, or out of them. `encode` appends the value of a row.
    pub(super) fn change(
        cells: &mut [Self],
        argument: &Argument,
        rows: Assignment<'_>,
        (by, heap_bytes): (i64, &mut isize),
        mut encode: impl FnMut(usize, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let mut value = Vec::new();
        argument.try_for_each(rows, |row, group| {
            value.clear();
            encode(row, &mut value)?;
            let before = cells[group].heap_bytes();
            cells[group].add(&value, by);
            *heap_bytes += cells[group].heap_bytes() as isize - before as isize;
            Ok(())
        })
    }

    /// Adds the values of another.
    fn merge(&mut self, other: &Self) {
        let mut values: Vec<_> = other.values.iter().collect();
        values.sort_unstable_by_key(|(_, kept)| kept.number);
        values.into_iter().for_each(|(value, kept)| self.add(value, kept.count));
    }
}

impl Cell for Multiset {
    fn heap_bytes(&self) -> usize {
        self.value_bytes + VALUE_BYTES * self.values.len()
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_u64(out, self.next);
        put_u64(out, self.values.len() as u64);
        for (value, kept) in &self.values {
            put_bytes(out, value);
            put_i64(out, kept.count);
            put_u64(out, kept.number);
        }
    }
}
