//! What it takes to start a query.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use datafusion::logical_expr::LogicalPlan;
use millstream_core::error::Error;
use millstream_core::{OutputMode, QuerySettings, Result, Sink, Trigger};

use super::pinned::Pinned;

/// When what a batch wrote to its log is forced to the disk (option `checkpoint.sync`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncPolicy {
    /// Never: outlives a killed process, not a power cut.
    #[default]
    Never,
    /// At most this long after it was written: a power cut loses at most so much.
    Every(Duration),
    /// Before the batch goes on: a power cut loses nothing.
    Always,
}

impl std::str::FromStr for SyncPolicy {
    type Err = Error;

    /// `never`, `always`, or a time span such as `1s`.
    fn from_str(text: &str) -> Result<Self> {
        match text.to_ascii_lowercase().as_str() {
            "never" => Ok(Self::Never),
            "always" => Ok(Self::Always),
            other => millstream_core::interval::parse_duration(other).map(Self::Every).map_err(|_| {
                Error::illegal_argument(format!(
                    "option 'checkpoint.sync' is '{text}', but must be never, always or a time span such as 1s"
                ))
            }),
        }
    }
}

/// A query that is about to start.
#[derive(Debug, Clone)]
pub struct QuerySpec {
    /// Its name, unique among the active queries of its manager.
    pub name: Option<String>,
    /// What it computes; at least one leaf is a [`crate::plan::StreamingRelationNode`].
    pub plan: LogicalPlan,
    /// Which rows each batch writes.
    pub output_mode: OutputMode,
    /// When batches run.
    pub trigger: Trigger,
    /// Where they go.
    pub sink: Arc<dyn Sink>,
    /// Where the log and state live; a temporary folder when absent.
    pub checkpoint: Option<PathBuf>,
    /// How durable the log is.
    pub sync: SyncPolicy,
    /// Parts that change while the query runs, and are fixed for each batch in the log.
    pub pinned: Vec<Arc<dyn Pinned>>,
    /// Session settings, copied at start.
    pub settings: QuerySettings,
    /// Session configuration, copied at start: streaming switches, and the settings that Spark pins in its offset log.
    pub conf: BTreeMap<String, String>,
}
