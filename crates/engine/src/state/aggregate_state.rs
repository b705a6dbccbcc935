//! The state of one streaming aggregation: keys spread over shards, changed in place by the tasks of a batch.
//!
//! Any task may update any shard; it locks one at a time, so nothing has to be exchanged between tasks first. What a
//! batch did is undone or committed under the same locks. A failed batch may leave a task running for a moment: each
//! batch has a number, and a task of an old one finds it changed and touches nothing.
//!
//! ```text
//! delta, snapshot = version (1) watermark? group*
//! watermark       = 0, or 1 and the event time in µs (zigzag varint): all that ended by then is gone
//! group           = key (with its length where keys differ in it), then each aggregate's count and value
//! ```

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::ArrayRef;
use millstream_core::progress::StateOperatorProgress;
use millstream_core::{Error, OutputMode, Reservation, Result};
use parking_lot::{Mutex, MutexGuard};

use super::accumulator::Argument;
use super::codec::{Reader, put_i64};
use super::groups::{Groups, Layout};
use super::operator::StatefulOperator;
use super::pane::hash_key;
use super::shard::{Lifetime, Shard, ShardRows};

/// Parts of the state, by the high byte of a key's hash.
pub(crate) const SHARDS: usize = 256;

/// The version of the format of deltas and snapshots.
const FORMAT: u8 = 1;

/// What makes an aggregation's state.
#[derive(Debug)]
pub(crate) struct AggregateConfig {
    /// The operator's number in the query.
    pub(crate) id: usize,
    pub(crate) layout: Layout,
    /// When groups expire; `None` without event time among the keys.
    pub(crate) lifetime: Option<Lifetime>,
    /// Whether there are no keys: then there is one group, always.
    pub(crate) is_global: bool,
    pub(crate) output_mode: OutputMode,
    /// Where the state is counted.
    pub(crate) reservation: Reservation,
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
    /// Goes up when a batch ends, well or badly.
    batch_number: AtomicU64,
    figures: Figures,
    /// The watermark (µs) by which the running batch expired groups.
    expired_us: Mutex<Option<i64>>,
}

#[derive(Debug)]
struct Config {
    id: usize,
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
        let AggregateConfig { id, layout, lifetime, is_global, output_mode, reservation, shuffle_partitions } = config;
        Self {
            config: Config { id, layout, lifetime, is_global, output_mode, shuffle_partitions },
            shards,
            reservation: Mutex::new(reservation),
            held_bytes: AtomicUsize::new(0),
            batch_number: AtomicU64::new(0),
            figures: Figures::default(),
            expired_us: Mutex::new(None),
        }
    }

    /// Keys and functions.
    pub(crate) fn layout(&self) -> &Layout {
        &self.config.layout
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
        (keys, rows): (&[ArrayRef], usize),
        arguments: &[Argument],
        scratch: &mut UpdateScratch,
    ) -> Result<()> {
        let keys = self.config.layout.codec.encode(keys, rows)?;
        scratch.hashes.clear();
        scratch.hashes.extend((0..rows).map(|row| hash_key(keys.key(row))));
        let starts = spread(&scratch.hashes, &mut scratch.by_shard);
        let mut grown = 0;
        for shard in 0..SHARDS {
            let rows = &scratch.by_shard[starts[shard]..starts[shard + 1]];
            if rows.is_empty() {
                continue;
            }
            let mut shard = self.lock_for(batch_number, shard)?;
            let before = shard.bytes();
            let rows = ShardRows { keys: &keys, hashes: &scratch.hashes, rows, found: &mut scratch.found, arguments };
            let updated = shard.update(&self.config.layout, self.config.lifetime, rows);
            grown += shard.bytes() - before;
            updated?;
        }
        self.hold(grown)
    }

    fn lock_for(&self, batch_number: u64, shard: usize) -> Result<MutexGuard<'_, Shard>> {
        let shard = self.shards[shard].lock();
        if self.batch_number.load(Ordering::SeqCst) == batch_number {
            Ok(shard)
        } else {
            Err(Error::cancelled("the batch is over"))
        }
    }

    /// Counts bytes that are held more; refused where the ledger has no more.
    fn hold(&self, grown: usize) -> Result<()> {
        if grown == 0 {
            return Ok(());
        }
        let held = self.held_bytes.fetch_add(grown, Ordering::Relaxed) + grown;
        let mut reservation = self.reservation.lock();
        if held > reservation.bytes() { reservation.resize(held) } else { Ok(()) }
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
        let layout = &self.config.layout;
        let index = shard;
        let mut shard = self.lock_for(batch_number, shard)?;
        if self.config.is_global && index == shard_of(hash_key(&[])) {
            shard.touch(layout, &[])?;
        }
        self.figures.updated.fetch_add(shard.changed_count(), Ordering::Relaxed);
        match self.config.output_mode {
            OutputMode::Complete => return shard.for_each(emit),
            OutputMode::Update => shard.for_each_changed(&mut emit)?,
            OutputMode::Append => {}
        }
        if let (Some(lifetime), Some(watermark_us)) = (self.config.lifetime, watermark_us) {
            *self.expired_us.lock() = Some(watermark_us);
            let removed = shard.expire(layout, lifetime, watermark_us)?;
            self.figures.removed.fetch_add(removed, Ordering::Relaxed);
            if self.config.output_mode == OutputMode::Append {
                shard.for_each_expired(emit)?;
            }
        }
        Ok(())
    }

    /// Reads all groups of a delta or snapshot, before any of them is put in place.
    fn read(&self, bytes: &[u8]) -> Result<(Option<i64>, Groups)> {
        let mut reader = Reader::new(bytes);
        let [version] = reader.array()?;
        if version != FORMAT {
            return Err(Error::data(format!("the state has format {version}, not {FORMAT}")));
        }
        let watermark_us = match reader.array()? {
            [0] => None,
            [1] => Some(reader.i64()?),
            [other] => return Err(Error::data(format!("the state begins with {other}, not with 0 or 1"))),
        };
        let mut groups = Groups::new(&self.config.layout);
        while !reader.is_empty() {
            if self.config.is_global && groups.len() == 1 {
                return Err(Error::data("the state has more than the one group"));
            }
            groups.push_read(&mut reader, &self.config.layout)?;
        }
        Ok((watermark_us, groups))
    }

    fn put_all(&self, groups: &Groups) -> Result<()> {
        for group in 0..groups.len() as u32 {
            let shard = shard_of(hash_key(groups.key(group)));
            self.shards[shard].lock().put(&self.config.layout, self.config.lifetime, (groups, group))?;
        }
        Ok(())
    }
}

impl StatefulOperator for AggregateState {
    fn id(&self) -> usize {
        self.config.id
    }

    fn fingerprint(&self) -> String {
        let functions: Vec<_> = self.config.layout.functions.iter().map(super::AggregateFunction::describe).collect();
        format!("aggregate v{FORMAT} keys ({}) values ({})", self.config.layout.codec.describe(), functions.join(", "))
    }

    fn commit(&self, delta: &mut Vec<u8>) -> Result<()> {
        self.batch_number.fetch_add(1, Ordering::SeqCst);
        write_head(self.expired_us.lock().take(), delta);
        for shard in &self.shards {
            let mut shard = shard.lock();
            shard.for_each_changed(|groups, group| {
                groups.write(group, delta);
                Ok(())
            })?;
            shard.commit();
        }
        self.recount();
        Ok(())
    }

    fn undo(&self) {
        self.batch_number.fetch_add(1, Ordering::SeqCst);
        *self.expired_us.lock() = None;
        self.shards.iter().for_each(|shard| shard.lock().undo());
        self.recount();
    }

    fn apply(&self, delta: &[u8]) -> Result<()> {
        let (watermark_us, groups) = self.read(delta)?;
        self.put_all(&groups)?;
        if let (Some(lifetime), Some(watermark_us)) = (self.config.lifetime, watermark_us) {
            for shard in &self.shards {
                shard.lock().expire(&self.config.layout, lifetime, watermark_us)?;
            }
        }
        self.shards.iter().for_each(|shard| shard.lock().commit());
        self.recount();
        Ok(())
    }

    fn snapshot(&self, snapshot: &mut Vec<u8>) -> Result<()> {
        write_head(None, snapshot);
        for shard in &self.shards {
            shard.lock().for_each(|groups, group| {
                groups.write(group, snapshot);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn restore(&self, snapshot: &[u8]) -> Result<()> {
        let (_, groups) = self.read(snapshot)?;
        self.batch_number.fetch_add(1, Ordering::SeqCst);
        self.shards.iter().for_each(|shard| *shard.lock() = Shard::default());
        self.put_all(&groups)?;
        self.shards.iter().for_each(|shard| shard.lock().commit());
        self.recount();
        Ok(())
    }

    fn progress(&self) -> StateOperatorProgress {
        let figure = |figure: &AtomicUsize| i64::try_from(figure.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let millis = |time: &AtomicU64| i64::try_from(time.load(Ordering::Relaxed) / 1000).unwrap_or(i64::MAX);
        let bytes = figure(&self.held_bytes);
        StateOperatorProgress {
            operator_name: "stateStoreSave".to_owned(),
            num_rows_total: figure(&self.figures.total),
            num_rows_updated: figure(&self.figures.updated),
            all_updates_time_ms: millis(&self.figures.update_us),
            num_rows_removed: figure(&self.figures.removed),
            all_removals_time_ms: millis(&self.figures.removal_us),
            commit_time_ms: 0,
            memory_used_bytes: bytes,
            num_rows_dropped_by_watermark: figure(&self.figures.dropped),
            num_shuffle_partitions: self.config.shuffle_partitions,
            num_state_store_instances: self.config.shuffle_partitions,
            custom_metrics: [("stateOnCurrentVersionSizeBytes".to_owned(), bytes)].into(),
        }
    }

    fn would_evict(&self, watermark_ms: i64) -> bool {
        let Some(lifetime) = self.config.lifetime.filter(|_| self.config.output_mode != OutputMode::Complete) else {
            return false;
        };
        let watermark_us = watermark_ms.saturating_mul(1000);
        let ends =
            |shard: &Mutex<Shard>| shard.lock().first_end_us(lifetime).is_some_and(|end_us| end_us <= watermark_us);
        self.shards.iter().any(ends)
    }
}

fn write_head(watermark_us: Option<i64>, out: &mut Vec<u8>) {
    out.push(FORMAT);
    out.push(u8::from(watermark_us.is_some()));
    if let Some(watermark_us) = watermark_us {
        put_i64(out, watermark_us);
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
