//! Keeps the newest record of each key, in topics that ask for it.
//!
//! Closed segments are read twice: once for the newest offset of each key, once to write what stays. A batch that loses
//! nothing is copied as it is; one that loses records is written again without compression, with the same offsets,
//! producer and times; one that loses all of them stays as an empty batch while its producer may still refer to it.
//! Records of aborted transactions go, and those of open ones are out of reach: nothing at or after the last stable
//! offset is touched.

use std::collections::HashMap;
use std::io;

use bytes::{BufMut, Bytes, BytesMut};

use super::{Aborted, Log, Segment};
use crate::batch::{BatchHeader, HEADER_BYTES, seal};
use crate::records::{Unpacker, put_varint};

const CODEC_MASK: i16 = 0x07;

impl Log {
    /// Compacts the closed segments if enough has come since the last time. Gives whether it did.
    pub(crate) fn compact(&mut self, now_ms: i64) -> io::Result<bool> {
        if !self.config.compact {
            return Ok(false);
        }
        let (limit, count) = self.compactable(now_ms);
        let bytes = |cleaned: bool| -> u64 {
            let closed = self.segments.range(..count);
            closed.filter(|segment| (segment.base_offset < self.cleaned_to) == cleaned).map(|one| one.bytes).sum()
        };
        let (clean, dirty) = (bytes(true), bytes(false));
        if dirty == 0 || (dirty as f64) < self.config.min_cleanable_dirty_ratio * (clean + dirty) as f64 {
            return Ok(false);
        }
        let newest = self.newest_offsets(count)?;
        for at in 0..count {
            let tombstones_go = self.segments[at].last_offset() < Some(self.cleaned_to)
                && now_ms.saturating_sub(self.segments[at].max_timestamp) > self.config.delete_retention_ms;
            let cleaned = self.cleaned(at, &newest, tombstones_go)?;
            self.replace(at, cleaned)?;
        }
        self.cleaned_to = limit;
        Ok(true)
    }

    /// The end of what may be compacted, and how many segments that is.
    fn compactable(&self, now_ms: i64) -> (i64, usize) {
        let stable = self.last_stable_offset();
        let lag = self.config.min_compaction_lag_ms;
        let old_enough = |segment: &Segment| lag == 0 || now_ms.saturating_sub(segment.max_timestamp) >= lag;
        let closed = self.segments.len() - 1;
        let ends = self.segments.range(1..).map(|next| next.base_offset);
        let count =
            ends.zip(&self.segments).take(closed).take_while(|(end, one)| *end <= stable && old_enough(one)).count();
        (self.segments[count].base_offset, count)
    }

    fn newest_offsets(&self, segments: usize) -> io::Result<HashMap<Vec<u8>, i64>> {
        let mut newest = HashMap::new();
        let mut unpacker = Unpacker::default();
        let all: Vec<Aborted> = self.producers.aborted(0, self.next_offset).collect();
        for segment in self.segments.range(..segments) {
            for block in segment.blocks() {
                for_each_batch(&block?, |header, batch| {
                    if header.is_control() || is_aborted(header, &all) {
                        return Ok(());
                    }
                    let mut records = unpacker.records(header, batch)?;
                    while let Some(record) = records.next()? {
                        newest.insert(record.key.unwrap_or_default().to_vec(), record.offset);
                    }
                    Ok(())
                })?;
            }
        }
        Ok(newest)
    }

    /// The batches of a segment without the records that newer ones replace.
    fn cleaned(&self, at: usize, newest: &HashMap<Vec<u8>, i64>, tombstones_go: bool) -> io::Result<Vec<Bytes>> {
        let mut unpacker = Unpacker::default();
        let mut kept = Vec::new();
        let all: Vec<Aborted> = self.producers.aborted(0, self.next_offset).collect();
        for block in self.segments[at].blocks() {
            for_each_batch(&block?, |header, batch| {
                if header.is_control() {
                    kept.push(batch.clone());
                    return Ok(());
                }
                let aborted = is_aborted(header, &all);
                let mut body = Vec::new();
                let mut left = 0;
                let mut records = unpacker.records(header, batch)?;
                while let Some(record) = records.next()? {
                    let is_newest = newest.get(record.key.unwrap_or_default()) == Some(&record.offset);
                    if is_newest && !aborted && !(tombstones_go && record.is_tombstone) {
                        put_varint(&mut body, record.body.len() as i64);
                        body.extend_from_slice(record.body);
                        left += 1;
                    }
                }
                if left == header.records {
                    kept.push(batch.clone());
                } else if left > 0 || header.has_producer() {
                    kept.push(without_records(header, batch, (&body, left)));
                }
                Ok(())
            })?;
        }
        Ok(kept)
    }

    /// Puts other batches in the place of a segment's.
    fn replace(&mut self, at: usize, batches: Vec<Bytes>) -> io::Result<()> {
        let before = &self.segments[at];
        let base_offset = before.base_offset;
        let mut after = match &self.place.folder {
            None => Segment::in_memory(base_offset),
            // A name that is no segment's: the next start removes it, should this one not get to the end.
            Some(folder) => Segment::create_at(folder.join("cleaned"), base_offset)?,
        };
        after.first_append_ms = before.first_append_ms;
        after.last_append_ms = before.last_append_ms;
        for batch in batches {
            let header = BatchHeader::parse(&batch).ok_or_else(|| io::Error::other("a cleaned batch is damaged"))?;
            after.append(batch, &header)?;
        }
        if let Some(file) = after.file() {
            file.sync_data()?;
            after.rename(&super::segment::file_name(base_offset))?;
        }
        self.place.memory.release(before.memory_bytes().saturating_sub(after.memory_bytes()));
        self.segments[at] = after;
        Ok(())
    }
}

fn for_each_batch(bytes: &Bytes, mut each: impl FnMut(&BatchHeader, &Bytes) -> io::Result<()>) -> io::Result<()> {
    let mut at = 0;
    while let Some(header) = BatchHeader::parse(&bytes[at..]) {
        let batch = bytes.slice(at..(at + header.len).min(bytes.len()));
        each(&header, &batch)?;
        at = (at + header.len).min(bytes.len());
    }
    Ok(())
}

fn is_aborted(header: &BatchHeader, aborted: &[Aborted]) -> bool {
    header.is_transactional()
        && aborted.iter().any(|one| {
            let within = one.first_offset <= header.base_offset && header.base_offset <= one.last_offset;
            one.producer_id == header.producer_id && within
        })
}

/// The same batch with fewer records, uncompressed.
fn without_records(header: &BatchHeader, batch: &[u8], (body, left): (&[u8], i32)) -> Bytes {
    let mut written = BytesMut::with_capacity(HEADER_BYTES + body.len());
    written.put_slice(&batch[..21]);
    written.put_i16(header.attributes & !CODEC_MASK);
    written.put_slice(&batch[23..57]);
    written.put_i32(left);
    written.put_slice(body);
    seal(&mut written);
    written.freeze()
}
