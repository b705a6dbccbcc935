//! How a state outlives its process: deltas and snapshots are written here, and read again.
//!
//! ```text
//! delta, part of a snapshot = version (1) watermark? entry*
//! watermark = 0, or 1 and the event time in µs (zigzag varint): all that ended by then is gone
//! entry     = key and sub-key (with their length where keys differ in it) removed? value
//! removed   = only where entries can be removed: 0 and no value if this one was, else 1
//! ```

use std::sync::atomic::Ordering;

use millstream_core::{Error, Result};

use super::{KeyedState, SHARDS, shard_of};
use crate::state::codec::{Reader, put_i64};
use crate::state::entries::{Entries, describe_keys};
use crate::state::operator::{SnapshotPart, StateStore, StoreDescription};
use crate::state::values::Values;

/// The version of the format of deltas and snapshots.
const FORMAT: u8 = 2;

/// A part of a snapshot ends with the shard that brings it to this size.
const SNAPSHOT_PART_BYTES: usize = 4 << 20;

/// Entries that are put in place before memory is counted again.
const PUT_AT_ONCE: usize = 16_384;

impl<V: Values> KeyedState<V> {
    /// Goes over the entries of a delta or of a part of a snapshot, and gives the watermark that it expired by.
    fn read(&self, bytes: &[u8], mut each: impl FnMut(&mut Entries<V>) -> Result<()>) -> Result<Option<i64>> {
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
        let has_one_entry = self.layout.codec.is_empty() && self.layout.sub_key_bytes == 0;
        let mut entries = Entries::new(&self.layout);
        while !reader.is_empty() {
            if has_one_entry && entries.len() == 1 {
                return Err(Error::data("the state has more than one entry without a key"));
            }
            entries.push_read(&mut reader, &self.layout)?;
            if entries.len() == PUT_AT_ONCE || reader.is_empty() {
                each(&mut entries)?;
                entries.truncate(0);
            }
        }
        Ok(watermark_us)
    }

    /// Entries were written shard by shard, so that mostly the next one is of the same shard.
    fn put(&self, entries: &Entries<V>) -> Result<()> {
        let shard_of_entry = |entry: u32| shard_of(self.layout.hash_stored(entries.key(entry)));
        let all: Vec<u32> = (0..entries.len() as u32).collect();
        for same_shard in all.chunk_by(|a, b| shard_of_entry(*a) == shard_of_entry(*b)) {
            let mut shard = self.shards[shard_of_entry(same_shard[0])].shard.lock();
            let before = shard.bytes();
            same_shard.iter().try_for_each(|&entry| shard.put(self.shape(), entries, entry))?;
            // Wraps below zero where the shard has shrunk, which the sum of all shards never does.
            self.held_bytes.fetch_add(shard.bytes().wrapping_sub(before), Ordering::Relaxed);
        }
        self.commit_shards()?;
        self.settle()
    }

    fn commit_shards(&self) -> Result<()> {
        self.shards.iter().try_for_each(|slot| slot.shard.lock().commit(self.shape()))
    }
}

impl<V: Values> StateStore for KeyedState<V> {
    fn describe(&self) -> StoreDescription {
        StoreDescription {
            name: self.name.clone(),
            keys: describe_keys(&self.layout),
            values: V::describe(&self.layout.values),
            format: FORMAT,
        }
    }

    fn commit(&self, delta: &mut Vec<u8>) -> Result<()> {
        self.batch_number.fetch_add(1, Ordering::SeqCst);
        write_head(self.expired_us.lock().take(), delta);
        for slot in self.shards.iter().filter(|slot| slot.is_met()) {
            let mut shard = slot.shard.lock();
            let (bytes, entries) = (shard.bytes(), shard.committed_len());
            shard.write_changed(delta);
            shard.commit(self.shape())?;
            // Both wrap below zero where the shard has shrunk, which the sums of all shards never do.
            self.held_bytes.fetch_add(shard.bytes().wrapping_sub(bytes), Ordering::Relaxed);
            self.figures.total.fetch_add(shard.len().wrapping_sub(entries), Ordering::Relaxed);
            slot.end_batch(&shard, self.shape());
        }
        self.release();
        Ok(())
    }

    fn undo(&self) {
        self.batch_number.fetch_add(1, Ordering::SeqCst);
        *self.expired_us.lock() = None;
        self.shards.iter().filter(|slot| slot.is_met()).for_each(|slot| slot.shard.lock().undo());
        self.recount();
    }

    /// Parts are whole shards, and are known by the first.
    fn snapshot(&self, part: usize) -> Result<SnapshotPart> {
        let mut bytes = Vec::with_capacity(SNAPSHOT_PART_BYTES);
        write_head(None, &mut bytes);
        let mut next = part;
        while next < SHARDS && bytes.len() < SNAPSHOT_PART_BYTES {
            self.shards[next].shard.lock().for_each(self.shape(), |entries, entry| {
                entries.write(entry, &mut bytes);
                Ok(())
            })?;
            next += 1;
        }
        Ok(SnapshotPart { bytes, next: (next < SHARDS).then_some(next) })
    }

    fn apply(&self, written: &[u8]) -> Result<()> {
        let watermark_us = self.read(written, |entries| self.put(entries))?;
        if let Some(watermark_us) = watermark_us {
            for slot in &self.shards {
                slot.shard.lock().expire(self.shape(), watermark_us)?;
            }
        }
        self.commit_shards()?;
        self.recount();
        Ok(())
    }
}

fn write_head(watermark_us: Option<i64>, out: &mut Vec<u8>) {
    out.push(FORMAT);
    out.push(u8::from(watermark_us.is_some()));
    if let Some(watermark_us) = watermark_us {
        put_i64(out, watermark_us);
    }
}
