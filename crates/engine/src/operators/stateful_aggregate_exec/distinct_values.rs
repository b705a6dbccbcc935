//! The values that DISTINCT aggregates have seen, in stores of their own: the keys of a group and a value make a key.
//!
//! Over rows that stay, a function is shown the row that brings a value to its group first, and no other. Over rows
//! that may be taken back, each value is counted: the function takes it in when its count rises from nothing, and out
//! when it falls back.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, RecordBatch, UInt32Array};
use arrow::compute::take_arrays;
use millstream_core::{Error, Result};

use crate::state::{Assignment, BatchNumber, Counts, KeyedState, KeysOnly, StateStore, UpdateScratch, Values};

/// What is distinct: these columns, of the rows for which the filter holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DistinctColumns {
    /// The keys of the group, and the values.
    pub(crate) columns: Vec<usize>,
    pub(crate) filter: Option<usize>,
}

/// Where the values of [`DistinctColumns`] are kept.
#[derive(Debug)]
pub(crate) enum SeenValues {
    /// Rows stay: a value that was seen is there.
    Once(Arc<KeyedState<KeysOnly>>),
    /// Rows may be taken back.
    Counted(Arc<KeyedState<Counts>>),
}

/// The values of one set of columns.
#[derive(Debug)]
pub(crate) struct DistinctValues {
    pub(crate) columns: DistinctColumns,
    pub(crate) seen: SeenValues,
}

/// The rows that a function is shown.
pub(super) enum DistinctRows {
    /// Those that are marked.
    Marked(ArrayRef),
    /// Each with a weight of its own: one where a value comes, minus one where it goes.
    Weighted(Arc<[i64]>),
}

impl DistinctValues {
    pub(super) fn store(&self) -> Arc<dyn StateStore> {
        match &self.seen {
            SeenValues::Once(store) => Arc::<KeyedState<KeysOnly>>::clone(store),
            SeenValues::Counted(store) => Arc::<KeyedState<Counts>>::clone(store),
        }
    }

    pub(super) fn begin_batch(&self) -> BatchNumber {
        match &self.seen {
            SeenValues::Once(store) => store.begin_batch(),
            SeenValues::Counted(store) => store.begin_batch(),
        }
    }

    /// The rows of these that bring values to their groups or take them away; `weights` are those of the rows where
    /// they may be taken back.
    pub(super) fn rows(
        &self,
        rows: &RecordBatch,
        weights: Option<&[i64]>,
        batch: BatchNumber,
        scratch: &mut UpdateScratch,
    ) -> Result<DistinctRows> {
        let passing = self.passing(rows)?;
        let columns: Vec<ArrayRef> =
            self.columns.columns.iter().map(|&column| Arc::clone(rows.column(column))).collect();
        let columns = take_arrays(&columns, &passing, None)?;
        match (&self.seen, weights) {
            (SeenValues::Once(store), None) => {
                let keys = store.layout().codec().encode(&columns, passing.len())?;
                let first_rows = store.insert_new(batch, &keys, scratch, |_, _| Ok(()))?;
                let mut is_first = BooleanBufferBuilder::new(rows.num_rows());
                is_first.append_n(rows.num_rows(), false);
                first_rows.iter().for_each(|&row| is_first.set_bit(passing.value(row as usize) as usize, true));
                Ok(DistinctRows::Marked(Arc::new(BooleanArray::new(is_first.finish(), None))))
            }
            (SeenValues::Counted(store), Some(weights)) => {
                let keys = store.layout().codec().encode(&columns, passing.len())?;
                let mut turns = vec![0; rows.num_rows()];
                store.update(batch, &keys, scratch, |counts, rows| {
                    count_turns(counts, rows, |row| passing.value(row) as usize, (weights, &mut turns));
                    Ok(())
                })?;
                Ok(DistinctRows::Weighted(turns.into()))
            }
            _ => Err(Error::internal("distinct values of rows that stay and of rows that go were mixed up")),
        }
    }

    /// The numbers of the rows for which the filter holds.
    fn passing(&self, rows: &RecordBatch) -> Result<UInt32Array> {
        let all = UInt32Array::from_iter_values(0..rows.num_rows() as u32);
        let Some(filter) = self.columns.filter else { return Ok(all) };
        let filter =
            rows.column(filter).as_boolean_opt().ok_or_else(|| Error::internal("a FILTER is not a condition"))?;
        let holds = |row: &u32| filter.is_valid(*row as usize) && filter.value(*row as usize);
        Ok(UInt32Array::from_iter_values(all.values().iter().copied().filter(holds)))
    }

    /// Ends the batch for one shard: forgets values that nothing holds any more, and those of groups that expire.
    pub(super) fn finish(&self, batch: BatchNumber, shard: usize, watermark_us: Option<i64>) -> Result<()> {
        match &self.seen {
            SeenValues::Once(store) => finish_store(store, (batch, shard), watermark_us, |_, _| false),
            SeenValues::Counted(store) => {
                finish_store(store, (batch, shard), watermark_us, |counts, entry| counts.count(entry) == 0)
            }
        }
    }
}

/// Counts the values of these rows, and says of each row whether its value comes or goes with it.
fn count_turns(
    counts: &mut Counts,
    rows: Assignment<'_>,
    number: impl Fn(usize) -> usize,
    (weights, turns): (&[i64], &mut [i64]),
) {
    for (&row, &entry) in rows.rows.iter().zip(rows.entries) {
        let row = number(row as usize);
        let was_there = counts.count(entry) > 0;
        counts.add(entry, weights[row]);
        turns[row] = i64::from(counts.count(entry) > 0) - i64::from(was_there);
    }
}

fn finish_store<V: Values>(
    store: &KeyedState<V>,
    (batch, shard): (BatchNumber, usize),
    watermark_us: Option<i64>,
    has_gone: impl Fn(&V, u32) -> bool,
) -> Result<()> {
    let Some(mut shard) = store.lock_due(batch, shard, watermark_us)? else { return Ok(()) };
    shard.remove_changed(|values, entry| Ok(has_gone(values, entry)))?;
    watermark_us.map_or(Ok(()), |watermark_us| shard.expire(watermark_us))
}
