//! A source that tests fill and a sink that they read. Both outlive the queries that use them, as Kafka would.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use datafusion::common::cast::as_struct_array;
use futures::{StreamExt, stream};
use millstream_core::source::LatestOffset;
use millstream_core::{
    BatchId, BatchStream, Connector, Error, ErrorKind, MemoryLedger, Offset, Options, ReadLimit, Result, ScanColumn,
    ScanRequest, Sink, SinkBatch, SinkProgress, Source, SourceConfig,
};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::clock::ManualClock;

/// A row of the source: a number and its event time in seconds.
pub(crate) type Row = (i64, i64);

/// Rows that were added, and how the source behaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryStream {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    rows: watch::Sender<Vec<Row>>,
    /// Rows of one batch at the most.
    max_rows: Mutex<Option<usize>>,
    /// The end that `availableNow` was promised.
    fixed_end: Mutex<Option<usize>>,
    committed: Mutex<Vec<usize>>,
    /// Scans that fail before one succeeds, and how.
    failures: Mutex<(u32, Option<ErrorKind>)>,
    /// Whether rows never come.
    hangs: AtomicBool,
}

impl MemoryStream {
    pub(crate) fn add(&self, rows: impl IntoIterator<Item = Row>) {
        self.shared.rows.send_modify(|all| all.extend(rows));
    }

    pub(crate) fn limit(&self, max_rows: usize) {
        *self.shared.max_rows.lock() = Some(max_rows);
    }

    /// The next `count` scans fail like this.
    pub(crate) fn fail(&self, count: u32, kind: ErrorKind) {
        *self.shared.failures.lock() = (count, Some(kind));
    }

    /// From now on the rows of a batch never come, or do again.
    pub(crate) fn hang(&self, hangs: bool) {
        self.shared.hangs.store(hangs, Ordering::SeqCst);
    }

    /// What the queries said is committed, in turn.
    pub(crate) fn committed(&self) -> Vec<usize> {
        self.shared.committed.lock().clone()
    }

    pub(crate) fn config() -> SourceConfig {
        SourceConfig {
            options: Options::new(),
            user_schema: None,
            query: None,
            settings: Default::default(),
            memory: MemoryLedger::unlimited(),
            clock: ManualClock::new(),
        }
    }

    fn end(&self, start: usize, limit: ReadLimit) -> LatestOffset {
        let newest = self.shared.fixed_end.lock().unwrap_or(usize::MAX).min(self.shared.rows.borrow().len());
        let max_rows = match limit {
            ReadLimit::Options => self.shared.max_rows.lock().unwrap_or(usize::MAX),
            ReadLimit::AllAvailable => usize::MAX,
        };
        LatestOffset { end: offset(newest.min(start.saturating_add(max_rows))), latest: offset(newest) }
    }
}

fn schema() -> SchemaRef {
    let ts = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![Field::new("value", DataType::Int64, true), Field::new("ts", ts, true)]))
}

fn offset(at: usize) -> Offset {
    Offset::new(at.into())
}

fn position(offset: &Offset) -> usize {
    usize::try_from(offset.json().as_u64().unwrap()).unwrap()
}

impl Connector for MemoryStream {
    fn names(&self) -> &'static [&'static str] {
        &["memory-stream"]
    }

    fn source_schema(&self, _config: &SourceConfig) -> Result<SchemaRef> {
        Ok(schema())
    }

    fn open_source(&self, _config: SourceConfig) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl Source for MemoryStream {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn description(&self) -> String {
        "MemoryStream[value,ts]".to_owned()
    }

    async fn initial_offset(&self) -> Result<Offset> {
        Ok(offset(0))
    }

    async fn latest_offset(&self, start: &Offset, limit: ReadLimit) -> Result<LatestOffset> {
        Ok(self.end(position(start), limit))
    }

    async fn ready(&self, start: &Offset) -> Result<LatestOffset> {
        let start = position(start);
        let mut rows = self.shared.rows.subscribe();
        rows.wait_for(|rows| rows.len() > start).await.unwrap();
        Ok(self.end(start, ReadLimit::Options))
    }

    async fn prepare_available_now(&self) -> Result<()> {
        *self.shared.fixed_end.lock() = Some(self.shared.rows.borrow().len());
        Ok(())
    }

    async fn scan(&self, request: ScanRequest) -> Result<Vec<BatchStream>> {
        let mut failures = self.shared.failures.lock();
        if let (left @ 1.., Some(kind)) = *failures {
            failures.0 = left - 1;
            return Err(Error::new(kind, "the memory stream was told to fail"));
        }
        if self.shared.hangs.load(Ordering::SeqCst) {
            return Ok(vec![stream::pending().boxed()]);
        }
        let rows = self.shared.rows.borrow()[position(&request.range.start)..position(&request.range.end)].to_vec();
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
        let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.1 * 1_000_000));
        let all = [values, Arc::new(times.with_timezone("UTC")) as ArrayRef];
        let plain = |column: &ScanColumn| match column {
            ScanColumn::Plain(index) => *index,
            ScanColumn::Decoded { .. } => panic!("the memory stream has nothing to decode"),
        };
        let indices: Vec<usize> = request.columns.iter().map(plain).collect();
        let batch = RecordBatch::try_new(schema(), all.to_vec())?.project(&indices)?;
        Ok(vec![stream::iter([Ok(batch)]).boxed()])
    }

    async fn commit(&self, end: &Offset) -> Result<()> {
        self.shared.committed.lock().push(position(end));
        Ok(())
    }
}

/// A sink that keeps every batch under its number: writing one again replaces it.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemorySink {
    batches: Arc<Mutex<BTreeMap<BatchId, Vec<Vec<i64>>>>>,
    writes: Arc<Mutex<Vec<u64>>>,
    pub(crate) refreshes: Arc<AtomicU64>,
    /// Whether it can tell which batch it has.
    pub(crate) knows_newest: bool,
    pub(crate) pace: Duration,
}

impl MemorySink {
    /// All rows in the order of batches; within a batch sorted.
    pub(crate) fn rows(&self) -> Vec<Vec<i64>> {
        self.batches.lock().values().flatten().cloned().collect()
    }

    /// The rows of each batch.
    pub(crate) fn batches(&self) -> Vec<(u64, Vec<Vec<i64>>)> {
        self.batches.lock().iter().map(|(id, rows)| (id.0, rows.clone())).collect()
    }

    /// The batches in the order in which they were written.
    pub(crate) fn writes(&self) -> Vec<u64> {
        self.writes.lock().clone()
    }
}

#[async_trait::async_trait]
impl Sink for MemorySink {
    fn description(&self) -> String {
        "MemorySink".to_owned()
    }

    fn pace(&self) -> Duration {
        self.pace
    }

    async fn refresh(&self) -> Result<()> {
        self.refreshes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn open(&self) -> Result<Option<BatchId>> {
        let newest = self.batches.lock().last_key_value().map(|(&batch, _)| batch);
        Ok(newest.filter(|_| self.knows_newest))
    }

    async fn write(&self, batch: SinkBatch) -> Result<SinkProgress> {
        let mut rows = Vec::new();
        for mut stream in batch.rows {
            while let Some(part) = stream.next().await {
                append_rows(&part?, &mut rows);
            }
        }
        rows.sort();
        let rows_written = rows.len() as u64;
        self.writes.lock().push(batch.id.0);
        self.batches.lock().insert(batch.id, rows);
        Ok(SinkProgress { rows_written, metrics: BTreeMap::new() })
    }
}

/// Rows as plain numbers: times in whole seconds, a window by its start and end.
fn append_rows(batch: &RecordBatch, rows: &mut Vec<Vec<i64>>) {
    for row in 0..batch.num_rows() {
        let mut values = Vec::new();
        for column in batch.columns() {
            append_value(column, row, &mut values);
        }
        rows.push(values);
    }
}

fn append_value(column: &dyn Array, row: usize, values: &mut Vec<i64>) {
    match column.data_type() {
        DataType::Int64 => values.push(column.as_primitive::<Int64Type>().value(row)),
        DataType::Timestamp(..) => {
            values.push(column.as_primitive::<TimestampMicrosecondType>().value(row) / 1_000_000);
        }
        DataType::Struct(_) => {
            for field in as_struct_array(column).unwrap().columns() {
                append_value(field, row, values);
            }
        }
        other => panic!("the memory sink does not read {other}"),
    }
}
