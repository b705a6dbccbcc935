//! Files as streams of batches. Reading blocks, so it happens on the threads that may.

use std::sync::Arc;

use futures::{StreamExt, stream};
use millstream_core::{BatchStream, Error};

use super::format::FileRows;
use super::found_file::FoundFile;
use super::table::{FileTable, TableScan};

/// Streams over all files, at most `max_streams`. A file is read while it is pulled.
pub(super) fn streams(
    table: &Arc<FileTable>,
    files: &[FoundFile],
    scan: &TableScan,
    max_streams: usize,
) -> Vec<BatchStream> {
    let streams = files.len().min(max_streams).max(1);
    let mut shares = vec![Vec::new(); streams];
    for (index, file) in files.iter().enumerate() {
        shares[index % streams].push(file.clone());
    }
    let stream = |files: Vec<FoundFile>| {
        let (table, scan) = (Arc::clone(table), scan.clone());
        stream::iter(files).flat_map(move |file| file_stream(Arc::clone(&table), file, scan.clone())).boxed()
    };
    shares.into_iter().map(stream).collect()
}

/// One file; it is opened when it is pulled first.
fn file_stream(table: Arc<FileTable>, file: FoundFile, scan: TableScan) -> BatchStream {
    let unopened: Option<FileRows> = None;
    stream::try_unfold(unopened, move |rows| {
        let (table, file, scan) = (Arc::clone(&table), file.clone(), scan.clone());
        async move {
            let read = tokio::task::spawn_blocking(move || {
                let mut rows = match rows {
                    Some(rows) => rows,
                    None => table.open(&file, &scan)?,
                };
                Ok::<_, Error>(rows.next().transpose()?.map(|batch| (batch, Some(rows))))
            });
            read.await.map_err(|error| Error::internal("reading a file was broken off").with_source(error))?
        }
    })
    .boxed()
}
