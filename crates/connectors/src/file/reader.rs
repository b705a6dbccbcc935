//! Files as a table that is read once.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use millstream_core::{BatchReader, BatchStream, Error, ReadRequest, Result, ScanColumn};

use super::format::{FileDecoder, Wanted};
use super::found_file::FoundFile;
use super::scan;

/// The files of a batch read.
#[derive(Debug)]
pub(super) struct FileReader {
    pub(super) schema: SchemaRef,
    pub(super) decoder: Arc<dyn FileDecoder>,
    pub(super) files: Arc<[FoundFile]>,
}

#[async_trait]
impl BatchReader for FileReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    async fn scan(&self, request: ReadRequest) -> Result<Vec<BatchStream>> {
        let ReadRequest { columns, filters, batch_rows, max_streams } = request;
        let columns = columns.iter().map(|column| match column {
            ScanColumn::Plain(index) => Ok(*index),
            other @ ScanColumn::Decoded { .. } => Err(Error::internal(format!("files have no column {other:?}"))),
        });
        let wanted = Wanted { columns: columns.collect::<Result<_>>()?, filters, batch_rows };
        Ok(scan::streams(&self.decoder, &self.files, &wanted, max_streams))
    }
}
