//! A keyed store: entries spread over shards, changed in place by the tasks of a batch (Spark: the state store under a
//! stateful operator). It knows keys, batches, time, disk and memory; what lies under a key it leaves to [`Values`],
//! and what a batch gives to the operator.
//!
//! Any task may change any shard; it locks one at a time, so nothing has to be exchanged between tasks first. What a
//! batch did is undone or committed under the same locks. A failed batch may leave a task running for a moment: each
//! batch has a number, and a task of an old one finds it changed and touches nothing.
//!
//! When the memory budget runs short, whole shards go to disk (`spilled.rs`), the largest first. What the running batch
//! has changed stays in memory; only a batch whose own changes do not fit is refused.

mod budget;
mod durable;
mod figures;
mod guard;
mod slot;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use millstream_core::{Error, Reservation, Result};
use parking_lot::Mutex;

pub use figures::StoreFigures;
pub use guard::ShardGuard;

use super::entries::StoreLayout;
use super::index::hash_key;
use super::key_codec::EncodedKeys;
use super::lifetime::Lifetime;
use super::shard::{Assignment, Shard, ShardRows};
use super::spill_folder::SpillFolder;
use super::spilled::Shape;
use super::values::Values;
use figures::Figures;
use slot::Slot;

/// Parts of a store, by the high byte of a key's hash.
pub const SHARDS: usize = 256;

/// What makes a store.
#[derive(Debug)]
pub struct KeyedStateConfig<V: Values> {
    /// Its name within its operator.
    pub name: String,
    /// Its keys and values.
    pub layout: StoreLayout<V>,
    /// When entries expire; `None` if they never do.
    pub lifetime: Option<Lifetime>,
    /// Where its memory is counted.
    pub reservation: Reservation,
    /// Where it goes beyond that.
    pub spill: Arc<SpillFolder>,
}

/// A keyed store.
#[derive(Debug)]
pub struct KeyedState<V: Values> {
    name: String,
    layout: StoreLayout<V>,
    lifetime: Option<Lifetime>,
    shards: Box<[Slot<V>]>,
    reservation: Mutex<Reservation>,
    held_bytes: AtomicUsize,
    spill: Arc<SpillFolder>,
    /// Held by the task that makes room; the others wait for it.
    spilling: Mutex<()>,
    /// Goes up when a batch ends, well or badly.
    batch_number: AtomicU64,
    figures: Figures,
    /// The watermark (µs) by which the running batch expired entries.
    expired_us: Mutex<Option<i64>>,
}

/// A batch as a store counts them. A task that comes after its end changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchNumber(u64);

/// Buffers of one task, used again for every batch of rows.
#[derive(Debug, Default)]
pub struct UpdateScratch {
    hashes: Vec<u64>,
    by_shard: ByShard,
    found: Vec<u32>,
}

/// Row numbers in the order of their shards.
#[derive(Debug, Default)]
struct ByShard {
    rows: Vec<u32>,
    /// The shards that have rows, and where their rows end.
    ends: Vec<(usize, usize)>,
}

impl<V: Values> KeyedState<V> {
    /// An empty store.
    pub fn new(config: KeyedStateConfig<V>) -> Self {
        let KeyedStateConfig { name, layout, lifetime, reservation, spill } = config;
        Self {
            name,
            layout,
            lifetime,
            shards: (0..SHARDS).map(|_| Slot::default()).collect(),
            reservation: Mutex::new(reservation),
            held_bytes: AtomicUsize::new(0),
            spill,
            spilling: Mutex::default(),
            batch_number: AtomicU64::new(0),
            figures: Figures::default(),
            expired_us: Mutex::new(None),
        }
    }

    /// Keys and values.
    pub fn layout(&self) -> &StoreLayout<V> {
        &self.layout
    }

    fn shape(&self) -> Shape<'_, V> {
        Shape { layout: &self.layout, lifetime: self.lifetime }
    }

    /// Begins a batch: figures start at zero.
    pub fn begin_batch(&self) -> BatchNumber {
        self.figures.begin_batch();
        BatchNumber(self.batch_number.load(Ordering::SeqCst))
    }

    /// Counts rows that came too late.
    pub fn add_dropped(&self, rows: usize) {
        self.figures.dropped.fetch_add(rows, Ordering::Relaxed);
    }

    /// Counts entries as changed by the batch, or no longer so, for an operator whose count is another than that of
    /// [`ShardGuard::count_changed`].
    pub fn add_updated(&self, entries: isize) {
        // Wraps below zero where there are fewer, which the sum of a batch never does.
        self.figures.updated.fetch_add(entries as usize, Ordering::Relaxed);
    }

    /// Counts entries that were taken out for another reason than that they ended.
    pub fn add_removed(&self, entries: usize) {
        self.figures.removed.fetch_add(entries, Ordering::Relaxed);
    }

    /// Counts time spent taking rows in.
    pub fn add_update_time(&self, time: Duration) {
        self.figures.update_us.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    /// Counts time spent expiring entries.
    pub fn add_removal_time(&self, time: Duration) {
        self.figures.removal_us.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    /// What the newest batch did.
    pub fn figures(&self) -> StoreFigures {
        self.figures.get(self.held_bytes.load(Ordering::Relaxed), &self.spill)
    }

    /// Finds or makes the entry of each row's key, and has the rows taken into them. Called by several tasks at once.
    pub fn update(
        &self,
        batch: BatchNumber,
        keys: &EncodedKeys,
        scratch: &mut UpdateScratch,
        mut take_in: impl FnMut(&mut V, Assignment<'_>) -> Result<()>,
    ) -> Result<()> {
        self.change(batch, keys, scratch, |shard, rows| shard.update(self.shape(), rows, &mut take_in))
    }

    /// Adds the keys of these rows that are not there, has the first row of each taken in, and says which rows those
    /// were. Called by several tasks at once.
    pub fn insert_new(
        &self,
        batch: BatchNumber,
        keys: &EncodedKeys,
        scratch: &mut UpdateScratch,
        mut take_in: impl FnMut(&mut V, Assignment<'_>) -> Result<()>,
    ) -> Result<Vec<u32>> {
        let mut first_rows = Vec::new();
        self.change(batch, keys, scratch, |shard, rows| {
            shard.insert_new(self.shape(), rows, &mut first_rows, &mut take_in)
        })?;
        Ok(first_rows)
    }

    /// Hands rows to the shards of their keys, each locked in turn.
    fn change(
        &self,
        batch: BatchNumber,
        keys: &EncodedKeys,
        scratch: &mut UpdateScratch,
        mut change: impl FnMut(&mut Shard<V>, ShardRows<'_>) -> Result<()>,
    ) -> Result<()> {
        scratch.spread(keys);
        let UpdateScratch { hashes, by_shard, found } = scratch;
        let mut has_grown = false;
        for (shard, rows) in by_shard.shards() {
            let mut guard = self.lock(batch, shard)?;
            let rows = ShardRows { keys, hashes, rows, found };
            let (changed, grown) = guard.change(|shard| change(shard, rows));
            has_grown |= grown;
            changed?;
        }
        if has_grown { self.settle() } else { Ok(()) }
    }

    /// Counts anew what all shards hold, after a walk over all of them that counted nothing. The running batch is over.
    fn recount(&self) {
        let (mut bytes, mut entries) = (0, 0);
        for slot in &self.shards {
            let shard = slot.shard.lock();
            bytes += shard.bytes();
            entries += shard.len();
            slot.end_batch(&shard, self.shape());
        }
        self.held_bytes.store(bytes, Ordering::Relaxed);
        self.figures.total.store(entries, Ordering::Relaxed);
        self.release();
    }

    /// Tells the ledger what is held after a batch.
    fn release(&self) {
        // It only shrinks here, or grows to what was held before the batch, so the ledger cannot refuse for long.
        let _ = self.reservation.lock().resize(self.held_bytes.load(Ordering::Relaxed));
    }
}

impl UpdateScratch {
    /// Orders the rows of these keys by shard.
    fn spread(&mut self, keys: &EncodedKeys) {
        self.hashes.clear();
        self.hashes.extend((0..keys.len()).map(|row| hash_key(keys.key(row))));
        self.by_shard.spread(&self.hashes);
    }

    /// The rows of these keys by shard, for an operator that locks shards for itself. Shards without rows are left out.
    pub fn by_shard(&mut self, keys: &EncodedKeys) -> impl Iterator<Item = (usize, &[u32])> {
        self.spread(keys);
        self.by_shard.shards()
    }
}

impl ByShard {
    /// Orders row numbers by the shards of these hashes; those of a shard stay in their order.
    fn spread(&mut self, hashes: &[u64]) {
        let Self { rows, ends } = self;
        let shard = |row: u32| shard_of(hashes[row as usize]);
        rows.clear();
        ends.clear();
        // To count costs a walk over all shards, which a few rows are not worth.
        if hashes.len() < SHARDS / 4 {
            rows.extend(0..hashes.len() as u32);
            rows.sort_by_key(|&row| shard(row));
            let mut end = 0;
            for of_shard in rows.chunk_by(|a, b| shard(*a) == shard(*b)) {
                end += of_shard.len();
                ends.push((shard(of_shard[0]), end));
            }
            return;
        }
        let mut next = [0; SHARDS + 1];
        for &hash in hashes {
            next[shard_of(hash) + 1] += 1;
        }
        for shard in 0..SHARDS {
            next[shard + 1] += next[shard];
        }
        rows.resize(hashes.len(), 0);
        for (row, &hash) in hashes.iter().enumerate() {
            let place = &mut next[shard_of(hash)];
            rows[*place] = row as u32;
            *place += 1;
        }
        // Each shard's next place is where its rows end by now.
        let mut start = 0;
        for (shard, &end) in next[..SHARDS].iter().enumerate() {
            if end > start {
                ends.push((shard, end));
                start = end;
            }
        }
    }

    /// The shards that have rows, with these.
    fn shards(&self) -> impl Iterator<Item = (usize, &[u32])> {
        let mut start = 0;
        self.ends.iter().map(move |&(shard, end)| (shard, &self.rows[std::mem::replace(&mut start, end)..end]))
    }
}

/// The shard of a key by its hash.
#[inline]
pub fn shard_of(hash: u64) -> usize {
    (hash >> 56) as usize
}

fn batch_is_over() -> Error {
    Error::cancelled("the batch is over")
}

#[cfg(test)]
mod tests;
