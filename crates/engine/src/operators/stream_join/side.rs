//! One side of a join: the rows that it keeps, by key, in the order in which they came.
//!
//! ```text
//! sub-key = batch (u64, big endian) number within batch and key (u32, big endian)
//! row     = marks? columns
//! marks   = one byte, only where the join asks it: 1 = has met another row, 2 = its key has a NULL and meets none
//! ```

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::FieldRef;
use datafusion::physical_expr::PhysicalExpr;
use millstream_core::{BatchId, Error, Reservation, Result};
use parking_lot::Mutex;

use super::kind::{JoinKind, Side};
use super::output::holding;
use crate::error::from_datafusion;
use crate::operators::late_rows::{event_times, in_time};
use crate::state::{
    BatchNumber, Bucket, EncodedKeys, KeyCodec, KeyedState, RowCodec, Rows, StoreLayout, UpdateScratch, Values,
};

/// Bytes of the sub-key behind each key.
pub(super) const SUB_KEY_BYTES: usize = 12;

/// The mark of a row that has met another.
const HAS_MET: u8 = 1;

/// The mark of a row that can meet none.
const MEETS_NONE: u8 = 2;

/// One side of a join: what its rows are asked, and the rows.
#[derive(Debug)]
pub(crate) struct JoinSide {
    pub(super) keys: JoinKeys,
    /// The part of the condition that looks at this side alone and that no filter below the join can stand for.
    pub(super) own_condition: Option<Arc<dyn PhysicalExpr>>,
    /// The column by which rows are late.
    pub(super) event_time: Option<usize>,
    pub(super) eviction: Option<Eviction>,
    pub(super) rows: Arc<KeyedState<Rows>>,
    pub(super) marks: bool,
    /// Rows of an outer side that can meet none: they leave in the batch in which they came.
    refused: Mutex<Refused>,
}

/// The expressions by which a row finds others.
#[derive(Debug)]
pub(crate) struct JoinKeys {
    pub(crate) exprs: Vec<Arc<dyn PhysicalExpr>>,
    /// Beside each: NULL meets NULL.
    pub(crate) null_safe: Vec<bool>,
}

/// When a row can meet nothing any more: when the watermark is at its event time less `shift_us`.
#[derive(Debug, Clone)]
pub(crate) struct Eviction {
    /// What carries the event time.
    pub(crate) time: Arc<dyn PhysicalExpr>,
    pub(crate) shift_us: i64,
}

/// Rows that leave before others are looked at.
#[derive(Debug)]
pub(super) struct Refused {
    rows: Vec<RecordBatch>,
    held: Reservation,
}

/// The layout of the rows that a side keeps, with so many bytes of the join's own in front.
pub(crate) fn row_layout(keys: Vec<FieldRef>, columns: Vec<FieldRef>, head: usize) -> Result<StoreLayout<Rows>> {
    let rows = RowCodec::try_new(columns)?.with_head(head);
    Ok(StoreLayout::with_sub_keys(KeyCodec::try_new(keys)?, SUB_KEY_BYTES, rows))
}

impl JoinSide {
    /// A side of a join of this kind; rows that leave at once are counted in `held`.
    pub(crate) fn new(side: Side, kind: JoinKind, keys: JoinKeys, rows: KeyedState<Rows>, held: Reservation) -> Self {
        Self {
            keys,
            own_condition: None,
            event_time: None,
            eviction: None,
            rows: Arc::new(rows),
            marks: kind.is_outer(side),
            refused: Mutex::new(Refused { rows: vec![], held }),
        }
    }

    /// The same side where rows are late by this column, and end by this rule.
    pub(crate) fn with_times(self, event_time: Option<usize>, eviction: Option<Eviction>) -> Self {
        Self { event_time, eviction, ..self }
    }

    /// The same side with a condition of its own.
    pub(crate) fn with_condition(self, condition: Option<Arc<dyn PhysicalExpr>>) -> Self {
        Self { own_condition: condition, ..self }
    }

    /// The bytes in front of the rows that a side of such a join keeps.
    pub(crate) fn head_bytes(side: Side, kind: JoinKind) -> usize {
        usize::from(kind.is_outer(side))
    }

    /// Whether rows end at all.
    pub(super) fn evicts(&self) -> bool {
        self.eviction.is_some()
    }

    /// Takes rows in, and says how many of them may meet others.
    pub(super) fn take_rows(
        &self,
        mut rows: RecordBatch,
        late_ms: Option<i64>,
        batch: (BatchId, BatchNumber),
        scratch: &mut UpdateScratch,
    ) -> Result<usize> {
        rows = self.meeting_own_condition(in_time(rows, self.event_time, late_ms, &self.rows)?)?;
        if rows.num_rows() == 0 {
            return Ok(0);
        }
        let columns = self.keys.exprs.iter().map(|key| evaluate(key, &rows)).collect::<Result<Vec<_>>>()?;
        let encoded = self.rows.layout().codec().encode(&columns, rows.num_rows())?;
        let new = NewRows {
            batch: batch.0,
            keys: encoded,
            meets_none: self.keys.null_rows(&columns),
            ends_us: self.ends_us(&rows)?,
            columns: rows.columns().to_vec(),
        };
        let kept = self.keep(&new, batch.1, scratch)?;
        self.rows.settle()?;
        Ok(kept)
    }

    /// Puts rows into their shards, and says how many those are.
    fn keep(&self, new: &NewRows, number: BatchNumber, scratch: &mut UpdateScratch) -> Result<usize> {
        let (codec, mut row_bytes, mut kept) = (self.rows.layout().values(), Vec::new(), 0);
        for (shard, rows) in scratch.by_shard(&new.keys) {
            let mut guard = self.rows.lock(number, shard)?;
            for row in rows.iter().map(|&row| row as usize) {
                let meets_none = new.meets_none.as_ref().is_some_and(|nulls| nulls.is_null(row));
                // Without marks nobody waits for rows that meet none.
                if meets_none && !self.marks {
                    continue;
                }
                row_bytes.clear();
                if self.marks {
                    row_bytes.push(if meets_none { MEETS_NONE } else { 0 });
                }
                codec.encode(&new.columns, row, &mut row_bytes)?;
                guard.with_bucket(new.keys.key(row), |bucket| {
                    let sub_key = next_sub_key(bucket, new.batch)?;
                    bucket.upsert(&sub_key, |values, entry| {
                        values.set(entry, &row_bytes, new.ends_us.as_ref().map(|ends_us| ends_us[row]));
                        Ok(())
                    })
                })?;
                kept += 1;
            }
        }
        Ok(kept)
    }

    /// The rows that may meet others; of an outer side those that may not are given at once.
    pub(super) fn meeting_own_condition(&self, rows: RecordBatch) -> Result<RecordBatch> {
        let Some(condition) = &self.own_condition else { return Ok(rows) };
        let meets = holding(&evaluate(condition, &rows)?);
        let meeting = filter_record_batch(&rows, &meets)?;
        if meeting.num_rows() < rows.num_rows() {
            self.refuse(filter_record_batch(&rows, &not(&meets)?)?)?;
        }
        Ok(meeting)
    }

    /// Puts rows of an outer side by that can meet none.
    pub(super) fn refuse(&self, rows: RecordBatch) -> Result<()> {
        let mut refused = self.refused.lock();
        let bytes = refused.held.bytes() + rows.get_array_memory_size();
        refused.held.resize(bytes)?;
        refused.rows.push(rows);
        Ok(())
    }

    /// Rows that leave without having met any, if there are some left.
    pub(super) fn next_refused(&self) -> Result<Option<RecordBatch>> {
        let mut refused = self.refused.lock();
        let rows = refused.rows.pop();
        if refused.rows.is_empty() {
            refused.held.resize(0)?;
        }
        Ok(rows)
    }

    /// Forgets what an earlier batch, one that has failed, has left to be given.
    pub(super) fn begin(&self) -> Result<()> {
        while self.next_refused()?.is_some() {}
        Ok(())
    }

    /// By which watermark (µs) each row ends; a row without event time never does.
    pub(super) fn ends_us(&self, rows: &RecordBatch) -> Result<Option<Vec<i64>>> {
        let Some(Eviction { time, shift_us }) = &self.eviction else { return Ok(None) };
        let times = event_times(&evaluate(time, rows)?)?;
        let end = |row: usize| match times.is_null(row) {
            true => i64::MAX,
            // The watermark is in milliseconds, so a row lives up to the next whole one.
            false => ceil_to_millis(times.value(row)).saturating_sub(*shift_us),
        };
        Ok(Some((0..rows.num_rows()).map(end).collect()))
    }
}

/// Rows on their way into a store.
struct NewRows {
    batch: BatchId,
    keys: EncodedKeys,
    /// NULL where a row can meet none.
    meets_none: Option<NullBuffer>,
    ends_us: Option<Vec<i64>>,
    columns: Vec<ArrayRef>,
}

impl JoinKeys {
    /// NULL where one of the keys is that must not be.
    pub(super) fn null_rows(&self, columns: &[ArrayRef]) -> Option<NullBuffer> {
        let strict = columns.iter().zip(&self.null_safe).filter(|(_, null_safe)| !**null_safe);
        strict.fold(None, |nulls, (column, _)| NullBuffer::union(nulls.as_ref(), column.nulls()))
    }
}

pub(super) fn evaluate(expr: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> Result<ArrayRef> {
    expr.evaluate(rows).and_then(|value| value.into_array(rows.num_rows())).map_err(from_datafusion)
}

fn ceil_to_millis(us: i64) -> i64 {
    us.div_euclid(1000).saturating_add(i64::from(us.rem_euclid(1000) > 0)).saturating_mul(1000)
}

/// The sub-key of the next row of a key.
fn next_sub_key(bucket: &Bucket<'_, Rows>, batch: BatchId) -> Result<[u8; SUB_KEY_BYTES]> {
    let newest = bucket.entries().next_back().map(|entry| bucket.sub_key(entry)).filter(|key| is_of(key, batch));
    let number = match newest.and_then(|key| key.last_chunk::<4>()) {
        Some(number) => u32::from_be_bytes(*number).checked_add(1).ok_or_else(too_many_rows)?,
        None => 0,
    };
    let mut sub_key = [0; SUB_KEY_BYTES];
    sub_key[..8].copy_from_slice(&batch.0.to_be_bytes());
    sub_key[8..].copy_from_slice(&number.to_be_bytes());
    Ok(sub_key)
}

fn too_many_rows() -> Error {
    Error::unavailable("a batch has more than 4,294,967,296 rows of one key for a join")
}

/// Whether a sub-key, or a key with a sub-key behind it, was made in this batch.
pub(super) fn is_of(stored: &[u8], batch: BatchId) -> bool {
    let sub_key = &stored[stored.len() - SUB_KEY_BYTES..];
    sub_key[..8] == batch.0.to_be_bytes()
}

/// Whether a row with marks has met another.
pub(super) fn has_met(row: &[u8]) -> bool {
    row.first().is_some_and(|marks| marks & HAS_MET != 0)
}

/// Whether a row with marks can meet none.
pub(super) fn meets_none(row: &[u8]) -> bool {
    row.first().is_some_and(|marks| marks & MEETS_NONE != 0)
}

/// Marks the row with this sub-key as one that has met another.
pub(super) fn mark(bucket: &mut Bucket<'_, Rows>, sub_key: &[u8]) -> Result<()> {
    let unmarked = bucket.get(sub_key).filter(|&entry| !has_met(bucket.values().row(entry)));
    if unmarked.is_none() {
        return Ok(());
    }
    bucket.upsert(sub_key, |values, entry| {
        let mut row = values.row(entry).to_vec();
        row[0] |= HAS_MET;
        let end_us = values.end_us(entry);
        values.set(entry, &row, end_us);
        Ok(())
    })?;
    Ok(())
}

/// Removes the row with this sub-key; says whether it was there.
pub(super) fn remove(bucket: &mut Bucket<'_, Rows>, sub_key: &[u8]) -> Result<bool> {
    bucket.get(sub_key).map_or(Ok(false), |entry| bucket.remove(entry).map(|()| true))
}
