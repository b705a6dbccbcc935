//! Values that say how often their key is there.

use millstream_core::Result;

use super::Values;
use crate::state::codec::{Reader, put_i64};

/// How often each key is there. Within a batch it may be less than never, where what takes a row back comes before it.
#[derive(Debug, Default)]
pub struct Counts {
    counts: Vec<i64>,
}

impl Counts {
    /// The count of an entry.
    pub fn count(&self, entry: u32) -> i64 {
        self.counts[entry as usize]
    }

    /// Adds to the count of an entry.
    pub fn add(&mut self, entry: u32, more: i64) {
        self.counts[entry as usize] += more;
    }
}

impl Values for Counts {
    type Layout = ();

    fn new(_layout: &()) -> Self {
        Self::default()
    }

    fn push_empty(&mut self) {
        self.counts.push(0);
    }

    fn push_from(&mut self, other: &Self, entry: u32) {
        self.counts.push(other.counts[entry as usize]);
    }

    fn copy_from(&mut self, entry: u32, other: &Self, other_entry: u32) {
        self.counts[entry as usize] = other.counts[other_entry as usize];
    }

    fn truncate(&mut self, entries: usize) {
        self.counts.truncate(entries);
    }

    fn bytes(&self) -> usize {
        8 * self.counts.capacity()
    }

    fn write(&self, entry: u32, out: &mut Vec<u8>) {
        put_i64(out, self.counts[entry as usize]);
    }

    fn push_read(&mut self, _layout: &(), reader: &mut Reader<'_>) -> Result<()> {
        self.counts.push(reader.i64()?);
        Ok(())
    }

    fn describe(_layout: &()) -> Vec<String> {
        vec!["count".to_owned()]
    }
}
