//! Result rows as the Arrow IPC streams of Spark Connect.
//!
//! Inside, TIMESTAMP is microseconds in UTC; only here it takes the session's zone into its Arrow type, as clients
//! expect it. Names come from the analysed schema, since a plan gives columns of equal names other ones. Fields of one
//! struct have to have different names for clients, though, so that a name that comes twice is sent with a number, as
//! by Spark; clients go by the analysed schema.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, RecordBatchOptions, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use millstream_core::{Reservation, Result};
use prost::bytes::Bytes;
use spark_connect_proto::execute_plan_response::ArrowBatch;

use super::pieces::Pieces;

/// Bytes of one batch of rows at the most, by estimate, if it is more than a row. Clients take 128 MB; small ones come
/// sooner, and more of them fit into the buffer of an operation.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Encodes the rows of one result, in order.
#[derive(Debug)]
pub(crate) struct ArrowBatchEncoder {
    schema: SchemaRef,
    pieces: Pieces,
    rows_sent: i64,
    /// What a batch takes until it is sent.
    memory: Reservation,
}

impl ArrowBatchEncoder {
    /// `columns` are the result's columns as the user sees them.
    pub(crate) fn new(columns: &Schema, time_zone: &str, pieces: Pieces, memory: Reservation) -> Self {
        let fields: Vec<_> = columns.fields().iter().map(|field| sent(field, field.name(), time_zone)).collect();
        Self { schema: Arc::new(Schema::new(fields)), pieces, rows_sent: 0, memory }
    }

    /// Whether nothing was encoded yet. Every result has at least one batch, if an empty one.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows_sent == 0
    }

    /// Cuts rows into batches none of which is too large, if it is more than a row.
    pub(crate) fn cut(&self, rows: &RecordBatch) -> Result<Vec<RecordBatch>> {
        let mut waiting = vec![self.convert(rows)?];
        let mut batches = Vec::new();
        while let Some(rows) = waiting.pop() {
            let half = rows.num_rows() / 2;
            if half > 0 && slice_bytes(&rows)? > BATCH_BYTES_MAX {
                waiting.push(rows.slice(half, rows.num_rows() - half));
                waiting.push(rows.slice(0, half));
            } else if rows.num_rows() > 0 {
                batches.push(rows);
            }
        }
        Ok(batches)
    }

    /// The responses for a batch that [`ArrowBatchEncoder::cut`] gave.
    pub(crate) fn encode(&mut self, rows: &RecordBatch) -> Result<Vec<ArrowBatch>> {
        self.memory.resize(slice_bytes(rows)?)?;
        let data = Bytes::from(self.write(rows)?);
        let row_count = i64::try_from(rows.num_rows()).unwrap_or(i64::MAX);
        let start_offset = Some(self.rows_sent);
        let whole = ArrowBatch { row_count, start_offset, ..ArrowBatch::default() };
        let pieces = self.pieces.of(&data)?;
        self.rows_sent += row_count;
        let count = pieces.len();
        if count == 1 {
            return Ok(vec![ArrowBatch { data, ..whole }]);
        }
        let numbered = (0..).zip(pieces);
        Ok(numbered
            .map(|(index, data)| ArrowBatch {
                data,
                chunk_index: Some(index),
                num_chunks_in_batch: i64::try_from(count).ok(),
                ..whole.clone()
            })
            .collect())
    }

    /// A batch without rows.
    pub(crate) fn encode_empty(&self) -> Result<ArrowBatch> {
        let data = self.write(&RecordBatch::new_empty(Arc::clone(&self.schema)))?;
        Ok(ArrowBatch { data: data.into(), start_offset: Some(self.rows_sent), ..ArrowBatch::default() })
    }

    fn convert(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let columns = rows.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| as_sent(column, field.data_type())).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }

    fn write(&self, rows: &RecordBatch) -> Result<Vec<u8>> {
        let mut data = Vec::new();
        let mut writer = StreamWriter::try_new(&mut data, &self.schema)?;
        writer.write(rows)?;
        writer.finish()?;
        drop(writer);
        Ok(data)
    }
}

/// What these rows take, and not the columns that they are a part of.
fn slice_bytes(rows: &RecordBatch) -> Result<usize> {
    let bytes = rows.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    Ok(bytes.sum::<Result<usize, ArrowError>>()?)
}

/// The column in the type it is sent in. Fields of structs are the same by place, whatever their names.
fn as_sent(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if column.data_type() == to {
        return Ok(Arc::clone(column));
    }
    Ok(match (column.data_type(), to) {
        (DataType::List(_), DataType::List(item)) => {
            let list = column.as_list::<i32>();
            let items = as_sent(list.values(), item.data_type())?;
            Arc::new(ListArray::try_new(Arc::clone(item), list.offsets().clone(), items, list.nulls().cloned())?)
        }
        (DataType::Map(_, _), DataType::Map(entries, sorted)) => {
            let map = column.as_map();
            let pairs: ArrayRef = Arc::new(map.entries().clone());
            let pairs = as_sent(&pairs, entries.data_type())?.as_struct().clone();
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Arc::new(MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls, *sorted)?)
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let of = column.as_struct();
            let columns = of.columns().iter().zip(fields).map(|(column, field)| as_sent(column, field.data_type()));
            let (columns, nulls) = (columns.collect::<Result<Vec<_>>>()?, of.nulls().cloned());
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, of.len())?)
        }
        _ => cast(column, to)?,
    })
}

/// The field as it is sent.
fn sent(field: &Field, name: &str, time_zone: &str) -> FieldRef {
    let inner = |field: &FieldRef| sent(field, field.name(), time_zone);
    let data_type = match field.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some(time_zone.into()))
        }
        DataType::List(item) => DataType::List(inner(item)),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries), *sorted),
        DataType::Struct(fields) => {
            let names = different_names(fields);
            DataType::Struct(fields.iter().zip(names).map(|(field, name)| sent(field, &name, time_zone)).collect())
        }
        other => other.clone(),
    };
    Arc::new(Field::new(name, data_type, field.is_nullable()))
}

/// The names of a struct's fields, where `a, b, a` are `a_0, b, a_1`.
fn different_names(fields: &Fields) -> Vec<String> {
    let named = |at: usize, name: &str| {
        let same = |fields: &[FieldRef]| fields.iter().filter(|field| field.name() == name).count();
        if same(fields) == 1 { name.to_owned() } else { format!("{name}_{}", same(&fields[..at])) }
    };
    fields.iter().enumerate().map(|(at, field)| named(at, field.name())).collect()
}

#[cfg(test)]
mod tests;
