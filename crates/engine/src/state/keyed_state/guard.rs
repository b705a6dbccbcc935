//! A shard that is locked for an operator: what it may do with single entries, and the walks from which it chooses what
//! a batch gives.

use std::sync::atomic::Ordering;

use millstream_core::Result;
use parking_lot::MutexGuard;

use super::slot::Slot;
use super::{BatchNumber, KeyedState, batch_is_over};
use crate::state::entries::Entries;
use crate::state::index::hash_key;
use crate::state::shard::{Bucket, Shard};
use crate::state::values::Values;

/// A locked shard. An operator that needs the shards of two stores locks them always in the same order.
#[derive(Debug)]
pub struct ShardGuard<'a, V: Values> {
    state: &'a KeyedState<V>,
    slot: &'a Slot<V>,
    shard: MutexGuard<'a, Shard<V>>,
}

impl<V: Values> KeyedState<V> {
    /// Locks a shard for a batch. An error if the batch has ended meanwhile.
    pub fn lock(&self, batch: BatchNumber, shard: usize) -> Result<ShardGuard<'_, V>> {
        let slot = &self.shards[shard];
        let shard = slot.shard.lock();
        if self.batch_number.load(Ordering::SeqCst) != batch.0 {
            return Err(batch_is_over());
        }
        Ok(ShardGuard { state: self, slot, shard })
    }

    /// Locks a shard at the end of a batch if there is something to do: the batch changed it, or something in it may
    /// end by the watermark (µs). To be asked when all rows are in.
    pub fn lock_due(
        &self,
        batch: BatchNumber,
        shard: usize,
        watermark_us: Option<i64>,
    ) -> Result<Option<ShardGuard<'_, V>>> {
        let slot = &self.shards[shard];
        if slot.is_met() || watermark_us.is_some_and(|watermark_us| slot.ends_by(watermark_us)) {
            self.lock(batch, shard).map(Some)
        } else {
            Ok(None)
        }
    }
}

impl<V: Values> ShardGuard<'_, V> {
    /// Works on the entries of a key of this shard.
    pub fn with_bucket<R>(&mut self, key: &[u8], work: impl FnOnce(&mut Bucket<'_, V>) -> Result<R>) -> Result<R> {
        let shape = self.state.shape();
        self.change(|shard| shard.with_bucket(shape, (key, hash_key(key)), work)).0
    }

    /// Counts the entry of a key as changed, though it keeps its value; makes it if need be.
    pub fn touch(&mut self, key: &[u8]) -> Result<()> {
        let shape = self.state.shape();
        self.change(|shard| shard.touch(shape, key, hash_key(key))).0
    }

    /// Takes out all that ends at or before the watermark (µs), where entries end at all.
    pub fn expire(&mut self, watermark_us: i64) -> Result<()> {
        if self.state.lifetime.is_none() {
            return Ok(());
        }
        *self.state.expired_us.lock() = Some(watermark_us);
        let shape = self.state.shape();
        let removed = self.change(|shard| shard.expire(shape, watermark_us)).0?;
        self.state.figures.removed.fetch_add(removed, Ordering::Relaxed);
        Ok(())
    }

    /// Counts the entries that the batch has changed. It is done once for each shard, when all rows are in.
    pub fn count_changed(&self) {
        self.state.figures.updated.fetch_add(self.shard.changed_count(), Ordering::Relaxed);
    }

    /// Calls `each` with every entry.
    pub fn for_each(&self, each: impl FnMut(&Entries<V>, u32) -> Result<()>) -> Result<()> {
        self.shard.for_each(self.state.shape(), each)
    }

    /// Calls `each` with every entry that the batch changed and did not remove; to be asked before
    /// [`ShardGuard::expire`].
    pub fn for_each_changed(&self, each: impl FnMut(&Entries<V>, u32) -> Result<()>) -> Result<()> {
        self.shard.for_each_changed(each)
    }

    /// Calls `each` with every entry that was there before the batch and that the batch changed: its key, the values
    /// before the batch and the place among them. These are the rows that a changelog takes back. To be asked before
    /// [`ShardGuard::expire`].
    pub fn for_each_old(&self, each: impl FnMut(&[u8], &V, u32) -> Result<()>) -> Result<()> {
        self.shard.for_each_old(self.state.shape(), each)
    }

    /// Removes what the batch has changed and of which `has_gone` says so.
    pub fn remove_changed(&mut self, has_gone: impl Fn(&V, u32) -> Result<bool>) -> Result<()> {
        let mut gone = Vec::new();
        self.for_each_changed(|entries, entry| {
            if has_gone(entries.values(), entry)? {
                gone.push(entries.key(entry).to_vec());
            }
            Ok(())
        })?;
        for key in gone {
            self.with_bucket(&key, |bucket| {
                let entries: Vec<u32> = bucket.entries().collect();
                entries.into_iter().try_for_each(|entry| bucket.remove(entry))
            })?;
        }
        Ok(())
    }

    /// Calls `each` with every entry that [`ShardGuard::expire`] took out in this batch.
    pub fn for_each_expired(&self, each: impl FnMut(&Entries<V>, u32) -> Result<()>) -> Result<()> {
        self.shard.for_each_expired(self.state.shape(), each)
    }

    /// Has the shard changed, and counts what it holds more then; says whether it does.
    pub(super) fn change<R>(&mut self, change: impl FnOnce(&mut Shard<V>) -> Result<R>) -> (Result<R>, bool) {
        let before = self.shard.bytes();
        let changed = change(&mut self.shard);
        let after = self.shard.bytes();
        // Wraps below zero where the shard has shrunk, which the sum of all shards never does.
        self.state.held_bytes.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        // Also after a failure, which may have left half a change to be undone.
        self.slot.note_change(&self.shard, self.state.shape());
        (changed, after > before)
    }
}
