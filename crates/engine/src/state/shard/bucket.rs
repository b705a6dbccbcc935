//! The entries of one key, in the order of their sub-keys, for an operator to look through and to change.

use millstream_core::Result;

use super::Shard;
use crate::state::lifetime::Line;
use crate::state::pane::Pane;
use crate::state::spilled::Shape;
use crate::state::values::Values;

/// The entries of one key while its shard is locked: a join's rows, the sessions of a user, the runs of a pattern.
#[derive(Debug)]
pub struct Bucket<'a, V: Values> {
    shape: Shape<'a, V>,
    pane: &'a mut Pane<V>,
    line: &'a mut Line,
    key: &'a [u8],
    hash: u64,
    /// The key with a sub-key behind it, to look one up.
    stored: Vec<u8>,
}

impl<V: Values> Shard<V> {
    /// Has an operator work on the entries of a key; `hash` is [`crate::state::hash_key`] of it.
    pub(in crate::state) fn with_bucket<R>(
        &mut self,
        shape: Shape<'_, V>,
        (key, hash): (&[u8], u64),
        work: impl FnOnce(&mut Bucket<'_, V>) -> Result<R>,
    ) -> Result<R> {
        self.change(shape, shape.pane_of(key), |pane, disk, line| {
            disk.load_bucket(shape, pane, line, (key, hash))?;
            work(&mut Bucket { shape, pane, line, key, hash, stored: key.to_vec() })
        })
    }
}

impl<V: Values> Bucket<'_, V> {
    /// The entries that are there, in the order of their sub-keys.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = u32> {
        let there = |entry: &u32| !self.pane.is_absent(*entry, self.line.gone_us());
        let bucket = self.pane.bucket(self.key, self.hash);
        // Without sub-keys a key has one entry and no bucket; with them, a key alone is not what is stored.
        let is_single = self.shape.layout.sub_key_bytes == 0;
        let single = if is_single { self.pane.find(self.key, self.hash) } else { None };
        single.into_iter().chain(bucket.iter().copied()).filter(there)
    }

    /// The running batch has changed or removed an entry of the key.
    pub fn is_changed(&self) -> bool {
        self.pane.bucket(self.key, self.hash).iter().any(|&entry| self.pane.is_changed(entry))
    }

    /// The entry is older than the running batch, or as it was before it.
    pub fn is_older(&self, entry: u32) -> bool {
        (entry as usize) < self.pane.old_count() || !self.pane.is_changed(entry)
    }

    /// The sub-key of an entry.
    pub fn sub_key(&self, entry: u32) -> &[u8] {
        self.shape.layout.split(self.pane.entries().key(entry)).1
    }

    /// The values of all entries of the shard's pane, this bucket's among them.
    pub fn values(&self) -> &V {
        self.pane.entries().values()
    }

    /// The entry with this sub-key, if it is there.
    pub fn get(&mut self, sub_key: &[u8]) -> Option<u32> {
        let found = self.pane.find(stored(&mut self.stored, self.key, sub_key), self.hash);
        found.filter(|&entry| !self.pane.is_absent(entry, self.line.gone_us()))
    }

    /// The entry with this sub-key, made if need be, with its value to be changed by `change`.
    pub fn upsert(&mut self, sub_key: &[u8], change: impl FnOnce(&mut V, u32) -> Result<()>) -> Result<u32> {
        let stored = stored(&mut self.stored, self.key, sub_key);
        let entry = self.pane.find_or_insert(self.shape.layout, stored, self.hash, self.line.gone_us())?;
        let changed = change(self.pane.values_mut(), entry);
        self.line.add_all(self.shape, self.pane, &[entry]);
        changed.map(|()| entry)
    }

    /// Removes an entry that is there, as far as the store's layout allows it.
    pub fn remove(&mut self, entry: u32) -> Result<()> {
        if !self.shape.layout.is_removable {
            return Err(millstream_core::Error::internal("an entry was removed from a store that keeps all of them"));
        }
        if !self.pane.is_absent(entry, self.line.gone_us()) {
            self.pane.remove(entry);
        }
        Ok(())
    }
}

/// The key with this sub-key behind it, in `buffer`.
fn stored<'a>(buffer: &'a mut Vec<u8>, key: &[u8], sub_key: &[u8]) -> &'a [u8] {
    buffer.truncate(key.len());
    buffer.extend_from_slice(sub_key);
    buffer
}
