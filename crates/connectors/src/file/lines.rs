//! The lines of a file or of a part of it, some at a time, as slices of one buffer.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr2, memmem};
use millstream_core::{Error, MemoryLedger, Options, Reservation, Result};

use super::charset::Charset;
use super::input;
use super::part::FilePart;

/// Bytes that are read at once; a longer line makes the buffer grow.
const READ_BYTES: usize = 256 << 10;

/// What some editors put before a text in UTF-8; it is no part of the first line.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What ends a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Separator {
    /// `\n`, `\r\n` or `\r`.
    Line,
    /// What the option `lineSep` says.
    Bytes(Vec<u8>),
    /// Nothing: a file is one line (`wholetext`).
    None,
}

impl Separator {
    pub(super) fn from_options(options: &Options) -> Result<Self> {
        match options.get("lineSep") {
            None => Ok(Self::Line),
            Some("") => Err(Error::illegal_argument("requirement failed: 'lineSep' cannot be an empty string.")),
            Some(separator) => Ok(Self::Bytes(separator.as_bytes().to_vec())),
        }
    }

    /// Whether lines can be found from anywhere in a file. Where a separator may begin inside another (`||` in `|||`),
    /// only who has read all before knows which one counts.
    pub(super) fn can_split(&self) -> bool {
        match self {
            Self::Line => true,
            Self::Bytes(separator) => (1..separator.len()).all(|from| !separator.starts_with(&separator[from..])),
            Self::None => false,
        }
    }

    /// How far a separator reaches at the most into the next part.
    fn reach(&self) -> u64 {
        match self {
            Self::Bytes(separator) => separator.len() as u64 - 1,
            Self::Line | Self::None => 0,
        }
    }

    /// The first separator in `bytes`, and whether more bytes could change that.
    fn find(&self, bytes: &[u8], ended: bool) -> Option<Range<usize>> {
        match self {
            Self::None => None,
            Self::Bytes(separator) => {
                let start = memmem::find(bytes, separator)?;
                Some(start..start + separator.len())
            }
            Self::Line => {
                let start = memchr2(b'\n', b'\r', bytes)?;
                if bytes[start] == b'\n' {
                    return Some(start..start + 1);
                }
                match bytes.get(start + 1) {
                    Some(b'\n') => Some(start..start + 2),
                    Some(_) => Some(start..start + 1),
                    // Perhaps its line feed has not been read yet.
                    None => ended.then_some(start..start + 1),
                }
            }
        }
    }
}

impl From<&[u8]> for Separator {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

/// Reads one file, or a part of one, line by line.
pub(super) struct LineReader {
    input: Box<dyn Read + Send>,
    separator: Separator,
    buffer: Vec<u8>,
    /// Counts the buffer.
    room: Reservation,
    /// Something has been read.
    begun: bool,
    /// Where the buffer begins in the file.
    at: u64,
    /// The last place at which a line may begin that is given out.
    last: u64,
    /// What has been given out of the buffer.
    given: usize,
    /// Nothing follows the buffer.
    ended: bool,
    lines: Vec<Range<usize>>,
}

impl LineReader {
    /// All lines of what `input` has.
    pub(super) fn new(input: Box<dyn Read + Send>, separator: Separator, memory: &MemoryLedger) -> Self {
        let room = memory.reservation("the lines of a file");
        let (buffer, lines) = (Vec::new(), Vec::new());
        Self { input, separator, buffer, room, begun: false, at: 0, last: u64::MAX, given: 0, ended: false, lines }
    }

    /// The lines of a part of a file: those behind a separator in it. A line that begins with the part is of the part
    /// before, which has the separator (Spark: `LineRecordReader`).
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn open(part: &FilePart, separator: Separator, charset: Charset, memory: &MemoryLedger) -> Result<Self> {
        let file = &part.file;
        let last = if part.is_last() { u64::MAX } else { part.end() + separator.reach() };
        if part.start == 0 {
            let text = charset.decoded(input::open(file, memory)?);
            return Ok(Self { last, ..Self::new(text, separator, memory) });
        }
        let input = input::open_at(file, part.start)?;
        let mut lines = Self { last, at: part.start, begun: true, ..Self::new(input, separator, memory) };
        lines.skip_line().map_err(|error| input::failed(file, error))?;
        Ok(lines)
    }

    /// Leaves a mark at the beginning of the file in its first line.
    pub(super) fn with_mark(self) -> Self {
        Self { begun: true, ..self }
    }

    /// Goes on behind the next separator.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            match self.separator.find(&self.buffer[self.given..], self.ended) {
                Some(found) => {
                    self.given += found.end;
                    return Ok(());
                }
                None if self.ended => {
                    self.given = self.buffer.len();
                    return Ok(());
                }
                None => {
                    // Nothing of a long line is kept but what may be half a separator.
                    self.given = self.buffer.len().saturating_sub(self.separator.reach().max(1) as usize);
                    self.fill()?;
                }
            }
        }
    }

    /// Whether the next line is of the next part.
    fn is_past(&self) -> bool {
        self.at + self.given as u64 > self.last
    }

    /// The next lines, at most `rows`; none at the end of the file.
    pub(super) fn read(&mut self, rows: usize) -> io::Result<impl Iterator<Item = &[u8]>> {
        self.lines.clear();
        self.take(rows);
        while self.lines.is_empty() && !self.ended && !self.is_past() {
            self.fill()?;
            self.take(rows);
        }
        if self.lines.is_empty() && self.given < self.buffer.len() && !self.is_past() {
            // What follows the last separator.
            self.lines.push(self.given..self.buffer.len());
            self.given = self.buffer.len();
        }
        Ok(self.lines.iter().map(|line| &self.buffer[line.clone()]))
    }

    /// The next line of those that are wanted.
    pub(super) fn next(&mut self, wanted: impl Fn(&[u8]) -> bool) -> io::Result<Option<&[u8]>> {
        let line = loop {
            if self.is_past() {
                return Ok(None);
            }
            match self.separator.find(&self.buffer[self.given..], self.ended) {
                Some(found) => {
                    let line = self.given..self.given + found.start;
                    self.given += found.end;
                    if wanted(&self.buffer[line.clone()]) {
                        break line;
                    }
                }
                None if !self.ended => self.fill()?,
                None => {
                    let line = self.given..self.buffer.len();
                    self.given = self.buffer.len();
                    if line.is_empty() || !wanted(&self.buffer[line.clone()]) {
                        return Ok(None);
                    }
                    break line;
                }
            }
        };
        Ok(Some(&self.buffer[line]))
    }

    /// Finds lines in what has been read.
    fn take(&mut self, rows: usize) {
        while self.lines.len() < rows && !self.is_past() {
            let Some(found) = self.separator.find(&self.buffer[self.given..], self.ended) else { break };
            self.lines.push(self.given..self.given + found.start);
            self.given += found.end;
        }
    }

    /// Reads more behind what has not been given out.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.given);
        self.at += self.given as u64;
        self.given = 0;
        let wanted = READ_BYTES.max(self.buffer.len());
        self.room.resize(self.buffer.capacity().max(self.buffer.len() + wanted)).map_err(io::Error::other)?;
        self.buffer.reserve_exact(wanted);
        let read = self.input.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)?;
        self.ended = read < wanted;
        if !std::mem::replace(&mut self.begun, true)
            && self.separator != Separator::None
            && self.buffer.starts_with(BYTE_ORDER_MARK)
        {
            // It belongs to the first line, however early the part ends.
            self.given = BYTE_ORDER_MARK.len();
            self.last = self.last.max(self.given as u64);
        }
        Ok(())
    }
}
