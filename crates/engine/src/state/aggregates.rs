//! Aggregate functions that keep state from batch to batch.
//!
//! What a function means comes with it in the plan (`functions/stream_aggregate.rs`); nothing here knows a function by
//! name. A function keeps a [`Column`]: its state for all groups of a map. The common ones have columns of their own,
//! one file a form; any other function of DataFusion keeps the state of its accumulator as scalars (`accumulator.rs`),
//! which is slower and takes more memory, and gives the same answers.
//!
//! Over rows that may be taken back other forms are taken, from which values can be taken out (`exact_float_sum.rs`,
//! `wide_sum.rs`, `extreme.rs`, `replayed.rs`). Rows that stay never pay for them.

mod accumulator;
mod best;
mod cells;
mod count;
mod decimal_sum;
mod exact_float_sum;
mod extreme;
mod float_sum;
mod int_sum;
mod multiset;
mod native;
mod overflow;
mod replayed;
mod text_best;
mod wide_sum;

use std::any::Any;
use std::fmt::Debug;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;
use millstream_core::{Error, Result};

pub(crate) use accumulator::AccumulatorAggregate;
pub use native::NativeAggregate;
pub use overflow::Overflow;
pub(crate) use replayed::ReplayedAggregate;

use super::codec::Reader;
use super::shard::Assignment;

/// An aggregate function over arguments of known types.
pub trait KeyedAggregate: Debug + Send + Sync {
    /// The function and its types as a checkpoint describes them. A restart with another description is refused.
    fn describe(&self) -> String;

    /// The type of its result.
    fn output(&self) -> &DataType;

    /// A column for no groups.
    fn new_column(&self) -> Box<dyn Column>;

    /// Argument columns in the form in which [`Column::update`] takes them.
    fn prepare(&self, arguments: &[ArrayRef]) -> Result<Vec<ArrayRef>>;

    /// Results of [`Column::results`] in the type of the function's result.
    fn present(&self, results: ArrayRef) -> Result<ArrayRef> {
        Ok(results)
    }

    /// Whether rows with a NULL among the arguments are left out before the column sees them.
    fn skips_null(&self) -> bool;
}

/// The state of one aggregate for groups 0, 1, 2 …, updated in place. Columns that meet are of one function.
pub trait Column: Debug + Send + Sync {
    /// Adds a group into which nothing has gone.
    fn push_empty(&mut self);

    /// Adds a group that is a copy of another column's.
    fn push_from(&mut self, other: &dyn Column, group: u32);

    /// Makes a group equal to one of another column.
    fn copy_from(&mut self, group: u32, other: &dyn Column, other_group: u32);

    /// Forgets all groups from this one on.
    fn truncate(&mut self, groups: usize);

    /// Bytes of memory held.
    fn bytes(&self) -> usize;

    /// Takes rows into their groups.
    fn update(&mut self, argument: &Argument, rows: Assignment<'_>) -> Result<()>;

    /// Adds what went into groups of another column: its group `rows[i]` to the group `entries[i]` here.
    fn merge(&mut self, other: &dyn Column, groups: Assignment<'_>) -> Result<()>;

    /// Whether [`Column::retract`] can be asked.
    fn can_retract(&self) -> bool {
        false
    }

    /// Takes rows out of their groups that had been taken in.
    fn retract(&mut self, _argument: &Argument, _rows: Assignment<'_>) -> Result<()> {
        Err(Error::internal("an aggregate was asked to take out what it cannot"))
    }

    /// The results of these groups.
    fn results(&self, groups: &[u32]) -> Result<ArrayRef>;

    /// Appends the state of a group to a delta or snapshot.
    fn write(&self, group: u32, out: &mut Vec<u8>);

    /// Adds a group from a delta or snapshot. Garbage is refused by name.
    fn push_read(&mut self, reader: &mut Reader<'_>) -> Result<()>;

    /// The column as itself, for another of its kind.
    fn as_any(&self) -> &dyn Any;
}

/// The arguments of one aggregate for one batch of rows.
#[derive(Debug)]
pub struct Argument {
    values: Vec<ArrayRef>,
    /// The rows that count. Absent when all do.
    mask: Option<BooleanBuffer>,
}

impl Argument {
    /// The argument columns of `function` with its FILTER, if it has one.
    pub fn try_new(function: &dyn KeyedAggregate, columns: &[ArrayRef], filter: Option<&ArrayRef>) -> Result<Self> {
        let mut mask: Option<BooleanBuffer> = None;
        let mut restrict =
            |more: &BooleanBuffer| mask = Some(mask.as_ref().map_or_else(|| more.clone(), |mask| mask & more));
        for column in columns.iter().filter(|_| function.skips_null()) {
            if let Some(nulls) = column.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
                restrict(nulls.inner());
            }
        }
        if let Some(filter) = filter {
            let filter = filter.as_boolean_opt().ok_or_else(|| Error::internal("a FILTER is not a condition"))?;
            restrict(&filter.nulls().map_or_else(|| filter.values().clone(), |nulls| filter.values() & nulls.inner()));
        }
        Ok(Self { values: function.prepare(columns)?, mask })
    }

    /// The argument columns.
    pub fn values(&self) -> &[ArrayRef] {
        &self.values
    }

    /// The only argument column.
    pub fn value(&self) -> Result<&ArrayRef> {
        self.values.first().ok_or_else(|| Error::internal("an aggregate has no argument"))
    }

    /// Calls `each` with (row, group) for the rows that count.
    #[inline]
    pub fn for_each(&self, rows: Assignment<'_>, mut each: impl FnMut(usize, usize)) {
        let pairs = rows.rows.iter().zip(rows.entries).map(|(&row, &group)| (row as usize, group as usize));
        match &self.mask {
            None => pairs.for_each(|(row, group)| each(row, group)),
            Some(mask) => pairs.filter(|&(row, _)| mask.value(row)).for_each(|(row, group)| each(row, group)),
        }
    }

    /// The same for what may fail; the first error ends it.
    #[inline]
    pub fn try_for_each(&self, rows: Assignment<'_>, mut each: impl FnMut(usize, usize) -> Result<()>) -> Result<()> {
        let mut pairs = rows.rows.iter().zip(rows.entries).map(|(&row, &group)| (row as usize, group as usize));
        match &self.mask {
            None => pairs.try_for_each(|(row, group)| each(row, group)),
            Some(mask) => pairs.filter(|&(row, _)| mask.value(row)).try_for_each(|(row, group)| each(row, group)),
        }
    }
}

#[cfg(test)]
mod tests;
