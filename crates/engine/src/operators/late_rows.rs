//! Takes out rows that come after the watermark.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use millstream_core::{Error, Result};

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

/// The times that count for a watermark: of a window its end.
pub(super) fn event_times(column: &ArrayRef) -> Result<&TimestampMicrosecondArray> {
    let times = match column.data_type() {
        DataType::Struct(_) => column.as_struct().column_by_name("end"),
        _ => Some(column),
    };
    times
        .and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>())
        .ok_or_else(|| Error::internal(format!("event time has type {}", column.data_type())))
}
