//! What a store counts.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use millstream_core::progress::StateOperatorProgress;

use crate::state::spill_folder::SpillFolder;

/// What the newest batch did, counted by several tasks at once.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) total: AtomicUsize,
    pub(super) updated: AtomicUsize,
    pub(super) removed: AtomicUsize,
    pub(super) dropped: AtomicUsize,
    pub(super) update_us: AtomicU64,
    pub(super) removal_us: AtomicU64,
}

impl Figures {
    pub(super) fn begin_batch(&self) {
        for figure in [&self.updated, &self.removed, &self.dropped] {
            figure.store(0, Ordering::Relaxed);
        }
        for time in [&self.update_us, &self.removal_us] {
            time.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self, held_bytes: usize, spill: &SpillFolder) -> StoreFigures {
        let figure = |figure: &AtomicUsize| signed(figure.load(Ordering::Relaxed) as u64);
        let millis = |time: &AtomicU64| signed(time.load(Ordering::Relaxed) / 1000);
        StoreFigures {
            total: figure(&self.total),
            updated: figure(&self.updated),
            removed: figure(&self.removed),
            dropped: figure(&self.dropped),
            update_ms: millis(&self.update_us),
            removal_ms: millis(&self.removal_us),
            memory_bytes: signed(held_bytes as u64),
            disk_bytes: signed(spill.held_bytes()),
            spilled_bytes: signed(spill.written_bytes()),
        }
    }
}

/// What a store holds, and what the newest batch did to it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct StoreFigures {
    /// The entries that the store holds.
    pub total: i64,
    /// Entries that the batch changed.
    pub updated: i64,
    /// Entries that expired.
    pub removed: i64,
    /// Rows that came too late.
    pub dropped: i64,
    /// Milliseconds spent taking rows in.
    pub update_ms: i64,
    /// Milliseconds spent expiring entries.
    pub removal_ms: i64,
    /// Bytes held in memory.
    pub memory_bytes: i64,
    /// Bytes held in files of spilled entries.
    pub disk_bytes: i64,
    /// Bytes written to such files since the query was started.
    pub spilled_bytes: i64,
}

impl StoreFigures {
    /// The figures of two stores of one operator together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            updated: self.updated + other.updated,
            removed: self.removed + other.removed,
            dropped: self.dropped + other.dropped,
            update_ms: self.update_ms + other.update_ms,
            removal_ms: self.removal_ms + other.removal_ms,
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            disk_bytes: self.disk_bytes.saturating_add(other.disk_bytes),
            spilled_bytes: self.spilled_bytes.saturating_add(other.spilled_bytes),
        }
    }

    /// The figures as Spark shows those of an operator. `partitions` is `spark.sql.shuffle.partitions`, which here only
    /// the progress shows.
    pub fn progress(self, operator_name: &str, partitions: i64) -> StateOperatorProgress {
        StateOperatorProgress {
            operator_name: operator_name.to_owned(),
            num_rows_total: self.total,
            num_rows_updated: self.updated,
            all_updates_time_ms: self.update_ms,
            num_rows_removed: self.removed,
            all_removals_time_ms: self.removal_ms,
            commit_time_ms: 0,
            memory_used_bytes: self.memory_bytes,
            num_rows_dropped_by_watermark: self.dropped,
            num_shuffle_partitions: partitions,
            num_state_store_instances: partitions,
            custom_metrics: [
                ("stateOnCurrentVersionSizeBytes", self.memory_bytes.saturating_add(self.disk_bytes)),
                ("spilledBytes", self.spilled_bytes),
                ("spillFilesBytes", self.disk_bytes),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        }
    }
}

fn signed(figure: u64) -> i64 {
    i64::try_from(figure).unwrap_or(i64::MAX)
}
