//! Which rows of a result a batch writes (Spark: `OutputMode`).

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::spark_error;

/// Which rows of a streaming result are written at each batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OutputMode {
    /// Only rows that are final.
    #[default]
    Append,
    /// Rows that changed since the last batch.
    Update,
    /// The whole result.
    Complete,
}

impl fmt::Display for OutputMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Append => "append",
            Self::Update => "update",
            Self::Complete => "complete",
        })
    }
}

impl FromStr for OutputMode {
    type Err = Error;

    /// Any letter case. An unknown word is Spark's `STREAMING_OUTPUT_MODE.INVALID`.
    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "append" => Ok(Self::Append),
            "update" => Ok(Self::Update),
            "complete" => Ok(Self::Complete),
            _ => Err(spark_error!("STREAMING_OUTPUT_MODE.INVALID", outputMode = text)),
        }
    }
}
