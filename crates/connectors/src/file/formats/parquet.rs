//! `parquet`: columns in row groups.

use std::sync::Arc;

use millstream_core::Result;

use crate::file::format::{FileEncoder, FileFormat, WriteConfig};
use crate::file::write;

/// The format of columns.
#[derive(Debug)]
pub(super) struct Parquet;

impl FileFormat for Parquet {
    fn names(&self) -> &'static [&'static str] {
        &["parquet"]
    }

    fn encoder(&self, config: &WriteConfig) -> Result<Arc<dyn FileEncoder>> {
        write::parquet::encoder(config)
    }

    fn title(&self) -> &'static str {
        "Parquet"
    }

    fn conf_of_options(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("parquet.compression", "spark.sql.parquet.compression.codec"),
            ("maxRecordsPerFile", "spark.sql.files.maxRecordsPerFile"),
            ("partitionOverwriteMode", "spark.sql.sources.partitionOverwriteMode"),
        ]
    }
}
