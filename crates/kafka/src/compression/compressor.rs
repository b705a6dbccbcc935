//! Packs the record section of a batch.
//!
//! What is written is what Java's client reads: LZ4 frames with independent blocks of 64 kB, Snappy in the frames of
//! Java's library, gzip at its usual level. Zstandard is written at the one level that the pure Rust encoder has, which
//! is about level 1; the level settings of Java's producer choose nothing here.

use std::io::Write;

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use ruzstd::encoding::CompressionLevel;

use super::{CompressionType, XERIAL_MAGIC};

/// Bytes of a Snappy block before it is packed; Java's default.
const SNAPPY_BLOCK_BYTES: usize = 32 << 10;

/// Packs batches, one after the other; one for each task that writes.
pub(crate) struct Compressor {
    snappy: snap::raw::Encoder,
    block: Vec<u8>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self { snappy: snap::raw::Encoder::new(), block: Vec::new() }
    }
}

impl std::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}

impl Compressor {
    /// Appends `plain` to `packed`. Packing into memory does not fail, so an error is the codec's own.
    pub(crate) fn pack(
        &mut self,
        codec: CompressionType,
        plain: &[u8],
        packed: &mut Vec<u8>,
    ) -> Result<(), std::io::Error> {
        match codec {
            CompressionType::None => packed.extend_from_slice(plain),
            CompressionType::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(packed, flate2::Compression::default());
                encoder.write_all(plain)?;
                encoder.finish()?;
            }
            CompressionType::Snappy => self.pack_snappy(plain, packed)?,
            CompressionType::Lz4 => {
                let info = FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
                let mut encoder = FrameEncoder::with_frame_info(info, packed);
                encoder.write_all(plain)?;
                encoder.finish().map_err(std::io::Error::other)?;
            }
            CompressionType::Zstd => ruzstd::encoding::compress(plain, packed, CompressionLevel::Fastest),
        }
        Ok(())
    }

    fn pack_snappy(&mut self, plain: &[u8], packed: &mut Vec<u8>) -> Result<(), std::io::Error> {
        packed.extend_from_slice(&XERIAL_MAGIC);
        // Its version and the lowest that can read it.
        packed.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]);
        self.block.resize(snap::raw::max_compress_len(SNAPPY_BLOCK_BYTES), 0);
        for block in plain.chunks(SNAPPY_BLOCK_BYTES) {
            let len = self.snappy.compress(block, &mut self.block).map_err(std::io::Error::other)?;
            let prefix = u32::try_from(len).map_err(std::io::Error::other)?;
            packed.extend_from_slice(&prefix.to_be_bytes());
            packed.extend_from_slice(&self.block[..len]);
        }
        Ok(())
    }
}
