//! Hadoop's stream of blocks: each is the length of its bytes, then chunks behind their packed lengths until these bytes
//! are there (Hadoop: `BlockDecompressorStream`).

use std::io::{self, BufRead, Read};

use millstream_core::{MemoryLedger, Reservation};

/// Longer blocks and chunks are damage: writers end a block at 256 KiB.
const MOST_BYTES: usize = 64 << 20;

/// Unpacks a chunk to the beginning of the bytes that are missing; says how many it was.
type Unpack = fn(&[u8], &mut [u8]) -> io::Result<usize>;

/// The bytes of blocks.
pub(super) struct Blocks<R> {
    packed: R,
    unpack: Unpack,
    chunk: Vec<u8>,
    block: Vec<u8>,
    /// What of the block has been given out.
    given: usize,
    /// Counts chunk and block.
    room: Reservation,
}

impl<R: BufRead> Blocks<R> {
    pub(super) fn new(packed: R, unpack: Unpack, memory: &MemoryLedger) -> Self {
        let room = memory.reservation("a block of a packed file");
        Self { packed, unpack, chunk: Vec::new(), block: Vec::new(), given: 0, room }
    }

    fn length(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 4];
        self.packed.read_exact(&mut bytes)?;
        let length = u32::from_be_bytes(bytes) as usize;
        if length > MOST_BYTES { Err(damage("a block is too long")) } else { Ok(length) }
    }

    /// Unpacks the next block; `false` where there is none.
    fn next_block(&mut self) -> io::Result<bool> {
        if self.packed.fill_buf()?.is_empty() {
            return Ok(false);
        }
        let length = self.length()?;
        self.room.resize(length + self.chunk.capacity()).map_err(io::Error::other)?;
        self.block.clear();
        self.block.resize(length, 0);
        self.given = 0;
        let mut done = 0;
        while done < length {
            let chunk = self.length()?;
            self.room.resize(length + chunk.max(self.chunk.capacity())).map_err(io::Error::other)?;
            self.chunk.resize(chunk, 0);
            self.packed.read_exact(&mut self.chunk)?;
            let unpacked = (self.unpack)(&self.chunk, &mut self.block[done..])?;
            if unpacked == 0 {
                return Err(damage("a chunk is empty"));
            }
            done += unpacked;
        }
        Ok(true)
    }
}

impl<R: BufRead> Read for Blocks<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.block.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let bytes = &self.block[self.given..];
        let read = bytes.len().min(out.len());
        out[..read].copy_from_slice(&bytes[..read]);
        self.given += read;
        Ok(read)
    }
}

fn damage(fault: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault)
}

/// A chunk of LZ4.
pub(super) fn lz4(chunk: &[u8], out: &mut [u8]) -> io::Result<usize> {
    lz4_flex::block::decompress_into(chunk, out).map_err(io::Error::other)
}

/// A chunk of Snappy.
pub(super) fn snappy(chunk: &[u8], out: &mut [u8]) -> io::Result<usize> {
    snap::raw::Decoder::new().decompress(chunk, out).map_err(io::Error::other)
}
