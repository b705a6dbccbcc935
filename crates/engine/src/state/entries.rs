//! Entries 0, 1, 2 …: their keys, and their values beside them.

use millstream_core::{Error, Result};

use super::codec::{Reader, put_bytes};
use super::index::hash_key;
use super::key_codec::KeyCodec;
use super::marks::Marks;
use super::values::Values;

/// What the keys and values of one store look like.
#[derive(Debug)]
pub struct StoreLayout<V: Values> {
    pub(super) codec: KeyCodec,
    /// Bytes of the sub-key behind each key; 0 where a key has one entry only.
    pub(super) sub_key_bytes: usize,
    /// Whether single entries can be removed. Then a byte says in what is written whether an entry is there.
    pub(super) is_removable: bool,
    pub(super) values: V::Layout,
}

impl<V: Values> StoreLayout<V> {
    /// One entry a key.
    pub fn new(codec: KeyCodec, values: V::Layout) -> Self {
        Self { codec, sub_key_bytes: 0, is_removable: false, values }
    }

    /// A bucket of entries a key, in the order of their sub-keys: so many bytes each, compared as bytes.
    pub fn with_sub_keys(codec: KeyCodec, sub_key_bytes: usize, values: V::Layout) -> Self {
        Self { codec, sub_key_bytes, is_removable: true, values }
    }

    /// The same layout for a store from which single entries can be removed.
    pub fn removable(self) -> Self {
        Self { is_removable: true, ..self }
    }

    /// The codec of the keys.
    pub fn codec(&self) -> &KeyCodec {
        &self.codec
    }

    /// What the values have in common.
    pub fn values(&self) -> &V::Layout {
        &self.values
    }

    /// Splits what is stored as a key into the key and its sub-key.
    #[inline]
    pub(super) fn split<'a>(&self, stored: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        stored.split_at(stored.len() - self.sub_key_bytes)
    }

    /// The hash of a stored key, which its sub-key does not change.
    #[inline]
    pub(super) fn hash_stored(&self, stored: &[u8]) -> u64 {
        hash_key(self.split(stored).0)
    }

    /// The length of every stored key, if all have the same.
    fn stride(&self) -> Option<usize> {
        self.codec.stride().map(|stride| stride + self.sub_key_bytes)
    }

    /// The stored key of an entry as it is written.
    pub(super) fn written_key<'a>(&self, entry: &'a [u8]) -> Result<&'a [u8]> {
        self.read_key(&mut Reader::new(entry))
    }

    fn read_key<'a>(&self, reader: &mut Reader<'a>) -> Result<&'a [u8]> {
        match self.stride() {
            Some(stride) => reader.take(stride),
            None => reader.bytes(),
        }
    }

    fn check(&self, stored: &[u8]) -> Result<()> {
        if stored.len() < self.sub_key_bytes {
            return Err(Error::data("a key in the state is shorter than its sub-key"));
        }
        self.codec.check(self.split(stored).0)
    }

    /// The event time (µs) at which an entry ends as it is written, where its value says so; none for a removed entry.
    pub(super) fn written_end_us(&self, entry: &[u8]) -> Result<i64> {
        let mut reader = Reader::new(entry);
        self.read_key(&mut reader)?;
        self.read_is_live(&mut reader)?;
        V::written_end_us(&self.values, &mut reader)
    }

    /// Where entries can be removed, a byte says whether one is there.
    fn read_is_live(&self, reader: &mut Reader<'_>) -> Result<bool> {
        if !self.is_removable {
            return Ok(true);
        }
        match reader.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(Error::data(format!("an entry in the state is marked {other}, not with 0 or 1"))),
        }
    }
}

/// Keys and values, side by side.
#[derive(Debug)]
pub struct Entries<V> {
    keys: KeyArena,
    values: V,
    /// Entries that were removed.
    removed: Marks,
    is_removable: bool,
}

/// Keys one behind the other.
#[derive(Debug)]
struct KeyArena {
    bytes: Vec<u8>,
    /// The length of all keys, if they have the same.
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

    #[inline]
    fn push(&mut self, key: &[u8]) -> Result<()> {
        let end = u32::try_from(self.bytes.len() + key.len())
            .map_err(|_| Error::unavailable("the keys of one part of the state take more than 4 GB"))?;
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

impl<V: Values> Entries<V> {
    /// No entries.
    pub fn new(layout: &StoreLayout<V>) -> Self {
        let keys = KeyArena { bytes: vec![], stride: layout.stride(), ends: vec![], count: 0 };
        Self { keys, values: V::new(&layout.values), removed: Marks::default(), is_removable: layout.is_removable }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.keys.count
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.keys.count == 0
    }

    /// The key of an entry, with its sub-key behind it.
    #[inline]
    pub fn key(&self, entry: u32) -> &[u8] {
        self.keys.key(entry as usize)
    }

    /// The values.
    #[inline]
    pub fn values(&self) -> &V {
        &self.values
    }

    /// The values, to be changed.
    #[inline]
    pub(super) fn values_mut(&mut self) -> &mut V {
        &mut self.values
    }

    /// Whether an entry was removed.
    #[inline]
    pub(super) fn is_removed(&self, entry: u32) -> bool {
        self.removed.count() > 0 && self.removed.has(entry)
    }

    /// Marks an entry as removed, or as there.
    pub(super) fn set_removed(&mut self, entry: u32, is_removed: bool) {
        self.removed.replace(entry, is_removed);
    }

    /// Entries that were removed.
    pub(super) fn removed_count(&self) -> usize {
        self.removed.count()
    }

    /// Adds an entry with an empty value.
    #[inline]
    pub(super) fn push_empty(&mut self, key: &[u8]) -> Result<()> {
        self.keys.push(key)?;
        self.values.push_empty();
        Ok(())
    }

    /// Adds a copy of another's entry.
    pub fn push_from(&mut self, other: &Self, entry: u32) -> Result<()> {
        self.keys.push(other.key(entry))?;
        self.values.push_from(&other.values, entry);
        if other.is_removed(entry) {
            self.set_removed((self.len() - 1) as u32, true);
        }
        Ok(())
    }

    /// Adds an entry with a copy of a value that lies elsewhere.
    pub fn push_value(&mut self, key: &[u8], values: &V, place: u32) -> Result<()> {
        self.keys.push(key)?;
        self.values.push_from(values, place);
        Ok(())
    }

    /// Forgets all entries from this one on.
    pub(super) fn truncate(&mut self, entries: usize) {
        self.keys.truncate(entries);
        self.values.truncate(entries);
        self.removed.truncate(entries);
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.keys.bytes.capacity() + 4 * self.keys.ends.capacity() + self.values.bytes() + self.removed.bytes()
    }

    /// Appends one entry to a delta or snapshot.
    pub(super) fn write(&self, entry: u32, out: &mut Vec<u8>) {
        self.write_as(entry, (&self.values, entry, self.is_removed(entry)), out);
    }

    /// Appends one entry with another value: the one at a place of `values`, or as removed.
    pub(super) fn write_as(&self, entry: u32, (values, place, is_removed): (&V, u32, bool), out: &mut Vec<u8>) {
        let key = self.key(entry);
        match self.keys.stride {
            Some(_) => out.extend_from_slice(key),
            None => put_bytes(out, key),
        }
        if self.is_removable {
            out.push(u8::from(!is_removed));
        }
        if !is_removed {
            values.write(place, out);
        }
    }

    /// Adds an entry from a delta or snapshot.
    pub(super) fn push_read(&mut self, reader: &mut Reader<'_>, layout: &StoreLayout<V>) -> Result<()> {
        let key = layout.read_key(reader)?;
        layout.check(key)?;
        self.keys.push(key)?;
        if layout.read_is_live(reader)? {
            self.values.push_read(&layout.values, reader)
        } else {
            self.values.push_empty();
            self.set_removed((self.len() - 1) as u32, true);
            Ok(())
        }
    }
}

/// What describes the keys of a layout in a checkpoint.
pub(super) fn describe_keys<V: Values>(layout: &StoreLayout<V>) -> Vec<String> {
    let mut keys = layout.codec.describe();
    if layout.sub_key_bytes > 0 {
        keys.push(format!("sub-key of {} bytes", layout.sub_key_bytes));
    }
    keys
}
