//! The memory sink: keeps the result as a table under the query's name (Spark: `MemorySink`). For tests and notebooks.
//!
//! Append and update add rows, complete replaces them. A batch id that was written before is not written again. What is
//! kept is counted in the memory ledger and lost with the query's table; so a query cannot go on from a checkpoint
//! here, but in complete mode, whose next batch brings the whole result.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use millstream_core::decode::ValueDecoder;
use millstream_core::{
    BatchId, BatchReader, BatchStream, Connector, Error, KnownOptions, LoggedBatch, ReadRequest, Reservation, Result,
    ScanColumn, Sink, SinkBatch, SinkConfig, SinkProgress, WriteKind, spark_error,
};
use parking_lot::Mutex;

/// `format("memory")`.
#[derive(Debug, Clone, Copy)]
pub struct Memory;

impl Connector for Memory {
    fn names(&self) -> &'static [&'static str] {
        &["memory"]
    }

    fn known_options(&self) -> Option<KnownOptions> {
        Some(KnownOptions::of(&[]))
    }

    fn requires_checkpoint(&self) -> bool {
        false
    }

    fn open_sink(&self, config: SinkConfig) -> Result<Arc<dyn Sink>> {
        let Some(name) = config.query_name else {
            return Err(spark_error!("_LEGACY_ERROR_TEMP_1194"));
        };
        let reservation = config.memory.reservation(format!("memory sink '{name}'"));
        let kept = Mutex::new(Kept { batches: Vec::new(), newest: None, reservation });
        Ok(Arc::new(MemorySink { table: Arc::new(MemoryTable { schema: config.schema, kept }) }))
    }
}

#[derive(Debug)]
struct MemorySink {
    table: Arc<MemoryTable>,
}

#[async_trait]
impl Sink for MemorySink {
    fn description(&self) -> String {
        "MemorySink".to_owned()
    }

    async fn write(&self, batch: SinkBatch, _logged: LoggedBatch) -> Result<SinkProgress> {
        let parts: Vec<RecordBatch> = stream::select_all(batch.rows).try_collect().await?;
        let rows_written = parts.iter().map(|part| part.num_rows() as u64).sum();
        self.table.kept.lock().add(batch.id, batch.kind, parts)?;
        Ok(SinkProgress { rows_written, ..SinkProgress::default() })
    }

    fn table(&self) -> Option<Arc<dyn BatchReader>> {
        Some(Arc::<MemoryTable>::clone(&self.table))
    }
}

#[derive(Debug)]
struct MemoryTable {
    schema: SchemaRef,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    batches: Vec<RecordBatch>,
    newest: Option<BatchId>,
    reservation: Reservation,
}

impl Kept {
    fn add(&mut self, id: BatchId, kind: WriteKind, parts: Vec<RecordBatch>) -> Result<()> {
        if self.newest.is_some_and(|newest| id <= newest) {
            return Ok(());
        }
        let bytes = parts.iter().map(RecordBatch::get_array_memory_size).sum();
        if kind == WriteKind::Complete {
            self.reservation.resize(bytes)?;
            self.batches.clear();
        } else {
            self.reservation.grow(bytes)?;
        }
        self.batches.extend(parts.into_iter().filter(|part| part.num_rows() > 0));
        self.newest = Some(id);
        Ok(())
    }
}

#[async_trait]
impl BatchReader for MemoryTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    async fn scan(&self, request: ReadRequest) -> Result<Vec<BatchStream>> {
        let columns = request.columns;
        let batches = self.kept.lock().batches.clone();
        let projected = batches.into_iter().map(move |batch| project(&batch, &columns));
        Ok(vec![stream::iter(projected).boxed()])
    }
}

fn project(batch: &RecordBatch, columns: &[ScanColumn]) -> Result<RecordBatch> {
    let schema = batch.schema();
    let fields: Vec<_> = columns.iter().map(|column| column.field(&schema)).collect();
    let arrays = columns
        .iter()
        .map(|column| match column {
            ScanColumn::Plain(index) => Ok(Arc::clone(batch.column(*index))),
            ScanColumn::Decoded { column, decoder } => decode(batch, *column, decoder.as_ref()),
        })
        .collect::<Result<Vec<_>>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let schema = Arc::new(arrow::datatypes::Schema::new(fields));
    Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
}

fn decode(batch: &RecordBatch, column: usize, decoder: &dyn ValueDecoder) -> Result<arrow::array::ArrayRef> {
    use arrow::array::{Array, AsArray};
    let Some(values) = batch.column(column).as_binary_opt::<i32>() else {
        return Err(Error::internal("only binary columns are decoded in a scan"));
    };
    let mut decoding = decoder.start();
    for row in 0..values.len() {
        decoding.append(values.is_valid(row).then(|| values.value(row)))?;
    }
    decoding.finish()
}

#[cfg(test)]
mod tests;
