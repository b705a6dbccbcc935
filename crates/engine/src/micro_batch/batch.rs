//! One batch of a query: what it reads, fixed before it runs.

use std::sync::Arc;

use millstream_core::{BatchId, Offset, OffsetRange};

use crate::checkpoint::OffsetsEntry;
use crate::plan::BatchInputs;

/// A batch that is about to run.
#[derive(Debug, Clone)]
pub(crate) struct MicroBatch {
    /// What the log says of it.
    pub(crate) entry: Arc<OffsetsEntry>,
    /// The newest position known of each source, for the progress.
    pub(crate) latest: Vec<Offset>,
    /// Whether the log has it already: it is run again.
    pub(crate) is_logged: bool,
    /// Whether the log even has its commit: only state is missing.
    pub(crate) is_committed: bool,
    /// Whether it is run for its state alone.
    pub(crate) is_muted: bool,
}

impl MicroBatch {
    /// A batch of an earlier run, to be run again.
    pub(crate) fn again(entry: Arc<OffsetsEntry>, is_committed: bool, is_muted: bool) -> Self {
        let latest = entry.sources.iter().map(|range| range.end.clone()).collect();
        Self { entry, latest, is_logged: true, is_committed, is_muted }
    }

    /// Its number.
    pub(crate) fn id(&self) -> BatchId {
        self.entry.batch
    }

    /// Whether it reads anything.
    pub(crate) fn has_data(&self) -> bool {
        self.entry.sources.iter().any(|range| range.start != range.end)
    }

    /// Where the sources stand after it.
    pub(crate) fn ends(&self) -> Vec<Offset> {
        self.entry.sources.iter().map(|range| range.end.clone()).collect()
    }

    /// What the plan is given.
    pub(crate) fn inputs(&self) -> BatchInputs {
        let range = |range: &OffsetRange| (range.start != range.end).then(|| range.clone());
        BatchInputs {
            id: self.entry.batch,
            timestamp_ms: self.entry.timestamp_ms,
            ranges: self.entry.sources.iter().map(range).collect(),
            late_watermark_ms: self.entry.late_watermark_ms,
            eviction_watermark_ms: self.entry.watermark_ms,
            pins: self.entry.pins.clone(),
            muted: self.is_muted,
        }
    }
}
