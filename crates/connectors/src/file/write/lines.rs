//! Files of text: lines in a charset, packed.

use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use millstream_core::{Error, Options, Result, spark_error};

use super::compression::{Codec, Packed};
use crate::file::format::{FileEncoder, FileEncoding};

/// Rows as lines.
pub(in crate::file) trait Lines: Send + Sync + std::fmt::Debug {
    /// What stands before the first row of each file.
    fn push_header(&self, out: &mut String) {
        let _ = out;
    }

    /// Appends the lines of the rows.
    fn push_rows(&self, out: &mut String, rows: &RecordBatch) -> Result<()>;
}

/// Writes files of lines.
#[derive(Debug)]
pub(in crate::file) struct LineEncoder {
    pub(in crate::file) lines: Arc<dyn Lines>,
    /// What names end with, without the codec's part.
    pub(in crate::file) extension: String,
    pub(in crate::file) charset: Charset,
    pub(in crate::file) codec: Codec,
}

impl FileEncoder for LineEncoder {
    fn extension(&self) -> String {
        format!("{}{}", self.extension, self.codec.extension())
    }

    fn start(&self, out: Box<dyn Write + Send>) -> Result<Box<dyn FileEncoding>> {
        let mut file =
            LineFile { lines: Arc::clone(&self.lines), charset: self.charset, out: self.codec.wrap(out), begun: false };
        let mut text = String::new();
        self.lines.push_header(&mut text);
        file.write_text(&text)?;
        Ok(Box::new(file))
    }
}

struct LineFile {
    lines: Arc<dyn Lines>,
    charset: Charset,
    out: Packed,
    begun: bool,
}

impl LineFile {
    fn write_text(&mut self, text: &str) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let first = !std::mem::replace(&mut self.begun, true);
        let written = match self.charset {
            Charset::Utf8 => self.out.write_all(text.as_bytes()),
            other => self.out.write_all(&other.encode(text, first)),
        };
        written.map_err(|error| Error::unavailable(error.to_string()).with_source(error))
    }
}

impl FileEncoding for LineFile {
    fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let mut text = String::new();
        self.lines.push_rows(&mut text, rows)?;
        self.write_text(&text)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.out.finish().map_err(|error| Error::unavailable(error.to_string()).with_source(error))
    }
}

/// How letters are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::file) enum Charset {
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
    pub(in crate::file) fn from_options(options: &Options, place: &str) -> Result<Self> {
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

    /// The bytes; a letter that the charset does not have becomes `?`. `first` says that nothing stands before.
    fn encode(self, text: &str, first: bool) -> Vec<u8> {
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
