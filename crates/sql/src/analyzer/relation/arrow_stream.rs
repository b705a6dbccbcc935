//! The rows of an Arrow IPC stream that a client sent.
//!
//! No length in such bytes is believed. Arrow's `StreamReader` allocates what a message claims to be long before it
//! reads it, and a claim that no machine can fulfil ends the process; `StreamDecoder` takes what is there and has
//! nothing to allocate. Both panic where a schema makes no sense, which is caught here.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use millstream_core::{Error, Result};

/// All rows of the stream. The columns are slices of one copy of it.
pub(super) fn batches(data: &[u8]) -> Result<Vec<RecordBatch>> {
    match catch_unwind(AssertUnwindSafe(|| decode(data))) {
        Ok(Ok(batches)) => Ok(batches),
        Ok(Err(error)) => Err(damaged().with_source(error)),
        Err(_) => Err(damaged()),
    }
}

fn decode(data: &[u8]) -> Result<Vec<RecordBatch>, ArrowError> {
    let mut rest = Buffer::from(data);
    let mut decoder = StreamDecoder::new();
    let mut batches = vec![];
    while let Some(batch) = decoder.decode(&mut rest)? {
        batches.push(batch);
    }
    decoder.finish()?;
    Ok(batches)
}

fn damaged() -> Error {
    Error::invalid("the rows of a local relation are no valid Arrow IPC stream; create the DataFrame again")
}

#[cfg(test)]
mod tests;
