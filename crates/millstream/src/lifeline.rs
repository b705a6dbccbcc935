//! Ends a program with the engine that it runs on, however that ends.
//!
//! A program whose engine was killed would go on asking for it for minutes, as PySpark's client does with a server that
//! may come back; this one cannot. The program inherits the reading end of a pipe on which nothing is ever written: it
//! ends when this process does, and the shim then ends the program.

use std::io::{PipeReader, PipeWriter};
use std::os::fd::AsRawFd;

use millstream_core::{Error, Result};
use rustix::io::{FdFlags, fcntl_setfd};
use tokio::process::Command;

/// The variable that tells the shim which file descriptor it is.
const VARIABLE: &str = "MILLSTREAM_LIFELINE";

/// The writing end, held for as long as the program may live.
#[derive(Debug)]
pub(crate) struct Lifeline {
    _engine: PipeWriter,
    program: PipeReader,
}

impl Lifeline {
    pub(crate) fn new() -> Result<Self> {
        let cannot = |error: std::io::Error| Error::unavailable("cannot open a pipe").with_source(error);
        let (program, engine) = std::io::pipe().map_err(cannot)?;
        fcntl_setfd(&program, FdFlags::empty()).map_err(|error| cannot(error.into()))?;
        Ok(Self { _engine: engine, program })
    }

    /// Lets a program that is started with this command have the other end.
    pub(crate) fn tie(&self, command: &mut Command) {
        command.env(VARIABLE, self.program.as_raw_fd().to_string());
    }
}
