//! No values: a store of keys that are there or not.

use millstream_core::Result;

use super::Values;
use crate::state::codec::Reader;

/// The absence of values.
#[derive(Debug)]
pub struct KeysOnly;

impl Values for KeysOnly {
    type Layout = ();

    fn new(_layout: &()) -> Self {
        Self
    }

    fn push_empty(&mut self) {}

    fn push_from(&mut self, _other: &Self, _entry: u32) {}

    fn copy_from(&mut self, _entry: u32, _other: &Self, _other_entry: u32) {}

    fn truncate(&mut self, _entries: usize) {}

    fn bytes(&self) -> usize {
        0
    }

    fn write(&self, _entry: u32, _out: &mut Vec<u8>) {}

    fn push_read(&mut self, _layout: &(), _reader: &mut Reader<'_>) -> Result<()> {
        Ok(())
    }

    fn describe(_layout: &()) -> Vec<String> {
        vec![]
    }
}
