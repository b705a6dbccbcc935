//! Batches that are larger than a message may be, in pieces.
//!
//! A row cannot be cut, so one of 130 MB is a batch of 130 MB. Clients that can put pieces together say so with their
//! request (`ResultChunkingOptions`); others are told, since what gRPC says of such a message names nothing.

use millstream_core::{Error, Result};
use prost::bytes::Bytes;
use spark_connect_proto::ResultChunkingOptions;

/// Bytes of a piece, unless the client wants less.
const PIECE_BYTES: usize = 4 << 20;
/// The least that a client may want.
const PIECE_BYTES_MIN: usize = 1 << 10;
/// What PySpark's client takes of one message, less what stands around the rows.
const MESSAGE_BYTES_MAX: usize = (128 << 20) - (1 << 16);

/// How large the pieces may be that a client puts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// It puts none together.
    Whole,
    /// It takes batches in pieces of this many bytes.
    Of(usize),
}

impl Pieces {
    /// What the options of a request say.
    pub(crate) fn asked(options: &ResultChunkingOptions) -> Self {
        if !options.allow_arrow_batch_chunking {
            return Self::Whole;
        }
        let wanted = options.preferred_arrow_chunk_size.and_then(|bytes| usize::try_from(bytes).ok());
        let in_range = wanted.filter(|bytes| (PIECE_BYTES_MIN..=PIECE_BYTES).contains(bytes));
        Self::Of(in_range.unwrap_or(PIECE_BYTES))
    }

    /// An encoded batch in pieces.
    pub(super) fn of(self, batch: &Bytes) -> Result<Vec<Bytes>> {
        let bytes = match self {
            Self::Of(bytes) => bytes,
            Self::Whole if batch.len() <= MESSAGE_BYTES_MAX => return Ok(vec![batch.clone()]),
            Self::Whole => {
                return Err(Error::unsupported(format!(
                    "a row of {} bytes is larger than the 128 MB that a client takes in one message",
                    batch.len()
                ))
                .with_hint("select less of the row, or use a client that allows Arrow batches in chunks"));
            }
        };
        Ok((0..batch.len()).step_by(bytes).map(|from| batch.slice(from..batch.len().min(from + bytes))).collect())
    }
}

#[cfg(test)]
mod tests;
