//! Codecs around files of text, as Hadoop has them.

use std::io::{self, Write};

use bzip2::write::BzEncoder;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use millstream_core::{Options, Result, spark_error};

/// How the bytes of a file are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::file) enum Codec {
    None,
    Gzip,
    Deflate,
    Bzip2,
    /// Blocks, each behind its length before and after.
    Snappy,
    /// The same blocks, packed by LZ4.
    Lz4,
}

impl Codec {
    /// `compression`, or one of the other names that the format has for it.
    pub(in crate::file) fn from_options(options: &Options, names: &[&str]) -> Result<Self> {
        let Some(name) = names.iter().find_map(|name| options.get(name)) else { return Ok(Self::None) };
        let class = name.strip_prefix("org.apache.hadoop.io.compress.").and_then(|name| name.strip_suffix("Codec"));
        Ok(match class.unwrap_or(name).to_ascii_lowercase().as_str() {
            "none" | "uncompressed" => Self::None,
            "gzip" => Self::Gzip,
            "deflate" => Self::Deflate,
            "snappy" => Self::Snappy,
            "lz4" => Self::Lz4,
            "bzip2" => Self::Bzip2,
            _ => {
                return Err(spark_error!(
                    "CODEC_NOT_AVAILABLE.WITH_AVAILABLE_CODECS_SUGGESTION",
                    codecName = name,
                    availableCodecs = "bzip2, deflate, uncompressed, snappy, none, lz4, gzip",
                ));
            }
        })
    }

    /// What the name of a file ends with.
    pub(in crate::file) fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Deflate => ".deflate",
            Self::Bzip2 => ".bz2",
            Self::Snappy => ".snappy",
            Self::Lz4 => ".lz4",
        }
    }

    pub(in crate::file) fn wrap(self, out: Box<dyn Write + Send>) -> Packed {
        match self {
            Self::None => Packed::Plain(out),
            Self::Gzip => Packed::Gzip(GzEncoder::new(out, Compression::default())),
            Self::Deflate => Packed::Deflate(ZlibEncoder::new(out, Compression::default())),
            // The level is Hadoop's.
            Self::Bzip2 => Packed::Bzip2(BzEncoder::new(out, bzip2::Compression::best())),
            Self::Snappy => Packed::Blocks(Blocks { out, block: Vec::new(), pack: snappy }),
            Self::Lz4 => Packed::Blocks(Blocks { out, block: Vec::new(), pack: lz4 }),
        }
    }
}

/// A file whose bytes are packed.
pub(in crate::file) enum Packed {
    Plain(Box<dyn Write + Send>),
    Gzip(GzEncoder<Box<dyn Write + Send>>),
    Deflate(ZlibEncoder<Box<dyn Write + Send>>),
    Bzip2(BzEncoder<Box<dyn Write + Send>>),
    Blocks(Blocks),
}

impl Packed {
    pub(in crate::file) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.write_all(bytes),
            Self::Gzip(out) => out.write_all(bytes),
            Self::Deflate(out) => out.write_all(bytes),
            Self::Bzip2(out) => out.write_all(bytes),
            Self::Blocks(blocks) => blocks.write_all(bytes),
        }
    }

    pub(in crate::file) fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut out) => out.flush(),
            Self::Gzip(out) => out.finish()?.flush(),
            Self::Deflate(out) => out.finish()?.flush(),
            Self::Bzip2(out) => out.finish()?.flush(),
            Self::Blocks(mut blocks) => {
                blocks.end_block()?;
                blocks.out.flush()
            }
        }
    }
}

/// What Hadoop's readers allocate for a block by default is four times this.
const BLOCK: usize = 64 * 1024;

/// Hadoop's stream of blocks.
pub(in crate::file) struct Blocks {
    out: Box<dyn Write + Send>,
    block: Vec<u8>,
    pack: fn(&[u8]) -> io::Result<Vec<u8>>,
}

impl Blocks {
    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == BLOCK {
                self.end_block()?;
            }
        }
        Ok(())
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let packed = (self.pack)(&self.block)?;
        for length in [self.block.len(), packed.len()] {
            self.out.write_all(&u32::try_from(length).map_err(io::Error::other)?.to_be_bytes())?;
        }
        self.block.clear();
        self.out.write_all(&packed)
    }
}

fn snappy(block: &[u8]) -> io::Result<Vec<u8>> {
    snap::raw::Encoder::new().compress_vec(block).map_err(io::Error::other)
}

fn lz4(block: &[u8]) -> io::Result<Vec<u8>> {
    Ok(lz4_flex::block::compress(block))
}
