//! The bytes of a file, unpacked if its name says that they are packed.

use std::fs::File;
use std::io::{self, Read};

use millstream_core::{Error, Result};

use super::found_file::FoundFile;

/// Opens a file to read its bytes from the beginning.
pub(super) fn open(file: &FoundFile) -> Result<Box<dyn Read + Send>> {
    let raw = File::open(&file.path).map_err(|error| failed("read", file, error))?;
    Ok(Box::new(raw))
}

/// A file or folder that cannot be read.
pub(super) fn failed(what: &str, file: &FoundFile, error: io::Error) -> Error {
    let path = file.path.display();
    Error::unavailable(format!("cannot {what} '{path}': {error}")).with_source(error)
}
