//! A batch whose rows nobody wants: it is run all the same, because pulling the rows runs it.

use futures::TryStreamExt;
use futures::stream::select_all;
use millstream_core::{BatchStream, Result};

/// Reads the rows of a batch to their end; gives their number.
pub(crate) async fn drain(rows: Vec<BatchStream>) -> Result<u64> {
    let mut read = 0;
    let mut streams = select_all(rows);
    while let Some(part) = streams.try_next().await? {
        read += part.num_rows() as u64;
    }
    Ok(read)
}
