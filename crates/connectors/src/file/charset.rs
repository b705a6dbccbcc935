//! Encodings of text files: their letters as bytes, and the bytes of other encodings as UTF-8.
//!
//! What is no letter becomes U+FFFD, as Java decodes. A file that is decoded is read as a whole.

use std::io::{self, Read};

use millstream_core::{Error, Options, Result, spark_error};

/// How letters are bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Charset {
    #[default]
    Utf8,
    Ascii,
    Latin1,
    /// Big end first, behind a mark that says so.
    Utf16,
    Utf16Be,
    Utf16Le,
    Utf32,
}

impl Charset {
    /// `encoding` or `charset`; `place` is who asks, in Spark's words.
    pub(super) fn from_options(options: &Options, place: &str) -> Result<Self> {
        let Some(name) = options.get("encoding").or_else(|| options.get("charset")) else { return Ok(Self::Utf8) };
        Ok(match name.to_ascii_lowercase().as_str() {
            "utf-8" => Self::Utf8,
            "us-ascii" => Self::Ascii,
            "iso-8859-1" => Self::Latin1,
            "utf-16" => Self::Utf16,
            "utf-16be" => Self::Utf16Be,
            "utf-16le" => Self::Utf16Le,
            "utf-32" => Self::Utf32,
            _ => {
                return Err(spark_error!(
                    "INVALID_PARAMETER_VALUE.CHARSET",
                    parameter = "`charset`",
                    functionName = format!("`{place}`"),
                    charsets = "iso-8859-1, us-ascii, utf-16, utf-16be, utf-16le, utf-32, utf-8",
                    charset = name,
                ));
            }
        })
    }

    /// The encoding of a CSV file that is read. UTF-16 and UTF-32 are read where Spark finds their lines.
    pub(super) fn of_csv(options: &Options) -> Result<Self> {
        let charset = Self::from_options(options, "CSVOptions")?;
        let finds_lines = match charset {
            Self::Utf8 | Self::Ascii | Self::Latin1 => true,
            Self::Utf16Be | Self::Utf16Le => options.contains("lineSep"),
            Self::Utf16 | Self::Utf32 => false,
        };
        if finds_lines || options.get_bool("multiLine")? == Some(true) {
            return Ok(charset);
        }
        // Spark cuts letters in two there.
        Err(Error::unsupported("Reading the lines of CSV files in this encoding is not supported by Millstream.")
            .with_hint("set the option multiLine to true, or name UTF-16LE or UTF-16BE and a lineSep"))
    }

    /// The encoding of a JSON file that is read, with Spark's demands on it.
    pub(super) fn of_json(options: &Options) -> Result<Self> {
        let charset = Self::from_options(options, "JSONOptionsInRead")?;
        if charset == Self::Utf8 || options.get_bool("multiLine")? == Some(true) {
            return Ok(charset);
        }
        let name = options.get("encoding").or_else(|| options.get("charset")).unwrap_or_default();
        if matches!(charset, Self::Utf16 | Self::Utf32) {
            return Err(Error::illegal_argument(format!(
                "requirement failed: The {name} encoding must not be included in the denyList when multiLine is \
                 disabled: denylist: UTF-16, UTF-32"
            )));
        }
        if !options.contains("lineSep") {
            return Err(Error::illegal_argument(format!(
                "requirement failed: The lineSep option must be specified for the {name} encoding"
            )));
        }
        Ok(charset)
    }

    /// The bytes as UTF-8.
    pub(super) fn decoded(self, input: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        match self {
            Self::Utf8 => input,
            other => Box::new(Decoded::new(input, other)),
        }
    }

    /// The bytes; a letter that the charset does not have becomes `?`. `first` says that nothing stands before.
    pub(super) fn encode(self, text: &str, first: bool) -> Vec<u8> {
        let within = |limit: u32| {
            text.chars().map(move |letter| if u32::from(letter) < limit { letter as u8 } else { b'?' }).collect()
        };
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Ascii => within(0x80),
            Self::Latin1 => within(0x100),
            Self::Utf16 => {
                let mark = first.then_some(0xfeff_u16);
                mark.into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect()
            }
            Self::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            Self::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Self::Utf32 => text.chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect(),
        }
    }
}

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

/// A file whose bytes are turned into UTF-8 while it is read.
struct Decoded {
    input: Box<dyn Read + Send>,
    charset: Charset,
    /// Bytes that are not decoded: less than a letter between two reads.
    raw: Vec<u8>,
    text: String,
    /// What has been given out of the text.
    given: usize,
    /// Nothing follows the bytes.
    ended: bool,
    /// Whether the low byte of a number comes first, once it is known.
    is_little: Option<bool>,
}

impl Decoded {
    fn new(input: Box<dyn Read + Send>, charset: Charset) -> Self {
        let is_little = match charset {
            Charset::Utf16 | Charset::Utf32 => None,
            other => Some(other == Charset::Utf16Le),
        };
        Self { input, charset, raw: Vec::new(), text: String::new(), given: 0, ended: false, is_little }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = vec![0; READ_BYTES];
        let read = self.input.read(&mut chunk)?;
        self.raw.extend_from_slice(&chunk[..read]);
        self.ended = read == 0;
        self.text.clear();
        self.given = 0;
        let decoded = match self.charset {
            Charset::Utf8 | Charset::Ascii | Charset::Latin1 => self.push_single_bytes(),
            Charset::Utf16 | Charset::Utf16Be | Charset::Utf16Le => self.push_utf16(),
            Charset::Utf32 => self.push_utf32(),
        };
        self.raw.drain(..decoded);
        if self.ended && !self.raw.is_empty() {
            self.raw.clear();
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        Ok(())
    }

    fn push_single_bytes(&mut self) -> usize {
        let is_ascii = self.charset == Charset::Ascii;
        let letter = |byte: &u8| match is_ascii && !byte.is_ascii() {
            true => char::REPLACEMENT_CHARACTER,
            false => char::from(*byte),
        };
        self.text.extend(self.raw.iter().map(letter));
        self.raw.len()
    }

    /// Numbers of so many bytes, and the bytes of a mark of their order before them; none as long as that is unknown.
    fn numbers<const BYTES: usize>(&mut self) -> (usize, Vec<u32>) {
        let value = |bytes: &[u8], is_little: bool| {
            let push = |value: u32, byte: &u8| (value << 8) | u32::from(*byte);
            if is_little { bytes.iter().rev().fold(0, push) } else { bytes.iter().fold(0, push) }
        };
        let Some(first) = self.raw.get(..BYTES) else { return (0, Vec::new()) };
        let mut mark = 0;
        if self.is_little.is_none() {
            let is_little = value(first, true) == BYTE_ORDER_MARK;
            if is_little || value(first, false) == BYTE_ORDER_MARK {
                mark = BYTES;
            }
            self.is_little = Some(is_little);
        }
        let is_little = self.is_little == Some(true);
        (mark, self.raw[mark..].chunks_exact(BYTES).map(|bytes| value(bytes, is_little)).collect())
    }

    fn push_utf32(&mut self) -> usize {
        let (mark, letters) = self.numbers::<4>();
        let letter = |number: &u32| char::from_u32(*number).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.text.extend(letters.iter().map(letter));
        mark + letters.len() * 4
    }

    /// A first half without its second one is a fault together with what follows it, as in Java.
    fn push_utf16(&mut self) -> usize {
        let (mark, units) = self.numbers::<2>();
        let mut at = 0;
        while let Some(&unit) = units.get(at) {
            let is_first_half = (0xd800..0xdc00).contains(&unit);
            let letter = match (is_first_half, units.get(at + 1)) {
                (true, None) => break,
                (true, Some(second @ 0xdc00..0xe000)) => {
                    char::from_u32(0x10000 + ((unit - 0xd800) << 10) + second - 0xdc00)
                }
                _ => char::from_u32(unit),
            };
            self.text.push(letter.unwrap_or(char::REPLACEMENT_CHARACTER));
            at += 1 + usize::from(is_first_half);
        }
        mark + at * 2
    }
}

/// What stands before the first letter to say which byte of a number comes first.
const BYTE_ORDER_MARK: u32 = 0xfeff;

impl Read for Decoded {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && !self.ended {
            self.fill()?;
        }
        let count = out.len().min(self.text.len() - self.given);
        out[..count].copy_from_slice(&self.text.as_bytes()[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
