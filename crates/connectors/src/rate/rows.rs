//! The rows of a range, made while they are pulled.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use futures::stream::{self, StreamExt};
use millstream_core::{BatchStream, Error, Result, ScanColumn, ScanRequest};

/// `timestamp`, `value`.
pub(super) fn schema() -> SchemaRef {
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![Field::new("timestamp", timestamp, true), Field::new("value", DataType::Int64, true)]))
}

/// Values from `first` on, and when each of them is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    pub(super) first: i64,
    pub(super) count: i64,
    /// Milliseconds since 1970 of the first value.
    pub(super) start_ms: i64,
    /// Milliseconds from one value to the next.
    pub(super) step_ms: f64,
}

impl Rows {
    fn timestamp_us(&self, index: i64) -> i64 {
        // Half a millisecond rounds up, as on the JVM.
        let after_ms = (index as f64 * self.step_ms + 0.5).floor() as i64;
        self.start_ms.saturating_add(after_ms).saturating_mul(1000)
    }

    /// As many streams as wanted, each taking every n-th value.
    pub(super) fn streams(self, request: &ScanRequest, partitions: usize) -> Result<Vec<BatchStream>> {
        let columns: Vec<usize> = request
            .columns
            .iter()
            .map(|column| match column {
                ScanColumn::Plain(index @ (0 | 1)) => Ok(*index),
                other => Err(Error::internal(format!("a rate source has no column {other:?}"))),
            })
            .collect::<Result<_>>()?;
        let schema = Arc::new(schema().project(&columns)?);
        let streams = partitions.min(request.max_streams).clamp(1, 1024) as i64;
        let batch_rows = request.batch_rows.max(1);
        Ok((0..streams)
            .map(|stream| {
                let (columns, schema) = (columns.clone(), Arc::clone(&schema));
                let indices = (stream..self.count).step_by(streams as usize);
                stream::iter(indices)
                    .chunks(batch_rows)
                    .map(move |indices| self.batch(&indices, &columns, &schema))
                    .boxed()
            })
            .collect())
    }

    fn batch(&self, indices: &[i64], columns: &[usize], schema: &SchemaRef) -> Result<RecordBatch> {
        let arrays = columns.iter().map(|&column| -> ArrayRef {
            if column == 0 {
                let times = indices.iter().map(|&index| self.timestamp_us(index));
                Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
            } else {
                Arc::new(Int64Array::from_iter_values(indices.iter().map(|index| self.first + index)))
            }
        });
        let options = RecordBatchOptions::new().with_row_count(Some(indices.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(schema), arrays.collect(), &options)?)
    }
}
