//! Files that a read may leave out: `ignoreMissingFiles` and `ignoreCorruptFiles`.

use std::io;

use arrow::array::RecordBatch;
use millstream_core::{Error, Options, QuerySettings, Result};

use super::format::FileRows;
use super::found_file::FoundFile;

/// What a read goes on without. An option says it, else the setting of its name.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tolerance {
    missing: bool,
    corrupt: bool,
}

impl Tolerance {
    pub(super) fn new(options: &Options, settings: &QuerySettings) -> Result<Self> {
        Ok(Self {
            missing: options.get_bool("ignoreMissingFiles")?.unwrap_or(settings.ignores_missing_files),
            corrupt: options.get_bool("ignoreCorruptFiles")?.unwrap_or(settings.ignores_corrupt_files),
        })
    }

    /// Whether a file that gives this error is left out. One that may not be read is there and whole: it never is.
    pub(super) fn allows(&self, error: &Error) -> bool {
        match error.class() {
            Some("FAILED_READ_FILE.FILE_NOT_EXIST") => self.missing,
            Some(class) if class.starts_with("FAILED_READ_FILE") => self.corrupt && !is_denied(error),
            _ => false,
        }
    }

    /// The value, or `None` of a file that is left out.
    pub(super) fn unless_left_out<T>(&self, file: &FoundFile, read: Result<T>) -> Result<Option<T>> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error) if self.allows(&error) => {
                tracing::warn!(path = %file.path.display(), %error, "a file is left out, or what is left of it");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The rows up to an error for which the rest of the file is left out.
    pub(super) fn rows(self, file: &FoundFile, rows: Result<FileRows>) -> Result<FileRows> {
        let Some(rows) = self.unless_left_out(file, rows)? else { return Ok(Box::new(std::iter::empty())) };
        if !self.missing && !self.corrupt {
            return Ok(rows);
        }
        let file = file.clone();
        let kept = move |batch: Result<RecordBatch>| self.unless_left_out(&file, batch).transpose();
        Ok(Box::new(rows.map_while(kept)))
    }
}

fn is_denied(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| source.kind() == io::ErrorKind::PermissionDenied)
}
