//! Files as streams of batches. Reading blocks, so it happens on the threads that may.

use std::sync::Arc;

use futures::{StreamExt, stream};
use millstream_core::{BatchStream, Error};

use super::format::{FileDecoder, FileRows, Wanted};
use super::found_file::FoundFile;

/// Streams over all files, at most `max_streams`. A file is read while it is pulled.
pub(super) fn streams(
    decoder: &Arc<dyn FileDecoder>,
    files: &[FoundFile],
    wanted: &Wanted,
    max_streams: usize,
) -> Vec<BatchStream> {
    let streams = files.len().min(max_streams).max(1);
    let mut shares = vec![Vec::new(); streams];
    for (index, file) in files.iter().enumerate() {
        shares[index % streams].push(file.clone());
    }
    let stream = |files: Vec<FoundFile>| {
        let (decoder, wanted) = (Arc::clone(decoder), wanted.clone());
        stream::iter(files).flat_map(move |file| file_stream(Arc::clone(&decoder), file, wanted.clone())).boxed()
    };
    shares.into_iter().map(stream).collect()
}

/// One file; it is opened when it is pulled first.
fn file_stream(decoder: Arc<dyn FileDecoder>, file: FoundFile, wanted: Wanted) -> BatchStream {
    let unopened: Option<FileRows> = None;
    stream::try_unfold(unopened, move |rows| {
        let (decoder, file, wanted) = (Arc::clone(&decoder), file.clone(), wanted.clone());
        async move {
            let read = tokio::task::spawn_blocking(move || {
                let mut rows = match rows {
                    Some(rows) => rows,
                    None => decoder.open(&file, &wanted)?,
                };
                Ok::<_, Error>(rows.next().transpose()?.map(|batch| (batch, Some(rows))))
            });
            read.await.map_err(|error| Error::internal("reading a file was broken off").with_source(error))?
        }
    })
    .boxed()
}
