//! Values that say nothing but when their key ends.

use millstream_core::Result;

use super::Values;
use crate::state::codec::{Reader, put_i64};
use crate::state::lifetime::FOREVER;

/// The event time (µs) at which each entry ends; for keys that are forgotten after a while.
#[derive(Debug)]
pub struct Ends {
    ends_us: Vec<i64>,
}

impl Ends {
    /// The event time (µs) at which an entry ends.
    #[inline]
    pub(super) fn get(&self, entry: u32) -> i64 {
        self.ends_us[entry as usize]
    }

    /// Says when an entry ends.
    #[inline]
    pub fn set(&mut self, entry: u32, end_us: i64) {
        self.ends_us[entry as usize] = end_us;
    }
}

impl Values for Ends {
    type Layout = ();

    fn new(_layout: &()) -> Self {
        Self { ends_us: vec![] }
    }

    fn push_empty(&mut self) {
        self.ends_us.push(FOREVER);
    }

    fn push_from(&mut self, other: &Self, entry: u32) {
        self.ends_us.push(other.ends_us[entry as usize]);
    }

    fn copy_from(&mut self, entry: u32, other: &Self, other_entry: u32) {
        self.ends_us[entry as usize] = other.ends_us[other_entry as usize];
    }

    fn truncate(&mut self, entries: usize) {
        self.ends_us.truncate(entries);
    }

    fn bytes(&self) -> usize {
        8 * self.ends_us.capacity()
    }

    fn write(&self, entry: u32, out: &mut Vec<u8>) {
        put_i64(out, self.ends_us[entry as usize]);
    }

    fn push_read(&mut self, _layout: &(), reader: &mut Reader<'_>) -> Result<()> {
        self.ends_us.push(reader.i64()?);
        Ok(())
    }

    fn describe(_layout: &()) -> Vec<String> {
        vec!["end".to_owned()]
    }

    #[inline]
    fn end_us(&self, entry: u32) -> Option<i64> {
        Some(self.ends_us[entry as usize])
    }

    fn written_end_us(_layout: &(), reader: &mut Reader<'_>) -> Result<i64> {
        reader.i64()
    }
}
