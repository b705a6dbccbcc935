//! The bytes of packed files, as Hadoop's codecs pack them; a file's name says by which.

mod blocks;

use std::io::{self, BufRead, BufReader, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use millstream_core::{Error, MemoryLedger, Result};
use ruzstd::decoding::StreamingDecoder;

use self::blocks::{Blocks, lz4, snappy};
use super::found_file::FoundFile;

/// The endings of packed files.
const ENDINGS: [&str; 6] = [".gz", ".deflate", ".bz2", ".zst", ".lz4", ".snappy"];

/// Endings of packed files that nothing here unpacks.
const REFUSED: [&str; 1] = [".lzo"];

/// Whether the file is packed, so that it has to be read from its beginning.
pub(super) fn is_packed(file: &FoundFile) -> bool {
    let name = file.path.to_string_lossy();
    ENDINGS.iter().chain(&REFUSED).any(|ending| name.ends_with(ending))
}

/// Refuses a file that nothing here unpacks.
pub(super) fn check(file: &FoundFile) -> Result<()> {
    let path = file.path.to_string_lossy();
    match REFUSED.iter().find(|ending| path.ends_with(**ending)) {
        None => Ok(()),
        Some(ending) => {
            let fault =
                format!("Reading files packed as '{ending}' is not supported by Millstream, and '{path}' is one.");
            Err(Error::unsupported(fault).with_hint("pack them with gzip, bzip2, zstd, lz4 or snappy"))
        }
    }
}

/// The unpacked bytes of a file; buffers of blocks are counted in `memory`.
pub(super) fn unpacked(
    file: &FoundFile,
    raw: Box<dyn Read + Send>,
    memory: &MemoryLedger,
) -> io::Result<Box<dyn Read + Send>> {
    let name = file.path.to_string_lossy();
    let ending = ENDINGS.iter().find(|ending| name.ends_with(**ending));
    let Some(ending) = ending.filter(|_| file.size > 0) else { return Ok(raw) };
    let packed = BufReader::new(raw);
    Ok(match *ending {
        ".gz" => Box::new(MultiGzDecoder::new(packed)),
        ".deflate" => Box::new(ZlibDecoder::new(packed)),
        ".bz2" => Box::new(MultiBzDecoder::new(packed)),
        ".zst" => Box::new(Frames { frame: None, packed: Some(packed) }),
        ".lz4" => Box::new(Blocks::new(packed, lz4, memory)),
        _ => Box::new(Blocks::new(packed, snappy, memory)),
    })
}

type Packed = BufReader<Box<dyn Read + Send>>;

/// The frames of a Zstandard file one after the other, each of which has a window of 128 MiB at the most.
struct Frames {
    frame: Option<StreamingDecoder<Packed, ruzstd::decoding::FrameDecoder>>,
    /// What follows the frame, between frames.
    packed: Option<Packed>,
}

impl Read for Frames {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let read = frame.read(out)?;
                if read > 0 || out.is_empty() {
                    return Ok(read);
                }
            }
            if let Some(ended) = self.frame.take() {
                self.packed = Some(ended.into_inner());
            }
            let Some(mut packed) = self.packed.take() else { return Ok(0) };
            if packed.fill_buf()?.is_empty() {
                return Ok(0);
            }
            self.frame = Some(StreamingDecoder::new(packed).map_err(io::Error::other)?);
        }
    }
}

#[cfg(test)]
mod tests;
