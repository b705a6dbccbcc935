//! Rows as plain numbers, so that a test can write down what it adds and what it expects.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use millstream_core::{DELETE, UPSERT};

/// `value BIGINT, ts TIMESTAMP`.
pub fn number_schema() -> SchemaRef {
    let ts = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![Field::new("value", DataType::Int64, true), Field::new("ts", ts, true)]))
}

/// Rows of [`number_schema`], each a value and a time in seconds.
pub fn numbers(rows: &[(i64, i64)]) -> RecordBatch {
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.1 * 1_000_000));
    RecordBatch::try_new(number_schema(), vec![values, Arc::new(times.with_timezone("UTC"))]).unwrap()
}

/// The rows of a batch as numbers: a time in whole seconds, a struct by its fields in turn, so a window by start and
/// end; what has become of a key as 1 or −1.
///
/// # Panics
/// On a column of another type.
pub fn number_rows(batch: &RecordBatch) -> Vec<Vec<i64>> {
    let row_values = |row: usize| {
        let mut values = Vec::new();
        batch.columns().iter().for_each(|column| append_value(column, row, &mut values));
        values
    };
    (0..batch.num_rows()).map(row_values).collect()
}

fn append_value(column: &dyn Array, row: usize, values: &mut Vec<i64>) {
    match column.data_type() {
        DataType::Int64 => values.push(column.as_primitive::<Int64Type>().value(row)),
        DataType::Timestamp(..) => {
            values.push(column.as_primitive::<TimestampMicrosecondType>().value(row) / 1_000_000);
        }
        DataType::Struct(_) => {
            column.as_struct().columns().iter().for_each(|field| append_value(field, row, values));
        }
        DataType::Utf8 => values.push(match column.as_string::<i32>().value(row) {
            UPSERT => 1,
            DELETE => -1,
            text => panic!("'{text}' is no number"),
        }),
        other => panic!("{other} is no number"),
    }
}
