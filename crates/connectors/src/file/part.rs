//! Parts of files, as Spark cuts them (`FilePartition`): what one task reads at a time.

use std::ops::Range;

use millstream_core::FileSplits;

use super::found_file::FoundFile;

/// A stream is worth its task from so many bytes on.
const STREAM_BYTES: u64 = 1 << 20;
/// What opening a file costs, in the bytes that could be read meanwhile from a disk of this machine.
const OPEN_BYTES: u64 = 64 << 10;

/// Bytes of a file that are read together. What begins in a part belongs to it as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// The file.
    pub file: FoundFile,
    /// The first byte.
    pub start: u64,
    /// The bytes.
    pub length: u64,
}

impl FilePart {
    /// A file that is not cut.
    pub(super) fn whole(file: FoundFile) -> Self {
        Self { length: file.size, start: 0, file }
    }

    /// Where the part ends.
    pub(super) fn end(&self) -> u64 {
        self.start + self.length
    }

    /// Whether it is the last of its file.
    pub(super) fn is_last(&self) -> bool {
        self.end() >= self.file.size
    }
}

/// The parts of files in their order. `can_split` says which files may be cut.
pub(super) fn parts(
    files: &[FoundFile],
    splits: &FileSplits,
    cores: usize,
    can_split: impl Fn(&FoundFile) -> bool,
) -> Vec<FilePart> {
    let cost = |all: u64, file: &FoundFile| all.saturating_add(file.size).saturating_add(splits.open_cost);
    let all = files.iter().fold(0, cost);
    let wanted = splits.min_parts.map_or(cores as u64, u64::from).max(1);
    let most = splits.max_bytes.min(splits.open_cost.max(all / wanted)).max(1);
    let mut parts = Vec::with_capacity(files.len());
    for file in files {
        if file.size == 0 || !can_split(file) {
            parts.push(FilePart::whole(file.clone()));
            continue;
        }
        let mut start = 0;
        while start < file.size {
            let length = most.min(file.size - start);
            parts.push(FilePart { file: file.clone(), start, length });
            start += length;
        }
    }
    parts
}

/// Puts parts into the order in which Spark reads them in a batch: the largest first.
pub(super) fn sort_as_spark(parts: &mut [FilePart]) {
    parts.sort_by_key(|part| std::cmp::Reverse(part.length));
}

fn weight(part: &FilePart) -> u64 {
    part.length.saturating_add(OPEN_BYTES)
}

/// How many streams are worth their tasks.
pub(super) fn streams_max(parts: &[FilePart]) -> usize {
    let weight: u64 = parts.iter().map(weight).sum();
    usize::try_from(weight.div_ceil(STREAM_BYTES)).unwrap_or(usize::MAX).clamp(1, parts.len().max(1))
}

/// Deals parts to streams of about the same number of bytes, in order; no more than are worth it.
pub(super) fn shares(parts: &[FilePart], max_streams: usize) -> Vec<Range<usize>> {
    let streams = streams_max(parts).min(max_streams.max(1));
    let mut left: u64 = parts.iter().map(weight).sum();
    let mut shares = Vec::with_capacity(streams);
    let mut next = 0;
    for behind in (0..streams).rev() {
        let begin = next;
        let share = left / (behind as u64 + 1);
        let mut taken = 0;
        // Each stream behind this one has a part of its own.
        while next < parts.len() - behind && (behind == 0 || taken == 0 || taken + weight(&parts[next]) / 2 <= share) {
            taken += weight(&parts[next]);
            next += 1;
        }
        left -= taken;
        shares.push(begin..next);
    }
    shares
}

#[cfg(test)]
mod tests;
