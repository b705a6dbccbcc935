//! Positions in a source. Only the source reads what is inside; the logs keep it as JSON.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::error::{Error, Result};

/// A position in a source: JSON in the form that Spark's own source writes, so that checkpoints can move. Copies of it,
/// of which a batch makes several, share the JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offset(Arc<Value>);

impl Offset {
    /// A position from its JSON value.
    pub fn new(json: Value) -> Self {
        Self(Arc::new(json))
    }

    /// A position from the text of a log.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text)
            .map(Self::new)
            .map_err(|error| Error::data(format!("'{text}' is not an offset: {error}")).with_source(error))
    }

    /// What is inside.
    pub fn json(&self) -> &Value {
        &self.0
    }
}

impl fmt::Display for Offset {
    /// Compact JSON, the form of the logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a batch reads of one source: everything from `start` on and before `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetRange {
    /// The first position read.
    pub start: Offset,
    /// The first position not read.
    pub end: Offset,
}
