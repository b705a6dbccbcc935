//! Files of text: lines in a charset, packed.

use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use millstream_core::{Error, Result};

use super::compression::{Codec, Packed};
use crate::file::charset::Charset;
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
