//! A stream with Kafka's columns whose batches all have the same payments, made before the query starts.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use millstream_core::source::LatestOffset;
use millstream_core::{
    BatchStream, Connector, Error, Offset, OffsetRange, ReadLimit, Result, ScanColumn, ScanRequest, Source,
    SourceConfig,
};

const USERS: u64 = 1_000;
/// 2026-01-01T00:00:00Z
const START: &str = "2026-01-01T00";

/// The stream. Its offset is the number of batches before it.
#[derive(Debug, Clone)]
pub(crate) struct Payments {
    rows: Arc<BinaryArray>,
    batches: u64,
    schema: SchemaRef,
}

impl Payments {
    /// A stream of `batches` batches of `rows` rows: about 94 bytes of JSON each, over an hour of event time.
    pub(crate) fn new(rows: usize, batches: u64) -> Self {
        let mut state = 42_u64;
        // A linear congruential generator: the same payments in every run.
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut row = || {
            let action = ["view", "click", "cart", "payment", "payment"][random(5) as usize];
            let (user, cents, minute, second, ms) =
                (random(USERS), random(100_000), random(60), random(60), random(1000));
            let amount = cents as f64 / 100.0;
            let mut text = format!(r#"{{"user_id": {user}, "action": "{action}", "amount": {amount:.2}, "#);
            write!(text, r#""timestamp": "{START}:{minute:02}:{second:02}.{ms:03}Z"}}"#).expect("a text takes all");
            text
        };
        let rows = BinaryArray::from_iter_values((0..rows).map(|_| row()));
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let schema = Schema::new(vec![
            Field::new("key", DataType::Binary, true),
            Field::new("value", DataType::Binary, true),
            Field::new("topic", DataType::Utf8, true),
            Field::new("partition", DataType::Int32, true),
            Field::new("offset", DataType::Int64, true),
            Field::new("timestamp", timestamp, true),
            Field::new("timestampType", DataType::Int32, true),
        ]);
        Self { rows: Arc::new(rows), batches, schema: Arc::new(schema) }
    }

    /// How many batches there are.
    pub(crate) fn batches(&self) -> u64 {
        self.batches
    }

    /// The next batch after `start`, if there is one.
    fn next(&self, start: &Offset) -> LatestOffset {
        let end = (position(start) + 1).min(self.batches);
        LatestOffset { end: Offset::new(end.into()), latest: Offset::new(self.batches.into()) }
    }

    fn column(&self, column: &ScanColumn) -> Result<ArrayRef> {
        match column {
            ScanColumn::Plain(1) => Ok(Arc::clone(&self.rows) as ArrayRef),
            ScanColumn::Plain(other) => Ok(new_null_array(self.schema.field(*other).data_type(), self.rows.len())),
            ScanColumn::Decoded { decoder, .. } => {
                let mut decoding = decoder.start();
                for value in self.rows.iter() {
                    decoding.append(value)?;
                }
                decoding.finish()
            }
        }
    }
}

fn position(offset: &Offset) -> u64 {
    offset.json().as_u64().unwrap_or(0)
}

impl Connector for Payments {
    fn names(&self) -> &'static [&'static str] {
        &["kafka"]
    }

    fn source_schema(&self, _config: &SourceConfig) -> Result<SchemaRef> {
        Ok(Arc::clone(&self.schema))
    }

    fn open_source(&self, _config: SourceConfig) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Source for Payments {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn description(&self) -> String {
        "Payments".to_owned()
    }

    async fn initial_offset(&self) -> Result<Offset> {
        Ok(Offset::new(0.into()))
    }

    async fn latest_offset(&self, start: &Offset, _limit: ReadLimit) -> Result<LatestOffset> {
        Ok(self.next(start))
    }

    async fn ready(&self, start: &Offset) -> Result<LatestOffset> {
        if position(start) == self.batches {
            return std::future::pending().await;
        }
        Ok(self.next(start))
    }

    async fn prepare_available_now(&self) -> Result<()> {
        Err(Error::internal("the payments are read under the default trigger only"))
    }

    async fn scan(&self, request: ScanRequest) -> Result<Vec<BatchStream>> {
        let fields: Vec<_> = request.columns.iter().map(|column| column.field(&self.schema)).collect();
        let columns = request.columns.iter().map(|column| self.column(column)).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        let rows = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?;
        Ok(vec![stream::iter([Ok(rows)]).boxed()])
    }

    fn rows_max(&self, _range: &OffsetRange) -> Option<u64> {
        Some(self.rows.len() as u64)
    }

    async fn commit(&self, _end: &Offset) -> Result<()> {
        Ok(())
    }
}
