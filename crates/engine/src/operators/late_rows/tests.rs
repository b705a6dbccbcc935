//! Which rows have an event time, and are late by it.

use std::sync::Arc;

use arrow::array::StructArray;
use arrow::datatypes::{Field, Schema};

use super::*;

/// Windows that end then (µs); where a mark says so the window is NULL, though there is an end in it.
fn windows(ends_us: Vec<i64>, is_there: Vec<bool>) -> ArrayRef {
    let ends: ArrayRef = Arc::new(TimestampMicrosecondArray::from(ends_us));
    let fields = vec![Field::new("end", ends.data_type().clone(), true)];
    Arc::new(StructArray::new(fields.into(), vec![ends], Some(NullBuffer::from(is_there))))
}

#[test]
fn a_window_that_is_null_has_no_time_and_is_never_late() {
    let column = windows(vec![5_000, 5_000, 20_000], vec![true, false, true]);
    assert_eq!(event_times(&column).unwrap().iter().collect::<Vec<_>>(), [Some(5_000), None, Some(20_000)]);
    let schema = Arc::new(Schema::new(vec![Field::new("window", column.data_type().clone(), true)]));
    let rows = RecordBatch::try_new(schema, vec![column]).unwrap();
    let (in_time, late) = drop_late_rows(rows, 0, 10).unwrap();
    assert_eq!((in_time.num_rows(), late.map(|late| late.num_rows())), (2, Some(1)));
}
