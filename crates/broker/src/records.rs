//! The records inside a batch: checked when a producer sends them ([`mod@scan`]), and read for offsets by time and
//! compaction.
//!
//! Everything is checked, because producers may write what they like behind a right checksum.

mod scan;

use std::io::{self, Read};

use bytes::Bytes;

use crate::batch::{BatchHeader, HEADER_BYTES};

pub(crate) use scan::{Damage, scan};

/// A batch may not grow beyond this when it is unpacked: a guard against bytes that were made to exhaust memory.
const UNPACKED_BYTES_MAX: usize = 256 << 20;
/// Java's snappy stream begins with these bytes, then two version numbers; others write one bare snappy block.
const XERIAL_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const XERIAL_HEADER_BYTES: usize = 16;

/// One record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<&'a [u8]>,
    /// Whether the value is null, which deletes the key in a compacted topic.
    pub(crate) is_tombstone: bool,
    /// The record as it is written, after its length.
    pub(crate) body: &'a [u8],
}

/// Unpacks batches into a buffer that is used again.
#[derive(Debug, Default)]
pub(crate) struct Unpacker {
    unpacked: Vec<u8>,
}

impl Unpacker {
    /// The records of a batch.
    pub(crate) fn records<'a>(&'a mut self, header: &BatchHeader, batch: &'a [u8]) -> io::Result<Records<'a>> {
        let packed = batch.get(HEADER_BYTES..header.len).ok_or_else(|| damaged("a batch is cut off"))?;
        let bytes = if header.codec() == 0 { packed } else { self.unpack(header.codec(), packed)? };
        Ok(Records { rest: bytes, left: header.records, header: *header })
    }

    /// Offset and timestamp of the first record of these whole batches that passes; control batches hold none.
    pub(crate) fn first_record(
        &mut self,
        batches: &Bytes,
        passes: impl Fn(&Record<'_>) -> bool,
    ) -> io::Result<Option<(i64, i64)>> {
        let mut rest = &batches[..];
        while let Some(header) = BatchHeader::parse(rest) {
            if !header.is_control() {
                let mut records = self.records(&header, rest)?;
                while let Some(record) = records.next()? {
                    if passes(&record) {
                        return Ok(Some((record.offset, record.timestamp)));
                    }
                }
            }
            rest = rest.get(header.len..).unwrap_or_default();
        }
        Ok(None)
    }

    fn unpack(&mut self, codec: i16, packed: &[u8]) -> io::Result<&[u8]> {
        self.unpacked.clear();
        match codec {
            1 => read_limited(flate2::read::MultiGzDecoder::new(packed), &mut self.unpacked)?,
            2 => self.unpack_snappy(packed)?,
            3 => read_limited(lz4_flex::frame::FrameDecoder::new(packed), &mut self.unpacked)?,
            4 => {
                let decoder = ruzstd::decoding::StreamingDecoder::new(packed).map_err(damaged)?;
                read_limited(decoder, &mut self.unpacked)?;
            }
            other => return Err(damaged(format!("compression type {other} does not exist"))),
        }
        Ok(&self.unpacked)
    }

    fn unpack_snappy(&mut self, packed: &[u8]) -> io::Result<()> {
        if !packed.starts_with(&XERIAL_MAGIC) {
            return self.append_snappy_block(packed);
        }
        let mut blocks = packed.get(XERIAL_HEADER_BYTES..).unwrap_or_default();
        while let Some((len, rest)) = blocks.split_first_chunk::<4>() {
            let block = rest.split_at_checked(u32::from_be_bytes(*len) as usize);
            let (block, rest) = block.ok_or_else(|| damaged("a snappy block is cut off"))?;
            self.append_snappy_block(block)?;
            blocks = rest;
        }
        Ok(())
    }

    fn append_snappy_block(&mut self, block: &[u8]) -> io::Result<()> {
        let start = self.unpacked.len();
        let end = start + snap::raw::decompress_len(block).map_err(damaged)?;
        if end > UNPACKED_BYTES_MAX {
            return Err(damaged("a batch is too large when it is unpacked"));
        }
        self.unpacked.resize(end, 0);
        snap::raw::Decoder::new().decompress(block, &mut self.unpacked[start..]).map_err(damaged)?;
        Ok(())
    }
}

fn read_limited(reader: impl Read, into: &mut Vec<u8>) -> io::Result<()> {
    let read = reader.take(UNPACKED_BYTES_MAX as u64 + 1).read_to_end(into)?;
    if read > UNPACKED_BYTES_MAX { Err(damaged("a batch is too large when it is unpacked")) } else { Ok(()) }
}

fn damaged(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Walks the records of a batch.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    rest: &'a [u8],
    left: i32,
    header: BatchHeader,
}

impl<'a> Records<'a> {
    /// The next record, `None` after the last.
    pub(crate) fn next(&mut self) -> io::Result<Option<Record<'a>>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let record = self.read().ok_or_else(|| damaged("a record does not fit its batch"))?;
        Ok(Some(record))
    }

    fn read(&mut self) -> Option<Record<'a>> {
        let len = usize::try_from(take_varint(&mut self.rest)?).ok()?;
        let (body, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        let mut fields = body.get(1..)?; // attributes: none are defined
        let timestamp_delta = take_varint(&mut fields)?;
        let offset_delta = take_varint(&mut fields)?;
        let key = take_nullable(&mut fields)?;
        let value = take_nullable(&mut fields)?;
        let header = &self.header;
        let timestamp = match header.has_append_time() {
            true => header.max_timestamp,
            false => header.base_timestamp.wrapping_add(timestamp_delta),
        };
        let offset = header.base_offset.wrapping_add(offset_delta);
        Some(Record { offset, timestamp, key, is_tombstone: value.is_none(), body })
    }
}

/// Bytes with a zigzag length; −1 is null. The outer `None` is damage.
fn take_nullable<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let len = take_varint(bytes)?;
    if len == -1 {
        return Some(None);
    }
    let (taken, rest) = bytes.split_at_checked(usize::try_from(len).ok()?)?;
    *bytes = rest;
    Some(Some(taken))
}

/// A zigzag varint of up to 64 bits.
fn take_varint(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (index * 7);
        if *byte < 0x80 {
            *bytes = &bytes[index + 1..];
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

/// Writes a zigzag varint.
pub(crate) fn put_varint(into: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        into.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    into.push(rest as u8);
}

#[cfg(test)]
mod tests;
