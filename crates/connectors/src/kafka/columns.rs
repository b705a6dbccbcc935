//! Builds the columns that a scan is asked for, and no others, from records that lie in the reader's buffers.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Builder, Int64Builder, ListBuilder, RecordBatch, RecordBatchOptions, StringBuilder,
    StructBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use millstream_core::decode::ValueDecoding;
use millstream_core::{Error, Result, ScanColumn, spark_error};
use millstream_kafka::{FetchedPartition, Record, RecordBatch as KafkaBatch};

/// Key, value and headers hold at most this many bytes in one output batch, so that 10 MB records do not pile up.
const BATCH_BYTES_MAX: usize = 32 << 20;

/// The places of columns that say where a record lies.
pub(crate) const TOPIC: usize = 2;
pub(crate) const PARTITION: usize = 3;
pub(crate) const OFFSET: usize = 4;
pub(crate) const TIMESTAMP: usize = 5;

static PLAIN: LazyLock<SchemaRef> = LazyLock::new(|| schema_with(false));
static WITH_HEADERS: LazyLock<SchemaRef> = LazyLock::new(|| schema_with(true));

/// The source's columns, Spark's.
pub(crate) fn schema(include_headers: bool) -> SchemaRef {
    Arc::clone(if include_headers { &WITH_HEADERS } else { &PLAIN })
}

fn schema_with(headers: bool) -> SchemaRef {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields = vec![
        Field::new("key", DataType::Binary, true),
        Field::new("value", DataType::Binary, true),
        Field::new("topic", DataType::Utf8, true),
        Field::new("partition", DataType::Int32, true),
        Field::new("offset", DataType::Int64, true),
        Field::new("timestamp", utc, true),
        Field::new("timestampType", DataType::Int32, true),
    ];
    if headers {
        fields.push(Field::new("headers", DataType::List(header_item()), true));
    }
    Arc::new(Schema::new(fields))
}

fn header_fields() -> Fields {
    Fields::from(vec![Field::new("key", DataType::Utf8, true), Field::new("value", DataType::Binary, true)])
}

fn header_item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Struct(header_fields()), true))
}

/// One output column under construction.
enum Column {
    Key(BinaryBuilder),
    Value(BinaryBuilder),
    Topic(StringBuilder),
    Partition(Int32Builder),
    Offset(Int64Builder),
    Timestamp(TimestampMicrosecondBuilder),
    TimestampType(Int32Builder),
    Headers(Box<ListBuilder<StructBuilder>>),
    DecodedKey(Box<dyn ValueDecoding>),
    DecodedValue(Box<dyn ValueDecoding>),
}

/// All of them.
pub(crate) struct Columns {
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
}

impl Columns {
    pub(crate) fn new(source: &SchemaRef, wanted: &[ScanColumn]) -> Result<Self> {
        let fields: Vec<_> = wanted.iter().map(|column| column.field(source)).collect();
        let columns = wanted.iter().map(Column::new).collect::<Result<_>>()?;
        Ok(Self { schema: Arc::new(Schema::new(fields)), columns, rows: 0, bytes: 0 })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the batch should be given out although it has few rows.
    pub(crate) fn is_large(&self) -> bool {
        self.bytes >= BATCH_BYTES_MAX
    }

    /// Appends a record. What is the same for the whole batch comes with [`Columns::append_batch`].
    #[inline]
    pub(crate) fn append(&mut self, record: &Record<'_>, partition: &FetchedPartition<'_>) -> Result<()> {
        self.rows += 1;
        for column in &mut self.columns {
            match column {
                Column::DecodedValue(decoding) => {
                    self.bytes += record.value.map_or(0, <[u8]>::len);
                    decoding.append(record.value)?;
                }
                Column::DecodedKey(decoding) => {
                    self.bytes += record.key.map_or(0, <[u8]>::len);
                    decoding.append(record.key)?;
                }
                Column::Value(builder) => {
                    self.bytes += record.value.map_or(0, <[u8]>::len);
                    builder.append_option(record.value);
                }
                Column::Key(builder) => {
                    self.bytes += record.key.map_or(0, <[u8]>::len);
                    builder.append_option(record.key);
                }
                Column::Offset(builder) => builder.append_value(record.offset),
                Column::Timestamp(builder) => builder.append_value(micros(record, partition)?),
                Column::Headers(builder) => self.bytes += append_headers(builder, record),
                Column::Topic(_) | Column::Partition(_) | Column::TimestampType(_) => {}
            }
        }
        Ok(())
    }

    /// Completes the columns that are the same for the `rows` records of a batch that were just appended.
    pub(crate) fn append_batch(&mut self, rows: usize, partition: &FetchedPartition<'_>, batch: &KafkaBatch<'_>) {
        for column in &mut self.columns {
            match column {
                Column::Topic(builder) => {
                    for _ in 0..rows {
                        builder.append_value(&**partition.topic());
                    }
                }
                Column::Partition(builder) => builder.append_value_n(partition.partition(), rows),
                Column::TimestampType(builder) => builder.append_value_n(batch.timestamp_type() as i32, rows),
                _ => {}
            }
        }
    }

    /// The batch of everything appended; the columns are empty afterwards.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch> {
        let arrays = self.columns.iter_mut().map(Column::finish).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        self.bytes = 0;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

impl Column {
    fn new(wanted: &ScanColumn) -> Result<Self> {
        Ok(match wanted {
            ScanColumn::Plain(0) => Self::Key(BinaryBuilder::new()),
            ScanColumn::Plain(1) => Self::Value(BinaryBuilder::new()),
            ScanColumn::Plain(2) => Self::Topic(StringBuilder::new()),
            ScanColumn::Plain(3) => Self::Partition(Int32Builder::new()),
            ScanColumn::Plain(4) => Self::Offset(Int64Builder::new()),
            ScanColumn::Plain(5) => Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            ScanColumn::Plain(6) => Self::TimestampType(Int32Builder::new()),
            ScanColumn::Plain(7) => {
                let builder = StructBuilder::new(
                    header_fields(),
                    vec![Box::new(StringBuilder::new()), Box::new(BinaryBuilder::new())],
                );
                Self::Headers(Box::new(ListBuilder::new(builder).with_field(header_item())))
            }
            ScanColumn::Decoded { column: 0, decoder } => Self::DecodedKey(decoder.start()),
            ScanColumn::Decoded { column: 1, decoder } => Self::DecodedValue(decoder.start()),
            ScanColumn::Plain(column) | ScanColumn::Decoded { column, .. } => {
                return Err(Error::internal(format!(
                    "the Kafka source cannot give column {column} in the form asked for"
                )));
            }
        })
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        Ok(match self {
            Self::Key(builder) | Self::Value(builder) => Arc::new(builder.finish()),
            Self::Topic(builder) => Arc::new(builder.finish()),
            Self::Partition(builder) | Self::TimestampType(builder) => Arc::new(builder.finish()),
            Self::Offset(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Headers(builder) => Arc::new(builder.finish()),
            Self::DecodedKey(decoding) | Self::DecodedValue(decoding) => decoding.finish()?,
        })
    }
}

/// Appends the headers of a record; NULL where there are none, as Spark does. Gives their size.
fn append_headers(builder: &mut ListBuilder<StructBuilder>, record: &Record<'_>) -> usize {
    let mut bytes = 0;
    let mut any = false;
    for (name, value) in record.headers.iter() {
        any = true;
        bytes += name.len() + value.map_or(0, <[u8]>::len);
        let item = builder.values();
        item.field_builder::<StringBuilder>(0)
            .expect("the first field of a header is its name")
            .append_value(String::from_utf8_lossy(name));
        item.field_builder::<BinaryBuilder>(1).expect("the second field of a header is its value").append_option(value);
        item.append(true);
    }
    builder.append(any);
    bytes
}

fn micros(record: &Record<'_>, partition: &FetchedPartition<'_>) -> Result<i64> {
    record.timestamp.checked_mul(1000).ok_or_else(|| {
        spark_error!(
            "KAFKA_MALFORMED_RECORD_TIMESTAMP",
            topic = partition.topic(),
            partition = partition.partition(),
            offset = record.offset,
            timestamp = record.timestamp,
        )
    })
}
