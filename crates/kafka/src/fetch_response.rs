//! The Fetch response, versions 12 to 17, walked in place.
//!
//! The generated type would copy nothing either, but it allocates for each partition and forgets where the records lie.
//! Here a response is one buffer, and what comes out are ranges of it. Record batches are not looked into.

use std::ops::Range;

use uuid::Uuid;

use crate::wire::{Cursor, Malformed, Parsed};

/// The versions that [`parse`] can read. Kafka 2.8 has 12, 4.1 has 12 to 17 and more.
pub(crate) const VERSIONS: Range<i16> = 12..18;
/// From here on topics are named by their id.
pub(crate) const TOPIC_IDS_FROM: i16 = 13;

/// A whole response, apart from its records.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FetchResponse {
    pub(crate) correlation_id: i32,
    pub(crate) throttle_ms: i32,
    pub(crate) error_code: i16,
    pub(crate) partitions: Vec<PartitionResponse>,
}

/// How a response names a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TopicKey {
    Name(Range<usize>),
    Id(Uuid),
}

/// What it says about one partition.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PartitionResponse {
    pub(crate) topic: TopicKey,
    pub(crate) partition: i32,
    pub(crate) error_code: i16,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable_offset: i64,
    pub(crate) log_start_offset: i64,
    /// Producer id and first offset of aborted transactions that reach into the records.
    pub(crate) aborted: Vec<(i64, i64)>,
    /// Where in the response the record batches lie.
    pub(crate) records: Range<usize>,
    /// Epoch and end offset of the last thing that position and log have in common.
    pub(crate) diverging: Option<(i32, i64)>,
    /// Node id and epoch of a leader that the broker knows to be newer.
    pub(crate) current_leader: Option<(i32, i32)>,
}

/// Reads a response of this version, the correlation id at its front included.
pub(crate) fn parse(bytes: &[u8], version: i16) -> Parsed<FetchResponse> {
    let mut cursor = Cursor::new(bytes);
    let correlation_id = cursor.i32()?;
    cursor.skip_tagged_fields()?;
    let throttle_ms = cursor.i32()?;
    let error_code = cursor.i16()?;
    let _session_id = cursor.i32()?;
    let mut partitions = Vec::new();
    for _ in 0..cursor.compact_len()?.unwrap_or(0) {
        let topic = if version >= TOPIC_IDS_FROM {
            TopicKey::Id(cursor.uuid()?)
        } else {
            let len = cursor.compact_len()?.ok_or(Malformed::NegativeLength)?;
            TopicKey::Name(take_range(&mut cursor, len, bytes.len())?)
        };
        for _ in 0..cursor.compact_len()?.unwrap_or(0) {
            partitions.push(partition(&mut cursor, topic.clone(), bytes.len())?);
        }
        cursor.skip_tagged_fields()?;
    }
    // Node end points follow here; metadata knows the brokers better.
    cursor.skip_tagged_fields()?;
    Ok(FetchResponse { correlation_id, throttle_ms, error_code, partitions })
}

fn partition(cursor: &mut Cursor<'_>, topic: TopicKey, response_len: usize) -> Parsed<PartitionResponse> {
    let partition = cursor.i32()?;
    let error_code = cursor.i16()?;
    let (high_watermark, last_stable_offset, log_start_offset) = (cursor.i64()?, cursor.i64()?, cursor.i64()?);
    let mut aborted = Vec::new();
    for _ in 0..cursor.compact_len()?.unwrap_or(0) {
        aborted.push((cursor.i64()?, cursor.i64()?));
        cursor.skip_tagged_fields()?;
    }
    let _preferred_read_replica = cursor.i32()?;
    let len = cursor.compact_len()?.unwrap_or(0);
    let records = take_range(cursor, len, response_len)?;
    let (mut diverging, mut current_leader) = (None, None);
    cursor.tagged_fields(|tag, field| {
        let mut field = Cursor::new(field);
        match tag {
            0 => diverging = Some((field.i32()?, field.i64()?)),
            1 => current_leader = Some((field.i32()?, field.i32()?)),
            _ => {}
        }
        Ok(())
    })?;
    Ok(PartitionResponse {
        topic,
        partition,
        error_code,
        high_watermark,
        last_stable_offset,
        log_start_offset,
        aborted,
        records,
        diverging: diverging.filter(|&(epoch, _)| epoch >= 0),
        current_leader: current_leader.filter(|&(leader, _)| leader >= 0),
    })
}

/// Where the next `len` bytes lie within the response, and passes them.
fn take_range(cursor: &mut Cursor<'_>, len: usize, response_len: usize) -> Parsed<Range<usize>> {
    let start = response_len - cursor.rest().len();
    cursor.take(len)?;
    Ok(start..start + len)
}

#[cfg(test)]
mod tests;
