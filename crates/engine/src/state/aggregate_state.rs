//! The state of one streaming aggregation, or of keys alone: keys spread over shards, changed in place by the tasks of a batch.
//!
//! Any task may update any shard; it locks one at a time, so nothing has to be exchanged between tasks first. What a
//! batch did is undone or committed under the same locks. A failed batch may leave a task running for a moment: each
//! batch has a number, and a task of an old one finds it changed and touches nothing.
//!
//! When the memory budget runs short, whole shards go to disk (`spilled.rs`), the largest first. What the running batch
//! has changed stays in memory; only a batch whose own changes do not fit is refused.

mod budget;
mod durable;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::ArrayRef;
use millstream_core::{Error, OutputMode, Reservation, Result};
use parking_lot::{Mutex, MutexGuard};

use super::accumulator::Argument;
use super::groups::{Groups, Layout};
use super::lifetime::Lifetime;
use super::pane::hash_key;
use super::shard::{Shard, ShardRows};
use super::spill_folder::SpillFolder;
use super::spilled::Shape;

/// Parts of the state, by the high byte of a key's hash.
pub(crate) const SHARDS: usize = 256;

/// What makes such a state.
#[derive(Debug)]
pub(crate) struct AggregateConfig {
    pub(crate) layout: Layout,
    /// When groups expire; `None` if they never do.
    pub(crate) lifetime: Option<Lifetime>,
    /// Whether there are no keys: then there is one group, always.
    pub(crate) is_global: bool,
    pub(crate) output_mode: OutputMode,
    /// Where the state is counted.
    pub(crate) reservation: Reservation,
    /// Where it goes beyond that.
    pub(crate) spill: Arc<SpillFolder>,
    /// `spark.sql.shuffle.partitions`, which only the progress shows.
    pub(crate) shuffle_partitions: i64,
}

/// The state of a streaming aggregation (Spark: the state store under `StateStoreSaveExec`).
#[derive(Debug)]
pub(crate) struct AggregateState {
    config: Config,
    shards: Box<[Mutex<Shard>]>,
    reservation: Mutex<Reservation>,
    held_bytes: AtomicUsize,
    spill: Arc<SpillFolder>,
    /// Held by the task that makes room; the others wait for it.
    spilling: Mutex<()>,
    /// Goes up when a batch ends, well or badly.
    batch_number: AtomicU64,
    figures: Figures,
    /// The watermark (µs) by which the running batch expired groups.
    expired_us: Mutex<Option<i64>>,
}

#[derive(Debug)]
struct Config {
    layout: Layout,
    lifetime: Option<Lifetime>,
    is_global: bool,
    output_mode: OutputMode,
    shuffle_partitions: i64,
}

/// What the newest batch did.
#[derive(Debug, Default)]
struct Figures {
    total: AtomicUsize,
    updated: AtomicUsize,
    removed: AtomicUsize,
    dropped: AtomicUsize,
    update_us: AtomicU64,
    removal_us: AtomicU64,
}

/// Buffers of one task, used again for every batch of rows.
#[derive(Debug, Default)]
pub(crate) struct UpdateScratch {
    hashes: Vec<u64>,
    /// Row numbers by shard.
    by_shard: Vec<u32>,
    found: Vec<u32>,
}

impl AggregateState {
    /// An empty state.
    pub(crate) fn new(config: AggregateConfig) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        let AggregateConfig { layout, lifetime, is_global, output_mode, reservation, spill, shuffle_partitions } =
            config;
        Self {
            config: Config { layout, lifetime, is_global, output_mode, shuffle_partitions },
            shards,
            reservation: Mutex::new(reservation),
            held_bytes: AtomicUsize::new(0),
            spill,
            spilling: Mutex::default(),
            batch_number: AtomicU64::new(0),
            figures: Figures::default(),
            expired_us: Mutex::new(None),
        }
    }

    /// Keys and functions.
    pub(crate) fn layout(&self) -> &Layout {
        &self.config.layout
    }

    fn shape(&self) -> Shape<'_> {
        Shape { layout: &self.config.layout, lifetime: self.config.lifetime }
    }

    /// Which groups a batch gives.
    pub(crate) fn output_mode(&self) -> OutputMode {
        self.config.output_mode
    }

    /// Begins a batch: figures start at zero. The number is handed to [`AggregateState::update`].
    pub(crate) fn begin_batch(&self) -> u64 {
        let figures = &self.figures;
        for figure in [&figures.updated, &figures.removed, &figures.dropped] {
            figure.store(0, Ordering::Relaxed);
        }
        for time in [&figures.update_us, &figures.removal_us] {
            time.store(0, Ordering::Relaxed);
        }
        self.batch_number.load(Ordering::SeqCst)
    }

    /// Counts rows that came too late.
    pub(crate) fn add_dropped(&self, rows: usize) {
        self.figures.dropped.fetch_add(rows, Ordering::Relaxed);
    }

    /// Counts time spent taking rows in.
    pub(crate) fn add_update_time(&self, time: Duration) {
        self.figures.update_us.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    /// Counts time spent expiring groups.
    pub(crate) fn add_removal_time(&self, time: Duration) {
        self.figures.removal_us.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
    }

    /// Takes rows in. Called by several tasks at once.
    pub(crate) fn update(
        &self,
        batch_number: u64,
        rows: (&[ArrayRef], usize),
        arguments: &[Argument],
        scratch: &mut UpdateScratch,
    ) -> Result<()> {
        self.change(batch_number, rows, (arguments, scratch), |shard, rows| shard.update(self.shape(), rows))
    }

    /// Adds the keys of these rows that are not there, and says which rows brought them: of several in a batch the first.
    /// Called by several tasks at once.
    pub(crate) fn insert_new(
        &self,
        batch_number: u64,
        rows: (&[ArrayRef], usize),
        arguments: &[Argument],
        scratch: &mut UpdateScratch,
    ) -> Result<Vec<u32>> {
        let mut first_rows = Vec::new();
        self.change(batch_number, rows, (arguments, scratch), |shard, rows| {
            shard.insert_new(self.shape(), rows, &mut first_rows)
        })?;
        Ok(first_rows)
    }

    /// Hands rows to the shards of their keys, each locked in turn.
    fn change(
        &self,
        batch_number: u64,
        (keys, rows): (&[ArrayRef], usize),
        (arguments, scratch): (&[Argument], &mut UpdateScratch),
        mut change: impl FnMut(&mut Shard, ShardRows<'_>) -> Result<()>,
    ) -> Result<()> {
        let keys = self.config.layout.codec.encode(keys, rows)?;
        scratch.hashes.clear();
        scratch.hashes.extend((0..rows).map(|row| hash_key(keys.key(row))));
        let starts = spread(&scratch.hashes, &mut scratch.by_shard);
        let mut has_grown = false;
        for shard in 0..SHARDS {
            let rows = &scratch.by_shard[starts[shard]..starts[shard + 1]];
            if rows.is_empty() {
                continue;
            }
            let mut shard = self.lock_for(batch_number, shard)?;
            let before = shard.bytes();
            let rows = ShardRows { keys: &keys, hashes: &scratch.hashes, rows, found: &mut scratch.found, arguments };
            let changed = change(&mut shard, rows);
            has_grown |= self.add_growth(before, &shard);
            changed?;
        }
        if has_grown { self.hold() } else { Ok(()) }
    }

    /// Counts what a locked shard has more than before, and says whether it has.
    fn add_growth(&self, before: usize, shard: &Shard) -> bool {
        let grown = shard.bytes() - before;
        self.held_bytes.fetch_add(grown, Ordering::Relaxed);
        grown > 0
    }

    fn lock_for(&self, batch_number: u64, shard: usize) -> Result<MutexGuard<'_, Shard>> {
        let shard = self.shards[shard].lock();
        if self.batch_number.load(Ordering::SeqCst) == batch_number {
            Ok(shard)
        } else {
            Err(Error::cancelled("the batch is over"))
        }
    }

    /// Counts again what is held, after groups went.
    fn recount(&self) {
        let (mut bytes, mut groups) = (0, 0);
        for shard in &self.shards {
            let shard = shard.lock();
            bytes += shard.bytes();
            groups += shard.len();
        }
        self.held_bytes.store(bytes, Ordering::Relaxed);
        self.figures.total.store(groups, Ordering::Relaxed);
        // It only shrinks here, or grows to what was held before the batch, so the ledger cannot refuse for long.
        let _ = self.reservation.lock().resize(bytes);
    }

    /// After all rows are in: ends the batch for one shard and gives its groups to `emit`, by the output mode.
    /// `watermark_us` is what evicts.
    pub(crate) fn finish_shard(
        &self,
        (batch_number, shard): (u64, usize),
        watermark_us: Option<i64>,
        mut emit: impl FnMut(&Groups, u32) -> Result<()>,
    ) -> Result<()> {
        let index = shard;
        let mut shard = self.lock_for(batch_number, shard)?;
        if self.config.is_global && index == shard_of(hash_key(&[])) {
            let before = shard.bytes();
            shard.touch(self.shape(), &[])?;
            self.add_growth(before, &shard);
        }
        self.figures.updated.fetch_add(shard.changed_count(), Ordering::Relaxed);
        match self.config.output_mode {
            OutputMode::Complete => return shard.for_each(self.shape(), emit),
            OutputMode::Update => shard.for_each_changed(&mut emit)?,
            OutputMode::Append => {}
        }
        if let (Some(_), Some(watermark_us)) = (self.config.lifetime, watermark_us) {
            *self.expired_us.lock() = Some(watermark_us);
            let removed = shard.expire(self.shape(), watermark_us)?;
            self.figures.removed.fetch_add(removed, Ordering::Relaxed);
            if self.config.output_mode == OutputMode::Append {
                shard.for_each_expired(self.shape(), emit)?;
            }
        }
        Ok(())
    }
}

#[inline]
fn shard_of(hash: u64) -> usize {
    (hash >> 56) as usize
}

/// Orders row numbers by shard (counting sort), and says where each shard's begin.
fn spread(hashes: &[u64], by_shard: &mut Vec<u32>) -> [usize; SHARDS + 1] {
    let mut starts = [0; SHARDS + 1];
    for &hash in hashes {
        starts[shard_of(hash) + 1] += 1;
    }
    for shard in 0..SHARDS {
        starts[shard + 1] += starts[shard];
    }
    by_shard.clear();
    by_shard.resize(hashes.len(), 0);
    let mut next = starts;
    for (row, &hash) in hashes.iter().enumerate() {
        let place = &mut next[shard_of(hash)];
        by_shard[*place] = row as u32;
        *place += 1;
    }
    starts
}

#[cfg(test)]
mod tests;
