//! The records of one file, one after the other.
//!
//! Where a record is a line, lines are found first and taken apart one by one, as Spark does it: a quote that is not
//! closed ends with its line. With `multiLine` the tokenizer finds the ends itself.

use std::io::Read;
use std::sync::Arc;

use millstream_core::{MemoryLedger, Reservation, Result};
use millstream_formats::csv::{CsvDecoding, CsvOptions, FieldText, Record, Tokenized, Tokenizer};

use crate::file::charset::Charset;
use crate::file::found_file::FoundFile;
use crate::file::input::{self, failed};
use crate::file::lines::{BYTE_ORDER_MARK, LineReader, Separator};
use crate::file::part::FilePart;

/// Bytes that are read at once; a longer record makes the buffer grow.
const READ_BYTES: usize = 256 << 10;

/// One record as it stands in the file.
pub(super) struct CsvRecord<'a> {
    record: &'a Record,
    input: &'a [u8],
    is_too_large: bool,
}

impl CsvRecord<'_> {
    pub(super) fn len(&self) -> usize {
        self.record.len()
    }

    /// A field, `None` where nothing is, or what means NULL.
    pub(super) fn text(&self, place: usize, options: &CsvOptions) -> Option<String> {
        match self.record.get(place, self.input)? {
            FieldText::Missing => None,
            field => Some(String::from_utf8_lossy(options.meaning(field)).into_owned()),
        }
        .filter(|text| *text != options.null)
    }

    /// Whether it has more fields, or longer ones, than it may.
    pub(super) fn is_too_large(&self) -> bool {
        self.is_too_large
    }

    /// The record's text without what ends it.
    pub(super) fn line(&self) -> &[u8] {
        self.input.strip_suffix(b"\n").map_or(self.input, |line| line.strip_suffix(b"\r").unwrap_or(line))
    }

    pub(super) fn append_to(&self, decoding: &mut CsvDecoding) -> Result<()> {
        decoding.append(self.record, self.input, self.line())
    }
}

/// The records of a part of a file.
pub(super) struct Records {
    file: FoundFile,
    options: Arc<CsvOptions>,
    tokenizer: Tokenizer,
    record: Record,
    input: Input,
}

enum Input {
    Lines(LineReader),
    Whole(Whole),
}

impl Records {
    pub(super) fn open(
        part: &FilePart,
        options: &Arc<CsvOptions>,
        charset: Charset,
        memory: &MemoryLedger,
    ) -> Result<Self> {
        let input = if options.multi_line {
            let ends = if options.line_separator.is_some() { LineEnds::Plain } else { LineEnds::Unknown };
            let (bytes, room) =
                (charset.decoded(input::open(&part.file, memory)?), memory.reservation("the records of a file"));
            Input::Whole(Whole { ends, bytes, buffer: Vec::new(), room, at: 0, ended: false })
        } else {
            Input::Lines(LineReader::open(part, separator(options), charset, memory)?)
        };
        Ok(Self {
            file: part.file.clone(),
            tokenizer: Tokenizer::new(options.dialect.clone()),
            options: Arc::clone(options),
            record: Record::default(),
            input,
        })
    }

    /// The next record that is neither blank nor a comment.
    pub(super) fn next(&mut self) -> Result<Option<CsvRecord<'_>>> {
        let Self { file, options, tokenizer, record, input } = self;
        let found = match input {
            Input::Lines(lines) => lines.next(|line| is_record(line, options)),
            Input::Whole(whole) => return whole.next(tokenizer, record, options, file),
        };
        let Some(line) = found.map_err(|error| failed(file, error))? else { return Ok(None) };
        let is_too_large = tokenizer.read(line, true, record) == Tokenized::TooLarge;
        Ok(Some(CsvRecord { record, input: line, is_too_large }))
    }
}

/// What ends a line.
pub(super) fn separator(options: &CsvOptions) -> Separator {
    options.line_separator.as_ref().map_or(Separator::Line, |text| text.as_bytes().into())
}

/// Whether a line is neither blank nor a comment.
fn is_record(line: &[u8], options: &CsvOptions) -> bool {
    let is_comment = options.dialect.comment.is_some_and(|comment| line.first() == Some(&comment));
    !is_comment && line.iter().any(|byte| *byte > b' ')
}

/// What ends the lines of a file: the first end decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnds {
    Unknown,
    /// As they should, or as the options say.
    Plain,
    /// A carriage return alone.
    Return,
    /// A carriage return before each.
    ReturnAndFeed,
}

impl LineEnds {
    fn of(bytes: &[u8]) -> Self {
        match memchr::memchr2(b'\r', b'\n', bytes) {
            None => Self::Unknown,
            Some(at) if bytes[at] == b'\n' => Self::Plain,
            Some(at) if bytes.get(at + 1) == Some(&b'\n') => Self::ReturnAndFeed,
            Some(_) => Self::Return,
        }
    }

    /// Makes line feeds of the ends in what follows `from`.
    fn normalize(self, bytes: &mut Vec<u8>, from: usize) {
        match self {
            Self::Unknown | Self::Plain => {}
            Self::Return => bytes[from..].iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n'),
            Self::ReturnAndFeed => {
                let mut kept = from;
                for at in from..bytes.len() {
                    if bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n') {
                        continue;
                    }
                    bytes[kept] = bytes[at];
                    kept += 1;
                }
                bytes.truncate(kept);
            }
        }
    }
}

/// A file whose records may span lines.
struct Whole {
    ends: LineEnds,
    bytes: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// Counts the buffer.
    room: Reservation,
    at: usize,
    ended: bool,
}

impl Whole {
    fn next<'a>(
        &'a mut self,
        tokenizer: &Tokenizer,
        record: &'a mut Record,
        options: &CsvOptions,
        file: &FoundFile,
    ) -> Result<Option<CsvRecord<'a>>> {
        let failed = |error| failed(file, error);
        loop {
            if !self.skip_no_records(options) {
                if self.ended {
                    return Ok(None);
                }
                self.fill().map_err(failed)?;
                continue;
            }
            let start = self.at;
            match tokenizer.read(&self.buffer[start..], self.ended, record) {
                Tokenized::Incomplete => self.fill().map_err(failed)?,
                Tokenized::Record(read) => {
                    self.at += read;
                    let input = &self.buffer[start..self.at];
                    return Ok(Some(CsvRecord { record, input, is_too_large: false }));
                }
                Tokenized::TooLarge => {
                    self.at = self.buffer.len();
                    self.ended = true;
                    let input = &self.buffer[start..];
                    return Ok(Some(CsvRecord { record, input, is_too_large: true }));
                }
            }
        }
    }

    /// Goes on to the next record, over empty lines and comments; `false` where the buffer ends first.
    fn skip_no_records(&mut self, options: &CsvOptions) -> bool {
        let newline = options.dialect.newline;
        while let Some(byte) = self.buffer.get(self.at) {
            if *byte == newline {
                self.at += 1;
            } else if options.dialect.comment == Some(*byte) {
                match memchr::memchr(newline, &self.buffer[self.at..]) {
                    Some(end) => self.at += end + 1,
                    None if self.ended => self.at = self.buffer.len(),
                    None => return false,
                }
            } else {
                return true;
            }
        }
        false
    }

    fn fill(&mut self) -> std::io::Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let known = self.buffer.len();
        let wanted = READ_BYTES.max(known);
        self.room.resize(self.buffer.capacity().max(known + wanted)).map_err(std::io::Error::other)?;
        self.buffer.reserve_exact(wanted);
        let read = self.bytes.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)?;
        self.ended = read < wanted;
        while !self.ended && self.buffer.last() == Some(&b'\r') {
            // A line feed may follow, which belongs to it.
            self.ended = self.bytes.by_ref().take(1).read_to_end(&mut self.buffer)? == 0;
        }
        if self.ends == LineEnds::Unknown {
            if self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.buffer.drain(..BYTE_ORDER_MARK.len());
            }
            self.ends = LineEnds::of(&self.buffer);
        }
        self.ends.normalize(&mut self.buffer, known);
        Ok(())
    }
}
