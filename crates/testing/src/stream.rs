//! A source that tests fill. It outlives the queries that read it, as Kafka would.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use millstream_core::source::LatestOffset;
use millstream_core::{
    BatchStream, Connector, Error, ErrorKind, Offset, OffsetRange, ReadLimit, Result, ScanColumn, ScanFilter,
    ScanRequest, Source, SourceConfig,
};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::numbers::{number_schema, numbers};

/// A replayable stream in memory; its offset is the number of rows before it. Clones are the same stream. It is its own
/// connector, and every source that it opens is the stream.
#[derive(Debug, Clone)]
pub struct MemoryStream {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    schema: SchemaRef,
    added: watch::Sender<Vec<Addition>>,
    behaviour: Mutex<Behaviour>,
}

/// Rows that were added at once, and the offset behind them.
#[derive(Debug, Clone)]
struct Addition {
    rows: RecordBatch,
    end: usize,
}

#[derive(Debug, Default)]
struct Behaviour {
    max_rows: Option<usize>,
    /// The end that `availableNow` was promised.
    fixed_end: Option<usize>,
    committed: Vec<usize>,
    /// How many scans still fail, and how.
    failing_scans: Option<(u32, ErrorKind)>,
    hangs: bool,
    tells_rows: bool,
    asked: Vec<Vec<ScanColumn>>,
    filters: Vec<Arc<[ScanFilter]>>,
}

impl Default for MemoryStream {
    /// A stream of [`number_schema`].
    fn default() -> Self {
        Self::new(number_schema())
    }
}

impl MemoryStream {
    /// An empty stream of these columns.
    pub fn new(schema: SchemaRef) -> Self {
        Self { shared: Arc::new(Shared { schema, added: watch::Sender::default(), behaviour: Mutex::default() }) }
    }

    /// Adds rows to a stream of [`number_schema`]: a value and a time in seconds each.
    pub fn add(&self, rows: impl IntoIterator<Item = (i64, i64)>) {
        self.add_batch(numbers(&rows.into_iter().collect::<Vec<_>>()));
    }

    /// Adds rows. A scan gives the rows of each addition as a stream of their own, so that a plan's partitions have
    /// something to do at the same time.
    pub fn add_batch(&self, rows: RecordBatch) {
        self.shared.added.send_modify(|added| {
            let end = end_of(added) + rows.num_rows();
            added.push(Addition { rows, end });
        });
    }

    /// Batches have at most so many rows.
    pub fn limit(&self, max_rows: usize) {
        self.shared.behaviour.lock().max_rows = Some(max_rows);
    }

    /// The next `count` scans fail like this.
    pub fn fail(&self, count: u32, kind: ErrorKind) {
        self.shared.behaviour.lock().failing_scans = Some((count, kind));
    }

    /// From now on the rows of a batch never come, or do again.
    pub fn hang(&self, hangs: bool) {
        self.shared.behaviour.lock().hangs = hangs;
    }

    /// From now on the stream says how many rows a range has, so that a small batch runs on one task, or does not.
    pub fn tell_rows(&self, tells_rows: bool) {
        self.shared.behaviour.lock().tells_rows = tells_rows;
    }

    /// The ends that queries said are committed, in turn.
    pub fn committed(&self) -> Vec<usize> {
        self.shared.behaviour.lock().committed.clone()
    }

    /// The columns that each scan asked for.
    pub fn asked(&self) -> Vec<Vec<ScanColumn>> {
        self.shared.behaviour.lock().asked.clone()
    }

    /// The filters that each scan was given. The stream itself ignores them.
    pub fn filters(&self) -> Vec<Arc<[ScanFilter]>> {
        self.shared.behaviour.lock().filters.clone()
    }

    fn rows(&self) -> usize {
        end_of(&self.shared.added.borrow())
    }

    fn end(&self, start: usize, limit: ReadLimit) -> LatestOffset {
        let behaviour = self.shared.behaviour.lock();
        let newest = behaviour.fixed_end.unwrap_or(usize::MAX).min(self.rows());
        let max_rows = match limit {
            ReadLimit::Options => behaviour.max_rows.unwrap_or(usize::MAX),
            ReadLimit::AllAvailable => usize::MAX,
        };
        LatestOffset { end: offset(newest.min(start.saturating_add(max_rows))), latest: offset(newest) }
    }

    /// The rows of a range, addition by addition.
    fn slices(&self, range: &OffsetRange) -> Vec<RecordBatch> {
        let (start, end) = (position(&range.start), position(&range.end));
        let added = self.shared.added.borrow();
        let first = added.partition_point(|addition| addition.end <= start);
        let slice = |addition: &Addition| {
            let begin = addition.end - addition.rows.num_rows();
            let (from, to) = (start.max(begin), end.min(addition.end));
            (from < to).then(|| addition.rows.slice(from - begin, to - from))
        };
        added[first..]
            .iter()
            .take_while(|addition| addition.end - addition.rows.num_rows() < end)
            .filter_map(slice)
            .collect()
    }
}

/// The offset behind all that was added.
fn end_of(added: &[Addition]) -> usize {
    added.last().map_or(0, |addition| addition.end)
}

fn offset(rows: usize) -> Offset {
    Offset::new(rows.into())
}

fn position(offset: &Offset) -> usize {
    usize::try_from(offset.json().as_u64().unwrap()).unwrap()
}

/// The columns that a scan asked for.
fn project(rows: &RecordBatch, columns: &[ScanColumn]) -> Result<RecordBatch> {
    let fields: Vec<_> = columns.iter().map(|column| column.field(&rows.schema())).collect();
    let arrays = columns.iter().map(|column| match column {
        ScanColumn::Plain(index) => Ok(Arc::clone(rows.column(*index))),
        ScanColumn::Decoded { column, decoder } => {
            let mut decoding = decoder.start();
            for value in rows.column(*column).as_binary::<i32>() {
                decoding.append(value)?;
            }
            decoding.finish()
        }
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays.collect::<Result<_>>()?, &options)?)
}

impl Connector for MemoryStream {
    fn names(&self) -> &'static [&'static str] {
        &["memory-stream"]
    }

    fn source_schema(&self, _config: &SourceConfig) -> Result<SchemaRef> {
        Ok(Arc::clone(&self.shared.schema))
    }

    fn open_source(&self, _config: SourceConfig) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Source for MemoryStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.shared.schema)
    }

    fn description(&self) -> String {
        let names: Vec<_> = self.shared.schema.fields().iter().map(|field| field.name().as_str()).collect();
        format!("MemoryStream[{}]", names.join(","))
    }

    async fn initial_offset(&self) -> Result<Offset> {
        Ok(offset(0))
    }

    async fn latest_offset(&self, start: &Offset, limit: ReadLimit) -> Result<LatestOffset> {
        Ok(self.end(position(start), limit))
    }

    async fn ready(&self, start: &Offset) -> Result<LatestOffset> {
        let start = position(start);
        let mut added = self.shared.added.subscribe();
        added.wait_for(|added| end_of(added) > start).await.map_err(|_| Error::internal("the stream is gone"))?;
        Ok(self.end(start, ReadLimit::Options))
    }

    async fn prepare_available_now(&self) -> Result<()> {
        self.shared.behaviour.lock().fixed_end = Some(self.rows());
        Ok(())
    }

    async fn scan(&self, request: ScanRequest) -> Result<Vec<BatchStream>> {
        {
            let mut behaviour = self.shared.behaviour.lock();
            behaviour.asked.push(request.columns.clone());
            behaviour.filters.push(Arc::clone(&request.filters));
            if let Some((left @ 1.., kind)) = behaviour.failing_scans {
                behaviour.failing_scans = Some((left - 1, kind));
                return Err(Error::new(kind, "the memory stream was told to fail"));
            }
            if behaviour.hangs {
                return Ok(vec![stream::pending().boxed()]);
            }
        }
        let mut streams: Vec<Vec<_>> = (0..request.max_streams.max(1)).map(|_| Vec::new()).collect();
        let count = streams.len();
        for (index, rows) in self.slices(&request.range).iter().enumerate() {
            streams[index % count].push(project(rows, &request.columns));
        }
        streams.retain(|batches| !batches.is_empty());
        Ok(streams.into_iter().map(|batches| stream::iter(batches).boxed()).collect())
    }

    fn rows_max(&self, range: &OffsetRange) -> Option<u64> {
        let rows = position(&range.end) - position(&range.start);
        self.shared.behaviour.lock().tells_rows.then_some(rows as u64)
    }

    async fn commit(&self, end: &Offset) -> Result<()> {
        self.shared.behaviour.lock().committed.push(position(end));
        Ok(())
    }
}
