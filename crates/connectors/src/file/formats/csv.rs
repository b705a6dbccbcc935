//! `csv`: a record a line.

use std::sync::Arc;

use millstream_core::Result;

use crate::file::format::{FileEncoder, FileFormat, WriteConfig};
use crate::file::write;

/// The format whose records are fields between separators.
#[derive(Debug)]
pub(super) struct Csv;

impl FileFormat for Csv {
    fn names(&self) -> &'static [&'static str] {
        &["csv"]
    }

    fn encoder(&self, config: &WriteConfig) -> Result<Arc<dyn FileEncoder>> {
        write::csv::encoder(config)
    }

    fn title(&self) -> &'static str {
        "CSV"
    }
}
