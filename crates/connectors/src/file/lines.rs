//! The lines of a file, some at a time, as slices of one buffer.

use std::io::{self, Read};
use std::ops::Range;

use memchr::{memchr2, memmem};
use millstream_core::{Error, Options, Result};

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

/// Reads one file line by line.
pub(super) struct LineReader {
    input: Box<dyn Read + Send>,
    separator: Separator,
    buffer: Vec<u8>,
    /// Something has been read.
    begun: bool,
    /// What has been given out of the buffer.
    given: usize,
    /// Nothing follows the buffer.
    ended: bool,
    lines: Vec<Range<usize>>,
}

impl LineReader {
    pub(super) fn new(input: Box<dyn Read + Send>, separator: Separator) -> Self {
        Self { input, separator, buffer: Vec::new(), begun: false, given: 0, ended: false, lines: Vec::new() }
    }

    /// The next lines, at most `rows`; none at the end of the file.
    pub(super) fn read(&mut self, rows: usize) -> io::Result<impl Iterator<Item = &[u8]>> {
        self.lines.clear();
        self.take(rows);
        while self.lines.is_empty() && !self.ended {
            self.fill()?;
            self.take(rows);
        }
        if self.lines.is_empty() && self.given < self.buffer.len() {
            // What follows the last separator.
            self.lines.push(self.given..self.buffer.len());
            self.given = self.buffer.len();
        }
        Ok(self.lines.iter().map(|line| &self.buffer[line.clone()]))
    }

    /// The next line of those that are wanted.
    pub(super) fn next(&mut self, wanted: impl Fn(&[u8]) -> bool) -> io::Result<Option<&[u8]>> {
        let line = loop {
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
        while self.lines.len() < rows {
            let Some(found) = self.separator.find(&self.buffer[self.given..], self.ended) else { break };
            self.lines.push(self.given..self.given + found.start);
            self.given += found.end;
        }
    }

    /// Reads more behind what has not been given out.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.given);
        self.given = 0;
        let wanted = READ_BYTES.max(self.buffer.len());
        let read = self.input.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)?;
        self.ended = read < wanted;
        if !std::mem::replace(&mut self.begun, true)
            && self.separator != Separator::None
            && self.buffer.starts_with(BYTE_ORDER_MARK)
        {
            self.given = BYTE_ORDER_MARK.len();
        }
        Ok(())
    }
}
