//! The header of a record batch (message format v2): read, checked and stamped in place.
//!
//! The broker keeps batches as the producer wrote them, compressed or not. It looks at the 61 bytes of the header,
//! writes the base offset into it (which the checksum leaves out on purpose), and makes the markers that end a
//! transaction. What is inside a batch is in [`crate::records`].
//!
//! Both are code of the broker's own beside `crates/kafka`'s, on purpose: client and broker test each other only as
//! long as a misreading of the format in one of them is not in the other too (ADR 11).

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes of a batch before its records.
pub(crate) const HEADER_BYTES: usize = 61;
/// Offset and length come before the part that the length counts.
pub(crate) const LENGTH_PREFIX_BYTES: usize = 12;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const MAX_TIMESTAMP_AT: usize = 35;

const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// The fixed part of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) base_offset: i64,
    /// Bytes of the whole batch, this header included.
    pub(crate) len: usize,
    pub(crate) magic: i8,
    crc: u32,
    pub(crate) attributes: i16,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    pub(crate) records: i32,
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`; the batch itself may go beyond them. `None` if it cannot be one.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_BYTES>()?;
        let base_offset = i64::from_be_bytes(array(header, 0));
        let len = usize::try_from(i32::from_be_bytes(array(header, 8))).ok()?.checked_add(LENGTH_PREFIX_BYTES)?;
        let parsed = Self {
            base_offset,
            len,
            magic: header[16] as i8,
            crc: u32::from_be_bytes(array(header, CRC_AT)),
            attributes: i16::from_be_bytes(array(header, ATTRIBUTES_AT)),
            last_offset_delta: i32::from_be_bytes(array(header, 23)),
            base_timestamp: i64::from_be_bytes(array(header, 27)),
            max_timestamp: i64::from_be_bytes(array(header, MAX_TIMESTAMP_AT)),
            producer_id: i64::from_be_bytes(array(header, 43)),
            producer_epoch: i16::from_be_bytes(array(header, 51)),
            base_sequence: i32::from_be_bytes(array(header, 53)),
            records: i32::from_be_bytes(array(header, 57)),
        };
        let possible = len >= HEADER_BYTES && parsed.last_offset_delta >= 0 && parsed.records >= 0;
        (possible && base_offset.checked_add(i64::from(parsed.last_offset_delta) + 1).is_some()).then_some(parsed)
    }

    /// The last offset that the batch covers; compaction keeps it even when the last records are gone.
    pub(crate) fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    pub(crate) fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    pub(crate) fn has_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME != 0
    }

    pub(crate) fn has_producer(&self) -> bool {
        self.producer_id >= 0
    }

    /// The number of the codec, as in the attributes.
    pub(crate) fn codec(&self) -> i16 {
        self.attributes & 0x07
    }

    /// The sequence number of the last record; they wrap around after `i32::MAX`.
    pub(crate) fn last_sequence(&self) -> i32 {
        self.base_sequence.wrapping_add(self.last_offset_delta) & i32::MAX
    }

    /// Compares the checksum with the content.
    pub(crate) fn crc_matches(&self, batch: &[u8]) -> bool {
        batch.len() == self.len && crc32c::crc32c(&batch[ATTRIBUTES_AT..]) == self.crc
    }
}

/// Gives a batch its place in the log. The checksum does not cover these bytes.
pub(crate) fn stamp_offset(batch: &mut [u8], base_offset: i64) {
    const LEADER_EPOCH: i32 = 0;
    batch[..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[12..16].copy_from_slice(&LEADER_EPOCH.to_be_bytes());
}

/// Gives all records of a batch the broker's time.
pub(crate) fn stamp_append_time(batch: &mut [u8], header: &mut BatchHeader, now_ms: i64) {
    header.attributes |= LOG_APPEND_TIME;
    header.max_timestamp = now_ms;
    batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&header.attributes.to_be_bytes());
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&now_ms.to_be_bytes());
    seal(batch);
}

/// Says of a batch that its records have their producers' times, the latest of which is this.
pub(crate) fn stamp_create_time(batch: &mut [u8], header: &mut BatchHeader, max_timestamp: i64) {
    header.attributes &= !LOG_APPEND_TIME;
    header.max_timestamp = max_timestamp;
    batch[ATTRIBUTES_AT..ATTRIBUTES_AT + 2].copy_from_slice(&header.attributes.to_be_bytes());
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&max_timestamp.to_be_bytes());
    seal(batch);
}

/// Writes the length and the checksum into a batch whose other bytes are there.
pub(crate) fn seal(batch: &mut [u8]) -> u32 {
    let len = i32::try_from(batch.len() - LENGTH_PREFIX_BYTES).unwrap_or(i32::MAX);
    batch[8..12].copy_from_slice(&len.to_be_bytes());
    let crc = crc32c::crc32c(&batch[ATTRIBUTES_AT..]);
    batch[CRC_AT..CRC_AT + 4].copy_from_slice(&crc.to_be_bytes());
    crc
}

/// Who ends a transaction, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndMarker {
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) commit: bool,
    pub(crate) timestamp: i64,
}

impl EndMarker {
    /// The control batch that ends the transaction, without its offset yet.
    pub(crate) fn batch(&self) -> BytesMut {
        let mut batch = BytesMut::with_capacity(HEADER_BYTES + 17);
        batch.put_i64(0);
        batch.put_i32(0); // length: see seal
        batch.put_i32(0);
        batch.put_i8(2);
        batch.put_u32(0); // checksum: see seal
        batch.put_i16(TRANSACTIONAL | CONTROL);
        batch.put_i32(0);
        batch.put_i64(self.timestamp);
        batch.put_i64(self.timestamp);
        batch.put_i64(self.producer_id);
        batch.put_i16(self.producer_epoch);
        batch.put_i32(-1);
        batch.put_i32(1);
        // The record, lengths and deltas zigzag: 16 bytes, no attributes, no deltas.
        batch.put_slice(&[32, 0, 0, 0]);
        // The key: 4 bytes, version 0, kind.
        batch.put_slice(&[8, 0, 0, 0, u8::from(self.commit)]);
        // The value: 6 bytes, version 0, coordinator epoch 0. No headers.
        batch.put_slice(&[12, 0, 0, 0, 0, 0, 0, 0]);
        seal(&mut batch);
        batch
    }
}

/// Whether a control batch ends its transaction by a commit; one that compaction emptied counts as one.
pub(crate) fn is_commit_marker(batch: &Bytes) -> bool {
    const KIND_AT: usize = HEADER_BYTES + 8;
    batch.get(KIND_AT).is_none_or(|&kind| kind == 1)
}

fn array<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

#[cfg(test)]
mod tests;
