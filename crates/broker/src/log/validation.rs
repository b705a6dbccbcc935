//! What is checked of a batch before a log takes it: the rules and the answers of Apache Kafka 4.1.
//!
//! ```text
//! length, magic ─► header ─► checksum ─► counts, kinds, producer ─► each record ─► times, keys ─► ValidBatch
//! ```
//!
//! The answers were taken from a broker of Apache Kafka by raw requests (`validation/tests.rs`). Some are stricter,
//! where Kafka takes what consumers cannot read: a record inside a compressed batch whose length is wrong, offset
//! deltas that do not follow each other, and lengths of keys and header values below −1, which Kafka reads as null.
//! Lengths beyond 32 bits are INVALID_RECORD, where Kafka has no better answer than UNKNOWN_SERVER_ERROR.
//!
//! All of this is done before the log is locked, since it takes as long as the batch is large.

use bytes::BytesMut;
use kafka_protocol::ResponseError;

use crate::batch::{BatchHeader, HEADER_BYTES, LENGTH_PREFIX_BYTES, stamp_create_time};
use crate::records::{Damage, scan};
use crate::topic_config::TopicConfig;

/// Where the version of the format stands.
const MAGIC_AT: usize = 16;
/// The shortest message of any format: with less, the length is damaged.
const LEAST_MESSAGE_BYTES: i32 = 14;
/// A record whose producer gave no time.
const NO_TIMESTAMP: i64 = -1;

/// A batch that a log may take.
#[derive(Debug)]
pub(crate) struct ValidBatch {
    pub(crate) batch: BytesMut,
    pub(crate) header: BatchHeader,
}

impl ValidBatch {
    /// Checks a batch, and puts its largest timestamp right.
    pub(crate) fn new(mut batch: BytesMut, config: &TopicConfig, now_ms: i64) -> Result<Self, ResponseError> {
        let mut header = parse(&mut batch)?;
        check_header(&header, &batch, config)?;
        let times = check_records(&header, &batch, config)?;
        if config.append_time {
            if header.has_append_time() {
                return Err(ResponseError::InvalidTimestamp);
            }
            return Ok(Self { batch, header });
        }
        times.check(config, now_ms)?;
        if header.has_append_time() || header.max_timestamp != times.largest {
            stamp_create_time(&mut batch, &mut header, times.largest);
        }
        Ok(Self { batch, header })
    }
}

/// The header of the only batch of a request. Half a batch behind it is cut off, as Kafka does.
fn parse(batch: &mut BytesMut) -> Result<BatchHeader, ResponseError> {
    let len = batch.get(8..12).and_then(|len| len.first_chunk::<4>()).ok_or(ResponseError::InvalidRecord)?;
    let len = i32::from_be_bytes(*len);
    if len < LEAST_MESSAGE_BYTES {
        return Err(ResponseError::CorruptMessage);
    }
    let len = len as usize + LENGTH_PREFIX_BYTES;
    if len > batch.len() {
        return Err(ResponseError::InvalidRecord);
    }
    match batch[MAGIC_AT] {
        2 => {}
        0 | 1 => return Err(ResponseError::InvalidRecord),
        _ => return Err(ResponseError::CorruptMessage),
    }
    if len < HEADER_BYTES {
        return Err(ResponseError::CorruptMessage);
    }
    if batch.len() - len > MAGIC_AT {
        return Err(ResponseError::InvalidRecord);
    }
    batch.truncate(len);
    BatchHeader::parse(batch).ok_or(ResponseError::InvalidRecord)
}

fn check_header(header: &BatchHeader, batch: &[u8], config: &TopicConfig) -> Result<(), ResponseError> {
    if header.base_offset != 0 {
        return Err(ResponseError::InvalidRecord);
    }
    if header.len > config.max_message_bytes {
        return Err(ResponseError::MessageTooLarge);
    }
    if !header.crc_matches(batch) {
        return Err(ResponseError::CorruptMessage);
    }
    let counts = header.records > 0 && header.last_offset_delta == header.records - 1;
    let producer = if header.has_producer() { header.base_sequence >= 0 } else { !header.is_transactional() };
    if counts && producer && !header.is_control() { Ok(()) } else { Err(ResponseError::InvalidRecord) }
}

/// The timestamps of a batch.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// The smallest of those that are set.
    smallest: i64,
    largest: i64,
}

impl Times {
    fn check(self, config: &TopicConfig, now_ms: i64) -> Result<(), ResponseError> {
        let ahead = self.largest.saturating_sub(now_ms);
        let behind = now_ms.saturating_sub(self.smallest);
        if ahead > config.timestamp_after_max_ms || behind > config.timestamp_before_max_ms {
            return Err(ResponseError::InvalidTimestamp);
        }
        Ok(())
    }
}

fn check_records(header: &BatchHeader, batch: &[u8], config: &TopicConfig) -> Result<Times, ResponseError> {
    let mut times = Times { smallest: i64::MAX, largest: NO_TIMESTAMP };
    let mut all_have_keys = true;
    scan(header, batch, |record| {
        let timestamp = match header.has_append_time() {
            true => header.max_timestamp,
            false => header.base_timestamp.wrapping_add(record.timestamp_delta),
        };
        if timestamp != NO_TIMESTAMP {
            times.smallest = times.smallest.min(timestamp);
            times.largest = times.largest.max(timestamp);
        }
        all_have_keys &= record.has_key;
    })
    .map_err(|damage| match damage {
        Damage::Record => ResponseError::InvalidRecord,
        // Kafka's codecs throw what Kafka does not expect.
        Damage::Codec => ResponseError::UnknownServerError,
    })?;
    if config.compact && !all_have_keys {
        return Err(ResponseError::InvalidRecord);
    }
    Ok(times)
}

#[cfg(test)]
mod tests;
