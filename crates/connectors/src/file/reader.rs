//! Files as a table that is read once.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::{BatchReader, BatchStream, ReadRequest, Result};

use super::found_file::FoundFile;
use super::part::{sort_as_spark, streams_max};
use super::scan;
use super::table::FileTable;

/// The files of a batch read.
#[derive(Debug)]
pub(super) struct FileReader {
    pub(super) table: Arc<FileTable>,
    pub(super) files: Vec<FoundFile>,
}

#[async_trait]
impl BatchReader for FileReader {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn ordered_streams(&self) -> usize {
        streams_max(&self.table.parts(&self.files, &[]))
    }

    async fn scan(&self, request: ReadRequest) -> Result<Vec<BatchStream>> {
        let scan = self.table.scan(&request.columns, &request.filters, request.batch_rows)?;
        let mut parts = self.table.parts(&self.files, &request.filters);
        sort_as_spark(&mut parts);
        Ok(scan::streams(&self.table, &parts.into(), &scan, request.max_streams))
    }
}
