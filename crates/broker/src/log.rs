//! The log of one partition: batches in the order of their offsets, in segments.
//!
//! Appending gives a batch its offset and its place; reading hands out slices of what is stored. A single node has no
//! replicas, so what is appended is at once below the high watermark. Waiting is not here: see [`crate::partition`].

mod compaction;
mod memory;
mod producers;
mod recovery;
mod retention;
mod segment;
mod validation;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;

use crate::batch::{BatchHeader, EndMarker, is_commit_marker, stamp_append_time, stamp_offset};
use crate::records::Unpacker;
use crate::response::Slice;
use crate::topic_config::TopicConfig;

pub(crate) use memory::MemoryLimit;
pub(crate) use producers::{Aborted, Producers};
use segment::{Segment, Span};
pub(crate) use validation::ValidBatch;

/// Kafka's default: for how long a producer's sequence numbers are remembered after its last batch.
const PRODUCER_EXPIRATION_MS: i64 = 24 * 60 * 60 * 1000;

/// Where a log lies, and what it may take.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The partition's folder; `None` is memory.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) memory: Arc<MemoryLimit>,
}

#[derive(Debug)]
pub(crate) struct Log {
    place: Place,
    config: Arc<TopicConfig>,
    /// Never empty; the last one is appended to.
    segments: VecDeque<Segment>,
    start_offset: i64,
    next_offset: i64,
    producers: Producers,
    /// Records appended since the last flush.
    unflushed: i64,
    /// Compaction has seen everything before this offset.
    cleaned_to: i64,
}

/// What became of a batch.
#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    /// The broker's time, where the topic wants that in its records; else −1.
    pub(crate) append_time: i64,
    pub(crate) start_offset: i64,
    /// To be flushed before the producer hears of it.
    pub(crate) flush: Option<Arc<File>>,
}

/// What a reader wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadRequest {
    pub(crate) offset: i64,
    pub(crate) max_bytes: usize,
    pub(crate) at_least_one: bool,
    pub(crate) committed_only: bool,
}

/// What a reader gets.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) slices: Vec<Slice>,
    pub(crate) bytes: usize,
    /// For readers of committed records only.
    pub(crate) aborted: Option<Vec<Aborted>>,
}

impl Log {
    /// A log without records.
    pub(crate) fn create(place: Place, config: Arc<TopicConfig>) -> io::Result<Self> {
        let first = match &place.folder {
            None => Segment::in_memory(0),
            Some(folder) => {
                std::fs::create_dir_all(folder)?;
                Segment::create(folder, 0)?
            }
        };
        Ok(Self {
            place,
            config,
            segments: VecDeque::from([first]),
            start_offset: 0,
            next_offset: 0,
            producers: Producers::default(),
            unflushed: 0,
            cleaned_to: 0,
        })
    }

    /// The first offset that is kept.
    pub(crate) fn start_offset(&self) -> i64 {
        self.start_offset
    }

    /// The offset that the next record gets; the high watermark.
    pub(crate) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The first offset of an open transaction, else the high watermark.
    pub(crate) fn last_stable_offset(&self) -> i64 {
        self.producers.first_open_offset().unwrap_or(self.next_offset)
    }

    pub(crate) fn producers(&self) -> &Producers {
        &self.producers
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    pub(crate) fn set_config(&mut self, config: Arc<TopicConfig>) {
        self.config = config;
    }

    /// Appends a batch that a producer sent.
    pub(crate) fn append(&mut self, batch: ValidBatch, now_ms: i64) -> Result<Appended, ResponseError> {
        let ValidBatch { mut batch, mut header } = batch;
        if header.has_producer()
            && let Some((base_offset, timestamp)) = self.producers.check(&header)?
        {
            let append_time = if self.config.append_time { timestamp } else { -1 };
            return Ok(Appended { base_offset, append_time, start_offset: self.start_offset, flush: None });
        }
        if self.config.append_time {
            stamp_append_time(&mut batch, &mut header, now_ms);
        }
        let records = i64::from(header.records);
        let base_offset = self.write(batch, header, now_ms)?;
        let append_time = if self.config.append_time { now_ms } else { -1 };
        Ok(Appended { base_offset, append_time, start_offset: self.start_offset, flush: self.due_flush(records) })
    }

    /// Ends a producer's transaction. A marker for a transaction that is not open here is written all the same: it
    /// carries the producer's new epoch.
    pub(crate) fn append_marker(&mut self, marker: &EndMarker) -> Result<Option<Arc<File>>, ResponseError> {
        if self.producers.epoch(marker.producer_id).is_some_and(|epoch| marker.producer_epoch < epoch) {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        let batch = marker.batch();
        let header = BatchHeader::parse(&batch).ok_or(ResponseError::UnknownServerError)?;
        self.write(batch, header, marker.timestamp)?;
        Ok(self.due_flush(1))
    }

    /// Gives the batch its offset and puts it at the end.
    fn write(&mut self, mut batch: BytesMut, mut header: BatchHeader, now_ms: i64) -> Result<i64, ResponseError> {
        header.base_offset = self.next_offset;
        stamp_offset(&mut batch, header.base_offset);
        self.roll_if_due(header.len as u64, now_ms).map_err(|error| self.storage_error(&error))?;
        let active = self.segments.back_mut().expect("a log has an active segment");
        let needed = active.memory_needed(batch.len());
        if !self.place.memory.reserve(needed) {
            return Err(ResponseError::KafkaStorageError);
        }
        let batch = batch.freeze();
        if let Err(error) = active.append(batch.clone(), &header) {
            return Err(self.storage_error(&error));
        }
        active.appended_at(now_ms);
        self.note(&header, &batch, now_ms);
        Ok(header.base_offset)
    }

    /// Takes note of a batch that is in a segment now.
    fn note(&mut self, header: &BatchHeader, batch: &Bytes, now_ms: i64) {
        self.next_offset = header.last_offset() + 1;
        if header.is_control() {
            self.producers.note_end(header, is_commit_marker(batch), now_ms);
        } else if header.has_producer() {
            self.producers.note_data(header, now_ms);
        }
    }

    /// The file to flush, if the topic asks for it after this many more records.
    fn due_flush(&mut self, records: i64) -> Option<Arc<File>> {
        self.unflushed = self.unflushed.saturating_add(records);
        if self.unflushed < self.config.flush_messages {
            return None;
        }
        self.unflushed = 0;
        self.segments.back().and_then(Segment::file).cloned()
    }

    /// The file to flush because of its age, if anything in it is not flushed.
    pub(crate) fn take_unflushed(&mut self) -> Option<Arc<File>> {
        if self.unflushed == 0 {
            return None;
        }
        self.unflushed = 0;
        self.segments.back().and_then(Segment::file).cloned()
    }

    fn storage_error(&self, error: &io::Error) -> ResponseError {
        tracing::warn!(folder = ?self.place.folder, %error, "records cannot be stored");
        ResponseError::KafkaStorageError
    }

    /// Whole batches from the one that holds the offset on.
    pub(crate) fn read(&self, wanted: ReadRequest) -> Result<Read, ResponseError> {
        if wanted.offset < self.start_offset || wanted.offset > self.next_offset {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let end = if wanted.committed_only { self.last_stable_offset() } else { self.next_offset };
        let mut read = Read::default();
        let first = self.segments.partition_point(|segment| segment.base_offset <= wanted.offset).saturating_sub(1);
        for segment in self.segments.range(first..) {
            let left = wanted.max_bytes.saturating_sub(read.bytes);
            let at_least_one = wanted.at_least_one && read.bytes == 0;
            if segment.base_offset >= end || (left == 0 && !at_least_one) {
                break;
            }
            let span = Span { from: wanted.offset, to: end, max_bytes: left, at_least_one };
            let taken = segment.read(span, &mut read.slices).map_err(|error| self.storage_error(&error))?;
            read.bytes += taken.bytes;
            if !taken.is_rest {
                break;
            }
        }
        if wanted.committed_only {
            let aborted = self.producers.aborted(wanted.offset, end);
            read.aborted = Some(if read.bytes == 0 { Vec::new() } else { aborted.collect() });
        }
        Ok(read)
    }

    /// Offset and timestamp of the first record that is not older than this.
    pub(crate) fn offset_at(&self, timestamp: i64) -> io::Result<Option<(i64, i64)>> {
        let mut unpacker = Unpacker::default();
        for segment in self.segments.iter().filter(|segment| segment.max_timestamp >= timestamp) {
            for block in segment.blocks_since(timestamp, self.start_offset) {
                let found = unpacker.first_record(&block?, |record| {
                    record.timestamp >= timestamp && record.offset >= self.start_offset
                })?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    /// Offset and timestamp of the record with the largest timestamp.
    pub(crate) fn offset_of_max_timestamp(&self) -> io::Result<Option<(i64, i64)>> {
        let largest = self.segments.iter().map(|segment| segment.max_timestamp).max();
        match largest.filter(|_| self.next_offset > self.start_offset) {
            Some(timestamp) => self.offset_at(timestamp),
            None => Ok(None),
        }
    }

    /// Where new segments begin to be, given the active one is full or old.
    fn roll_if_due(&mut self, coming: u64, now_ms: i64) -> io::Result<()> {
        let active = self.segments.back().expect("a log has an active segment");
        let limit = match self.place.folder {
            Some(_) => self.config.segment_bytes,
            // In memory room comes back segment by segment, so they are small.
            None => self.config.segment_bytes.min(self.place.memory.segment_bytes()),
        };
        let full = active.bytes + coming > limit;
        let old = active.first_append_ms.is_some_and(|first| now_ms.saturating_sub(first) >= self.config.segment_ms);
        if active.is_empty() || !(full || old) { Ok(()) } else { self.roll() }
    }

    /// Closes the active segment and begins another.
    fn roll(&mut self) -> io::Result<()> {
        let next = match &self.place.folder {
            None => Segment::in_memory(self.next_offset),
            Some(folder) => {
                if self.unflushed > 0
                    && self.config.flush_messages < i64::MAX
                    && let Some(file) = self.segments.back().and_then(Segment::file)
                {
                    file.sync_data()?;
                }
                Segment::create(folder, self.next_offset)?
            }
        };
        self.segments.push_back(next);
        Ok(())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.place.memory.release(self.segments.iter().map(Segment::memory_bytes).sum());
    }
}

#[cfg(test)]
pub(crate) mod tests;
