//! Result rows as the Arrow IPC streams of Spark Connect.
//!
//! Inside, TIMESTAMP is microseconds in UTC; only here it takes the session's zone into its Arrow type, as clients
//! expect it. Names come from the analysed schema, since a plan gives columns of equal names other ones.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use arrow::ipc::writer::StreamWriter;
use millstream_core::Result;
use spark_connect_proto::execute_plan_response::ArrowBatch;

/// Bytes of one response at the most, by estimate. Clients take 128 MB; small ones come sooner, and more of them fit into
/// the buffer of an operation.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Encodes the rows of one result, in order.
#[derive(Debug)]
pub(crate) struct ArrowBatchEncoder {
    schema: SchemaRef,
    rows_sent: i64,
}

impl ArrowBatchEncoder {
    /// `columns` are the result's columns as the user sees them.
    pub(crate) fn new(columns: &Schema, time_zone: &str) -> Self {
        let fields: Vec<_> = columns.fields().iter().map(|field| in_zone(field, time_zone)).collect();
        Self { schema: Arc::new(Schema::new(fields)), rows_sent: 0 }
    }

    /// Whether nothing was encoded yet. Every result has at least one batch, if an empty one.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows_sent == 0
    }

    /// The responses for these rows, none of them too large.
    pub(crate) fn encode(&mut self, rows: &RecordBatch) -> Result<Vec<ArrowBatch>> {
        let rows = self.convert(rows)?;
        let row_bytes = rows.get_array_memory_size().div_ceil(rows.num_rows().max(1)).max(1);
        let rows_max = (BATCH_BYTES_MAX / row_bytes).max(1);
        let starts = (0..rows.num_rows()).step_by(rows_max);
        starts.map(|start| self.write(&rows.slice(start, rows_max.min(rows.num_rows() - start)))).collect()
    }

    /// A batch without rows.
    pub(crate) fn encode_empty(&mut self) -> Result<ArrowBatch> {
        let empty = RecordBatch::new_empty(Arc::clone(&self.schema));
        self.write(&empty)
    }

    fn convert(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let columns = rows.columns().iter().zip(self.schema.fields()).map(|(column, field)| {
            if column.data_type() == field.data_type() {
                Ok(Arc::clone(column))
            } else {
                cast(column, field.data_type())
            }
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }

    fn write(&mut self, rows: &RecordBatch) -> Result<ArrowBatch> {
        let mut data = Vec::new();
        let mut writer = StreamWriter::try_new(&mut data, &self.schema)?;
        writer.write(rows)?;
        writer.finish()?;
        drop(writer);
        let row_count = i64::try_from(rows.num_rows()).unwrap_or(i64::MAX);
        let start_offset = Some(self.rows_sent);
        self.rows_sent += row_count;
        Ok(ArrowBatch { row_count, data: data.into(), start_offset, ..ArrowBatch::default() })
    }
}

fn in_zone(field: &FieldRef, time_zone: &str) -> FieldRef {
    let inner = |field: &FieldRef| in_zone(field, time_zone);
    let data_type = match field.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some(time_zone.into()))
        }
        DataType::List(item) => DataType::List(inner(item)),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect()),
        other => other.clone(),
    };
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
}

#[cfg(test)]
mod tests;
