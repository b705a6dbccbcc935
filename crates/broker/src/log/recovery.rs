//! Opens a log that was written before: reads the headers of all batches, which gives index, offsets, producers and
//! open transactions, and cuts what a crash tore.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;

use super::{Log, Place, Producers, Segment};
use crate::batch::{BatchHeader, HEADER_BYTES};
use crate::topic_config::TopicConfig;

const CHUNK_BYTES: usize = 1 << 20;

impl Log {
    /// Opens the log of a folder; `since` is the start that was asked for by deleting records, and the present time.
    pub(crate) fn open(place: Place, config: Arc<TopicConfig>, since: (i64, i64)) -> io::Result<Self> {
        let (start_offset, now_ms) = since;
        let mut files = match &place.folder {
            Some(folder) => segment_files(folder)?,
            None => Vec::new(),
        };
        if files.is_empty() {
            return Self::create(place, config);
        }
        files.sort();
        let mut log = Self {
            place,
            config,
            segments: VecDeque::new(),
            start_offset: files[0].0.max(start_offset),
            next_offset: files[0].0,
            producers: Producers::default(),
            unflushed: 0,
            cleaned_to: 0,
        };
        let last = files.len() - 1;
        for (at, (base_offset, path)) in files.into_iter().enumerate() {
            log.next_offset = log.next_offset.max(base_offset);
            let whole = log.open_segment(base_offset, path, (at == last, now_ms))?;
            if !whole && at != last {
                tracing::warn!(base_offset, "a closed segment is torn; what follows it is kept");
            }
        }
        log.start_offset = log.start_offset.min(log.next_offset);
        Ok(log)
    }

    /// Reads one segment; the last is checked byte by byte. Gives whether all of it was good.
    fn open_segment(&mut self, base_offset: i64, path: PathBuf, (check, now_ms): (bool, i64)) -> io::Result<bool> {
        let mut segment = Segment::reopen(path, base_offset)?;
        let file = Arc::clone(segment.file().expect("it was opened from a file"));
        let written_ms = modified_ms(&file).unwrap_or(now_ms);
        let mut scanner = Scanner::new(file)?;
        while let Some(header) = scanner.header()? {
            let in_order = header.magic == 2 && header.base_offset >= self.next_offset;
            if !in_order || !scanner.has(header.len) {
                break;
            }
            let batch = if check || header.is_control() { scanner.batch(header.len)? } else { Bytes::new() };
            if check && !header.crc_matches(&batch) {
                break;
            }
            segment.note(&header);
            segment.appended_at(written_ms);
            self.note(&header, &batch, written_ms);
            scanner.position += header.len as u64;
        }
        let whole = scanner.position == scanner.len;
        if !whole {
            tracing::warn!(base_offset, cut = scanner.len - scanner.position, "a segment's torn end is cut");
            scanner.file.set_len(scanner.position)?;
        }
        self.segments.push_back(segment);
        Ok(whole)
    }
}

/// Reads a file front to back in large pieces.
struct Scanner {
    file: Arc<File>,
    len: u64,
    position: u64,
    /// What is read ahead, and where it begins.
    ahead: Vec<u8>,
    ahead_at: u64,
}

impl Scanner {
    fn new(file: Arc<File>) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len, position: 0, ahead: Vec::new(), ahead_at: 0 })
    }

    /// Whether this many bytes are left.
    fn has(&self, bytes: usize) -> bool {
        self.len - self.position >= bytes as u64
    }

    /// The header at the position; `None` at the end, or if there is none.
    fn header(&mut self) -> io::Result<Option<BatchHeader>> {
        if !self.has(HEADER_BYTES) {
            return Ok(None);
        }
        Ok(BatchHeader::parse(self.look(HEADER_BYTES)?))
    }

    fn batch(&mut self, len: usize) -> io::Result<Bytes> {
        Ok(Bytes::copy_from_slice(self.look(len)?))
    }

    /// The next bytes, which are there.
    fn look(&mut self, bytes: usize) -> io::Result<&[u8]> {
        let end = self.position + bytes as u64;
        if self.position < self.ahead_at || end > self.ahead_at + self.ahead.len() as u64 {
            let piece = (self.len - self.position).min(bytes.max(CHUNK_BYTES) as u64);
            self.ahead.resize(piece as usize, 0);
            self.file.read_exact_at(&mut self.ahead, self.position)?;
            self.ahead_at = self.position;
        }
        let from = (self.position - self.ahead_at) as usize;
        Ok(&self.ahead[from..from + bytes])
    }
}

/// When a file was last written to.
fn modified_ms(file: &File) -> Option<i64> {
    let since_epoch = file.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_millis()).ok()
}

/// The segments of a folder. What compaction had not finished goes.
fn segment_files(folder: &Path) -> io::Result<Vec<(i64, PathBuf)>> {
    std::fs::create_dir_all(folder)?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let base_offset = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        match (path.extension().and_then(|extension| extension.to_str()), base_offset) {
            (Some("log"), Some(base_offset)) => files.push((base_offset, path)),
            _ => std::fs::remove_file(path)?,
        }
    }
    Ok(files)
}
