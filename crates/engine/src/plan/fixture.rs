//! Runs plans batch by batch over rows in memory, as the batch loop does, without log and sink.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, RecordBatch, StringArray, StructArray};
use arrow::array::{TimestampMicrosecondArray, new_null_array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use arrow::util::display::array_value_to_string;
use async_trait::async_trait;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Extension, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
    lit,
};
use datafusion::prelude::col;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use millstream_core::progress::StateOperatorProgress;
use millstream_core::source::LatestOffset;
use millstream_core::{
    BatchId, BatchStream, Clock, Connector, MemoryLedger, Offset, OffsetRange, Options, OutputMode, QueryId,
    QuerySettings, ReadLimit, Result, RunId, ScanColumn, ScanRequest, Sink, SinkBatch, SinkProgress, Source,
    SourceConfig, Trigger,
};
use parking_lot::Mutex;
use uuid::Uuid;

use super::{BatchInputs, EventTimeWatermarkNode, IncrementalExecution, StreamingRelationNode};
use crate::run::{QueryEnvironment, QuerySpec, SyncPolicy};

/// Rows `ts TIMESTAMP, k STRING, v BIGINT`, added batch by batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryRows {
    batches: Arc<Mutex<Vec<RecordBatch>>>,
    /// What scans asked for.
    pub(crate) asked: Arc<Mutex<Vec<Vec<ScanColumn>>>>,
    /// Whether it says how few rows there are, so that they run on one task.
    pub(crate) tells_rows: Arc<AtomicBool>,
    schema: Option<SchemaRef>,
}

/// (event time in seconds or NaN for none, key, value)
pub(crate) type Row = (f64, Option<&'static str>, Option<i64>);

pub(crate) fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl MemoryRows {
    pub(crate) fn of(schema: SchemaRef) -> Self {
        Self { schema: Some(schema), ..Self::default() }
    }

    pub(crate) fn relation(&self) -> LogicalPlan {
        let config = SourceConfig {
            options: Options::new(),
            user_schema: None,
            query: None,
            settings: QuerySettings::default(),
            memory: MemoryLedger::unlimited(),
            clock: Arc::new(StoppedClock),
        };
        let node = StreamingRelationNode::try_new("rows", Arc::new(self.clone()), config).unwrap();
        LogicalPlan::Extension(Extension { node: Arc::new(node) })
    }

    pub(crate) fn add(&self, rows: &[Row]) {
        let times = rows.iter().map(|row| (!row.0.is_nan()).then_some((row.0 * 1e6).round() as i64));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from_iter(times).with_timezone("UTC")),
            Arc::new(StringArray::from_iter(rows.iter().map(|row| row.1))),
            Arc::new(Int64Array::from_iter(rows.iter().map(|row| row.2))),
        ];
        self.add_batch(RecordBatch::try_new(Source::schema(self), columns).unwrap());
    }

    pub(crate) fn add_batch(&self, rows: RecordBatch) {
        self.batches.lock().push(rows);
    }
}

impl Connector for MemoryRows {
    fn names(&self) -> &'static [&'static str] {
        &["rows"]
    }

    fn source_schema(&self, _config: &SourceConfig) -> Result<SchemaRef> {
        Ok(Source::schema(self))
    }

    fn open_source(&self, _config: SourceConfig) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Source for MemoryRows {
    fn schema(&self) -> SchemaRef {
        self.schema.clone().unwrap_or_else(|| {
            Arc::new(Schema::new(vec![
                Field::new("ts", utc(), true),
                Field::new("k", DataType::Utf8, true),
                Field::new("v", DataType::Int64, true),
            ]))
        })
    }

    fn description(&self) -> String {
        "MemoryRows".to_owned()
    }

    async fn initial_offset(&self) -> Result<Offset> {
        Ok(Offset::new(0.into()))
    }

    async fn latest_offset(&self, _start: &Offset, _limit: ReadLimit) -> Result<LatestOffset> {
        let end = Offset::new(self.batches.lock().len().into());
        Ok(LatestOffset { end: end.clone(), latest: end })
    }

    async fn ready(&self, start: &Offset) -> Result<LatestOffset> {
        self.latest_offset(start, ReadLimit::Options).await
    }

    async fn prepare_available_now(&self) -> Result<()> {
        Ok(())
    }

    async fn scan(&self, request: ScanRequest) -> Result<Vec<BatchStream>> {
        self.asked.lock().push(request.columns.clone());
        let at = |offset: &Offset| offset.json().as_u64().unwrap() as usize;
        let batches = self.batches.lock()[at(&request.range.start)..at(&request.range.end)].to_vec();
        let schema = Source::schema(self);
        let fields: Vec<_> = request.columns.iter().map(|column| column.field(&schema)).collect();
        let give = move |rows: RecordBatch| {
            let columns = request.columns.iter().map(|column| match column {
                ScanColumn::Plain(index) => Ok(Arc::clone(rows.column(*index))),
                ScanColumn::Decoded { column, decoder } => {
                    let mut decoding = decoder.start();
                    for value in rows.column(*column).as_binary::<i32>() {
                        decoding.append(value)?;
                    }
                    decoding.finish()
                }
            });
            let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
            let schema = Arc::new(Schema::new(fields.clone()));
            Ok(RecordBatch::try_new_with_options(schema, columns.collect::<Result<_>>()?, &options)?)
        };
        // One stream for each batch, so that a plan's partitions have something to do at the same time.
        Ok(batches.into_iter().map(|rows| stream::iter([give(rows)]).boxed()).collect())
    }

    fn rows_max(&self, _range: &OffsetRange) -> Option<u64> {
        self.tells_rows.load(Ordering::Relaxed).then_some(100)
    }

    async fn commit(&self, _end: &Offset) -> Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now_us(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _duration: Duration) -> BoxFuture<'static, ()> {
        futures::future::pending().boxed()
    }
}

#[derive(Debug)]
struct NoSink;

#[async_trait]
impl Sink for NoSink {
    fn description(&self) -> String {
        "NoSink".to_owned()
    }

    async fn write(&self, _batch: SinkBatch) -> Result<SinkProgress> {
        Ok(SinkProgress::default())
    }
}

/// How a plan is run.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) mode: OutputMode,
    pub(crate) memory: MemoryLedger,
    pub(crate) cores: usize,
    pub(crate) ansi: bool,
}

impl Setting {
    pub(crate) fn of(mode: OutputMode) -> Self {
        Self { mode, memory: MemoryLedger::unlimited(), cores: 2, ansi: true }
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
        let spec = QuerySpec {
            name: Some("test".to_owned()),
            plan,
            output_mode: setting.mode,
            trigger: Trigger::Default,
            sink: Arc::new(NoSink),
            checkpoint: None,
            sync: SyncPolicy::Never,
            settings: QuerySettings { ansi: setting.ansi, ..QuerySettings::default() },
            conf: BTreeMap::new(),
        };
        let scratch = tempfile::tempdir().expect("there is a folder for temporary files");
        let environment = QueryEnvironment {
            id: QueryId(Uuid::nil()),
            run_id: RunId(Uuid::nil()),
            memory: setting.memory,
            scratch: scratch.path().to_owned(),
            clock: Arc::new(StoppedClock),
            cores: setting.cores,
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
                self.execution.stores().for_each(|store| store.undo());
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
    let node = EventTimeWatermarkNode::new(input, col("ts"), delay_s * 1_000_000);
    LogicalPlan::Extension(Extension { node: Arc::new(node) })
}

/// `window(ts, size)`, in seconds; with a slide, a list of windows.
pub(crate) fn window(size_s: i64, slide_s: i64) -> Expr {
    let call = ScalarUDF::from(WindowFunction { signature: Signature::any(3, Volatility::Immutable) });
    call.call(vec![col("ts"), lit(size_s * 1_000_000), lit(slide_s * 1_000_000)])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WindowFunction {
    signature: Signature,
}

fn window_fields() -> Fields {
    vec![Field::new("start", utc(), false), Field::new("end", utc(), false)].into()
}

impl ScalarUDFImpl for WindowFunction {
    fn name(&self) -> &str {
        "window"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> datafusion::error::Result<DataType> {
        let _ = arguments;
        Ok(DataType::Struct(window_fields()))
    }

    fn return_field_from_args(
        &self,
        args: datafusion::logical_expr::ReturnFieldArgs,
    ) -> datafusion::error::Result<arrow::datatypes::FieldRef> {
        let window = DataType::Struct(window_fields());
        let constant = |index: usize| args.scalar_arguments[index].cloned();
        let data_type = if constant(1) == constant(2) {
            window
        } else {
            DataType::List(Arc::new(Field::new("item", window, false)))
        };
        Ok(Arc::new(Field::new("window", data_type, false)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> datafusion::error::Result<ColumnarValue> {
        let constant = |value: &ColumnarValue| match value {
            ColumnarValue::Scalar(ScalarValue::Int64(Some(value))) => *value,
            other => panic!("{other} is no length"),
        };
        let (size, slide) = (constant(&args.args[1]), constant(&args.args[2]));
        let times = args.args[0].to_array(args.number_rows)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let mut starts = vec![];
        let mut lengths = vec![];
        for &time in times.values() {
            let last = time - time.rem_euclid(slide);
            let all = (0..size / slide).map(|back| last - back * slide).filter(|start| time < start + size);
            let before = starts.len();
            starts.extend(all);
            lengths.push(starts.len() - before);
        }
        let column =
            |times: Vec<i64>| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC")) };
        let ends = starts.iter().map(|start| start + size).collect();
        let windows: ArrayRef = Arc::new(StructArray::new(window_fields(), vec![column(starts), column(ends)], None));
        if size == slide {
            return Ok(ColumnarValue::Array(windows));
        }
        let item = Arc::new(Field::new("item", windows.data_type().clone(), false));
        Ok(ColumnarValue::Array(Arc::new(ListArray::new(item, OffsetBuffer::from_lengths(lengths), windows, None))))
    }
}

/// A column of NULLs.
pub(crate) fn nulls(data_type: &DataType, rows: usize) -> ArrayRef {
    new_null_array(data_type, rows)
}
