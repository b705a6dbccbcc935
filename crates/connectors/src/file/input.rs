//! The bytes of a file, unpacked if its name says that they are packed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use millstream_core::{Error, MemoryLedger, Result, spark_error};

use super::found_file::FoundFile;
use super::unpack;

/// Opens a file to read its bytes from the beginning.
pub(super) fn open(file: &FoundFile, memory: &MemoryLedger) -> Result<Box<dyn Read + Send>> {
    unpack::check(file)?;
    let opened = File::open(&file.path).and_then(|raw| unpack::unpacked(file, Box::new(raw), memory));
    opened.map_err(|error| failed(file, error))
}

/// Opens a file that is not packed to read its bytes from a place on.
pub(super) fn open_at(file: &FoundFile, place: u64) -> Result<Box<dyn Read + Send>> {
    let opened = File::open(&file.path).and_then(|mut raw| raw.seek(SeekFrom::Start(place)).map(|_| raw));
    Ok(Box::new(opened.map_err(|error| failed(file, error))?))
}

/// A file that cannot be read. An error of Millstream's own stays what it is.
pub(super) fn failed(file: &FoundFile, error: io::Error) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(own) => return own,
        Err(error) => error,
    };
    let path = format!("file://{}", file.path.display());
    match error.kind() {
        io::ErrorKind::NotFound => spark_error!("FAILED_READ_FILE.FILE_NOT_EXIST", path = path),
        io::ErrorKind::PermissionDenied => {
            spark_error!("FAILED_READ_FILE.NO_HINT", path = path).with_hint(error.to_string())
        }
        _ => spark_error!("FAILED_READ_FILE.NO_HINT", path = path).with_hint(corrupt_hint(&error)),
    }
    .with_source(error)
}

/// What is wrong with a file, and how to do without it.
pub(super) fn corrupt_hint(error: &dyn std::error::Error) -> String {
    format!("{error}; write the file again, or read on without it by the option ignoreCorruptFiles")
}
