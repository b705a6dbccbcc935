//! One side of a join over changes: each different row of a key once, with how often it is there.
//!
//! ```text
//! sub-key = hash of the columns (12 bytes)
//! row     = weight (i64, big endian) degree? (i64, big endian) columns
//! degree  = how many rows of the other side the row meets, where the join asks it
//! ```

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::compute::{filter, filter_record_batch};
use arrow::datatypes::Int64Type;
use millstream_core::{Error, Result};

use crate::operators::late_rows::in_time;
use crate::operators::stream_join::kind::{JoinKind, Side};
use crate::operators::stream_join::side::{JoinSide, SUB_KEY_BYTES, evaluate};
use crate::state::{BatchNumber, EncodedKeys, UpdateScratch};

/// Bytes of a number in front of a row.
const NUMBER_BYTES: usize = 8;

/// One side of a join over changes.
#[derive(Debug)]
pub(crate) struct ChangesSide {
    pub(super) side: JoinSide,
    /// The column of weights; none where rows stay.
    weight: Option<usize>,
    pub(super) has_degrees: bool,
}

/// What stands in front of a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// How often the row is there.
    pub(super) weight: i64,
    /// How many rows of the other side it meets; zero where nobody asks.
    pub(super) degree: i64,
}

/// Rows on their way into a store.
struct NewRows {
    keys: EncodedKeys,
    weights: Int64Array,
    ends_us: Option<Vec<i64>>,
    columns: Vec<ArrayRef>,
}

impl ChangesSide {
    /// The side, whose rows have their weights in this column, or stay.
    pub(crate) fn new(side: JoinSide, place: Side, kind: JoinKind, weight: Option<usize>) -> Self {
        Self { side, weight, has_degrees: has_degrees(place, kind) }
    }

    /// The bytes in front of the rows that a side of such a join keeps.
    pub(crate) fn head_bytes(side: Side, kind: JoinKind) -> usize {
        if has_degrees(side, kind) { 2 * NUMBER_BYTES } else { NUMBER_BYTES }
    }

    /// Takes rows in: each is there more or less often.
    pub(super) fn take_rows(
        &self,
        rows: RecordBatch,
        late_ms: Option<i64>,
        number: BatchNumber,
        scratch: &mut UpdateScratch,
    ) -> Result<()> {
        let rows = in_time(rows, self.side.event_time, late_ms, &self.side.rows)?;
        let rows = self.side.meeting_own_condition(rows)?;
        let keys = self.side.keys.exprs.iter().map(|key| evaluate(key, &rows)).collect::<Result<Vec<_>>>()?;
        let (rows, keys) = match self.side.keys.null_rows(&keys) {
            Some(nulls) if nulls.null_count() > 0 => self.without_null_keys(&rows, &keys, &nulls)?,
            _ => (rows, keys),
        };
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let new = NewRows {
            keys: self.side.rows.layout().codec().encode(&keys, rows.num_rows())?,
            weights: self.weights(&rows),
            ends_us: self.side.ends_us(&rows)?,
            columns: self.columns(&rows),
        };
        self.keep(&new, number, scratch)?;
        self.side.rows.settle()
    }

    /// A row whose key is NULL meets none: on an outer side it is in the result as it is, on another nowhere.
    fn without_null_keys(
        &self,
        rows: &RecordBatch,
        keys: &[ArrayRef],
        nulls: &NullBuffer,
    ) -> Result<(RecordBatch, Vec<ArrayRef>)> {
        if self.side.marks {
            self.side.refuse(filter_record_batch(rows, &BooleanArray::new(!nulls.inner(), None))?)?;
        }
        let meets = BooleanArray::new(nulls.inner().clone(), None);
        let keys = keys.iter().map(|key| Ok(filter(key, &meets)?)).collect::<Result<_>>()?;
        Ok((filter_record_batch(rows, &meets)?, keys))
    }

    /// How often each row comes, or goes.
    pub(super) fn weights(&self, rows: &RecordBatch) -> Int64Array {
        match self.weight {
            Some(weight) => rows.column(weight).as_primitive::<Int64Type>().clone(),
            None => Int64Array::from_value(1, rows.num_rows()),
        }
    }

    /// The columns without the weights.
    pub(super) fn columns(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        let shown = rows.columns().iter().enumerate().filter(|(column, _)| Some(*column) != self.weight);
        shown.map(|(_, column)| column.clone()).collect()
    }

    fn keep(&self, new: &NewRows, number: BatchNumber, scratch: &mut UpdateScratch) -> Result<()> {
        let (codec, mut row_bytes) = (self.side.rows.layout().values(), Vec::new());
        for (shard, rows) in scratch.by_shard(&new.keys) {
            let mut guard = self.side.rows.lock(number, shard)?;
            for row in rows.iter().map(|&row| row as usize) {
                row_bytes.clear();
                codec.encode(&new.columns, row, &mut row_bytes)?;
                let (sub_key, weight) = (sub_key_of(&row_bytes), new.weights.value(row));
                let end_us = new.ends_us.as_ref().map(|ends_us| ends_us[row]);
                guard.with_bucket(new.keys.key(row), |bucket| {
                    bucket.upsert(&sub_key, |values, entry| {
                        let stored = values.row(entry);
                        let mut head = Head::default();
                        if !stored.is_empty() {
                            head = self.head(stored)?;
                            if self.columns_of(stored) != &row_bytes[..] {
                                return Err(same_hash());
                            }
                        }
                        head.weight = head.weight.checked_add(weight).ok_or_else(weights_overflow)?;
                        values.set(entry, &self.row(head, &row_bytes), end_us);
                        Ok(())
                    })
                })?;
            }
        }
        Ok(())
    }

    /// What stands in front of a row.
    pub(super) fn head(&self, row: &[u8]) -> Result<Head> {
        let number = |place: usize| {
            let bytes = row.get(place * NUMBER_BYTES..).and_then(|bytes| bytes.first_chunk());
            bytes.map(|bytes| i64::from_be_bytes(*bytes)).ok_or_else(|| Error::data("a row of a join is too short"))
        };
        Ok(Head { weight: number(0)?, degree: if self.has_degrees { number(1)? } else { 0 } })
    }

    fn columns_of<'a>(&self, row: &'a [u8]) -> &'a [u8] {
        &row[if self.has_degrees { 2 * NUMBER_BYTES } else { NUMBER_BYTES }..]
    }

    /// A row with another head.
    pub(super) fn with_head(&self, row: &[u8], head: Head) -> Vec<u8> {
        self.row(head, self.columns_of(row))
    }

    fn row(&self, head: Head, columns: &[u8]) -> Vec<u8> {
        let mut row = Vec::with_capacity(2 * NUMBER_BYTES + columns.len());
        row.extend_from_slice(&head.weight.to_be_bytes());
        if self.has_degrees {
            row.extend_from_slice(&head.degree.to_be_bytes());
        }
        row.extend_from_slice(columns);
        row
    }
}

/// It matters of a row of this side how many others it meets.
fn has_degrees(side: Side, kind: JoinKind) -> bool {
    kind.is_outer(side) || kind.leaves_once(side)
}

fn sub_key_of(columns: &[u8]) -> [u8; SUB_KEY_BYTES] {
    let hash = xxhash_rust::xxh3::xxh3_128(columns).to_be_bytes();
    let mut sub_key = [0; SUB_KEY_BYTES];
    sub_key.copy_from_slice(&hash[..SUB_KEY_BYTES]);
    sub_key
}

/// One in 2⁹⁶ pairs of rows; to take one for the other would be a wrong answer.
fn same_hash() -> Error {
    Error::unavailable("two different rows of one key of a join have the same hash")
}

/// The error of weights that are too large to be added or multiplied.
pub(super) fn weights_overflow() -> Error {
    Error::invalid("the weights of a row overflow")
}
