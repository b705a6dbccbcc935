//! The connector `feed`: a source that gives the steps of a feed one by one, and a sink that keeps each batch as text.
//! `conformance/streams/spark/Feed.scala` is the same for Apache Spark.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::{StreamExt, stream};
use millstream_core::source::LatestOffset;
use millstream_core::{
    BatchStream, Clock, Connector, Error, LoggedBatch, Offset, OffsetRange, ReadLimit, Result, ScanColumn, ScanRequest,
    Sink, SinkBatch, SinkProgress, Source, SourceConfig,
};
use millstream_testing::ManualClock;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::text;

/// The rows of a feed, step by step; nothing where a step brings no batch.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) schema: SchemaRef,
    pub(crate) steps: Vec<Option<RecordBatch>>,
}

/// All feeds, as one query sees them.
#[derive(Debug, Clone)]
pub(crate) struct Feeds {
    pub(crate) by_name: Arc<BTreeMap<String, Feed>>,
    /// How many steps the query may see.
    pub(crate) visible: watch::Sender<usize>,
    /// How many of them its sources have seen: none before any is open.
    pub(crate) seen: OnceLock<Arc<AtomicUsize>>,
}

impl Connector for Feeds {
    fn names(&self) -> &'static [&'static str] {
        &["feed"]
    }

    fn source_schema(&self, config: &SourceConfig) -> Result<SchemaRef> {
        Ok(Arc::clone(&self.feed(config)?.schema))
    }

    fn open_source(&self, config: SourceConfig) -> Result<Arc<dyn Source>> {
        self.feed(&config)?;
        let feeds = Arc::clone(&self.by_name);
        let leads = self.seen.get().is_none();
        let seen = Arc::clone(self.seen.get_or_init(Arc::default));
        let visible = self.visible.subscribe();
        Ok(Arc::new(FeedSource { feeds, name: name(&config).to_owned(), visible, seen, leads }))
    }
}

impl Feeds {
    fn feed(&self, config: &SourceConfig) -> Result<&Feed> {
        self.by_name.get(name(config)).ok_or_else(|| Error::not_found(name(config)))
    }
}

fn name(config: &SourceConfig) -> &str {
    config.options.get("name").unwrap_or_default()
}

#[derive(Debug)]
struct FeedSource {
    feeds: Arc<BTreeMap<String, Feed>>,
    name: String,
    visible: watch::Receiver<usize>,
    /// What the first source of the query saw when it was asked last. A query asks its sources in their order, so all
    /// of them have the same step, though it may be brought between two questions.
    seen: Arc<AtomicUsize>,
    leads: bool,
}

impl FeedSource {
    fn feed(&self) -> &Feed {
        &self.feeds[&self.name]
    }

    /// The end of the batch that begins at `start`: one step that brings something.
    fn next(&self, start: &Offset) -> LatestOffset {
        let steps = &self.feed().steps;
        if self.leads {
            self.seen.store(*self.visible.borrow(), Ordering::SeqCst);
        }
        let (start, visible) = (position(start), self.seen.load(Ordering::SeqCst).min(steps.len()));
        let end = (start..visible).find(|&step| steps[step].is_some()).map_or(start, |step| step + 1);
        LatestOffset { end: offset(end), latest: offset(end) }
    }

    fn batches(&self, range: &OffsetRange) -> Vec<RecordBatch> {
        self.feed().steps[position(&range.start)..position(&range.end)].iter().flatten().cloned().collect()
    }
}

fn offset(steps: usize) -> Offset {
    Offset::new(steps.into())
}

fn position(offset: &Offset) -> usize {
    offset.json().as_u64().and_then(|steps| usize::try_from(steps).ok()).expect("an offset of a feed")
}

#[async_trait]
impl Source for FeedSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.feed().schema)
    }

    fn description(&self) -> String {
        format!("Feed[{}]", self.name)
    }

    async fn initial_offset(&self) -> Result<Offset> {
        Ok(offset(0))
    }

    async fn latest_offset(&self, start: &Offset, _limit: ReadLimit) -> Result<LatestOffset> {
        Ok(self.next(start))
    }

    async fn ready(&self, start: &Offset) -> Result<LatestOffset> {
        if self.leads {
            let mut visible = self.visible.clone();
            let _ = visible.wait_for(|_| self.next(start).end != *start).await;
        } else {
            // The first source wakes the query, which asks all of them then.
            let is_new =
                |_: &mut Context<'_>| if self.next(start).end == *start { Poll::Pending } else { Poll::Ready(()) };
            poll_fn(is_new).await;
        }
        Ok(self.next(start))
    }

    async fn prepare_available_now(&self) -> Result<()> {
        Ok(())
    }

    async fn scan(&self, request: ScanRequest) -> Result<Vec<BatchStream>> {
        let index = |column: &ScanColumn| match column {
            ScanColumn::Plain(index) => *index,
            ScanColumn::Decoded { .. } => panic!("a feed has nothing to decode"),
        };
        let columns: Vec<usize> = request.columns.iter().map(index).collect();
        let batches = self.batches(&request.range).into_iter().map(move |batch| Ok(batch.project(&columns)?));
        Ok(vec![stream::iter(batches.collect::<Vec<_>>()).boxed()])
    }

    fn rows_max(&self, range: &OffsetRange) -> Option<u64> {
        Some(self.batches(range).iter().map(|batch| batch.num_rows() as u64).sum())
    }

    async fn commit(&self, _end: &Offset) -> Result<()> {
        Ok(())
    }
}

/// Keeps the rows of each batch, and moves the clock on between batches, so that each has the time it had when it was
/// recorded.
#[derive(Debug)]
pub(crate) struct RecordingSink {
    pub(crate) clock: Arc<ManualClock>,
    /// The times of the batches, where they matter.
    times_ms: Vec<i64>,
    batches: Mutex<BTreeMap<u64, Vec<String>>>,
}

impl RecordingSink {
    pub(crate) fn new(times_ms: Vec<i64>) -> Self {
        let sink = Self { clock: ManualClock::new(), times_ms, batches: Mutex::default() };
        sink.set_clock(0);
        sink
    }

    fn set_clock(&self, batch: u64) {
        let ahead_ms = self.time_ms(batch).map_or(0, |time_ms| time_ms - self.clock.now_ms());
        self.clock.advance(Duration::from_millis(ahead_ms.try_into().unwrap_or(0)));
    }

    /// The recorded time of a batch.
    pub(crate) fn time_ms(&self, batch: u64) -> Option<i64> {
        self.times_ms.get(usize::try_from(batch).ok()?).copied()
    }

    /// The rows of a batch, a line each.
    pub(crate) fn rows(&self, batch: u64) -> Vec<String> {
        self.batches.lock().get(&batch).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl Sink for RecordingSink {
    fn description(&self) -> String {
        "RecordingSink".to_owned()
    }

    async fn write(&self, batch: SinkBatch, _logged: LoggedBatch) -> Result<SinkProgress> {
        let mut rows = Vec::new();
        for mut stream in batch.rows {
            while let Some(part) = stream.next().await {
                rows.extend(text::rows(&part?));
            }
        }
        let rows_written = rows.len() as u64;
        self.batches.lock().insert(batch.id.0, rows);
        self.set_clock(batch.id.0 + 1);
        Ok(SinkProgress { rows_written, ..SinkProgress::default() })
    }
}
