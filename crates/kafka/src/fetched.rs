//! What a fetch brought: one response of one broker, with its record batches found but not yet looked into.
//!
//! [`scan_record_set`] runs where the response arrives, because the next request needs the next positions: it reads
//! batch headers only, and sorts out control batches and aborted transactions. Checksums, unpacking and records are
//! left to whoever consumes the response, on their own core.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use crate::buffers::Buffer;
use crate::error::{Error, Place, Result};
use crate::record_batch::{BatchHeader, Front, RecordBatch, is_abort_marker};

/// One response. Records borrow from it.
#[derive(Debug)]
pub struct Fetched {
    pub(crate) buffer: Buffer,
    pub(crate) partitions: Vec<PartitionEntry>,
    pub(crate) batches: Vec<BatchEntry>,
    pub(crate) check_crcs: bool,
}

#[derive(Debug)]
pub(crate) struct PartitionEntry {
    pub(crate) place: Place,
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable_offset: i64,
    pub(crate) log_start_offset: i64,
    pub(crate) position: i64,
    pub(crate) next_position: i64,
    pub(crate) end: i64,
    pub(crate) batches: Range<usize>,
}

/// Where a batch lies in the response.
#[derive(Debug, Clone)]
pub(crate) struct BatchEntry {
    header: BatchHeader,
    bytes: Range<usize>,
    /// Control batches and those of aborted transactions hold nothing for the reader, but their checksum counts.
    skipped: bool,
}

impl Fetched {
    /// The partitions that the response brought something for, each once.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = FetchedPartition<'_>> {
        self.partitions.iter().map(|entry| FetchedPartition { fetched: self, entry })
    }

    /// Memory that the response holds until it is dropped.
    pub fn memory_bytes(&self) -> usize {
        self.buffer.capacity()
    }
}

/// The part of a response that belongs to one partition.
#[derive(Debug, Clone, Copy)]
pub struct FetchedPartition<'a> {
    fetched: &'a Fetched,
    entry: &'a PartitionEntry,
}

impl<'a> FetchedPartition<'a> {
    /// The topic.
    pub fn topic(&self) -> &'a Arc<str> {
        &self.entry.topic
    }

    /// The partition's number.
    pub fn partition(&self) -> i32 {
        self.entry.partition
    }

    /// The offset after the last that all replicas in sync have.
    pub fn high_watermark(&self) -> i64 {
        self.entry.high_watermark
    }

    /// The first offset that belongs to an open transaction, else the high watermark.
    pub fn last_stable_offset(&self) -> i64 {
        self.entry.last_stable_offset
    }

    /// The first offset that is still kept.
    pub fn log_start_offset(&self) -> i64 {
        self.entry.log_start_offset
    }

    /// The position that was asked for.
    pub fn position(&self) -> i64 {
        self.entry.position
    }

    /// The position after all of this. It passes transaction markers and what compaction removed, so a range is read to
    /// its end as soon as this is not below it.
    pub fn next_position(&self) -> i64 {
        self.entry.next_position
    }

    /// The record batches that hold something for the reader. Each is checked when it is reached.
    pub fn batches(self) -> impl Iterator<Item = Result<RecordBatch<'a>>> {
        (0..self.batch_count()).filter_map(move |index| self.batch(index))
    }

    /// How many batches there are, those that hold nothing for the reader included.
    pub fn batch_count(&self) -> usize {
        self.entry.batches.len()
    }

    /// The offsets that a batch covers, unchecked: enough to pass over batches that are not wanted.
    pub fn batch_offsets(&self, index: usize) -> Range<i64> {
        let found = self.fetched.batches[self.entry.batches.clone()].get(index);
        found.map_or(0..0, |found| found.header.base_offset..found.header.next_offset)
    }

    /// One batch by its number, checked; `None` where it holds nothing for the reader. For a reader that stops within a
    /// response and goes on later.
    pub fn batch(&self, index: usize) -> Option<Result<RecordBatch<'a>>> {
        let found = self.fetched.batches[self.entry.batches.clone()].get(index)?;
        let batch = RecordBatch {
            header: found.header,
            bytes: &self.fetched.buffer[found.bytes.clone()],
            place: &self.entry.place,
            from: self.entry.position,
            to: self.entry.end,
        };
        let checked = if self.fetched.check_crcs { batch.check_crc() } else { Ok(()) };
        match checked {
            Err(error) => Some(Err(error)),
            Ok(()) => (!found.skipped).then_some(Ok(batch)),
        }
    }
}

/// The batches of one partition in a response.
pub(crate) struct RecordSet<'a> {
    pub(crate) response: &'a [u8],
    pub(crate) range: Range<usize>,
    /// Producer id and first offset of aborted transactions, under `read_committed`.
    pub(crate) aborted: Vec<(i64, i64)>,
    pub(crate) place: &'a Place,
}

/// What [`scan_record_set`] found out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scanned {
    pub(crate) next_position: i64,
    /// Of the last whole batch.
    pub(crate) leader_epoch: Option<i32>,
    /// The largest batch, whole or cut off.
    pub(crate) largest_batch: usize,
}

/// Appends the batches of a record set from `position` on to `found`.
pub(crate) fn scan_record_set(mut set: RecordSet<'_>, position: i64, found: &mut Vec<BatchEntry>) -> Result<Scanned> {
    let mut scanned = Scanned { next_position: position, leader_epoch: None, largest_batch: 0 };
    set.aborted.sort_unstable_by_key(|&(_, first_offset)| first_offset);
    let mut aborted = set.aborted.iter().peekable();
    let mut aborting = HashSet::new();
    let mut at = set.range.start;
    while at < set.range.end {
        let bytes = &set.response[at..set.range.end];
        let malformed = |reason| Error::malformed(&set.place.clone().with_offset(scanned.next_position), reason);
        let header = match BatchHeader::parse(bytes).map_err(malformed)? {
            Front::Batch(header) => header,
            Front::CutOff(len) => {
                scanned.largest_batch = scanned.largest_batch.max(len);
                break;
            }
            Front::OldFormat(magic) => {
                return Err(Error::MessageFormat {
                    place: set.place.clone().with_offset(scanned.next_position),
                    magic,
                });
            }
        };
        scanned.largest_batch = scanned.largest_batch.max(header.len);
        while let Some((producer_id, _)) = aborted.next_if(|&&(_, first)| first < header.next_offset) {
            aborting.insert(*producer_id);
        }
        let mut skipped = header.is_control();
        if skipped {
            if aborting.contains(&header.producer_id) && is_abort_marker(&bytes[..header.len]).map_err(malformed)? {
                aborting.remove(&header.producer_id);
            }
        } else if header.is_transactional() && aborting.contains(&header.producer_id) {
            skipped = true;
        }
        if header.next_offset > position {
            found.push(BatchEntry { header, bytes: at..at + header.len, skipped });
            scanned.next_position = scanned.next_position.max(header.next_offset);
            scanned.leader_epoch = Some(header.leader_epoch).filter(|&epoch| epoch >= 0);
        }
        at += header.len;
    }
    Ok(scanned)
}
