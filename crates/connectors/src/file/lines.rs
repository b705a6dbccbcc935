//! The lines of a file, some at a time.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use millstream_core::{Error, Options, Result};

use super::listing::failed;

/// What ends a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Separator {
    /// `\n`, `\r\n` or `\r`.
    Line,
    /// `lineSep`
    Bytes(Vec<u8>),
    /// Nothing: a file is one line (`wholetext`).
    None,
}

impl Separator {
    pub(super) fn from_options(options: &Options) -> Result<Self> {
        if options.get_bool("wholetext")?.unwrap_or(false) {
            return Ok(Self::None);
        }
        match options.get("lineSep") {
            None => Ok(Self::Line),
            Some("") => Err(Error::illegal_argument("'lineSep' cannot be an empty string.")),
            Some(separator) => Ok(Self::Bytes(separator.as_bytes().to_vec())),
        }
    }
}

/// Reads one file; it is opened at the first read.
#[derive(Debug)]
pub(super) struct LineReader {
    path: PathBuf,
    separator: Separator,
    file: Option<BufReader<File>>,
    /// Lines already read, the next one last.
    ready: Vec<Vec<u8>>,
}

impl LineReader {
    pub(super) fn new(path: PathBuf, separator: Separator) -> Self {
        Self { path, separator, file: None, ready: Vec::new() }
    }

    /// The next lines, at most `rows`; none at the end of the file.
    pub(super) fn read(&mut self, rows: usize) -> Result<Vec<Vec<u8>>> {
        let mut lines = Vec::new();
        while lines.len() < rows {
            if self.ready.is_empty() && !self.fill().map_err(|error| failed("read", &self.path, error))? {
                break;
            }
            lines.extend(self.ready.pop());
        }
        Ok(lines)
    }

    /// Reads up to the next separator; `false` at the end.
    fn fill(&mut self) -> std::io::Result<bool> {
        let first = self.file.is_none();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufReader::new(File::open(&self.path)?)),
        };
        let mut bytes = Vec::new();
        match &self.separator {
            Separator::None => {
                // An empty file has no row.
                file.read_to_end(&mut bytes)?;
                if !first || bytes.is_empty() {
                    return Ok(false);
                }
                self.ready.push(bytes);
            }
            Separator::Bytes(separator) => {
                let last = separator[separator.len() - 1];
                let ended = loop {
                    let read = file.read_until(last, &mut bytes)?;
                    if read == 0 || bytes.ends_with(separator) {
                        break read > 0;
                    }
                };
                if bytes.is_empty() {
                    return Ok(false);
                }
                if ended {
                    bytes.truncate(bytes.len() - separator.len());
                }
                self.ready.push(bytes);
            }
            Separator::Line => {
                if file.read_until(b'\n', &mut bytes)? == 0 {
                    return Ok(false);
                }
                let ended = bytes.pop_if(|byte| *byte == b'\n').is_some();
                let ended = bytes.pop_if(|byte| *byte == b'\r').is_some() || ended;
                self.ready.extend(bytes.split(|&byte| byte == b'\r').map(<[u8]>::to_vec));
                // What follows the last separator of the file is no line if it is empty.
                if !ended {
                    self.ready.pop_if(|line| line.is_empty());
                }
                self.ready.reverse();
            }
        }
        Ok(true)
    }
}
