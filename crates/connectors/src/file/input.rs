//! The bytes of a file, unpacked if its name says that they are packed.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use millstream_core::{Error, Result, spark_error};

use super::found_file::FoundFile;

/// Endings of packed files that nothing here unpacks.
const REFUSED: [&str; 5] = [".bz2", ".lz4", ".snappy", ".zst", ".lzo"];

/// Endings of packed files that are unpacked.
const PACKED: [&str; 2] = [".gz", ".deflate"];

/// Opens a file to read its bytes from the beginning.
pub(super) fn open(file: &FoundFile) -> Result<Box<dyn Read + Send>> {
    let name = file.path.to_string_lossy();
    if let Some(ending) = REFUSED.iter().find(|ending| name.ends_with(**ending)) {
        return Err(Error::unsupported(format!("Reading files packed as '{ending}' is not supported by Millstream."))
            .with_hint("pack them with gzip or deflate"));
    }
    let raw = File::open(&file.path).map_err(|error| failed(file, error))?;
    if name.ends_with(".gz") {
        return Ok(Box::new(MultiGzDecoder::new(BufReader::new(raw))));
    }
    if name.ends_with(".deflate") {
        return Ok(Box::new(ZlibDecoder::new(BufReader::new(raw))));
    }
    Ok(Box::new(raw))
}

/// Whether the file is packed, so that it has to be read from its beginning.
pub(super) fn is_packed(file: &FoundFile) -> bool {
    let name = file.path.to_string_lossy();
    PACKED.iter().chain(&REFUSED).any(|ending| name.ends_with(ending))
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
