//! The lines of a file or of standard input, in pieces as they come, each with its number.
//!
//! A thread reads, because reading a terminal or a pipe cannot be given up; it is left behind when the command ends. A
//! line goes on as soon as it is whole, so what is typed or piped in slowly is written at once.

use std::fs::File;
use std::io::{self, Read, stdin};
use std::path::Path;

use millstream_core::{Error, Result};
use tokio::sync::mpsc;

/// Bytes that are read at a time, and pieces that wait.
const PIECE_BYTES: usize = 256 << 10;
const PIECES_WAITING: usize = 2;

/// Whole lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    bytes: Vec<u8>,
    first_line: u64,
}

impl Piece {
    /// The lines with their numbers, which begin with 1. A line end is `\n` or `\r\n`, as for Kafka's own tool.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let bytes = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let lines = bytes.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        (self.first_line..).zip(lines)
    }
}

/// A line that is longer than any record may be.
#[derive(Debug, PartialEq, Eq)]
struct TooLong {
    line: u64,
}

/// Pieces of the input as they come.
pub(super) struct Lines {
    pieces: mpsc::Receiver<Result<Piece>>,
}

impl Lines {
    /// Refuses a file that cannot be read, before anything is done for its lines.
    pub(super) fn check(path: &Path) -> Result<()> {
        let cannot_read =
            |error: io::Error| Error::invalid(format!("cannot read '{}'", path.display())).with_source(error);
        let metadata = File::open(path).and_then(|file| file.metadata()).map_err(cannot_read)?;
        if metadata.is_dir() { Err(cannot_read(io::ErrorKind::IsADirectory.into())) } else { Ok(()) }
    }

    /// Starts to read a file, or standard input.
    pub(super) fn read(path: Option<&Path>, line_bytes_max: usize) -> Result<Self> {
        let name = path.map_or("standard input".to_owned(), |path| format!("'{}'", path.display()));
        let cannot_read = move |error: io::Error| Error::invalid(format!("cannot read {name}")).with_source(error);
        let mut input: Box<dyn Read + Send> = match path {
            None => Box::new(stdin()),
            Some(path) => Box::new(File::open(path).map_err(&cannot_read)?),
        };
        let (sender, pieces) = mpsc::channel(PIECES_WAITING);
        let read = move || {
            let mut cutter = Cutter::new(line_bytes_max);
            loop {
                let mut bytes = vec![0; PIECE_BYTES];
                let (piece, ended) = match input.read(&mut bytes) {
                    Ok(0) => (Ok(cutter.finish()), true),
                    Ok(len) => {
                        bytes.truncate(len);
                        (cutter.push(bytes), false)
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => {
                        let _gone = sender.blocking_send(Err(cannot_read(error)));
                        return;
                    }
                };
                let piece = piece.map_err(|TooLong { line }| {
                    Error::data(format!("line {line} is longer than 'max.request.size' = {line_bytes_max}"))
                });
                let ended = ended || piece.is_err();
                if let Some(piece) = piece.transpose()
                    && sender.blocking_send(piece).is_err()
                {
                    return;
                }
                if ended {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("lines".to_owned())
            .spawn(read)
            .map_err(|error| Error::unavailable("cannot start a thread").with_source(error))?;
        Ok(Self { pieces })
    }

    /// The next lines; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>> {
        self.pieces.recv().await.transpose()
    }
}

/// Cuts bytes into whole lines.
#[derive(Debug)]
struct Cutter {
    /// The beginning of a line whose end has not come.
    rest: Vec<u8>,
    next_line: u64,
    line_bytes_max: usize,
}

impl Cutter {
    fn new(line_bytes_max: usize) -> Self {
        Self { rest: Vec::new(), next_line: 1, line_bytes_max }
    }

    /// The lines that these bytes complete.
    fn push(&mut self, bytes: Vec<u8>) -> Result<Option<Piece>, TooLong> {
        // What was there before holds no line end.
        let Some(last) = bytes.iter().rposition(|&byte| byte == b'\n') else {
            self.rest.extend_from_slice(&bytes);
            let fits = self.rest.len() <= self.line_bytes_max;
            return if fits { Ok(None) } else { Err(TooLong { line: self.next_line }) };
        };
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(&bytes[..=last]);
        self.rest.extend_from_slice(&bytes[last + 1..]);
        Ok(Some(self.piece(whole)))
    }

    /// The last line, if it has no end.
    fn finish(&mut self) -> Option<Piece> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then(|| self.piece(rest))
    }

    fn piece(&mut self, bytes: Vec<u8>) -> Piece {
        let piece = Piece { bytes, first_line: self.next_line };
        self.next_line += piece.lines().count() as u64;
        piece
    }
}

#[cfg(test)]
mod tests;
