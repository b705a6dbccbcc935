//! Unpacks the record section of a compressed batch; [`Compressor`] packs it.
//!
//! Batches are unpacked one at a time into a buffer that is used again, so that reading allocates nothing once the
//! buffer has grown to the largest batch. All four codecs are pure Rust.

mod compressor;

use std::fmt;
use std::io::Read;
use std::str::FromStr;

pub(crate) use compressor::Compressor;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

/// A batch may not grow beyond this when it is unpacked: a guard against bytes that were made to exhaust memory.
const UNPACKED_BYTES_MAX: usize = 1 << 30;

/// Java's snappy stream begins with these bytes, then two version numbers; others write one bare snappy block.
const XERIAL_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];

/// How the records of a batch are compressed: the lowest three bits of its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CompressionType {
    /// Not at all.
    #[default]
    None = 0,
    /// gzip
    Gzip = 1,
    /// Snappy in the frames of Java's library.
    Snappy = 2,
    /// LZ4 frames
    Lz4 = 3,
    /// Zstandard
    Zstd = 4,
}

impl CompressionType {
    const NAMES: [(Self, &str); 5] = [
        (Self::None, "none"),
        (Self::Gzip, "gzip"),
        (Self::Snappy, "snappy"),
        (Self::Lz4, "lz4"),
        (Self::Zstd, "zstd"),
    ];

    pub(crate) fn from_attributes(attributes: i16) -> Result<Self, String> {
        match attributes & 0x07 {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            other => Err(format!("compression type {other} does not exist")),
        }
    }
}

impl fmt::Display for CompressionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize].1)
    }
}

impl FromStr for CompressionType {
    type Err = String;

    /// By the name that `compression.type` takes.
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(_, name)| *name == text);
        found.map(|(codec, _)| *codec).ok_or_else(|| "must be one of none, gzip, snappy, lz4, zstd".to_owned())
    }
}

/// Room for unpacked batches, one for each task that reads.
#[derive(Default)]
pub struct Decompressor {
    unpacked: Vec<u8>,
    snappy: snap::raw::Decoder,
    // Its tables are large, so it is made when the first zstd batch comes, and kept.
    zstd: Option<Box<FrameDecoder>>,
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").field("capacity", &self.unpacked.capacity()).finish_non_exhaustive()
    }
}

impl Decompressor {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes of `packed`, in this decompressor's buffer. The error says what the codec did not like.
    pub(crate) fn unpack<'a>(&'a mut self, codec: CompressionType, packed: &'a [u8]) -> Result<&'a [u8], String> {
        self.unpacked.clear();
        match codec {
            CompressionType::None => return Ok(packed),
            CompressionType::Gzip => read_limited(flate2::read::MultiGzDecoder::new(packed), &mut self.unpacked),
            CompressionType::Lz4 => read_limited(lz4_flex::frame::FrameDecoder::new(packed), &mut self.unpacked),
            CompressionType::Snappy => self.unpack_snappy(packed),
            CompressionType::Zstd => self.unpack_zstd(packed),
        }
        .map_err(|reason| format!("{codec:?} compressed records cannot be unpacked: {reason}"))?;
        Ok(&self.unpacked)
    }

    fn unpack_snappy(&mut self, packed: &[u8]) -> Result<(), String> {
        if !packed.starts_with(&XERIAL_MAGIC) {
            return self.append_snappy_block(packed);
        }
        let mut blocks = packed.get(16..).ok_or("the header is cut off")?;
        while !blocks.is_empty() {
            let (len, tail) = blocks.split_first_chunk::<4>().ok_or("a block length is cut off")?;
            let (block, tail) = tail.split_at_checked(u32::from_be_bytes(*len) as usize).ok_or("a block is cut off")?;
            self.append_snappy_block(block)?;
            blocks = tail;
        }
        Ok(())
    }

    fn append_snappy_block(&mut self, block: &[u8]) -> Result<(), String> {
        let len = snap::raw::decompress_len(block).map_err(|error| error.to_string())?;
        let start = self.unpacked.len();
        let end = start.checked_add(len).filter(|&end| end <= UNPACKED_BYTES_MAX).ok_or_else(too_large)?;
        self.unpacked.resize(end, 0);
        self.snappy.decompress(block, &mut self.unpacked[start..]).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn unpack_zstd(&mut self, packed: &[u8]) -> Result<(), String> {
        let decoder = self.zstd.get_or_insert_with(|| Box::new(FrameDecoder::new()));
        let reader = StreamingDecoder::new_with_decoder(packed, &mut **decoder).map_err(|error| error.to_string())?;
        read_limited(reader, &mut self.unpacked)
    }
}

fn read_limited(reader: impl Read, into: &mut Vec<u8>) -> Result<(), String> {
    let read = reader.take(UNPACKED_BYTES_MAX as u64 + 1).read_to_end(into).map_err(|error| error.to_string())?;
    if read > UNPACKED_BYTES_MAX { Err(too_large()) } else { Ok(()) }
}

fn too_large() -> String {
    format!("they are larger than {UNPACKED_BYTES_MAX} bytes")
}

#[cfg(test)]
mod tests;
