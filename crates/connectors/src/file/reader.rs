//! Files as a table that is read once.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::{BatchReader, BatchStream, ReadRequest, Result};

use super::found_file::FoundFile;
use super::scan;
use super::table::FileTable;

/// The files of a batch read.
#[derive(Debug)]
pub(super) struct FileReader {
    pub(super) table: Arc<FileTable>,
    pub(super) files: Arc<[FoundFile]>,
}

#[async_trait]
impl BatchReader for FileReader {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    async fn scan(&self, request: ReadRequest) -> Result<Vec<BatchStream>> {
        let scan = self.table.scan(&request.columns, &request.filters, request.batch_rows)?;
        Ok(scan::streams(&self.table, &self.files, &scan, request.max_streams))
    }
}
