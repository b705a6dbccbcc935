//! What a batch depends on beside the offsets of its sources.

use std::fmt::Debug;

use millstream_core::Result;
use serde_json::Value;

/// A part of a query that changes while the query runs: a rule set, a model, a list of files, a seed.
///
/// It is asked once for each new batch, before the batch is in the log. The answer is in the log under the part's name,
/// and every run of the batch, also after a restart, finds it again by [`BatchContext::pin`](crate::BatchContext::pin).
/// So a batch that is run again decides as before.
pub trait Pinned: Send + Sync + Debug {
    /// The name of the part, unique in its query.
    fn name(&self) -> &str;

    /// What the next batch is to use. It is asked between two batches: it waits for nothing and nobody.
    ///
    /// # Errors
    /// Whatever keeps the part from being used. The query ends with it.
    fn pin(&self) -> Result<Value>;
}
