//! Unpacks the record section of a compressed batch; [`Compressor`] packs it.
//!
//! Batches are unpacked one at a time into a buffer that is used again, so that reading allocates nothing once the
//! buffer has grown to the usual batch. All four codecs are pure Rust.
//!
//! Some kilobytes may unpack to gigabytes. So the buffer asks a budget before it grows, gives back what only one large
//! batch needed, and keeps its content: who reads on in the same batch finds it unpacked.

mod compressor;

use std::fmt;
use std::io::Read;
use std::str::FromStr;
use std::sync::Arc;

pub(crate) use compressor::Compressor;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use crate::buffers::{MemoryBudget, Unlimited};

/// A batch may not grow beyond this when it is unpacked: a guard against bytes that were made to exhaust memory.
const UNPACKED_BYTES_MAX: usize = 1 << 30;
/// A buffer up to this size is kept for the next batch, whatever it needs.
const KEPT_BYTES_MAX: usize = 4 << 20;
/// The first size of a buffer.
const FIRST_BYTES: usize = 64 << 10;
/// No snappy block grows more than this when it is unpacked: its best copy writes 64 bytes for 3.
const SNAPPY_GROWTH_MAX: usize = 22;

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

/// Why a batch cannot be unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UnpackError {
    /// What the codec did not like.
    Malformed(String),
    /// The budget does not have this many bytes more.
    NoRoom(usize),
}

/// Tells one batch from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BatchMark {
    pub(crate) topic: Option<Arc<str>>,
    pub(crate) partition: Option<i32>,
    pub(crate) base_offset: i64,
    pub(crate) len: usize,
    pub(crate) crc: u32,
}

/// Room for unpacked batches, one for each task that reads.
pub struct Decompressor {
    unpacked: Vec<u8>,
    /// Of which batch that is.
    content: Option<BatchMark>,
    budget: Arc<dyn MemoryBudget>,
    /// What the budget was asked for.
    reserved: usize,
    snappy: snap::raw::Decoder,
    // Its tables are large, so it is made when the first zstd batch comes, and kept.
    zstd: Option<Box<FrameDecoder>>,
}

impl Default for Decompressor {
    fn default() -> Self {
        Self::within(Arc::new(Unlimited))
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").field("capacity", &self.unpacked.capacity()).finish_non_exhaustive()
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        self.budget.release(self.reserved);
    }
}

impl Decompressor {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty one that asks before it grows.
    pub fn within(budget: Arc<dyn MemoryBudget>) -> Self {
        let snappy = snap::raw::Decoder::new();
        Self { unpacked: Vec::new(), content: None, budget, reserved: 0, snappy, zstd: None }
    }

    /// Forgets the unpacked batch, and gives memory back that was taken for a large one.
    pub fn clear(&mut self) {
        self.content = None;
        self.unpacked.clear();
        if self.unpacked.capacity() > KEPT_BYTES_MAX {
            self.unpacked = Vec::new();
            self.budget.release(std::mem::take(&mut self.reserved));
        }
    }

    /// The bytes of `packed`, in this decompressor's buffer. `mark` names them: what lies there under the same mark is
    /// not unpacked again.
    pub(crate) fn unpack<'a>(
        &'a mut self,
        codec: CompressionType,
        packed: &'a [u8],
        mark: BatchMark,
    ) -> Result<&'a [u8], UnpackError> {
        if codec == CompressionType::None {
            return Ok(packed);
        }
        if self.content.as_ref() != Some(&mark) {
            self.clear();
            self.unpack_anew(codec, packed).map_err(|error| match error {
                UnpackError::Malformed(reason) => {
                    UnpackError::Malformed(format!("{codec:?} compressed records cannot be unpacked: {reason}"))
                }
                UnpackError::NoRoom(bytes) => UnpackError::NoRoom(bytes),
            })?;
            self.content = Some(mark);
        }
        Ok(&self.unpacked)
    }

    fn unpack_anew(&mut self, codec: CompressionType, packed: &[u8]) -> Result<(), UnpackError> {
        match codec {
            CompressionType::None => Ok(()),
            CompressionType::Gzip => self.read_all(flate2::read::MultiGzDecoder::new(packed)),
            CompressionType::Lz4 => self.read_all(lz4_flex::frame::FrameDecoder::new(packed)),
            CompressionType::Snappy => self.unpack_snappy(packed),
            CompressionType::Zstd => self.unpack_zstd(packed),
        }
    }

    /// Makes room for `len` bytes in all.
    fn make_room(&mut self, len: usize) -> Result<(), UnpackError> {
        if len > UNPACKED_BYTES_MAX {
            return Err(UnpackError::Malformed(format!("they are larger than {UNPACKED_BYTES_MAX} bytes")));
        }
        if len <= self.unpacked.capacity() {
            return Ok(());
        }
        let capacity = len.next_power_of_two().max(FIRST_BYTES);
        let more = capacity.saturating_sub(self.reserved);
        if !self.budget.try_reserve(more) {
            return Err(UnpackError::NoRoom(more));
        }
        self.reserved += more;
        self.unpacked.reserve_exact(capacity - self.unpacked.len());
        Ok(())
    }

    fn read_all(&mut self, mut reader: impl Read) -> Result<(), UnpackError> {
        loop {
            self.make_room(self.unpacked.len() + 1)?;
            let room = self.unpacked.capacity() - self.unpacked.len();
            let read = reader.by_ref().take(room as u64).read_to_end(&mut self.unpacked);
            if read.map_err(|error| UnpackError::Malformed(error.to_string()))? < room {
                return Ok(());
            }
        }
    }

    fn unpack_snappy(&mut self, packed: &[u8]) -> Result<(), UnpackError> {
        if !packed.starts_with(&XERIAL_MAGIC) {
            return self.append_snappy_block(packed);
        }
        let cut = |what: &str| UnpackError::Malformed(format!("{what} is cut off"));
        let mut blocks = packed.get(16..).ok_or_else(|| cut("the header"))?;
        while !blocks.is_empty() {
            let (len, tail) = blocks.split_first_chunk::<4>().ok_or_else(|| cut("a block length"))?;
            let block = tail.split_at_checked(u32::from_be_bytes(*len) as usize);
            let (block, tail) = block.ok_or_else(|| cut("a block"))?;
            self.append_snappy_block(block)?;
            blocks = tail;
        }
        Ok(())
    }

    fn append_snappy_block(&mut self, block: &[u8]) -> Result<(), UnpackError> {
        let malformed = |error: snap::Error| UnpackError::Malformed(error.to_string());
        let len = snap::raw::decompress_len(block).map_err(malformed)?;
        if len > block.len().saturating_mul(SNAPPY_GROWTH_MAX) {
            return Err(UnpackError::Malformed(format!("a block of {} bytes cannot have {len}", block.len())));
        }
        let start = self.unpacked.len();
        self.make_room(start.saturating_add(len))?;
        self.unpacked.resize(start + len, 0);
        self.snappy.decompress(block, &mut self.unpacked[start..]).map_err(malformed)?;
        Ok(())
    }

    fn unpack_zstd(&mut self, packed: &[u8]) -> Result<(), UnpackError> {
        // The decoder has a window of its own beside the buffer.
        let window = zstd_window(packed).min(UNPACKED_BYTES_MAX);
        if !self.budget.try_reserve(window) {
            return Err(UnpackError::NoRoom(window));
        }
        let mut decoder = self.zstd.take().unwrap_or_else(|| Box::new(FrameDecoder::new()));
        let read = match StreamingDecoder::new_with_decoder(packed, &mut *decoder) {
            Ok(reader) => self.read_all(reader),
            Err(error) => Err(UnpackError::Malformed(error.to_string())),
        };
        self.budget.release(window);
        // A decoder keeps the largest window that it has had.
        if window <= KEPT_BYTES_MAX {
            self.zstd = Some(decoder);
        }
        read
    }
}

/// The window that a zstd frame asks for (RFC 8878, 3.1.1.1); 0 for what is no frame.
fn zstd_window(frame: &[u8]) -> usize {
    const SINGLE_SEGMENT: u8 = 0x20;
    let Some(&[_, _, _, _, descriptor, next]) = frame.first_chunk::<6>() else { return 0 };
    if descriptor & SINGLE_SEGMENT == 0 {
        let base = 1_usize << (10 + (next >> 3));
        return base + base / 8 * usize::from(next & 7);
    }
    // The whole content is the window; its size follows the id of a dictionary.
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let bytes = 1_usize << (descriptor >> 6);
    let Some(size) = frame.get(5 + dictionary..5 + dictionary + bytes) else { return 0 };
    size.iter().rev().fold(0, |size: usize, byte| size.saturating_mul(256).saturating_add(usize::from(*byte)))
}

#[cfg(test)]
mod tests;
