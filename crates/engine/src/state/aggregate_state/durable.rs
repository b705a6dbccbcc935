//! How a state outlives its process: deltas and snapshots are written here, and read again.
//!
//! ```text
//! delta, part of a snapshot = version (1) watermark? group*
//! watermark = 0, or 1 and the event time in µs (zigzag varint): all that ended by then is gone
//! group     = key (with its length where keys differ in it), then each aggregate's count and value
//! ```

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use millstream_core::progress::StateOperatorProgress;
use millstream_core::{Error, Result};

use super::{AggregateState, SHARDS, shard_of};
use crate::state::AggregateFunction;
use crate::state::codec::{Reader, put_i64};
use crate::state::groups::Groups;
use crate::state::operator::{SnapshotPart, StateStore, StoreDescription};
use crate::state::pane::hash_key;

/// The version of the format of deltas and snapshots.
const FORMAT: u8 = 1;

/// A part of a snapshot ends with the shard that brings it to this size.
const SNAPSHOT_PART_BYTES: usize = 4 << 20;

/// Groups that are put in place before memory is counted again.
const PUT_AT_ONCE: usize = 16_384;

impl AggregateState {
    /// Goes over the groups of a delta or of a part of a snapshot, and gives the watermark that it expired by.
    fn read(&self, bytes: &[u8], mut each: impl FnMut(&mut Groups) -> Result<()>) -> Result<Option<i64>> {
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
            if groups.len() == PUT_AT_ONCE || reader.is_empty() {
                each(&mut groups)?;
                groups.truncate(0);
            }
        }
        Ok(watermark_us)
    }

    /// Groups were written shard by shard, so that mostly the next one is of the same shard.
    fn put(&self, groups: &Groups) -> Result<()> {
        let hashes: Vec<_> = (0..groups.len() as u32).map(|group| hash_key(groups.key(group))).collect();
        let mut first = 0;
        for of_one_shard in hashes.chunk_by(|a, b| shard_of(*a) == shard_of(*b)) {
            let mut shard = self.shards[shard_of(of_one_shard[0])].lock();
            let before = shard.bytes();
            for (group, &hash) in (first..).zip(of_one_shard) {
                shard.put(self.shape(), (groups, group), hash)?;
            }
            self.add_growth(before, &shard);
            first += of_one_shard.len() as u32;
        }
        self.shards.iter().for_each(|shard| shard.lock().commit());
        self.hold()
    }
}

impl StateStore for AggregateState {
    fn describe(&self) -> StoreDescription {
        StoreDescription {
            name: "default".to_owned(),
            keys: self.config.layout.codec.describe(),
            values: self.config.layout.functions.iter().map(AggregateFunction::describe).collect(),
            format: FORMAT,
        }
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

    /// Parts are whole shards, and are known by the first.
    fn snapshot(&self, part: usize) -> Result<SnapshotPart> {
        let mut bytes = Vec::with_capacity(SNAPSHOT_PART_BYTES);
        write_head(None, &mut bytes);
        let mut next = part;
        while next < SHARDS && bytes.len() < SNAPSHOT_PART_BYTES {
            self.shards[next].lock().for_each(self.shape(), |groups, group| {
                groups.write(group, &mut bytes);
                Ok(())
            })?;
            next += 1;
        }
        Ok(SnapshotPart { bytes, next: (next < SHARDS).then_some(next) })
    }

    fn apply(&self, written: &[u8]) -> Result<()> {
        let watermark_us = self.read(written, |groups| self.put(groups))?;
        if let Some(watermark_us) = watermark_us {
            for shard in &self.shards {
                shard.lock().expire(self.shape(), watermark_us)?;
            }
        }
        self.shards.iter().for_each(|shard| shard.lock().commit());
        self.recount();
        Ok(())
    }
}

impl AggregateState {
    /// What the newest batch did, for the progress of an aggregation.
    pub(crate) fn progress(&self) -> StateOperatorProgress {
        let figure = |figure: &AtomicUsize| i64::try_from(figure.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let millis = |time: &AtomicU64| i64::try_from(time.load(Ordering::Relaxed) / 1000).unwrap_or(i64::MAX);
        let bytes = figure(&self.held_bytes);
        let on_disk = i64::try_from(self.spill.held_bytes()).unwrap_or(i64::MAX);
        let spilled = i64::try_from(self.spill.written_bytes()).unwrap_or(i64::MAX);
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
            custom_metrics: [
                ("stateOnCurrentVersionSizeBytes", bytes.saturating_add(on_disk)),
                ("spilledBytes", spilled),
                ("spillFilesBytes", on_disk),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        }
    }
}

fn write_head(watermark_us: Option<i64>, out: &mut Vec<u8>) {
    out.push(FORMAT);
    out.push(u8::from(watermark_us.is_some()));
    if let Some(watermark_us) = watermark_us {
        put_i64(out, watermark_us);
    }
}
