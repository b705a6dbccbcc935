//! Parts of files as streams of batches. Reading blocks, so it happens on the threads that may.

use std::sync::Arc;

use futures::{StreamExt, stream};
use millstream_core::{BatchStream, Error};

use super::format::FileRows;
use super::part::{FilePart, shares};
use super::table::{FileTable, TableScan};

/// Streams over all parts, at most `max_streams`, which are the rows in order one after the other. A part is read while
/// it is pulled.
pub(super) fn streams(
    table: &Arc<FileTable>,
    parts: &Arc<[FilePart]>,
    scan: &TableScan,
    max_streams: usize,
) -> Vec<BatchStream> {
    let stream = |share| {
        let (table, parts, scan) = (Arc::clone(table), Arc::clone(parts), scan.clone());
        stream::iter(share)
            .flat_map(move |part: usize| part_stream(Arc::clone(&table), parts[part].clone(), scan.clone()))
            .boxed()
    };
    shares(parts, max_streams).into_iter().map(stream).collect()
}

/// One part; its file is opened when it is pulled first.
fn part_stream(table: Arc<FileTable>, part: FilePart, scan: TableScan) -> BatchStream {
    let unopened: Option<FileRows> = None;
    stream::try_unfold(unopened, move |rows| {
        let (table, part, scan) = (Arc::clone(&table), part.clone(), scan.clone());
        async move {
            let read = tokio::task::spawn_blocking(move || {
                let mut rows = match rows {
                    Some(rows) => rows,
                    None => table.open(&part, &scan)?,
                };
                Ok::<_, Error>(rows.next().transpose()?.map(|batch| (batch, Some(rows))))
            });
            read.await.map_err(|error| Error::internal("reading a file was broken off").with_source(error))?
        }
    })
    .boxed()
}
