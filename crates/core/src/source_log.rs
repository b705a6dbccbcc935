//! What a source may write down beside the query's own log.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::error::Result;

/// A source's own log in its query's checkpoint: lines of text by number, for sources whose offsets alone do not say
/// what was read. An offset is such a number then, and the log says which files it stands for (Spark:
/// `FileStreamSourceLog`).
///
/// It lies in `sources/<i>` of the checkpoint in Spark's layout, so that such a query too can move to a cluster. A
/// source adds an entry before it gives out the offset that means it; an entry that was never reached by the query's
/// log is added again with the same number, and replaced.
#[async_trait]
pub trait SourceLog: Send + Sync + Debug {
    /// The number of the newest entry, if there is one.
    async fn newest(&self) -> Result<Option<u64>>;

    /// The lines of all entries up to this one, the oldest first. Every one of them must be there.
    async fn lines_until(&self, entry: u64) -> Result<Vec<String>>;

    /// Adds an entry, as durable as the query's log is. The entries before it must be there.
    async fn add(&self, entry: u64, lines: &[String]) -> Result<()>;
}
