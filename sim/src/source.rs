//! A source of several partitions whose rows arrive bit by bit, which answers in pieces of any size and fails now and
//! then.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt, stream};
use millstream_core::source::LatestOffset;
use millstream_core::{
    BatchStream, Connector, Error, Offset, OffsetRange, ReadLimit, Result, ScanColumn, ScanRequest, Source,
    SourceConfig,
};
use millstream_testing::{ManualClock, source_config};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::chance::Chance;
use crate::logged_source::LoggedSource;
use crate::rows::{KEPT_BACK, Row};
use crate::trace::Trace;

/// What the source says when it fails on purpose.
pub(crate) const FAILS: &str = "the simulated source fails";

/// Clones are the same source.
#[derive(Debug, Clone)]
pub(crate) struct SimSource(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    chance: Chance,
    trace: Trace,
    /// Whether the engine sees it as a [`LoggedSource`].
    keeps_log: bool,
    /// By partition, all that will ever arrive.
    rows: Vec<Vec<Row>>,
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Clone, Default)]
struct State {
    /// How much of each partition has arrived.
    available: Vec<usize>,
    /// Rows of each partition that do not arrive yet.
    kept_back: usize,
    /// The end that `availableNow` was promised.
    fixed_end: Option<Vec<usize>>,
    /// Rows of a partition that one batch may read.
    limit: Option<usize>,
    /// Times in a hundred.
    fails: u64,
    scanned: Option<OffsetRange>,
    told: Vec<usize>,
}

impl SimSource {
    pub(crate) fn new(rows: Vec<Row>, partitions: usize, chance: Chance, trace: Trace) -> Self {
        let mut by_partition = vec![Vec::new(); partitions];
        rows.into_iter().for_each(|row| by_partition[chance.index(partitions)].push(row));
        let limit = chance.percent(70).then(|| chance.index(20) + 1);
        let state = State { available: vec![0; partitions], told: vec![0; partitions], limit, ..State::default() };
        let (state, arrived) = (Mutex::new(state), Notify::new());
        let keeps_log = chance.percent(33);
        Self(Arc::new(Shared { chance, trace, keeps_log, rows: by_partition, state, arrived }))
    }

    /// Whether its offsets are numbers of entries in a log of its own.
    pub(crate) fn keeps_log(&self) -> bool {
        self.0.keeps_log
    }

    /// A process begins; the source fails so many times in a hundred while it lives. Some rows are kept back for the
    /// last process: as in Spark, a query that starts again runs a batch without data only after one with data, and
    /// knows the watermark of an input only when it has seen a row of it.
    pub(crate) fn boot(&self, fails: u64, is_last: bool) {
        let mut state = self.0.state.lock();
        (state.fails, state.fixed_end, state.scanned) = (fails, None, None);
        state.kept_back = if is_last { 0 } else { KEPT_BACK };
    }

    /// Some more rows arrive. Says whether there were any.
    pub(crate) fn arrive(&self, most: u64) -> bool {
        let mut state = self.0.state.lock();
        let (kept_back, mut is_news) = (state.kept_back, false);
        for (available, rows) in state.available.iter_mut().zip(&self.0.rows) {
            let left = rows.len().saturating_sub(kept_back).saturating_sub(*available);
            let more = self.0.chance.index(usize::try_from(most).expect("small") + 1).min(left);
            *available += more;
            is_news |= more > 0;
        }
        self.0.trace.add(format!("rows arrived: {:?}", state.available));
        drop(state);
        if is_news {
            self.0.arrived.notify_waiters();
        }
        is_news
    }

    /// Everything arrives, at once.
    pub(crate) fn arrive_all(&self) -> bool {
        self.0.state.lock().available = self.0.rows.iter().map(Vec::len).collect();
        self.0.trace.add("all rows arrived");
        true
    }

    /// Whether there is nothing left to arrive.
    pub(crate) fn has_arrived(&self) -> bool {
        let state = self.0.state.lock();
        let has_arrived = |(available, rows): (&usize, &Vec<Row>)| available + state.kept_back >= rows.len();
        state.available.iter().zip(&self.0.rows).all(has_arrived)
    }

    /// Everything there will ever be, by partition.
    pub(crate) fn all(&self) -> Offset {
        offset(&self.0.rows.iter().map(Vec::len).collect::<Vec<_>>())
    }

    pub(crate) fn start(&self) -> Offset {
        offset(&vec![0; self.0.rows.len()])
    }

    /// The rows of a range.
    pub(crate) fn rows(&self, range: &OffsetRange) -> Vec<Row> {
        let ends = positions(&range.start).into_iter().zip(positions(&range.end));
        self.0.rows.iter().zip(ends).flat_map(|(rows, (start, end))| rows[start..end].to_vec()).collect()
    }

    /// The range that was read since this was last asked.
    pub(crate) fn take_scanned(&self) -> Option<OffsetRange> {
        self.0.state.lock().scanned.take()
    }

    /// What the source was told is committed.
    pub(crate) fn told(&self) -> Offset {
        offset(&self.0.state.lock().told)
    }

    pub(crate) fn config(clock: Arc<ManualClock>) -> SourceConfig {
        SourceConfig { clock, ..source_config(&[]) }
    }

    async fn may_fail(&self, what: &str) -> Result<()> {
        for _ in 0..self.0.chance.below(3) {
            tokio::task::yield_now().await;
        }
        self.fail(what)
    }

    fn fail(&self, what: &str) -> Result<()> {
        if !self.0.chance.percent(self.0.state.lock().fails) {
            return Ok(());
        }
        self.0.trace.add(format!("source fails: {what}"));
        // Most failures pass; some end the query.
        Err(if self.0.chance.percent(85) { Error::unavailable(FAILS) } else { Error::data(FAILS) })
    }

    fn end(&self, start: &Offset, limit: ReadLimit) -> LatestOffset {
        let state = self.0.state.lock().clone();
        let newest = state.fixed_end.unwrap_or(state.available);
        let most = state.limit.filter(|_| limit == ReadLimit::Options).unwrap_or(usize::MAX);
        let ends: Vec<_> = positions(start).iter().zip(&newest).map(|(s, n)| s.saturating_add(most).min(*n)).collect();
        LatestOffset { end: offset(&ends), latest: offset(&newest) }
    }

    /// Pieces of any size, with pauses between them.
    fn stream(self, rows: Vec<Row>, request: ScanRequest) -> BatchStream {
        let pieces = stream::unfold((self, rows, request), |(source, mut rest, request)| async move {
            if rest.is_empty() {
                return None;
            }
            if let Err(error) = source.may_fail("in the middle of a scan").await {
                return Some((Err(error), (source, Vec::new(), request)));
            }
            let size = source.0.chance.index(rest.len().min(request.batch_rows)) + 1;
            let later = rest.split_off(size);
            Some((batch(&rest, &request.columns), (source, later, request)))
        });
        pieces.boxed()
    }
}

fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let number = |name| Field::new(name, DataType::Int64, true);
    Arc::new(Schema::new(vec![number("key"), number("value"), Field::new("ts", time, true)]))
}

fn batch(rows: &[Row], columns: &[ScanColumn]) -> Result<RecordBatch> {
    let times = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.second * 1_000_000));
    let all: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.key))),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.value))),
        Arc::new(times.with_timezone("UTC")),
    ];
    let index = |column: &ScanColumn| match column {
        ScanColumn::Plain(index) => Ok(*index),
        ScanColumn::Decoded { .. } => Err(Error::unsupported("the simulated source has nothing to decode")),
    };
    let indices = columns.iter().map(index).collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(schema(), all)?.project(&indices)?)
}

pub(crate) fn offset(positions: &[usize]) -> Offset {
    Offset::new(serde_json::Value::from(positions.to_vec()))
}

/// The positions in an offset of ours.
pub(crate) fn positions(offset: &Offset) -> Vec<usize> {
    serde_json::from_value(offset.json().clone()).expect("the engine gives back what it was given")
}

impl Connector for SimSource {
    fn names(&self) -> &'static [&'static str] {
        &["simulated"]
    }

    fn source_schema(&self, _config: &SourceConfig) -> Result<SchemaRef> {
        Ok(schema())
    }

    fn open_source(&self, config: SourceConfig) -> Result<Arc<dyn Source>> {
        if !self.0.keeps_log {
            return Ok(Arc::new(self.clone()));
        }
        let log = config.log.ok_or_else(|| Error::internal("there is no log for the source"))?;
        Ok(Arc::new(LoggedSource::new(self.clone(), log)))
    }
}

#[async_trait]
impl Source for SimSource {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn description(&self) -> String {
        "simulated".to_owned()
    }

    async fn initial_offset(&self) -> Result<Offset> {
        self.may_fail("to say where it begins").await?;
        Ok(self.start())
    }

    async fn latest_offset(&self, start: &Offset, limit: ReadLimit) -> Result<LatestOffset> {
        self.may_fail("to say what is new").await?;
        Ok(self.end(start, limit))
    }

    async fn ready(&self, start: &Offset) -> Result<LatestOffset> {
        loop {
            let mut arrived = std::pin::pin!(self.0.arrived.notified());
            arrived.as_mut().enable();
            let latest = self.end(start, ReadLimit::Options);
            if latest.end != *start {
                self.fail("to say that it is ready")?;
                return Ok(latest);
            }
            arrived.await;
        }
    }

    async fn prepare_available_now(&self) -> Result<()> {
        let mut state = self.0.state.lock();
        state.fixed_end = Some(state.available.clone());
        Ok(())
    }

    async fn scan(&self, request: ScanRequest) -> Result<Vec<BatchStream>> {
        self.0.trace.add(format!("scan {} to {}", request.range.start, request.range.end));
        self.0.state.lock().scanned = Some(request.range.clone());
        self.may_fail("to scan").await?;
        let mut rows = self.rows(&request.range);
        if request.max_streams > 1 && rows.len() > 1 && self.0.chance.percent(50) {
            let later = rows.split_off(rows.len() / 2);
            return Ok([rows, later].map(|rows| self.clone().stream(rows, request.clone())).into());
        }
        Ok(vec![self.clone().stream(rows, request)])
    }

    async fn commit(&self, end: &Offset) -> Result<()> {
        self.0.trace.add(format!("source is told {end}"));
        self.0.state.lock().told = positions(end);
        self.may_fail("to take note").now_or_never().unwrap_or(Ok(()))
    }
}
