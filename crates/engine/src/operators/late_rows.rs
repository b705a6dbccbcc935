//! Takes out rows that come after the watermark.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, TimestampMicrosecondArray};
use arrow::buffer::NullBuffer;
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use millstream_core::{Error, Result};
use parking_lot::Mutex;

use crate::state::{EncodedKeys, KeyedState, Values, hash_key};

/// The rows whose event time is after the watermark (ms), and the others if there are any. A window is late when its
/// end is; a row without event time never is.
pub(crate) fn drop_late_rows(
    rows: RecordBatch,
    event_time: usize,
    watermark_ms: i64,
) -> Result<(RecordBatch, Option<RecordBatch>)> {
    let times = event_times(rows.column(event_time))?;
    let watermark_us = watermark_ms.saturating_mul(1000);
    let is_late = |row: usize| times.value(row) <= watermark_us && times.is_valid(row);
    if !(0..times.len()).any(is_late) {
        return Ok((rows, None));
    }
    let late = BooleanArray::from_iter((0..times.len()).map(|row| Some(is_late(row))));
    // Here late rows end: who asked for them only counts them.
    Ok((filter_record_batch(&rows, &not(&late)?)?, Some(filter_record_batch(&rows, &late)?)))
}

/// The rows that are not late by this column, if they can be at all; the store counts those that are.
pub(super) fn in_time<V: Values>(
    rows: RecordBatch,
    event_time: Option<usize>,
    late_ms: Option<i64>,
    store: &KeyedState<V>,
) -> Result<RecordBatch> {
    let (Some(event_time), Some(late_ms)) = (event_time, late_ms) else { return Ok(rows) };
    let (in_time, late) = drop_late_rows(rows, event_time, late_ms)?;
    store.add_dropped(late.map_or(0, |late| late.num_rows()));
    Ok(in_time)
}

/// Groups whose late rows are told apart in a batch. In those that come after, each row is counted.
const LATE_GROUPS_MAX: usize = 1 << 16;

/// Counts late rows as Spark does: those of one group once in a batch, for they have met before they are looked at.
#[derive(Debug, Default)]
pub(super) struct LateGroups {
    /// The hashes of the groups that were counted in the running batch.
    counted: Mutex<HashSet<u64>>,
}

impl LateGroups {
    /// Begins a batch.
    pub(super) fn begin_batch(&self) {
        self.counted.lock().clear();
    }

    /// The number of groups of these late rows that were not counted yet.
    pub(super) fn count(&self, keys: &EncodedKeys) -> usize {
        let mut counted = self.counted.lock();
        let mut is_new = |row: usize| {
            let hash = hash_key(keys.key(row));
            if counted.len() < LATE_GROUPS_MAX { counted.insert(hash) } else { !counted.contains(&hash) }
        };
        (0..keys.len()).filter(|&row| is_new(row)).count()
    }
}

/// The times that count for a watermark: of a window its end. A window that is NULL has none, whatever is in it: a
/// grouping set without the window has such rows.
pub(super) fn event_times(column: &ArrayRef) -> Result<TimestampMicrosecondArray> {
    let (times, nulls) = match column.data_type() {
        DataType::Struct(_) => (column.as_struct().column_by_name("end"), column.nulls()),
        _ => (Some(column), None),
    };
    let times = times
        .and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>())
        .ok_or_else(|| Error::internal(format!("event time has type {}", column.data_type())))?;
    let Some(nulls) = nulls else { return Ok(times.clone()) };
    let nulls = NullBuffer::union(Some(nulls), times.nulls());
    Ok(TimestampMicrosecondArray::new(times.values().clone(), nulls))
}

#[cfg(test)]
mod tests;
