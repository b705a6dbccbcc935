//! Standard output, whose reader may go away: that ends a command, and is no failure.

use std::io::{self, BufWriter, ErrorKind, Stdout, Write};

use millstream_core::{Error, Result};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Whether someone still reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    There,
    Gone,
}

/// Standard output, written when it is flushed.
#[derive(Debug)]
pub(super) struct Output {
    out: BufWriter<Stdout>,
}

impl Output {
    pub(super) fn new() -> Self {
        Self { out: BufWriter::with_capacity(64 << 10, io::stdout()) }
    }

    /// Lets a function write.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Reader> {
        reader(write(&mut self.out))
    }

    /// Hands on what was written.
    pub(super) fn flush(&mut self) -> Result<Reader> {
        reader(self.out.flush())
    }
}

/// Prints a text as a whole.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut output = Output::new();
    output.write(|out| out.write_all(text.as_bytes()))?;
    output.flush().map(|_| ())
}

fn reader(written: io::Result<()>) -> Result<Reader> {
    match written {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(Error::unavailable("cannot write to standard output").with_source(error)),
    }
}

/// Resolves when nobody will read what is written, so that a command that waits for records need not wait for one to
/// notice. What is no pipe cannot be watched, and never resolves.
#[expect(deprecated, reason = "unsound for files that are closed while they are watched, which standard output is not")]
pub(super) async fn reader_gone() {
    let Ok(watched) = AsyncFd::with_interest(io::stdout(), Interest::ERROR) else {
        return std::future::pending().await;
    };
    while let Ok(mut guard) = watched.ready(Interest::ERROR).await {
        if guard.ready().is_error() {
            return;
        }
        guard.clear_ready();
    }
    std::future::pending::<()>().await;
}
