//! One map from keys to values: all entries whose event time ends at the same time. It is forgotten as a whole.
//!
//! The first time a batch touches an entry its old value is saved. That list is how the batch is undone, and together
//! with the entries that are new it says what the batch changed.
//!
//! An entry may be in the map and count as absent: it was removed, or it ended by its value (`lifetime.rs`). It stays
//! until the pane is made anew, because it may hide one on disk. Who looks it up to change it finds it empty.

use hashbrown::HashSet;
use millstream_core::Result;

use super::codec::Reader;
use super::entries::{Entries, StoreLayout};
use super::index::Index;
use super::marks::Marks;
use super::values::Values;

/// Entries found by key.
#[derive(Debug)]
pub(super) struct Pane<V> {
    index: Index,
    entries: Entries<V>,
    /// Entries before this one are older than the batch.
    base: u32,
    /// Of the entries before `base` those that the batch touched.
    touched: Marks,
    /// Entries in the order of first touch, and their old values.
    undo_entries: Vec<u32>,
    undo_values: V,
    undo_removed: Marks,
    /// Of the entries from `base` on those that were only read from disk.
    unchanged: HashSet<u32>,
    /// Entries that came, less those that went, since this was last asked.
    balance: isize,
}

impl<V: Values> Pane<V> {
    pub(super) fn new(layout: &StoreLayout<V>) -> Self {
        Self {
            index: Index::new(layout.sub_key_bytes),
            entries: Entries::new(layout),
            base: 0,
            touched: Marks::default(),
            undo_entries: vec![],
            undo_values: V::new(&layout.values),
            undo_removed: Marks::default(),
            unchanged: HashSet::new(),
            balance: 0,
        }
    }

    pub(super) fn entries(&self) -> &Entries<V> {
        &self.entries
    }

    pub(super) fn values_mut(&mut self) -> &mut V {
        self.entries.values_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the batch has changed nothing yet.
    pub(super) fn is_clean(&self) -> bool {
        self.undo_entries.is_empty() && self.base as usize == self.len()
    }

    /// The entries that the batch changed: touched ones, then new ones.
    pub(super) fn changed(&self) -> impl Iterator<Item = u32> {
        self.undo_entries.iter().copied().chain(self.changed_new())
    }

    /// Of those the ones that are new here; some of them may be on disk as they were before the batch.
    pub(super) fn changed_new(&self) -> impl Iterator<Item = u32> {
        (self.base..self.len() as u32).filter(|entry| !self.unchanged.contains(entry))
    }

    pub(super) fn changed_count(&self) -> usize {
        self.undo_entries.len() + self.len() - self.base as usize - self.unchanged.len()
    }

    /// The values that entries had before the batch touched them: the entry, all old values, and the place among them.
    /// Entries that were absent then had none; `gone_us` is what had ended by its value before the batch.
    pub(super) fn old_values(&self, gone_us: i64) -> impl Iterator<Item = (u32, &V, u32)> {
        let places = (0_u32..).zip(&self.undo_entries);
        let was_there = move |(place, entry): &(u32, &u32)| !self.was_absent(**entry, Some(*place), gone_us);
        places.filter(was_there).map(|(place, &entry)| (entry, &self.undo_values, place))
    }

    /// Entries that came, less those that went, since this was last asked.
    pub(super) fn take_balance(&mut self) -> isize {
        std::mem::take(&mut self.balance)
    }

    /// Whether an entry is absent, although it is in the map. What ended by its value by `gone_us` and was made or
    /// changed by the batch since is there again.
    #[inline]
    pub(super) fn is_absent(&self, entry: u32, gone_us: i64) -> bool {
        self.entries.is_removed(entry) || self.is_gone(entry, gone_us)
    }

    /// Whether an entry has ended by its value.
    #[inline]
    pub(super) fn is_gone(&self, entry: u32, gone_us: i64) -> bool {
        self.entries.values().end_us(entry).is_some_and(|end_us| end_us <= gone_us) && !self.is_changed(entry)
    }

    #[inline]
    pub(super) fn is_changed(&self, entry: u32) -> bool {
        if entry < self.base { self.touched.has(entry) } else { !self.unchanged.contains(&entry) }
    }

    /// The entry of a key, made if need be. An older one counts as changed; one that was absent is empty now.
    #[inline]
    pub(super) fn find_or_insert(
        &mut self,
        layout: &StoreLayout<V>,
        key: &[u8],
        hash: u64,
        gone_us: i64,
    ) -> Result<u32> {
        if let Some(entry) = self.index.find(&self.entries, key, hash) {
            let is_absent = self.is_absent(entry, gone_us);
            self.touch(entry);
            if is_absent {
                self.revive(layout, entry);
            }
            return Ok(entry);
        }
        let entry = self.len() as u32;
        self.entries.push_empty(key)?;
        self.index.insert(&self.entries, entry, hash);
        self.balance += 1;
        Ok(entry)
    }

    /// Makes an absent entry an empty one.
    fn revive(&mut self, layout: &StoreLayout<V>, entry: u32) {
        let mut empty = V::new(&layout.values);
        empty.push_empty();
        self.entries.values_mut().copy_from(entry, &empty, 0);
        self.entries.set_removed(entry, false);
        self.balance += 1;
    }

    /// Counts an entry as changed by the batch, and saves its value if this is the first touch.
    #[inline]
    pub(super) fn touch(&mut self, entry: u32) {
        if entry >= self.base {
            if !self.unchanged.is_empty() {
                self.unchanged.remove(&entry);
            }
        } else if !self.touched.replace(entry, true) {
            if self.entries.is_removed(entry) {
                self.undo_removed.replace(self.undo_entries.len() as u32, true);
            }
            self.undo_entries.push(entry);
            self.undo_values.push_from(self.entries.values(), entry);
        }
    }

    /// Removes an entry that is there.
    pub(super) fn remove(&mut self, entry: u32) {
        self.touch(entry);
        self.entries.set_removed(entry, true);
        self.balance -= 1;
    }

    /// The entry of a key, absent or not.
    #[inline]
    pub(super) fn find(&self, key: &[u8], hash: u64) -> Option<u32> {
        self.index.find(&self.entries, key, hash)
    }

    /// The entries of a key in the order of their sub-keys, absent ones included.
    pub(super) fn bucket(&self, key: &[u8], hash: u64) -> &[u32] {
        self.index.bucket(&self.entries, key, hash)
    }

    /// Adds an entry that was spilled before the batch. To undo the batch is to forget it: it is on disk still.
    pub(super) fn load(&mut self, layout: &StoreLayout<V>, hash: u64, written: &[u8]) -> Result<()> {
        let entry = self.len() as u32;
        self.entries.push_read(&mut Reader::new(written), layout)?;
        self.index.insert(&self.entries, entry, hash);
        self.unchanged.insert(entry);
        Ok(())
    }

    /// Entries that are older than the batch.
    pub(super) fn old_count(&self) -> usize {
        self.base as usize
    }

    /// Whether the entry of a key is here and older than the batch.
    pub(super) fn has_old(&self, key: &[u8], hash: u64) -> bool {
        self.find(key, hash).is_some_and(|entry| entry < self.base)
    }

    /// For each entry that is older than the batch: where its saved value is, if the batch touched it.
    pub(super) fn saved_places(&self) -> Vec<Option<u32>> {
        let mut places = vec![None; self.base as usize];
        for (place, &entry) in self.undo_entries.iter().enumerate() {
            places[entry as usize] = Some(place as u32);
        }
        places
    }

    /// Whether an entry was absent before the batch. `saved` is the place of its saved value, if the batch touched it.
    pub(super) fn was_absent(&self, entry: u32, saved: Option<u32>, gone_us: i64) -> bool {
        let (is_removed, end_us) = match saved {
            Some(place) => (self.undo_removed.has(place), self.undo_values.end_us(place)),
            None => (self.entries.is_removed(entry), self.entries.values().end_us(entry)),
        };
        is_removed || end_us.is_some_and(|end_us| end_us <= gone_us)
    }

    /// Appends an entry as it was before the batch.
    pub(super) fn write_old(&self, entry: u32, saved: Option<u32>, out: &mut Vec<u8>) {
        match saved {
            Some(place) => {
                self.entries.write_as(entry, (&self.undo_values, place, self.undo_removed.has(place)), out);
            }
            None => self.entries.write(entry, out),
        }
    }

    /// A pane of the entries that the batch changed, all of them new in it; none if it changed none.
    pub(super) fn changed_only(&self, layout: &StoreLayout<V>) -> Result<Option<Self>> {
        let mut kept = Self::new(layout);
        self.changed().try_for_each(|entry| kept.push_copy(layout, &self.entries, entry))?;
        Ok((kept.len() > 0).then_some(kept))
    }

    /// Adds a copy of an entry whose key is not here.
    fn push_copy(&mut self, layout: &StoreLayout<V>, from: &Entries<V>, entry: u32) -> Result<()> {
        let copy = self.len() as u32;
        self.entries.push_from(from, entry)?;
        self.index.insert(&self.entries, copy, layout.hash_stored(from.key(entry)));
        Ok(())
    }

    /// Ends the batch: what it changed stays.
    pub(super) fn commit(&mut self) {
        self.base = self.len() as u32;
        self.forget_undo();
    }

    /// Puts back what the batch changed.
    pub(super) fn undo(&mut self) {
        for entry in self.base..self.len() as u32 {
            self.index.remove(&self.entries, entry);
        }
        self.entries.truncate(self.base as usize);
        for (place, &entry) in (0..).zip(&self.undo_entries) {
            self.entries.values_mut().copy_from(entry, &self.undo_values, place);
            self.entries.set_removed(entry, self.undo_removed.has(place));
        }
        self.forget_undo();
        self.balance = 0;
    }

    fn forget_undo(&mut self) {
        self.touched.clear();
        self.undo_entries.clear();
        self.undo_values.truncate(0);
        self.undo_removed.clear();
        self.unchanged.clear();
    }

    /// Replaces an entry by one that was read.
    pub(super) fn put(&mut self, layout: &StoreLayout<V>, from: &Entries<V>, entry: u32, gone_us: i64) -> Result<()> {
        let (key, is_removed) = (from.key(entry), from.is_removed(entry));
        let hash = layout.hash_stored(key);
        let known = self.find(key, hash).filter(|&known| !self.is_absent(known, gone_us));
        match (known, is_removed) {
            (Some(known), true) => self.remove(known),
            (None, true) => {}
            (_, false) => {
                let to = self.find_or_insert(layout, key, hash, gone_us)?;
                self.entries.values_mut().copy_from(to, from.values(), entry);
            }
        }
        Ok(())
    }

    /// A new pane of the entries that stay. Those that the batch changed count as new in it.
    pub(super) fn retain(&self, layout: &StoreLayout<V>, stays: impl Fn(u32) -> bool) -> Result<Self> {
        let mut kept = Self::new(layout);
        let stays = |entry: &u32| stays(*entry);
        let all = 0..self.len() as u32;
        for entry in all.clone().filter(|&entry| !self.is_changed(entry)).filter(stays) {
            kept.push_copy(layout, &self.entries, entry)?;
        }
        kept.base = kept.len() as u32;
        for entry in all.filter(|&entry| self.is_changed(entry)).filter(stays) {
            kept.push_copy(layout, &self.entries, entry)?;
        }
        Ok(kept)
    }

    /// Entries that were removed.
    pub(super) fn removed_count(&self) -> usize {
        self.entries.removed_count()
    }

    /// The bytes of memory that the pane holds.
    pub(super) fn bytes(&self) -> usize {
        self.index.bytes()
            + self.entries.bytes()
            + self.touched.bytes()
            + 4 * self.undo_entries.capacity()
            + self.undo_values.bytes()
            + self.undo_removed.bytes()
            + self.unchanged.allocation_size()
    }
}
