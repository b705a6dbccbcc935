//! Groups 0, 1, 2 …: their keys, and their values by aggregate.

use arrow::array::ArrayRef;
use millstream_core::{Error, Result};

use super::accumulator::Accumulator;
use super::aggregate_function::AggregateFunction;
use super::codec::{Reader, put_bytes};
use super::key_codec::KeyCodec;
use super::lifetime::FOREVER;

/// What the keys and values of one operator look like.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) codec: KeyCodec,
    pub(crate) functions: Vec<AggregateFunction>,
}

impl Layout {
    pub(super) fn accumulators(&self) -> Vec<Accumulator> {
        self.functions.iter().map(|function| Accumulator::new(function.form)).collect()
    }

    /// The key of a group as it is written.
    pub(super) fn written_key<'a>(&self, group: &'a [u8]) -> Result<&'a [u8]> {
        self.read_key(&mut Reader::new(group))
    }

    fn read_key<'a>(&self, reader: &mut Reader<'a>) -> Result<&'a [u8]> {
        match self.codec.stride() {
            Some(stride) => reader.take(stride),
            None => reader.bytes(),
        }
    }

    /// When a group ends (µs) as it is written, where its first value says so.
    pub(super) fn written_end_us(&self, group: &[u8]) -> Result<i64> {
        let mut reader = Reader::new(group);
        self.read_key(&mut reader)?;
        match reader.i64()? {
            0 => Err(Error::data("a group in the state does not say when it ends")),
            _ => reader.i64(),
        }
    }
}

/// Keys and values, side by side.
#[derive(Debug)]
pub(crate) struct Groups {
    keys: KeyArena,
    pub(super) accumulators: Vec<Accumulator>,
}

/// Keys one behind the other.
#[derive(Debug)]
struct KeyArena {
    bytes: Vec<u8>,
    /// Of all keys, if they have the same length.
    stride: Option<usize>,
    /// The end of each key, if they have not.
    ends: Vec<u32>,
    count: usize,
}

impl KeyArena {
    #[inline]
    fn key(&self, index: usize) -> &[u8] {
        match self.stride {
            Some(stride) => &self.bytes[index * stride..][..stride],
            None => {
                let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
                &self.bytes[start..self.ends[index] as usize]
            }
        }
    }

    fn push(&mut self, key: &[u8]) -> Result<()> {
        let end = u32::try_from(self.bytes.len() + key.len())
            .map_err(|_| Error::unavailable("the group keys of one part of the state take more than 4 GB"))?;
        self.bytes.extend_from_slice(key);
        if self.stride.is_none() {
            self.ends.push(end);
        }
        self.count += 1;
        Ok(())
    }

    fn truncate(&mut self, count: usize) {
        let end = match (self.stride, count) {
            (Some(stride), _) => count * stride,
            (None, 0) => 0,
            (None, _) => self.ends[count - 1] as usize,
        };
        self.bytes.truncate(end);
        self.ends.truncate(count);
        self.count = count;
    }
}

impl Groups {
    pub(crate) fn new(layout: &Layout) -> Self {
        let keys = KeyArena { bytes: vec![], stride: layout.codec.stride(), ends: vec![], count: 0 };
        Self { keys, accumulators: layout.accumulators() }
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.count
    }

    #[inline]
    pub(crate) fn key(&self, group: u32) -> &[u8] {
        self.keys.key(group as usize)
    }

    /// When a group ends (µs), where its first value says so.
    #[inline]
    pub(super) fn end_us(&self, group: u32) -> i64 {
        self.accumulators.first().and_then(|ends| ends.int64(group as usize)).unwrap_or(FOREVER)
    }

    /// Adds a group without values.
    #[inline]
    pub(super) fn push_empty(&mut self, key: &[u8]) -> Result<()> {
        self.keys.push(key)?;
        self.accumulators.iter_mut().for_each(Accumulator::push_empty);
        Ok(())
    }

    /// Adds a copy of another's group.
    pub(crate) fn push_from(&mut self, other: &Self, group: u32) -> Result<()> {
        self.keys.push(other.key(group))?;
        for (mine, theirs) in self.accumulators.iter_mut().zip(&other.accumulators) {
            mine.push_from(theirs, group as usize);
        }
        Ok(())
    }

    /// Forgets all groups from this one on.
    pub(super) fn truncate(&mut self, groups: usize) {
        self.keys.truncate(groups);
        self.accumulators.iter_mut().for_each(|accumulator| accumulator.truncate(groups));
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.keys.bytes.capacity()
            + 4 * self.keys.ends.capacity()
            + self.accumulators.iter().map(Accumulator::bytes).sum::<usize>()
    }

    /// Key columns, then results, of all groups.
    pub(crate) fn columns(&self, layout: &Layout) -> Result<Vec<ArrayRef>> {
        let groups: Vec<u32> = (0..self.len() as u32).collect();
        let keys: Vec<&[u8]> = groups.iter().map(|&group| self.key(group)).collect();
        let mut columns = layout.codec.decode(&keys)?;
        for (accumulator, function) in self.accumulators.iter().zip(&layout.functions) {
            columns.push(accumulator.results(function, &groups)?);
        }
        Ok(columns)
    }

    /// Appends one group to a delta or snapshot.
    pub(super) fn write(&self, group: u32, out: &mut Vec<u8>) {
        self.write_with(group, (&self.accumulators, group), out);
    }

    /// The same with other values for the key: those at `place` in `values`.
    pub(super) fn write_with(&self, group: u32, (values, place): (&[Accumulator], u32), out: &mut Vec<u8>) {
        let key = self.key(group);
        match self.keys.stride {
            Some(_) => out.extend_from_slice(key),
            None => put_bytes(out, key),
        }
        values.iter().for_each(|accumulator| accumulator.write(place as usize, out));
    }

    /// Adds a group from a delta or snapshot.
    pub(super) fn push_read(&mut self, reader: &mut Reader<'_>, layout: &Layout) -> Result<()> {
        let key = layout.read_key(reader)?;
        layout.codec.check(key)?;
        self.keys.push(key)?;
        for (accumulator, function) in self.accumulators.iter_mut().zip(&layout.functions) {
            accumulator.push_read(reader, function)?;
        }
        Ok(())
    }
}
