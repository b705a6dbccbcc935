//! Walks the records of a batch that a producer sent, without keeping any of them.
//!
//! A compressed batch is unpacked piece by piece: some kilobytes on the wire may be gigabytes of zeros, and what is
//! held is a codec's window, not the batch.

use std::io::{self, BufRead, BufReader, Read};

use crate::batch::{BatchHeader, HEADER_BYTES};

use super::{XERIAL_HEADER_BYTES, XERIAL_MAGIC, damaged};

/// No snappy block grows more than this when it is unpacked: its best copy writes 64 bytes for 3.
const SNAPPY_GROWTH_MAX: usize = 22;

/// What is wrong inside a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// The codec cannot unpack it.
    Codec,
    /// The records are not what the header says, or not records.
    Record,
}

/// What a producer's batch is asked of each record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scanned {
    pub(crate) timestamp_delta: i64,
    pub(crate) has_key: bool,
}

/// Shows each record of the batch to `visit`. The records have to fill the batch, and their offsets follow each other.
pub(crate) fn scan(header: &BatchHeader, batch: &[u8], visit: impl FnMut(Scanned)) -> Result<(), Damage> {
    let packed = batch.get(HEADER_BYTES..header.len).ok_or(Damage::Record)?;
    let records = header.records;
    match header.codec() {
        0 => walk(packed, records, visit),
        1 => walk(BufReader::new(flate2::read::MultiGzDecoder::new(packed)), records, visit),
        2 => walk(BufReader::new(SnappyBlocks::new(packed).map_err(|_| Damage::Codec)?), records, visit),
        3 => walk(BufReader::new(lz4_flex::frame::FrameDecoder::new(packed)), records, visit),
        4 => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(packed).map_err(|_| Damage::Codec)?;
            walk(BufReader::new(decoder), records, visit)
        }
        _ => Err(Damage::Codec),
    }
}

fn walk(mut input: impl BufRead, records: i32, mut visit: impl FnMut(Scanned)) -> Result<(), Damage> {
    for index in 0..records {
        let len = usize::try_from(varint(&mut input)?).map_err(|_| Damage::Record)?;
        // The usual record lies in the buffer as a whole. Bytes that are left over say that its length is wrong.
        let rest = if let Some(mut body) = buffered(&mut input)?.get(..len) {
            visit(record(&mut body, i64::from(index))?);
            let rest = body.len() as u64;
            input.consume(len);
            rest
        } else {
            let mut body = (&mut input).take(len as u64);
            visit(record(&mut body, i64::from(index))?);
            body.limit()
        };
        if rest > 0 {
            return Err(Damage::Record);
        }
    }
    if buffered(&mut input)?.is_empty() { Ok(()) } else { Err(Damage::Record) }
}

/// Reads one record up to its end.
fn record(body: &mut impl BufRead, index: i64) -> Result<Scanned, Damage> {
    skip(body, 1)?; // attributes: none are defined
    let timestamp_delta = varint(body)?;
    if varint(body)? != index {
        return Err(Damage::Record);
    }
    let has_key = skip_nullable(body)?;
    skip_nullable(body)?;
    let headers = varint(body)?;
    if headers < 0 {
        return Err(Damage::Record);
    }
    for _ in 0..headers {
        if !skip_nullable(body)? {
            return Err(Damage::Record);
        }
        skip_nullable(body)?;
    }
    Ok(Scanned { timestamp_delta, has_key })
}

/// `true` if there is something: −1 is null.
fn skip_nullable(input: &mut impl BufRead) -> Result<bool, Damage> {
    match varint(input)? {
        -1 => Ok(false),
        len => skip(input, u64::try_from(len).map_err(|_| Damage::Record)?).map(|()| true),
    }
}

fn skip(input: &mut impl BufRead, mut len: u64) -> Result<(), Damage> {
    while len > 0 {
        let there = buffered(input)?.len();
        if there == 0 {
            return Err(Damage::Record);
        }
        let taken = usize::try_from(len).map_or(there, |len| len.min(there));
        input.consume(taken);
        len -= taken as u64;
    }
    Ok(())
}

/// A zigzag varint of up to 64 bits.
#[inline]
fn varint(input: &mut impl BufRead) -> Result<i64, Damage> {
    let mut value = 0u64;
    for index in 0..10 {
        let byte = *buffered(input)?.first().ok_or(Damage::Record)?;
        input.consume(1);
        value |= u64::from(byte & 0x7f) << (index * 7);
        if byte < 0x80 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(Damage::Record)
}

fn buffered(input: &mut impl BufRead) -> Result<&[u8], Damage> {
    // Only a codec gives errors.
    input.fill_buf().map_err(|_| Damage::Codec)
}

/// Unpacks snappy block by block, in Java's frames or as one bare block.
struct SnappyBlocks<'a> {
    packed: &'a [u8],
    framed: bool,
    block: Vec<u8>,
    read: usize,
}

impl<'a> SnappyBlocks<'a> {
    fn new(packed: &'a [u8]) -> io::Result<Self> {
        let framed = packed.starts_with(&XERIAL_MAGIC);
        let from = if framed { XERIAL_HEADER_BYTES } else { 0 };
        let packed = packed.get(from..).ok_or_else(|| damaged("a snappy header is cut off"))?;
        let mut blocks = Self { packed, framed, block: Vec::new(), read: 0 };
        if !framed {
            blocks.unpack(packed)?;
            blocks.packed = &[];
        }
        Ok(blocks)
    }

    fn next_block(&mut self) -> io::Result<()> {
        let cut = || damaged("a snappy block is cut off");
        let (len, rest) = self.packed.split_first_chunk::<4>().ok_or_else(cut)?;
        let (block, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize).ok_or_else(cut)?;
        self.packed = rest;
        self.unpack(block)
    }

    fn unpack(&mut self, block: &[u8]) -> io::Result<()> {
        let len = snap::raw::decompress_len(block).map_err(damaged)?;
        if len > block.len().saturating_mul(SNAPPY_GROWTH_MAX) {
            return Err(damaged("a snappy block cannot be so large"));
        }
        self.read = 0;
        self.block.resize(len, 0);
        snap::raw::Decoder::new().decompress(block, &mut self.block).map_err(damaged)?;
        Ok(())
    }
}

impl Read for SnappyBlocks<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read == self.block.len() && self.framed && !self.packed.is_empty() {
            self.next_block()?;
        }
        let read = (&self.block[self.read..]).read(into)?;
        self.read += read;
        Ok(read)
    }
}
