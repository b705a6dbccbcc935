//! Runs plans batch by batch over rows in memory, as the batch loop does, without log and sink.

mod session;
mod window;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::array::{TimestampMicrosecondArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use datafusion::logical_expr::{Extension, LogicalPlan};
use datafusion::prelude::col;
use futures::TryStreamExt;
use millstream_core::progress::StateOperatorProgress;
use millstream_core::{
    BatchId, MemoryLedger, Offset, OffsetRange, OutputMode, QueryId, QuerySettings, ReadLimit, Result, RunId, Source,
    SystemRandom, Trigger,
};
use millstream_testing::{ManualClock, MemorySink, MemoryStream, source_config};
use uuid::Uuid;

pub(crate) use self::session::session_window;
pub(crate) use self::window::window;
use super::joined_aggregates::FUSE_JOINED_AGGREGATES;
use super::unsupported::STRICT_SPARK;
use super::watermark_propagation::ALLOW_MULTIPLE_CONF;
use super::{BatchInputs, EventTimeWatermarkNode, IncrementalExecution, StreamingRelationNode};
use crate::functions::{Meaning, with_meaning};
use crate::run::{Pinned, QueryEnvironment, QuerySpec, SyncPolicy};
use crate::work::Work;

/// A stream of `ts TIMESTAMP, k STRING, v BIGINT` or of another schema, filled batch by batch.
#[derive(Debug, Clone)]
pub(crate) struct MemoryRows(MemoryStream);

/// (event time in seconds or NaN for none, key, value)
pub(crate) type Row = (f64, Option<&'static str>, Option<i64>);

pub(crate) fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl Default for MemoryRows {
    fn default() -> Self {
        Self::of(Arc::new(Schema::new(vec![
            Field::new("ts", utc(), true),
            Field::new("k", DataType::Utf8, true),
            Field::new("v", DataType::Int64, true),
        ])))
    }
}

impl Deref for MemoryRows {
    type Target = MemoryStream;

    fn deref(&self) -> &MemoryStream {
        &self.0
    }
}

impl MemoryRows {
    pub(crate) fn of(schema: SchemaRef) -> Self {
        Self(MemoryStream::new(schema))
    }

    pub(crate) fn relation(&self) -> LogicalPlan {
        let node = StreamingRelationNode::try_new("rows", Arc::new(self.0.clone()), source_config(&[])).unwrap();
        LogicalPlan::Extension(Extension { node: Arc::new(node) })
    }

    pub(crate) fn add(&self, rows: &[Row]) {
        let times = rows.iter().map(|row| (!row.0.is_nan()).then_some((row.0 * 1e6).round() as i64));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from_iter(times).with_timezone("UTC")),
            Arc::new(StringArray::from_iter(rows.iter().map(|row| row.1))),
            Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.2))),
        ];
        self.add_batch(RecordBatch::try_new(Source::schema(&self.0), columns).unwrap());
    }
}

/// How a plan is run.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) mode: OutputMode,
    pub(crate) memory: MemoryLedger,
    pub(crate) cores: usize,
    pub(crate) ansi: bool,
    /// Each operator has watermarks of its own.
    pub(crate) allow_multiple: bool,
    /// What Spark refuses is refused.
    pub(crate) is_strict: bool,
    /// Joined aggregates of one stream become one.
    pub(crate) fuses: bool,
}

impl Setting {
    pub(crate) fn of(mode: OutputMode) -> Self {
        Self {
            mode,
            memory: MemoryLedger::unlimited(),
            cores: 2,
            ansi: true,
            allow_multiple: true,
            is_strict: false,
            fuses: true,
        }
    }
}

/// A running plan.
#[derive(Debug)]
pub(crate) struct StreamTest {
    pub(crate) execution: IncrementalExecution,
    next_id: u64,
    /// What each source has given so far.
    read: Vec<Offset>,
    /// The watermark of the last batch, and of the next.
    watermarks_ms: (i64, i64),
    pub(crate) progress: Vec<StateOperatorProgress>,
    /// Of the first operator, by batch.
    pub(crate) deltas: Vec<Vec<u8>>,
    _scratch: tempfile::TempDir,
}

impl StreamTest {
    pub(crate) async fn start(plan: LogicalPlan, setting: Setting) -> Result<Self> {
        Self::start_pinned(plan, setting, vec![]).await
    }

    pub(crate) async fn start_pinned(
        plan: LogicalPlan,
        setting: Setting,
        pinned: Vec<Arc<dyn Pinned>>,
    ) -> Result<Self> {
        let spec = QuerySpec {
            name: Some("test".to_owned()),
            plan,
            output_mode: setting.mode,
            trigger: Trigger::Default,
            sink: Arc::new(MemorySink::default()),
            checkpoint: None,
            sync: SyncPolicy::Never,
            pinned,
            settings: QuerySettings { ansi: setting.ansi, ..QuerySettings::default() },
            conf: BTreeMap::from([
                (ALLOW_MULTIPLE_CONF.to_owned(), setting.allow_multiple.to_string()),
                (STRICT_SPARK.to_owned(), setting.is_strict.to_string()),
                (FUSE_JOINED_AGGREGATES.to_owned(), setting.fuses.to_string()),
            ]),
        };
        let scratch = tempfile::tempdir().expect("there is a folder for temporary files");
        let environment = QueryEnvironment {
            id: QueryId(Uuid::nil()),
            run_id: RunId(Uuid::nil()),
            memory: setting.memory,
            scratch: scratch.path().to_owned(),
            work: Work::uninterrupted(MemoryLedger::unlimited()),
            clock: ManualClock::new(),
            random: Arc::new(SystemRandom),
            cores: setting.cores,
            source_logs: None,
        };
        let execution = IncrementalExecution::try_new(&spec, &environment).await?;
        let read = vec![Offset::new(0.into()); execution.sources().len()];
        Ok(Self {
            execution,
            next_id: 0,
            read,
            watermarks_ms: (0, 0),
            progress: vec![],
            deltas: vec![],
            _scratch: scratch,
        })
    }

    /// Runs the batches that are due, data first, and gives the rows of each as sorted text.
    pub(crate) async fn run(&mut self) -> Result<Vec<Vec<String>>> {
        let mut results = vec![];
        loop {
            let mut ranges = vec![];
            for (source, start) in self.execution.sources().iter().zip(&mut self.read) {
                let end = source.latest_offset(start, ReadLimit::Options).await?.end;
                ranges.push((end != *start).then(|| OffsetRange { start: start.clone(), end: end.clone() }));
            }
            let has_data = ranges.iter().any(Option::is_some);
            if !has_data && !self.execution.needs_no_data_batch(self.watermarks_ms.1) {
                return Ok(results);
            }
            results.push(self.run_batch(ranges, |_| Ok(())).await?);
        }
    }

    /// Runs one batch and commits it, or undoes it when it fails. `meddle` may fail it after its rows are out.
    pub(crate) async fn run_batch(
        &mut self,
        ranges: Vec<Option<OffsetRange>>,
        meddle: impl FnOnce(&[String]) -> Result<()>,
    ) -> Result<Vec<String>> {
        let batch = self.execution.new_batch(BatchInputs {
            id: BatchId(self.next_id),
            timestamp_ms: 1_000 * i64::try_from(self.next_id).unwrap(),
            ranges: ranges.clone(),
            late_watermark_ms: self.watermarks_ms.0,
            eviction_watermark_ms: self.watermarks_ms.1,
            pins: BTreeMap::new(),
            muted: false,
        });
        let streams = self.execution.execute(&batch)?;
        let drained = futures::future::try_join_all(streams.into_iter().map(TryStreamExt::try_collect::<Vec<_>>));
        let outcome =
            drained.await.map(|batches| text_rows(&batches.concat())).and_then(|rows| meddle(&rows).map(|()| rows));
        match outcome {
            Ok(rows) => {
                self.commit(ranges);
                self.watermarks_ms = (self.watermarks_ms.1, self.execution.watermark().advance(&batch));
                Ok(rows)
            }
            Err(error) => {
                let stores = self.execution.operators().iter().flat_map(|operator| operator.stores());
                stores.for_each(|store| store.undo());
                Err(error)
            }
        }
    }

    fn commit(&mut self, ranges: Vec<Option<OffsetRange>>) {
        let operators = self.execution.operators().iter();
        for (id, store) in operators.flat_map(|operator| operator.stores().iter().map(|store| (operator.id(), store))) {
            let mut delta = vec![];
            store.commit(&mut delta).unwrap();
            if id == 0 {
                self.deltas.push(delta);
            }
        }
        self.progress = self.execution.state_progress();
        self.next_id += 1;
        for (read, range) in self.read.iter_mut().zip(ranges) {
            *read = range.map_or_else(|| read.clone(), |range| range.end);
        }
    }

    /// The same test, with these ranges taken as read.
    pub(crate) fn skip(mut self, ranges: Vec<Option<OffsetRange>>) -> Self {
        for (read, range) in self.read.iter_mut().zip(ranges) {
            *read = range.map_or_else(|| read.clone(), |range| range.end);
        }
        self
    }

    /// The range of everything that was not read yet.
    pub(crate) async fn pending(&self) -> Vec<Option<OffsetRange>> {
        let mut ranges = vec![];
        for (source, start) in self.execution.sources().iter().zip(&self.read) {
            let end = source.latest_offset(start, ReadLimit::Options).await.unwrap().end;
            ranges.push((end != *start).then(|| OffsetRange { start: start.clone(), end }));
        }
        ranges
    }

    pub(crate) fn watermark_ms(&self) -> i64 {
        self.watermarks_ms.1
    }
}

/// Rows as text, `a|b|c`, windows as `[start,end)` in seconds.
pub(crate) fn text_rows(batches: &[RecordBatch]) -> Vec<String> {
    let mut rows = vec![];
    for batch in batches {
        for row in 0..batch.num_rows() {
            let values: Vec<_> = batch.columns().iter().map(|column| text_value(column, row)).collect();
            rows.push(values.join("|"));
        }
    }
    rows.sort();
    rows
}

fn text_value(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return "NULL".to_owned();
    }
    let seconds = |times: &ArrayRef| times.as_primitive::<TimestampMicrosecondType>().value(row) as f64 / 1e6;
    match column.data_type() {
        DataType::Struct(_) => {
            let window = column.as_struct();
            format!("[{},{})", seconds(window.column(0)), seconds(window.column(1)))
        }
        DataType::Timestamp(..) => seconds(column).to_string(),
        _ => array_value_to_string(column, row).unwrap(),
    }
}

/// `withWatermark("ts", delay)`.
pub(crate) fn with_watermark(input: LogicalPlan, delay_s: i64) -> LogicalPlan {
    EventTimeWatermarkNode::over(input, col("ts"), delay_s * 1_000_000).unwrap()
}

/// A column of NULLs.
pub(crate) fn nulls(data_type: &DataType, rows: usize) -> ArrayRef {
    new_null_array(data_type, rows)
}
