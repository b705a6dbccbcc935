//! Writes record batches (message format v2).
//!
//! [`BatchWriter`] appends records to one buffer and allocates nothing for a record. [`BatchWriter::finish`] packs them
//! and writes all of the header but what is only known when the batch is sent: [`BatchStamp`], which is put on again
//! when a producer gets a new epoch.
//!
//! Deliberately not here: what a broker writes (offsets in a log, the broker's time, markers, compacted batches). The
//! embedded broker has code of its own for that (ADR 11), so that client and broker test each other.

use super::{CHECKSUMMED_FROM, HEADER_BYTES, LENGTH_PREFIX_BYTES};
use crate::compression::{CompressionType, Compressor};

/// Where the parts of a header lie that are stamped on later.
const LEADER_EPOCH_AT: usize = 12;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;
const PRODUCER_AT: usize = 43;

/// The bits of the attributes that name the codec.
const CODEC_MASK: u8 = 0x07;
const TRANSACTIONAL: u8 = 0x10;

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

/// What is known of a batch only when it is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BatchStamp {
    /// The producer that wrote it; `None` without idempotence.
    pub(crate) producer: Option<ProducerStamp>,
    /// Whether it belongs to a transaction.
    pub(crate) transactional: bool,
}

impl BatchStamp {
    /// Puts the stamp on a finished batch and corrects the checksum.
    ///
    /// # Panics
    /// If `batch` is shorter than a batch's header.
    pub(crate) fn put_on(&self, batch: &mut [u8]) {
        let attributes = &mut batch[ATTRIBUTES_AT + 1];
        *attributes = (*attributes & CODEC_MASK) | if self.transactional { TRANSACTIONAL } else { 0 };
        let producer = self.producer.unwrap_or(ProducerStamp { id: -1, epoch: -1, base_sequence: -1 });
        batch[PRODUCER_AT..PRODUCER_AT + 8].copy_from_slice(&producer.id.to_be_bytes());
        batch[PRODUCER_AT + 8..PRODUCER_AT + 10].copy_from_slice(&producer.epoch.to_be_bytes());
        batch[PRODUCER_AT + 10..PRODUCER_AT + 14].copy_from_slice(&producer.base_sequence.to_be_bytes());
        let crc = crc32c::crc32c(&batch[CHECKSUMMED_FROM..]);
        batch[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
    }
}

/// Gathers the records of one batch.
#[derive(Debug)]
pub(crate) struct BatchWriter {
    /// Room for the header, then the records.
    bytes: Vec<u8>,
    records: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchWriter {
    /// An empty batch.
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; HEADER_BYTES], records: 0, base_timestamp: 0, max_timestamp: i64::MIN }
    }

    /// Bytes so far, the header's included, before compression.
    pub(crate) fn bytes(&self) -> usize {
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

    /// Appends a record after the last one.
    #[inline]
    pub(crate) fn append(&mut self, record: &NewRecord<'_>) {
        let offset_delta = i64::from(self.records);
        if self.records == 0 {
            self.base_timestamp = record.timestamp;
        }
        let timestamp_delta = record.timestamp.wrapping_sub(self.base_timestamp);
        let headers_len = if record.headers.is_empty() { 1 } else { record.headers_len() };
        let len = 1
            + varint_len(timestamp_delta)
            + varint_len(offset_delta)
            + bytes_len(record.key)
            + bytes_len(record.value)
            + headers_len;
        // A caller that counts memory has made room before.
        self.bytes.reserve(len + 10);
        put_varint(&mut self.bytes, len as i64);
        self.bytes.push(0); // attributes: none are defined
        put_varint(&mut self.bytes, timestamp_delta);
        put_varint(&mut self.bytes, offset_delta);
        put_bytes(&mut self.bytes, record.key);
        put_bytes(&mut self.bytes, record.value);
        put_varint(&mut self.bytes, record.headers.len() as i64);
        for (name, value) in record.headers {
            put_bytes(&mut self.bytes, Some(name));
            put_bytes(&mut self.bytes, *value);
        }
        self.records += 1;
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
    }

    /// The batch as it stands on the wire. A codec that fails leaves the records as they are, which any reader takes.
    pub(crate) fn finish(self, codec: CompressionType, stamp: &BatchStamp, compressor: &mut Compressor) -> Vec<u8> {
        let Self { mut bytes, records, base_timestamp, max_timestamp } = self;
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
        // Only a leader knows its epoch.
        bytes[LEADER_EPOCH_AT..LEADER_EPOCH_AT + 4].copy_from_slice(&(-1i32).to_be_bytes());
        bytes[16] = 2; // magic
        bytes[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&(written_as as i16).to_be_bytes());
        bytes[23..27].copy_from_slice(&(records - 1).max(0).to_be_bytes());
        bytes[27..35].copy_from_slice(&base_timestamp.to_be_bytes());
        let max_timestamp = if records == 0 { -1 } else { max_timestamp };
        bytes[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&max_timestamp.to_be_bytes());
        bytes[57..61].copy_from_slice(&records.to_be_bytes());
        stamp.put_on(&mut bytes);
        bytes
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
