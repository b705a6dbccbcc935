//! Groups on disk, in the order of their places, so that one is found with one read and two runs are merged in one
//! pass.
//!
//! ```text
//! run   = block*
//! block = entry* CRC32C (4, little endian)
//! entry = length (varint) group
//! group = as in a delta
//! ```
//!
//! The first place of each block stays in memory. A run is never changed; a new one takes its turn. It is no part of
//! the checkpoint, so nothing but this build has to read it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use millstream_core::{Error, Result};

use super::codec::{Reader, put_bytes};
use super::spill_folder::{SpillFile, SpillFolder, spill_error};

/// A block is closed when it has grown to this size. A look-up reads and searches a whole one; a smaller one would cost
/// more memory for its first place.
const BLOCK_BYTES: usize = 1024;

const SUM_BYTES: usize = 4;

/// Blocks that are written together.
const WRITE_BYTES: usize = 256 * BLOCK_BYTES;

/// Where a group lies in a run: by the end of its event time, then by the hash of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) end_us: i64,
    pub(super) hash: u64,
}

#[derive(Debug)]
struct Block {
    first: Place,
    at: u64,
}

/// A file of groups.
#[derive(Debug)]
pub(super) struct Run {
    file: SpillFile,
    blocks: Vec<Block>,
    bytes: u64,
}

impl Run {
    /// Bytes on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes held in memory to find blocks.
    pub(super) fn index_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<Block>()
    }

    /// The first place.
    pub(super) fn first(&self) -> Option<Place> {
        self.blocks.first().map(|block| block.first)
    }

    /// Opens the run to look groups up.
    pub(super) fn open(&self) -> Result<RunReader<'_>> {
        Ok(RunReader { run: self, file: self.file.open()?, block: vec![], loaded: None })
    }

    /// A cursor before the first group that may end after `above_us`.
    pub(super) fn cursor(&self, above_us: i64) -> Result<Cursor<'_>> {
        let after = self.blocks.partition_point(|block| block.first.end_us <= above_us);
        Ok(Cursor { reader: self.open()?, block: after.saturating_sub(1), at: 0 })
    }
}

/// An open run, and the block that was read last.
#[derive(Debug)]
pub(super) struct RunReader<'a> {
    run: &'a Run,
    file: File,
    block: Vec<u8>,
    loaded: Option<usize>,
}

impl RunReader<'_> {
    /// The group at this place for which `is_it` says yes: more than one key may have the same hash.
    pub(super) fn find(&mut self, place: Place, is_it: impl Fn(&[u8]) -> bool) -> Result<Option<&[u8]>> {
        let mut found = None;
        self.walk(place, |at, group| {
            if !is_it(group) {
                return Ok(ControlFlow::Continue(()));
            }
            found = Some(at);
            Ok(ControlFlow::Break(()))
        })?;
        // The walk has stopped in the block that is at hand.
        found.map(|at| entry(&self.block, at).map(|(group, _)| group)).transpose()
    }

    /// Calls `each` with all groups that may be at this place; some others are among them.
    pub(super) fn for_each_at(&mut self, place: Place, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.walk(place, |_, group| each(group).map(ControlFlow::Continue))
    }

    /// Calls `each` with the groups of all blocks that may have this place, and where in its block each is, until it
    /// has seen enough.
    fn walk(&mut self, place: Place, mut each: impl FnMut(usize, &[u8]) -> Result<ControlFlow<()>>) -> Result<()> {
        let blocks = &self.run.blocks;
        let after = blocks.partition_point(|block| block.first < place);
        for (index, block) in blocks.iter().enumerate().skip(after.saturating_sub(1)) {
            if block.first > place {
                break;
            }
            self.load(index)?;
            let mut at = 0;
            while at < self.block.len() {
                let (group, next) = entry(&self.block, at)?;
                if each(at, group)?.is_break() {
                    return Ok(());
                }
                at = next;
            }
        }
        Ok(())
    }

    /// Reads a block, unless it is at hand.
    fn load(&mut self, index: usize) -> Result<()> {
        if self.loaded == Some(index) {
            return Ok(());
        }
        self.loaded = None;
        let blocks = &self.run.blocks;
        let end = blocks.get(index + 1).map_or(self.run.bytes, |next| next.at);
        let at = blocks[index].at;
        let path = self.run.file.path();
        self.block.resize(usize::try_from(end - at).unwrap_or(usize::MAX), 0);
        self.file.read_exact_at(&mut self.block, at).map_err(|error| spill_error("read", path, error))?;
        let (entries, sum) = self.block.split_at(self.block.len() - SUM_BYTES);
        if crc32c::crc32c(entries).to_le_bytes() != *sum {
            return Err(Error::data(format!("'{}' is damaged at byte {at}: spilled state is lost", path.display()))
                .with_hint("start the query again: its checkpoint has the state"));
        }
        self.block.truncate(self.block.len() - SUM_BYTES);
        self.loaded = Some(index);
        Ok(())
    }
}

/// Goes over a run from one group to the next.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    reader: RunReader<'a>,
    block: usize,
    at: usize,
}

impl Cursor<'_> {
    /// The next group; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>> {
        if self.reader.loaded == Some(self.block) && self.at == self.reader.block.len() {
            (self.block, self.at) = (self.block + 1, 0);
        }
        if self.block >= self.reader.run.blocks.len() {
            return Ok(None);
        }
        self.reader.load(self.block)?;
        let (group, next) = entry(&self.reader.block, self.at)?;
        self.at = next;
        Ok(Some(group))
    }
}

/// The group at a place of a block, and where the next entry begins.
fn entry(block: &[u8], at: usize) -> Result<(&[u8], usize)> {
    let mut reader = Reader::new(&block[at..]);
    let group = reader.bytes()?;
    Ok((group, block.len() - reader.left()))
}

/// Writes a run. Dropped before its end it leaves nothing.
#[derive(Debug)]
pub(super) struct RunWriter {
    spill: SpillFile,
    file: BufWriter<File>,
    block: Vec<u8>,
    first: Option<Place>,
    blocks: Vec<Block>,
    at: u64,
}

impl RunWriter {
    pub(super) fn create(folder: &Arc<SpillFolder>) -> Result<Self> {
        let (spill, file) = folder.create()?;
        let file = BufWriter::with_capacity(WRITE_BYTES, file);
        Ok(Self { spill, file, block: vec![], first: None, blocks: vec![], at: 0 })
    }

    /// Adds a group. Places come in order.
    pub(super) fn push(&mut self, place: Place, group: &[u8]) -> Result<()> {
        self.first.get_or_insert(place);
        put_bytes(&mut self.block, group);
        if self.block.len() >= BLOCK_BYTES { self.close_block() } else { Ok(()) }
    }

    fn close_block(&mut self) -> Result<()> {
        let Some(first) = self.first.take() else { return Ok(()) };
        self.blocks.push(Block { first, at: self.at });
        let sum = crc32c::crc32c(&self.block).to_le_bytes();
        self.block.extend_from_slice(&sum);
        self.file.write_all(&self.block).map_err(|error| spill_error("write", self.spill.path(), error))?;
        self.at += self.block.len() as u64;
        self.block.clear();
        Ok(())
    }

    /// Ends the run; without groups there is none.
    pub(super) fn finish(mut self) -> Result<Option<Run>> {
        self.close_block()?;
        self.file.flush().map_err(|error| spill_error("write", self.spill.path(), error))?;
        self.spill.add_written(self.at);
        self.blocks.shrink_to_fit();
        Ok((self.at > 0).then_some(Run { file: self.spill, blocks: self.blocks, bytes: self.at }))
    }
}

#[cfg(test)]
mod tests;
