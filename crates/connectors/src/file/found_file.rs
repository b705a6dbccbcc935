//! A file that is to be read.

use std::path::PathBuf;

use super::metadata_log::uri;

/// A file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// Where the file lies on this machine.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// When it was changed, in milliseconds since 1970.
    pub modified_ms: i64,
    /// The values of the partition's columns as the path has them; `None` is NULL.
    pub partition: Vec<Option<String>>,
}

impl FoundFile {
    /// The file's name as a URI, in Hadoop's spelling.
    pub fn uri(&self) -> String {
        uri(&self.path).replacen("file://", "file:", 1)
    }
}
