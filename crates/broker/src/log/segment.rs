//! A stretch of a partition's log, in memory or in a file, and the index that finds offsets and times in it.
//!
//! The index has an entry for each block. In memory a block is one batch; in a file it is as many whole batches as make
//! [`BLOCK_BYTES`]. It is never stored: whoever opens a file reads its headers once and has it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::batch::{BatchHeader, HEADER_BYTES};
use crate::response::{FileSlice, Slice};

const BLOCK_BYTES: u64 = 4096;
/// What an entry in memory costs beside the batch's bytes: block, handle, and the allocator's share.
const ENTRY_BYTES: usize = 96;

/// An entry of the index.
#[derive(Debug, Clone, Copy)]
struct Block {
    base_offset: i64,
    last_offset: i64,
    max_timestamp: i64,
    position: u64,
}

#[derive(Debug)]
enum Store {
    /// One for each block.
    Memory(Vec<Bytes>),
    File {
        file: Arc<File>,
        path: PathBuf,
    },
}

/// Whole batches with rising offsets.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The first offset that it may hold.
    pub(crate) base_offset: i64,
    /// Bytes of all batches.
    pub(crate) bytes: u64,
    /// The largest timestamp in it.
    pub(crate) max_timestamp: i64,
    /// When its first batch was appended.
    pub(crate) first_append_ms: Option<i64>,
    /// When its last batch was appended.
    pub(crate) last_append_ms: i64,
    blocks: Vec<Block>,
    store: Store,
}

/// What a read took of a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) bytes: usize,
    /// Whether it was all that the segment has, so that the next segment follows without a gap.
    pub(crate) is_rest: bool,
}

/// How much of a segment is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// The first offset.
    pub(crate) from: i64,
    /// The offset after the last.
    pub(crate) to: i64,
    pub(crate) max_bytes: usize,
    /// Whether the first batch is wanted even when it is larger than `max_bytes`.
    pub(crate) at_least_one: bool,
}

impl Segment {
    pub(crate) fn in_memory(base_offset: i64) -> Self {
        Self::new(base_offset, Store::Memory(Vec::new()))
    }

    /// A new, empty file in this folder.
    pub(crate) fn create(folder: &Path, base_offset: i64) -> io::Result<Self> {
        Self::create_at(folder.join(file_name(base_offset)), base_offset)
    }

    /// A new, empty file. One of the same name that is there is what a crash left, and goes.
    pub(crate) fn create_at(path: PathBuf, base_offset: i64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
        Ok(Self::new(base_offset, Store::File { file: Arc::new(file), path }))
    }

    /// Opens a file that was written before. Its batches are made known by [`Segment::note`].
    pub(crate) fn reopen(path: PathBuf, base_offset: i64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(&path)?;
        Ok(Self::new(base_offset, Store::File { file: Arc::new(file), path }))
    }

    fn new(base_offset: i64, store: Store) -> Self {
        let blocks = Vec::new();
        Self { base_offset, bytes: 0, max_timestamp: -1, first_append_ms: None, last_append_ms: 0, blocks, store }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// The file, where there is one.
    pub(crate) fn file(&self) -> Option<&Arc<File>> {
        match &self.store {
            Store::Memory(_) => None,
            Store::File { file, .. } => Some(file),
        }
    }

    /// Memory that its batches take; nothing for a file.
    pub(crate) fn memory_bytes(&self) -> usize {
        match &self.store {
            Store::Memory(batches) => self.bytes as usize + batches.len() * ENTRY_BYTES,
            Store::File { .. } => 0,
        }
    }

    /// Takes note of when something was appended.
    pub(crate) fn appended_at(&mut self, now_ms: i64) {
        self.first_append_ms.get_or_insert(now_ms);
        self.last_append_ms = now_ms;
    }

    /// What keeping this batch in memory will take.
    pub(crate) fn memory_needed(&self, batch_bytes: usize) -> usize {
        match &self.store {
            Store::Memory(_) => batch_bytes + ENTRY_BYTES,
            Store::File { .. } => 0,
        }
    }

    /// Appends a batch that has its offset.
    pub(crate) fn append(&mut self, batch: Bytes, header: &BatchHeader) -> io::Result<()> {
        match &mut self.store {
            Store::Memory(batches) => batches.push(batch),
            Store::File { file, .. } => {
                if let Err(error) = file.write_all_at(&batch, self.bytes) {
                    // Nothing of it may be taken for a batch by the next start. If this fails too, the checksum tells.
                    let _ = file.set_len(self.bytes);
                    return Err(error);
                }
            }
        }
        self.note(header);
        Ok(())
    }

    /// Enters a batch that is there into the index.
    pub(crate) fn note(&mut self, header: &BatchHeader) {
        let position = self.bytes;
        self.bytes += header.len as u64;
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
        let in_file = matches!(self.store, Store::File { .. });
        match self.blocks.last_mut() {
            Some(block) if in_file && position - block.position < BLOCK_BYTES => {
                block.last_offset = header.last_offset();
                block.max_timestamp = block.max_timestamp.max(header.max_timestamp);
            }
            _ => self.blocks.push(Block {
                base_offset: header.base_offset,
                last_offset: header.last_offset(),
                max_timestamp: header.max_timestamp,
                position,
            }),
        }
    }

    /// The last offset that is in it.
    pub(crate) fn last_offset(&self) -> Option<i64> {
        self.blocks.last().map(|block| block.last_offset)
    }

    fn end_of(&self, block: usize) -> u64 {
        self.blocks.get(block + 1).map_or(self.bytes, |next| next.position)
    }

    /// Whole batches of the span. Appends them to `slices`.
    pub(crate) fn read(&self, span: Span, slices: &mut Vec<Slice>) -> io::Result<Taken> {
        let first = self.blocks.partition_point(|block| block.last_offset < span.from);
        match &self.store {
            Store::Memory(batches) => Ok(self.read_memory(&batches[first..], first, span, slices)),
            Store::File { file, .. } => self.read_file(file, first, span, slices),
        }
    }

    fn read_memory(&self, batches: &[Bytes], first: usize, span: Span, slices: &mut Vec<Slice>) -> Taken {
        let mut taken = 0;
        for (block, batch) in self.blocks[first..].iter().zip(batches) {
            let fits = taken + batch.len() <= span.max_bytes || (taken == 0 && span.at_least_one);
            if block.base_offset >= span.to || !fits {
                return Taken { bytes: taken, is_rest: false };
            }
            taken += batch.len();
            slices.push(Slice::Memory(batch.clone()));
        }
        Taken { bytes: taken, is_rest: true }
    }

    fn read_file(&self, file: &Arc<File>, first: usize, span: Span, slices: &mut Vec<Slice>) -> io::Result<Taken> {
        let Some(block) = self.blocks.get(first) else { return Ok(Taken { bytes: 0, is_rest: true }) };
        if block.base_offset >= span.to {
            return Ok(Taken { bytes: 0, is_rest: false });
        }
        let mut start = block.position;
        if block.base_offset < span.from {
            // The batch that is wanted lies within the block.
            start = self.hop(file, start, |header, _| header.last_offset() < span.from)?;
        }
        let limit = start.saturating_add(span.max_bytes as u64);
        let whole = self.blocks[first..]
            .iter()
            .enumerate()
            .take_while(|(at, block)| block.last_offset < span.to && self.end_of(first + at) <= limit)
            .count();
        let mut end = if whole == 0 { start } else { self.end_of(first + whole - 1) };
        if let Some(next) = self.blocks.get(first + whole)
            && next.base_offset < span.to
        {
            // The span ends within the next block.
            end = self.hop(file, end, |header, position| {
                let fits = position + header.len as u64 <= limit || (position == start && span.at_least_one);
                header.base_offset < span.to && fits
            })?;
        }
        let len = (end - start) as usize;
        if len > 0 {
            slices.push(Slice::File(FileSlice { file: Arc::clone(file), position: start, len }));
        }
        Ok(Taken { bytes: len, is_rest: end == self.bytes })
    }

    /// The position of the first batch from `position` on that does not pass.
    fn hop(&self, file: &File, mut position: u64, passes: impl Fn(&BatchHeader, u64) -> bool) -> io::Result<u64> {
        while position < self.bytes {
            let header = read_header(file, position)?;
            if !passes(&header, position) {
                break;
            }
            position += header.len as u64;
        }
        Ok(position)
    }

    /// The batches of the first block that may have a record of `timestamp` or later at or after `offset`, then of the
    /// next, and so on.
    pub(crate) fn blocks_since(&self, timestamp: i64, offset: i64) -> impl Iterator<Item = io::Result<Bytes>> {
        let wanted = move |block: &Block| block.max_timestamp >= timestamp && block.last_offset >= offset;
        (0..self.blocks.len()).filter(move |&at| wanted(&self.blocks[at])).map(|at| self.block(at))
    }

    /// The bytes of a block.
    fn block(&self, at: usize) -> io::Result<Bytes> {
        match &self.store {
            Store::Memory(batches) => Ok(batches[at].clone()),
            Store::File { file, .. } => {
                let position = self.blocks[at].position;
                let mut bytes = BytesMut::zeroed((self.end_of(at) - position) as usize);
                file.read_exact_at(&mut bytes, position)?;
                Ok(bytes.freeze())
            }
        }
    }

    /// All batches, block by block.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = io::Result<Bytes>> {
        (0..self.blocks.len()).map(|at| self.block(at))
    }

    /// Removes the file. Readers that have it open read on.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match &self.store {
            Store::Memory(_) => Ok(()),
            Store::File { path, .. } => std::fs::remove_file(path),
        }
    }

    /// Gives the file another name in its folder.
    pub(crate) fn rename(&mut self, name: &str) -> io::Result<()> {
        if let Store::File { path, .. } = &mut self.store {
            let target = path.with_file_name(name);
            std::fs::rename(&path, &target)?;
            *path = target;
        }
        Ok(())
    }
}

fn read_header(file: &File, position: u64) -> io::Result<BatchHeader> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact_at(&mut header, position)?;
    BatchHeader::parse(&header).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a stored batch is damaged"))
}

/// The file of the segment that begins at this offset: Kafka's name for it.
pub(crate) fn file_name(base_offset: i64) -> String {
    format!("{base_offset:020}.log")
}
