//! The state of `dropDuplicates` and `dropDuplicatesWithinWatermark`: the state of an aggregation without aggregates, or with
//! one value that says when its key is forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::ArrayRef;
use millstream_core::Result;
use millstream_core::progress::StateOperatorProgress;

use super::accumulator::Argument;
use super::aggregate_state::{AggregateState, UpdateScratch};
use super::operator::{StateStore, StatefulOperator};

/// Keys that were there already (Spark: the state store under `StreamingDeduplicateExec`).
#[derive(Debug)]
pub(crate) struct DeduplicateState {
    id: usize,
    keys: Arc<AggregateState>,
    stores: [Arc<dyn StateStore>; 1],
    within_watermark: bool,
    /// Rows of the newest batch whose key was there.
    duplicates: AtomicUsize,
}

impl DeduplicateState {
    /// Over keys in update mode: what a batch gives is its rows.
    pub(crate) fn new(id: usize, keys: AggregateState, within_watermark: bool) -> Self {
        let keys = Arc::new(keys);
        let stores = [Arc::<AggregateState>::clone(&keys) as Arc<dyn StateStore>];
        Self { id, keys, stores, within_watermark, duplicates: AtomicUsize::new(0) }
    }

    /// Begins a batch: figures start at zero. The number is handed to the other functions.
    pub(crate) fn begin_batch(&self) -> u64 {
        self.duplicates.store(0, Ordering::Relaxed);
        self.keys.begin_batch()
    }

    /// Adds the new ones of these keys, and says which rows brought them. `ends_us` says when each key ends, where that is its
    /// value.
    pub(crate) fn insert_new(
        &self,
        batch_number: u64,
        (keys, rows): (&[ArrayRef], usize),
        ends_us: Option<ArrayRef>,
        scratch: &mut UpdateScratch,
    ) -> Result<Vec<u32>> {
        let functions = &self.keys.layout().functions;
        let ends =
            functions.iter().zip(ends_us).map(|(function, ends_us)| Argument::try_new(function, &[ends_us], None));
        let first_rows =
            self.keys.insert_new(batch_number, (keys, rows), &ends.collect::<Result<Vec<_>>>()?, scratch)?;
        self.duplicates.fetch_add(rows - first_rows.len(), Ordering::Relaxed);
        Ok(first_rows)
    }

    /// After all rows are in: forgets what ends by the watermark (µs) in one shard.
    pub(crate) fn finish_shard(&self, place: (u64, usize), watermark_us: Option<i64>) -> Result<()> {
        self.keys.finish_shard(place, watermark_us, |_, _| Ok(()))
    }

    /// Counts rows that came too late.
    pub(crate) fn add_dropped(&self, rows: usize) {
        self.keys.add_dropped(rows);
    }

    /// Counts time spent taking rows in.
    pub(crate) fn add_update_time(&self, time: Duration) {
        self.keys.add_update_time(time);
    }

    /// Counts time spent forgetting keys.
    pub(crate) fn add_removal_time(&self, time: Duration) {
        self.keys.add_removal_time(time);
    }
}

impl StatefulOperator for DeduplicateState {
    fn id(&self) -> usize {
        self.id
    }

    fn stores(&self) -> &[Arc<dyn StateStore>] {
        &self.stores
    }

    fn progress(&self) -> StateOperatorProgress {
        let mut progress = self.keys.progress();
        let name = if self.within_watermark { "dedupeWithinWatermark" } else { "dedupe" };
        name.clone_into(&mut progress.operator_name);
        let duplicates = i64::try_from(self.duplicates.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        progress.custom_metrics.insert("numDroppedDuplicateRows".to_owned(), duplicates);
        progress
    }

    fn follows_watermark(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
