//! One map from keys to values: all groups whose event time ends at the same time. It is forgotten as a whole.
//!
//! The first time a batch touches a group its old values are saved. That list is how the batch is undone, and together
//! with the groups that are new it says what the batch changed.

use hashbrown::HashTable;
use millstream_core::Result;
use xxhash_rust::xxh3::xxh3_64;

use super::accumulator::{Accumulator, Argument, Rows};
use super::codec::Reader;
use super::groups::{Groups, Layout};
use super::key_codec::EncodedKeys;

/// The hash of a key: its high byte is the shard, the whole is the place in the map. Part of the checkpoint's meaning.
#[inline]
pub(super) fn hash_key(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// Groups found by key.
#[derive(Debug)]
pub(super) struct Pane {
    table: HashTable<u32>,
    groups: Groups,
    /// Groups before this one are older than the batch.
    base: u32,
    /// By group before `base`: whether the batch touched it. Empty while it touched none.
    touched: Vec<bool>,
    /// Old values in the order of first touch.
    undo_groups: Vec<u32>,
    undo_values: Vec<Accumulator>,
}

impl Pane {
    pub(super) fn new(layout: &Layout) -> Self {
        Self {
            table: HashTable::new(),
            groups: Groups::new(layout),
            base: 0,
            touched: vec![],
            undo_groups: vec![],
            undo_values: layout.accumulators(),
        }
    }

    pub(super) fn groups(&self) -> &Groups {
        &self.groups
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether the batch has changed nothing yet.
    pub(super) fn is_clean(&self) -> bool {
        self.undo_groups.is_empty() && self.base as usize == self.len()
    }

    /// The groups that the batch changed: touched ones, then new ones.
    pub(super) fn changed(&self) -> impl Iterator<Item = u32> {
        self.undo_groups.iter().copied().chain(self.base..self.len() as u32)
    }

    pub(super) fn changed_count(&self) -> usize {
        self.undo_groups.len() + self.len() - self.base as usize
    }

    /// Finds or makes the groups of these rows and takes the rows in. `found` is scratch space.
    pub(super) fn update(
        &mut self,
        layout: &Layout,
        (keys, hashes): (&EncodedKeys, &[u64]),
        (rows, found): (&[u32], &mut Vec<u32>),
        arguments: &[Argument],
    ) -> Result<()> {
        found.clear();
        for &row in rows {
            found.push(self.find_or_insert(keys.key(row as usize), hashes[row as usize])?);
        }
        self.take_in(layout, Rows { rows, groups: found }, arguments)
    }

    /// Takes rows into the groups that were found for them.
    pub(super) fn take_in(&mut self, layout: &Layout, rows: Rows<'_>, arguments: &[Argument]) -> Result<()> {
        let functions = layout.functions.iter().zip(arguments);
        for (accumulator, (function, argument)) in self.groups.accumulators.iter_mut().zip(functions) {
            accumulator.update(function, argument, rows)?;
        }
        Ok(())
    }

    /// Whether a group that says by its value when it ends is gone. What the batch made or changed is not.
    #[inline]
    pub(super) fn is_gone(&self, group: u32, gone_us: i64) -> bool {
        !self.is_changed(group) && self.groups.end_us(group) <= gone_us
    }

    #[inline]
    fn is_changed(&self, group: u32) -> bool {
        group >= self.base || self.touched.get(group as usize).copied().unwrap_or(false)
    }

    /// Counts a group as changed by the batch, though it keeps its values; makes it if need be.
    pub(super) fn touch(&mut self, key: &[u8]) -> Result<()> {
        self.find_or_insert(key, hash_key(key)).map(|_| ())
    }

    /// The group of a key, made if need be. An older one counts as changed.
    #[inline]
    pub(super) fn find_or_insert(&mut self, key: &[u8], hash: u64) -> Result<u32> {
        if let Some(&group) = self.table.find(hash, |&group| self.groups.key(group) == key) {
            if group < self.base {
                self.save(group);
            }
            return Ok(group);
        }
        let group = self.len() as u32;
        self.groups.push_empty(key)?;
        let groups = &self.groups;
        self.table.insert_unique(hash, group, |&group| hash_key(groups.key(group)));
        Ok(group)
    }

    /// The group of a key.
    #[inline]
    pub(super) fn find(&self, key: &[u8], hash: u64) -> Option<u32> {
        self.table.find(hash, |&group| self.groups.key(group) == key).copied()
    }

    /// Adds a group that was spilled before the batch. It counts as new here: to undo the batch is to forget it.
    pub(super) fn load(&mut self, layout: &Layout, hash: u64, written: &[u8]) -> Result<()> {
        let group = self.len() as u32;
        self.groups.push_read(&mut Reader::new(written), layout)?;
        let groups = &self.groups;
        self.table.insert_unique(hash, group, |&group| hash_key(groups.key(group)));
        Ok(())
    }

    /// Groups that are older than the batch.
    pub(super) fn old_count(&self) -> usize {
        self.base as usize
    }

    /// Whether the group of a key is here and older than the batch.
    pub(super) fn has_old(&self, key: &[u8], hash: u64) -> bool {
        self.find(key, hash).is_some_and(|group| group < self.base)
    }

    /// For each group that is older than the batch: where its saved values are, if the batch touched it.
    pub(super) fn saved_places(&self) -> Vec<Option<u32>> {
        let mut places = vec![None; self.base as usize];
        for (place, &group) in self.undo_groups.iter().enumerate() {
            places[group as usize] = Some(place as u32);
        }
        places
    }

    /// Appends a group as it was before the batch.
    pub(super) fn write_old(&self, group: u32, saved: Option<u32>, out: &mut Vec<u8>) {
        match saved {
            Some(place) => self.groups.write_with(group, (&self.undo_values, place), out),
            None => self.groups.write(group, out),
        }
    }

    /// A pane of the groups that the batch changed, all of them new in it; none if it changed none.
    pub(super) fn changed_only(&self, layout: &Layout) -> Result<Option<Self>> {
        let mut kept = Self::new(layout);
        for group in self.changed() {
            kept.put((&self.groups, group), hash_key(self.groups.key(group)))?;
        }
        Ok((kept.len() > 0).then_some(kept))
    }

    /// Saves a group's values, if this is the batch's first touch of it.
    #[inline]
    fn save(&mut self, group: u32) {
        if self.touched.is_empty() {
            self.touched.resize(self.base as usize, false);
        }
        if !std::mem::replace(&mut self.touched[group as usize], true) {
            self.undo_groups.push(group);
            for (saved, current) in self.undo_values.iter_mut().zip(&self.groups.accumulators) {
                saved.push_from(current, group as usize);
            }
        }
    }

    /// Ends the batch: what it changed stays.
    pub(super) fn commit(&mut self) {
        self.base = self.len() as u32;
        self.forget_undo();
    }

    /// Puts back what the batch changed.
    pub(super) fn undo(&mut self) {
        for group in self.base..self.len() as u32 {
            let hash = hash_key(self.groups.key(group));
            if let Ok(entry) = self.table.find_entry(hash, |&other| other == group) {
                entry.remove();
            }
        }
        self.groups.truncate(self.base as usize);
        for (saved, &group) in self.undo_groups.iter().enumerate() {
            for (current, old) in self.groups.accumulators.iter_mut().zip(&self.undo_values) {
                current.copy_from(group as usize, old, saved);
            }
        }
        self.forget_undo();
    }

    fn forget_undo(&mut self) {
        self.touched.clear();
        self.undo_groups.clear();
        self.undo_values.iter_mut().for_each(|values| values.truncate(0));
    }

    /// Replaces a group by one that was read.
    pub(super) fn put(&mut self, (from, group): (&Groups, u32), hash: u64) -> Result<()> {
        let to = self.find_or_insert(from.key(group), hash)?;
        for (mine, theirs) in self.groups.accumulators.iter_mut().zip(&from.accumulators) {
            mine.copy_from(to as usize, theirs, group as usize);
        }
        Ok(())
    }

    /// A new pane of the groups that stay. Those that the batch changed count as new in it.
    pub(super) fn retain(&self, layout: &Layout, stays: impl Fn(u32) -> bool) -> Result<Self> {
        let mut kept = Self::new(layout);
        let stays = |group: &u32| stays(*group);
        let all = 0..self.len() as u32;
        for group in all.clone().filter(|&group| !self.is_changed(group)).filter(stays) {
            kept.put((&self.groups, group), hash_key(self.groups.key(group)))?;
        }
        kept.base = kept.len() as u32;
        for group in all.filter(|&group| self.is_changed(group)).filter(stays) {
            kept.put((&self.groups, group), hash_key(self.groups.key(group)))?;
        }
        Ok(kept)
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.table.allocation_size()
            + self.groups.bytes()
            + self.touched.capacity()
            + 4 * self.undo_groups.capacity()
            + self.undo_values.iter().map(Accumulator::bytes).sum::<usize>()
    }
}
