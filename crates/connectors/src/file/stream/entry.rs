//! A line of the source's log, as Spark writes it, and the offset that an entry is.

use std::path::PathBuf;

use millstream_core::{Error, Offset, Result};
use serde::{Deserialize, Serialize};

use crate::file::found_file::FoundFile;
use crate::file::metadata_log::{local_path, uri};

/// A file that is part of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    path: String,
    pub(super) timestamp: i64,
    pub(super) batch_id: u64,
}

impl Entry {
    pub(super) fn of(file: &FoundFile, batch_id: u64) -> Self {
        Self { path: uri(&file.path), timestamp: file.modified_ms, batch_id }
    }

    pub(super) fn line(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::internal(error.to_string()))
    }

    pub(super) fn parse(line: &str) -> Result<Self> {
        serde_json::from_str(line)
            .map_err(|error| Error::data(format!("'{line}' is no entry of a file source's log")).with_source(error))
    }

    /// Where the file lies.
    pub(super) fn path(&self) -> Result<PathBuf> {
        local_path(&self.path)
    }
}

/// The number of an entry in an offset; none before the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogOffset {
    log_offset: i64,
}

pub(super) fn offset(entry: Option<u64>) -> Offset {
    let number = entry.map_or(-1, |entry| i64::try_from(entry).unwrap_or(i64::MAX));
    Offset::new(serde_json::json!({ "logOffset": number }))
}

/// The entry that an offset means. Spark has written a bare number, too.
pub(super) fn number(offset: &Offset) -> Result<Option<u64>> {
    let json = offset.json();
    let number = match json.as_i64() {
        Some(number) => Some(number),
        None => serde_json::from_value(json.clone()).ok().map(|offset: LogOffset| offset.log_offset),
    };
    match number {
        Some(-1) => Ok(None),
        Some(number) if number >= 0 => Ok(Some(number.unsigned_abs())),
        _ => Err(Error::data(format!("'{offset}' is no offset of a file source"))),
    }
}
