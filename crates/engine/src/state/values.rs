//! What a keyed store keeps for each key. A store knows keys, batches, disk and time; what lies under a key is its
//! [`Values`].
//!
//! Values lie in columns: one `Values` holds those of many entries, numbered from 0. So a kind of values can keep each
//! of its parts in a vector, and a batch of rows is taken in column by column.

mod aggregates;
mod counts;
mod ends;
mod keys_only;
mod rows;
mod sessions;

use std::fmt::Debug;

use millstream_core::{Error, Result};

use super::codec::Reader;

pub(crate) use aggregates::group_columns;
pub use aggregates::{Aggregates, AggregatesLayout};
pub use counts::Counts;
pub use ends::Ends;
pub use keys_only::KeysOnly;
pub use rows::{RowCodec, Rows};
pub use sessions::Sessions;
pub(crate) use sessions::session_columns;

/// The values of entries 0, 1, 2 … of a store.
///
/// A store copies values to undo a batch, writes them to deltas, snapshots and spilled runs, and reads them again. It
/// never looks into them, but for the time at which an entry ends (see [`crate::state::Lifetime::InValue`]).
pub trait Values: Debug + Send + Sync + Sized + 'static {
    /// What all values of a store have in common, such as their types. It is part of the operator and not written.
    type Layout: Debug + Send + Sync;

    /// Values for no entries.
    fn new(layout: &Self::Layout) -> Self;

    /// Adds an entry whose value is empty.
    fn push_empty(&mut self);

    /// Adds an entry with a copy of another's value.
    fn push_from(&mut self, other: &Self, entry: u32);

    /// Gives an entry a copy of another's value.
    fn copy_from(&mut self, entry: u32, other: &Self, other_entry: u32);

    /// Forgets all entries from this one on.
    fn truncate(&mut self, entries: usize);

    /// Bytes of memory held.
    fn bytes(&self) -> usize;

    /// Appends the value of an entry.
    fn write(&self, entry: u32, out: &mut Vec<u8>);

    /// Adds an entry whose value is read from what [`Values::write`] wrote. Garbage is refused by name.
    fn push_read(&mut self, layout: &Self::Layout, reader: &mut Reader<'_>) -> Result<()>;

    /// The types or functions of the values, as a checkpoint describes them.
    fn describe(layout: &Self::Layout) -> Vec<String>;

    /// The event time (µs) at which an entry ends, where its value says so.
    fn end_us(&self, _entry: u32) -> Option<i64> {
        None
    }

    /// The same of a value as it is written.
    fn written_end_us(layout: &Self::Layout, reader: &mut Reader<'_>) -> Result<i64> {
        let mut read = Self::new(layout);
        read.push_read(layout, reader)?;
        read.end_us(0).ok_or_else(|| Error::data("an entry in the state does not say when it ends"))
    }
}
