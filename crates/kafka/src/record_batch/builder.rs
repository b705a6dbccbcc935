//! Writes record batches (message format v2).
//!
//! [`BatchWriter`] appends records to one buffer and allocates nothing for a record. [`BatchWriter::finish`] packs them and
//! writes all of the header but what is only known when the batch is sent: [`BatchStamp`], which can be put on again
//! when a producer gets a new epoch, or when a broker appends the batch to its log.
//!
//! Public for the embedded broker, which writes transaction markers and compacted batches with it:
//!
//! ```
//! use millstream_kafka::{BatchStamp, BatchWriter, CompressionType, Compressor, NewRecord};
//!
//! let mut writer = BatchWriter::new();
//! writer.append(&NewRecord { timestamp: 1, key: Some(b"k"), value: Some(b"v"), headers: &[] });
//! let stamp = BatchStamp { base_offset: 100, leader_epoch: 3, ..BatchStamp::default() };
//! let bytes: Vec<u8> = writer.finish(CompressionType::Lz4, &stamp, &mut Compressor::default());
//! ```

use super::{CHECKSUMMED_FROM, HEADER_BYTES, LENGTH_PREFIX_BYTES, TimestampType};
use crate::compression::{CompressionType, Compressor};

/// Where the parts of a header lie that are stamped on later.
const LEADER_EPOCH_AT: usize = 12;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;
const PRODUCER_AT: usize = 43;

/// Attribute bits beside the compression.
const LOG_APPEND_TIME: u8 = 0x08;
const TRANSACTIONAL: u8 = 0x10;
const CONTROL: u8 = 0x20;

/// A record to write.
#[derive(Debug, Clone, Copy)]
pub struct NewRecord<'a> {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
    /// Name and value of each header.
    pub headers: &'a [(&'a [u8], Option<&'a [u8]>)],
}

impl NewRecord<'_> {
    /// Bytes that the record takes at most in a batch, before compression; the bound that Java's producer uses.
    #[inline]
    pub fn bytes_max(&self) -> usize {
        // Length 5, attributes 1, timestamp 10, offset 5.
        let headers_len = if self.headers.is_empty() { 1 } else { self.headers_len() };
        21 + bytes_len(self.key) + bytes_len(self.value) + headers_len
    }

    /// Bytes after key and value's own, the number of headers included.
    fn headers_len(&self) -> usize {
        let each = |(name, value): &(&[u8], Option<&[u8]>)| bytes_len(Some(name)) + bytes_len(*value);
        varint_len(self.headers.len() as i64) + self.headers.iter().map(each).sum::<usize>()
    }
}

/// The producer that a batch names, for idempotence and transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProducerStamp {
    /// Its id.
    pub id: i64,
    /// Its epoch.
    pub epoch: i16,
    /// The sequence number of the batch's first record, −1 in a control batch.
    pub base_sequence: i32,
}

/// What is known of a batch only when it is sent or appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchStamp {
    /// The first record's offset; 0 from a producer.
    pub base_offset: i64,
    /// The leader's epoch; −1 from a producer.
    pub leader_epoch: i32,
    /// Who wrote it; `None` without idempotence.
    pub producer: Option<ProducerStamp>,
    /// Whether it belongs to a transaction.
    pub transactional: bool,
    /// Whether its record is a transaction's end.
    pub control: bool,
    /// `Some` gives all records this timestamp, the broker's; `None` leaves them theirs.
    pub append_time: Option<i64>,
}

impl Default for BatchStamp {
    /// As a producer without idempotence sends it.
    fn default() -> Self {
        Self {
            base_offset: 0,
            leader_epoch: -1,
            producer: None,
            transactional: false,
            control: false,
            append_time: None,
        }
    }
}

impl BatchStamp {
    /// Puts the stamp on a finished batch and corrects the checksum.
    ///
    /// # Panics
    /// If `batch` is shorter than a batch's header.
    pub fn put_on(&self, batch: &mut [u8]) {
        batch[..8].copy_from_slice(&self.base_offset.to_be_bytes());
        batch[LEADER_EPOCH_AT..LEADER_EPOCH_AT + 4].copy_from_slice(&self.leader_epoch.to_be_bytes());
        let low = &mut batch[ATTRIBUTES_AT + 1];
        *low &= 0x07;
        if let Some(time) = self.append_time {
            *low |= LOG_APPEND_TIME;
            batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&time.to_be_bytes());
        }
        let low = &mut batch[ATTRIBUTES_AT + 1];
        *low |= if self.transactional { TRANSACTIONAL } else { 0 } | if self.control { CONTROL } else { 0 };
        let producer = self.producer.unwrap_or(ProducerStamp { id: -1, epoch: -1, base_sequence: -1 });
        batch[PRODUCER_AT..PRODUCER_AT + 8].copy_from_slice(&producer.id.to_be_bytes());
        batch[PRODUCER_AT + 8..PRODUCER_AT + 10].copy_from_slice(&producer.epoch.to_be_bytes());
        batch[PRODUCER_AT + 10..PRODUCER_AT + 14].copy_from_slice(&producer.base_sequence.to_be_bytes());
        let crc = crc32c::crc32c(&batch[CHECKSUMMED_FROM..]);
        batch[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
    }

    /// Gives a batch its place in a log, which the checksum does not cover.
    ///
    /// # Panics
    /// If `batch` is shorter than a batch's header.
    pub fn put_place_on(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
        batch[..8].copy_from_slice(&base_offset.to_be_bytes());
        batch[LEADER_EPOCH_AT..LEADER_EPOCH_AT + 4].copy_from_slice(&leader_epoch.to_be_bytes());
    }
}

/// Gathers the records of one batch.
#[derive(Debug)]
pub struct BatchWriter {
    /// Room for the header, then the records.
    bytes: Vec<u8>,
    records: i32,
    last_offset_delta: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl Default for BatchWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchWriter {
    /// An empty batch.
    pub fn new() -> Self {
        Self::with_buffer(Vec::new())
    }

    /// An empty batch in a buffer that was used before.
    pub fn with_buffer(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.resize(HEADER_BYTES, 0);
        Self { bytes: buffer, records: 0, last_offset_delta: -1, base_timestamp: 0, max_timestamp: i64::MIN }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Bytes so far, the header's included, before compression.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How much more memory it will hold when this many bytes are appended; see [`BatchWriter::grow`].
    pub(crate) fn growth(&self, bytes: usize) -> usize {
        let short = (self.bytes.len() + bytes).saturating_sub(self.bytes.capacity());
        if short == 0 { 0 } else { short.max(self.bytes.capacity()) }
    }

    /// Takes more memory.
    pub(crate) fn grow(&mut self, bytes: usize) {
        self.bytes.reserve_exact(self.bytes.capacity() - self.bytes.len() + bytes);
    }

    /// Memory that it holds.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends a record after the last one.
    #[inline]
    pub fn append(&mut self, record: &NewRecord<'_>) {
        self.append_at(self.last_offset_delta + 1, record);
    }

    /// Appends a record at this distance from the batch's first offset, beyond those before it: for what compaction has
    /// left.
    #[inline]
    pub fn append_at(&mut self, offset_delta: i32, record: &NewRecord<'_>) {
        if self.records == 0 {
            self.base_timestamp = record.timestamp;
        }
        let timestamp_delta = record.timestamp.wrapping_sub(self.base_timestamp);
        let headers_len = if record.headers.is_empty() { 1 } else { record.headers_len() };
        let len = 1
            + varint_len(timestamp_delta)
            + varint_len(i64::from(offset_delta))
            + bytes_len(record.key)
            + bytes_len(record.value)
            + headers_len;
        // A caller that counts memory has made room before.
        self.bytes.reserve(len + 10);
        put_varint(&mut self.bytes, len as i64);
        self.bytes.push(0); // attributes: none are defined
        put_varint(&mut self.bytes, timestamp_delta);
        put_varint(&mut self.bytes, i64::from(offset_delta));
        put_bytes(&mut self.bytes, record.key);
        put_bytes(&mut self.bytes, record.value);
        put_varint(&mut self.bytes, record.headers.len() as i64);
        for (name, value) in record.headers {
            put_bytes(&mut self.bytes, Some(name));
            put_bytes(&mut self.bytes, *value);
        }
        self.records += 1;
        self.last_offset_delta = offset_delta;
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
    }

    /// Lets the batch end at this distance from its first offset although the last record lies before: for compaction.
    pub fn ends_at(&mut self, last_offset_delta: i32) {
        self.last_offset_delta = self.last_offset_delta.max(last_offset_delta);
    }

    /// The batch as it stands on the wire. A codec that fails leaves the records as they are, which any reader takes.
    pub fn finish(self, codec: CompressionType, stamp: &BatchStamp, compressor: &mut Compressor) -> Vec<u8> {
        let Self { mut bytes, records, last_offset_delta, base_timestamp, max_timestamp } = self;
        let mut written_as = CompressionType::None;
        if codec != CompressionType::None && records > 0 {
            let mut packed = Vec::with_capacity(HEADER_BYTES + (bytes.len() - HEADER_BYTES) / 2);
            packed.resize(HEADER_BYTES, 0);
            if compressor.pack(codec, &bytes[HEADER_BYTES..], &mut packed).is_ok() {
                bytes = packed;
                written_as = codec;
            }
        }
        let len = (bytes.len() - LENGTH_PREFIX_BYTES) as i32;
        bytes[8..12].copy_from_slice(&len.to_be_bytes());
        bytes[16] = 2; // magic
        bytes[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&(written_as as i16).to_be_bytes());
        bytes[23..27].copy_from_slice(&last_offset_delta.max(0).to_be_bytes());
        bytes[27..35].copy_from_slice(&base_timestamp.to_be_bytes());
        let max_timestamp = if records == 0 { -1 } else { max_timestamp };
        bytes[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&max_timestamp.to_be_bytes());
        bytes[57..61].copy_from_slice(&records.to_be_bytes());
        stamp.put_on(&mut bytes);
        bytes
    }
}

impl BatchStamp {
    /// Which clock the stamp gives the batch.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.append_time.is_some() { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
    }
}

#[inline]
fn varint_len(value: i64) -> usize {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    // One byte for each seven bits, and one at least.
    (64 - (zigzag | 1).leading_zeros() as usize).div_ceil(7)
}

#[inline]
fn put_varint(bytes: &mut Vec<u8>, value: i64) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag >= 0x80 {
        bytes.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    bytes.push(zigzag as u8);
}

#[inline]
fn bytes_len(field: Option<&[u8]>) -> usize {
    field.map_or(1, |bytes| varint_len(bytes.len() as i64) + bytes.len())
}

#[inline]
fn put_bytes(bytes: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        Some(field) => {
            put_varint(bytes, field.len() as i64);
            bytes.extend_from_slice(field);
        }
        None => put_varint(bytes, -1),
    }
}

#[cfg(test)]
mod tests;
