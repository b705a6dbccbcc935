//! `spark.range(…)`: numbers made as they are asked for.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use millstream_core::{BatchReader, BatchStream, ReadRequest, Result};

/// The numbers from `start` to before `end` by `step`.
#[derive(Debug)]
pub(crate) struct RangeReader {
    start: i64,
    end: i64,
    step: i64,
    schema: SchemaRef,
}

impl RangeReader {
    /// `step` is not zero.
    pub(crate) fn new(start: i64, end: i64, step: i64) -> Self {
        let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
        Self { start, end, step, schema }
    }

    fn length(&self) -> u128 {
        let (start, end, step) = (i128::from(self.start), i128::from(self.end), i128::from(self.step));
        let span = if step > 0 { end - start } else { start - end };
        if span <= 0 { 0 } else { span.unsigned_abs().div_ceil(step.unsigned_abs()) }
    }
}

#[async_trait]
impl BatchReader for RangeReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    async fn scan(&self, request: ReadRequest) -> Result<Vec<BatchStream>> {
        let ReadRequest { columns, batch_rows, .. } = request;
        let fields: Vec<_> = columns.iter().map(|column| column.field(&self.schema)).collect();
        let schema = Arc::new(Schema::new(fields));
        let (start, step, length) = (i128::from(self.start), i128::from(self.step), self.length());
        let batch_rows = batch_rows.max(1);
        let batches = stream::unfold(0_u128, move |done| {
            let schema = Arc::clone(&schema);
            async move {
                let rows = usize::try_from(length - done).map_or(batch_rows, |left| left.min(batch_rows));
                if rows == 0 {
                    return None;
                }
                let first = start + i128::try_from(done).ok()? * step;
                let numbers = (0..rows).map(|row| {
                    let value = first + i128::try_from(row).unwrap_or(i128::MAX) * step;
                    i64::try_from(value).unwrap_or(i64::MAX)
                });
                let column: Int64Array = numbers.collect::<Vec<_>>().into();
                let columns = schema.fields().iter().map(|_| Arc::new(column.clone()) as _).collect();
                let options = RecordBatchOptions::new().with_row_count(Some(rows));
                let batch = RecordBatch::try_new_with_options(schema, columns, &options);
                Some((batch.map_err(Into::into), done + u128::try_from(rows).unwrap_or(0)))
            }
        });
        Ok(vec![batches.boxed()])
    }
}
