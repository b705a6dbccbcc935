//! Record batches (message format v2), parsed in place. [`builder`] writes them.
//!
//! [`BatchHeader`] is read once a batch, [`Records`] walks the records without allocating: keys, values and headers are
//! slices of the response, or of the decompressor's buffer where the batch is compressed. Every length is checked;
//! bytes that are not a batch give an error that names broker, topic, partition and offset.

pub(crate) mod builder;

use std::ops::Range;

use crate::compression::{BatchMark, CompressionType, Decompressor, UnpackError};
use crate::error::{Error, Place, Result};
use crate::wire::{Cursor, Malformed, Parsed};
use builder::ProducerStamp;

/// Bytes of a batch before its records.
pub(crate) const HEADER_BYTES: usize = 61;
/// Offset and length come before the part that the length counts.
const LENGTH_PREFIX_BYTES: usize = 12;
/// Where the part that the checksum covers begins.
const CHECKSUMMED_FROM: usize = 21;

/// Which clock a record's timestamp is from. The numbers are Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampType {
    /// The producer's: when the record was made.
    CreateTime = 0,
    /// The broker's: when the record was appended.
    LogAppendTime = 1,
}

/// The fixed part of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) base_offset: i64,
    /// Bytes of the whole batch, this header included.
    pub(crate) len: usize,
    pub(crate) leader_epoch: i32,
    pub(crate) crc: u32,
    attributes: i16,
    /// The offset after the batch's last, which compaction keeps even when the last records are gone.
    pub(crate) next_offset: i64,
    base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    pub(crate) records: i32,
}

/// What stands at the front of a record set.
pub(crate) enum Front {
    Batch(BatchHeader),
    /// The response ended within a batch of this many bytes (0: not even its length is there).
    CutOff(usize),
    OldFormat(i8),
}

impl BatchHeader {
    /// Reads the batch at the front of `bytes`.
    pub(crate) fn parse(bytes: &[u8]) -> Parsed<Front> {
        let mut cursor = Cursor::new(bytes);
        let (Ok(base_offset), Ok(len)) = (cursor.i64(), cursor.i32()) else { return Ok(Front::CutOff(0)) };
        let len = usize::try_from(len).map_err(|_| Malformed::NegativeLength)? + LENGTH_PREFIX_BYTES;
        let (Ok(leader_epoch), Ok(magic)) = (cursor.i32(), cursor.i8()) else { return Ok(Front::CutOff(len)) };
        if magic != 2 {
            return Ok(Front::OldFormat(magic));
        }
        if bytes.len() < len {
            return Ok(Front::CutOff(len));
        }
        let crc = cursor.u32()?;
        let attributes = cursor.i16()?;
        let last_offset_delta = cursor.i32()?;
        let (base_timestamp, max_timestamp) = (cursor.i64()?, cursor.i64()?);
        let producer_id = cursor.i64()?;
        let (producer_epoch, base_sequence) = (cursor.i16()?, cursor.i32()?);
        let records = cursor.i32()?;
        let next_offset = base_offset.checked_add(i64::from(last_offset_delta) + 1);
        match next_offset {
            Some(next_offset) if len >= HEADER_BYTES && last_offset_delta >= 0 && base_offset >= 0 && records >= 0 => {
                Ok(Front::Batch(Self {
                    base_offset,
                    len,
                    leader_epoch,
                    crc,
                    attributes,
                    next_offset,
                    base_timestamp,
                    max_timestamp,
                    producer_id,
                    producer_epoch,
                    base_sequence,
                    records,
                }))
            }
            _ => Err(Malformed::WrongBatchHeader),
        }
    }

    pub(crate) fn is_transactional(&self) -> bool {
        self.attributes & 0x10 != 0
    }

    pub(crate) fn is_control(&self) -> bool {
        self.attributes & 0x20 != 0
    }

    pub(crate) fn timestamp_type(&self) -> TimestampType {
        if self.attributes & 0x08 == 0 { TimestampType::CreateTime } else { TimestampType::LogAppendTime }
    }
}

/// Whether the control batch in `batch` ends its transaction by an abort.
pub(crate) fn is_abort_marker(batch: &[u8]) -> Parsed<bool> {
    let mut records = Cursor::new(batch.get(HEADER_BYTES..).ok_or(Malformed::EndsEarly)?);
    if records.is_empty() {
        // Compaction removes the marker and keeps the batch for its sequence number.
        return Ok(false);
    }
    let record = read_record(&mut records, false)?;
    let mut key = Cursor::new(record.key.ok_or(Malformed::EndsEarly)?);
    let (_version, kind) = (key.i16()?, key.i16()?);
    Ok(kind == 0)
}

/// One batch of records of one partition.
#[derive(Debug, Clone, Copy)]
pub struct RecordBatch<'a> {
    pub(crate) header: BatchHeader,
    pub(crate) bytes: &'a [u8],
    pub(crate) place: &'a Place,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

impl<'a> RecordBatch<'a> {
    /// The batch at the front of `bytes`; `None` if they end before it does. `place` is named by errors. The checksum
    /// is not looked at: see [`RecordBatch::check_crc`].
    ///
    /// # Errors
    /// Bytes that are no batch, and message formats from before Kafka 0.11.
    pub fn parse(bytes: &'a [u8], place: &'a Place) -> Result<Option<Self>> {
        match BatchHeader::parse(bytes).map_err(place.malformed())? {
            Front::Batch(header) => {
                Ok(Some(Self { header, bytes: &bytes[..header.len], place, from: i64::MIN, to: i64::MAX }))
            }
            Front::CutOff(_) => Ok(None),
            Front::OldFormat(magic) => Err(Error::MessageFormat { place: place.clone(), magic }),
        }
    }

    /// The whole batch as it stands on the wire.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The leader epoch under which the broker appended it; −1 in what a producer sends.
    pub fn leader_epoch(&self) -> i32 {
        self.header.leader_epoch
    }

    /// The largest timestamp of its records, as its writer says.
    pub fn max_timestamp(&self) -> i64 {
        self.header.max_timestamp
    }

    /// Who wrote it; `None` from a producer without idempotence.
    pub fn producer(&self) -> Option<ProducerStamp> {
        let header = &self.header;
        (header.producer_id >= 0).then_some(ProducerStamp {
            id: header.producer_id,
            epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
        })
    }

    /// Whether it belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.header.is_transactional()
    }

    /// Whether it holds a transaction's end instead of records.
    pub fn is_control(&self) -> bool {
        self.header.is_control()
    }

    /// How its records are compressed.
    ///
    /// # Errors
    /// A number that stands for no compression.
    pub fn compression(&self) -> Result<CompressionType> {
        CompressionType::from_attributes(self.header.attributes)
            .map_err(|reason| Error::malformed(&self.place_at(self.header.base_offset), reason))
    }

    /// The first offset that the batch covers.
    pub fn base_offset(&self) -> i64 {
        self.header.base_offset
    }

    /// The offset after the last one that the batch covers.
    pub fn next_offset(&self) -> i64 {
        self.header.next_offset
    }

    /// Records in the batch, those before the position that was asked for included.
    pub fn len(&self) -> usize {
        self.header.records as usize
    }

    /// Whether compaction has removed all records.
    pub fn is_empty(&self) -> bool {
        self.header.records == 0
    }

    /// Which clock the timestamps are from; one for the whole batch.
    pub fn timestamp_type(&self) -> TimestampType {
        self.header.timestamp_type()
    }

    /// Compares the checksum with the content.
    ///
    /// # Errors
    /// [`Error::Checksum`] if they differ.
    pub fn check_crc(&self) -> Result<()> {
        let actual = crc32c::crc32c(&self.bytes[CHECKSUMMED_FROM..]);
        if actual == self.header.crc {
            return Ok(());
        }
        Err(Error::Checksum { place: self.place_at(self.header.base_offset), expected: self.header.crc, actual })
    }

    /// Leaves out records outside these offsets from now on.
    #[must_use]
    pub fn within(mut self, offsets: Range<i64>) -> Self {
        self.from = self.from.max(offsets.start);
        self.to = self.to.min(offsets.end);
        self
    }

    /// The records, unpacked into `room` if the batch is compressed and does not lie there already.
    ///
    /// # Errors
    /// Bytes that cannot be unpacked, and [`Error::NoRoom`].
    pub fn records(&self, room: &'a mut Decompressor) -> Result<Records<'a>> {
        self.records_from(room, RecordsPosition::default())
    }

    /// The records from a place on that [`Records::position`] gave.
    ///
    /// # Errors
    /// As [`RecordBatch::records`].
    pub fn records_from(&self, room: &'a mut Decompressor, from: RecordsPosition) -> Result<Records<'a>> {
        let codec = self.compression()?;
        let (topic, partition) = (self.place.topic.clone(), self.place.partition);
        let BatchHeader { base_offset, len, crc, .. } = self.header;
        let mark = BatchMark { topic, partition, base_offset, len, crc };
        let bytes = room.unpack(codec, &self.bytes[HEADER_BYTES..], mark).map_err(|error| match error {
            UnpackError::Malformed(reason) => Error::malformed(&self.place_at(base_offset), reason),
            UnpackError::NoRoom(bytes) => Error::NoRoom { place: self.place_at(base_offset), bytes },
        })?;
        let append_time = match self.timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(self.header.max_timestamp),
        };
        Ok(Records {
            cursor: Cursor::new(bytes.get(from.byte..).unwrap_or_default()),
            len: bytes.len(),
            left: self.header.records.saturating_sub(from.records),
            records: self.header.records,
            base_offset: self.header.base_offset,
            base_timestamp: self.header.base_timestamp,
            append_time,
            from: self.from,
            to: self.to,
            place: self.place,
        })
    }

    fn place_at(&self, offset: i64) -> Place {
        self.place.clone().with_offset(offset)
    }
}

/// One record; everything is borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub timestamp: i64,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null, a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The headers, not yet looked at.
    pub headers: Headers<'a>,
}

/// A place between two records of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecordsPosition {
    /// Of the unpacked records.
    byte: usize,
    /// Records before it.
    records: i32,
}

/// Walks the records of a batch.
#[derive(Debug)]
pub struct Records<'a> {
    cursor: Cursor<'a>,
    /// Bytes of all records.
    len: usize,
    left: i32,
    /// Records of the batch.
    records: i32,
    base_offset: i64,
    base_timestamp: i64,
    append_time: Option<i64>,
    from: i64,
    to: i64,
    place: &'a Place,
}

impl<'a> Records<'a> {
    /// The next record, `None` after the last.
    #[inline]
    #[expect(clippy::should_implement_trait, reason = "fallible: a Result of an Option reads better at every call")]
    pub fn next(&mut self) -> Result<Option<Record<'a>>> {
        while self.left > 0 {
            self.left -= 1;
            let raw = match read_record(&mut self.cursor, true) {
                Ok(raw) => raw,
                Err(reason) => return Err(self.malformed(reason)),
            };
            let offset = self.base_offset.wrapping_add(raw.offset_delta);
            // A batch comes whole although the position asked for may lie within it.
            if offset < self.from || offset >= self.to {
                continue;
            }
            let timestamp = match self.append_time {
                None => self.base_timestamp.wrapping_add(raw.timestamp_delta),
                Some(time) => time,
            };
            return Ok(Some(Record { offset, timestamp, key: raw.key, value: raw.value, headers: raw.headers }));
        }
        Ok(None)
    }

    /// The place before the next record, where another walk can go on.
    pub fn position(&self) -> RecordsPosition {
        RecordsPosition { byte: self.len - self.cursor.rest().len(), records: self.records - self.left }
    }

    #[cold]
    fn malformed(&self, reason: Malformed) -> Error {
        Error::malformed(&self.place.clone().with_offset(self.base_offset), reason)
    }
}

struct RawRecord<'a> {
    timestamp_delta: i64,
    offset_delta: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Headers<'a>,
}

/// Reads one record. `with_value` is false for control records, whose value nobody needs.
#[inline(always)]
fn read_record<'a>(cursor: &mut Cursor<'a>, with_value: bool) -> Parsed<RawRecord<'a>> {
    let len = usize::try_from(cursor.signed_long()?).map_err(|_| Malformed::NegativeLength)?;
    let mut body = Cursor::new(cursor.take(len)?);
    body.i8()?; // attributes: none are defined
    let timestamp_delta = body.signed_long()?;
    let offset_delta = body.signed_long()?;
    let key = body.nullable_bytes()?;
    let value = if with_value { body.nullable_bytes()? } else { None };
    let headers = Headers { rest: body };
    // The usual record has no headers: one byte that says so.
    if with_value && headers.rest.rest() != [0] {
        headers.check()?;
    }
    Ok(RawRecord { timestamp_delta, offset_delta, key, value, headers })
}

/// The headers of a record, read when they are iterated over. They were checked when the record was read.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'a> {
    rest: Cursor<'a>,
}

impl<'a> Headers<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        let mut cursor = self.rest;
        cursor.signed_long().ok().and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Name and value of each, in the order in which the producer wrote them.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + use<'a> {
        let mut cursor = self.rest;
        let _count = cursor.signed_long();
        std::iter::from_fn(move || {
            if cursor.is_empty() {
                return None;
            }
            Some((cursor.nullable_bytes().ok()??, cursor.nullable_bytes().ok()?))
        })
    }

    fn check(&self) -> Parsed<()> {
        let mut cursor = self.rest;
        for _ in 0..cursor.signed_long()? {
            cursor.nullable_bytes()?.ok_or(Malformed::NegativeLength)?;
            cursor.nullable_bytes()?;
        }
        if cursor.is_empty() { Ok(()) } else { Err(Malformed::WrongRecordLength) }
    }
}

impl PartialEq for Headers<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers<'_> {}

#[cfg(test)]
mod tests;
