//! What the engine may expect of every source and sink that needs no server.
//!
//! A source: the same range gives the same rows, also from another instance; offsets outlive their text; a pinned end stays.
//! A sink: it drains every stream, and a batch written twice is there once, or the sink keeps nothing at all.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Int64Type, SchemaRef};
use futures::{StreamExt, TryStreamExt};
use millstream_connectors::console::Console;
use millstream_connectors::memory::Memory;
use millstream_connectors::noop::Noop;
use millstream_connectors::rate::{RatePerBatch, RatePerSecond};
use millstream_connectors::register_all;
use millstream_core::{
    BatchId, BatchStream, Clock, Connector, ConnectorRegistry, ErrorKind, LoggedBatch, Offset, OffsetRange, ReadLimit,
    ScanColumn, ScanRequest, Sink, SinkBatch, SinkConfig, SinkStart, Source, SourceConfig, WriteKind,
};
use millstream_testing::{ManualClock, sink_config, source_config};
use parking_lot::Mutex;

fn open_source(connector: &dyn Connector, options: &[(&str, &str)], clock: &Arc<ManualClock>) -> Arc<dyn Source> {
    let config = SourceConfig { clock: Arc::<ManualClock>::clone(clock), ..source_config(options) };
    assert_eq!(connector.open_source(config.clone()).unwrap().schema(), connector.source_schema(&config).unwrap());
    connector.open_source(config).unwrap()
}

async fn rows(source: &dyn Source, start: &Offset, end: &Offset) -> RecordBatch {
    let columns = (0..source.schema().fields().len()).map(ScanColumn::Plain).collect();
    let range = OffsetRange { start: start.clone(), end: end.clone() };
    let request = ScanRequest { range, columns, batch_rows: 7, max_streams: 1 };
    let mut batches = Vec::new();
    for stream in source.scan(request).await.unwrap() {
        batches.extend(stream.try_collect::<Vec<_>>().await.unwrap());
    }
    assert!(batches.iter().all(|batch| batch.num_rows() <= 7));
    concat_batches(&source.schema(), &batches).unwrap()
}

async fn check_source(connector: &dyn Connector, options: &[(&str, &str)]) {
    let clock = ManualClock::skipping_sleeps(0);
    let source = open_source(connector, options, &clock);
    let start = source.initial_offset().await.unwrap();
    let first = source.ready(&start).await.unwrap();
    assert_ne!(first.end, start, "ready means that there is something");
    let next = source.ready(&first.end).await.unwrap();
    let whole = rows(source.as_ref(), &start, &next.end).await.num_rows();
    let parts = [rows(source.as_ref(), &start, &first.end).await, rows(source.as_ref(), &first.end, &next.end).await];
    assert!(parts.iter().all(|part| part.num_rows() > 0));
    assert_eq!(parts.iter().map(RecordBatch::num_rows).sum::<usize>(), whole);

    // Another run, another time, offsets read back from their text.
    let later = ManualClock::skipping_sleeps(987_654_321_000);
    let again = open_source(connector, options, &later);
    let (from, to) = (Offset::parse(&start.to_string()).unwrap(), Offset::parse(&first.end.to_string()).unwrap());
    again.check_offset(&to).unwrap();
    assert_eq!(rows(again.as_ref(), &from, &to).await, parts[0]);
    assert_eq!(again.check_offset(&Offset::new("nonsense".into())).unwrap_err().kind(), ErrorKind::Data);

    source.commit(&first.end).await.unwrap();
    source.prepare_available_now().await.unwrap();
    let pinned = source.latest_offset(&next.end, ReadLimit::Options).await.unwrap().end;
    clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(source.latest_offset(&pinned, ReadLimit::AllAvailable).await.unwrap().end, pinned);
}

#[tokio::test]
async fn sources_keep_their_contract() {
    check_source(&RatePerSecond, &[("rowsPerSecond", "10")]).await;
    check_source(&RatePerBatch, &[("rowsPerBatch", "10")]).await;
}

fn numbers(values: &[i64]) -> RecordBatch {
    RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(values.to_vec())) as ArrayRef)]).unwrap()
}

fn open_sink(connector: &dyn Connector, schema: SchemaRef) -> Arc<dyn Sink> {
    let config = SinkConfig { query_name: Some("contract".to_owned()), ..sink_config(schema, &[]) };
    connector.open_sink(config).unwrap()
}

/// A batch of two streams; the flag says that the second has been drained.
fn batch(id: u64, kind: WriteKind, values: &[i64]) -> (SinkBatch, Arc<AtomicBool>) {
    let drained = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&drained);
    let end = futures::stream::once(async move {
        flag.store(true, Ordering::Relaxed);
        Ok(numbers(&[]))
    });
    let first: BatchStream = futures::stream::iter([Ok(numbers(values))]).boxed();
    let schema = numbers(&[]).schema();
    (SinkBatch { id: BatchId(id), kind, upsert_key: None, schema, rows: vec![first, end.boxed()] }, drained)
}

async fn write(sink: &dyn Sink, id: u64, kind: WriteKind, values: &[i64]) {
    let (batch, drained) = batch(id, kind, values);
    let progress = sink.write(batch, LoggedBatch::none()).await.unwrap();
    assert_eq!(progress.rows_written, values.len() as u64);
    assert!(drained.load(Ordering::Relaxed), "every stream must be drained");
}

/// What the sink holds, in ascending order; `None` from sinks that hold nothing.
async fn held(sink: &dyn Sink) -> Option<Vec<i64>> {
    let table = sink.table()?;
    let mut values = Vec::new();
    for stream in table.scan(vec![ScanColumn::Plain(0)], 8, 1).await.unwrap() {
        for batch in stream.try_collect::<Vec<_>>().await.unwrap() {
            values.extend(batch.column(0).as_primitive::<Int64Type>().values());
        }
    }
    values.sort_unstable();
    Some(values)
}

async fn check_sink(connector: &dyn Connector) {
    let sink = open_sink(connector, numbers(&[]).schema());
    sink.open(SinkStart::batch_write()).await.unwrap();
    write(sink.as_ref(), 0, WriteKind::Append, &[1, 2]).await;
    write(sink.as_ref(), 1, WriteKind::Append, &[3]).await;
    write(sink.as_ref(), 1, WriteKind::Append, &[3]).await;
    assert!(held(sink.as_ref()).await.is_none_or(|values| values == [1, 2, 3]));

    let (mut failing, _) = batch(2, WriteKind::Append, &[4]);
    failing.rows.push(futures::stream::iter([Err(millstream_core::Error::data("broken"))]).boxed());
    assert_eq!(sink.write(failing, LoggedBatch::none()).await.unwrap_err().kind(), ErrorKind::Data);
    assert!(held(sink.as_ref()).await.is_none_or(|values| values == [1, 2, 3]), "of a failed batch nothing shows");

    write(sink.as_ref(), 2, WriteKind::Complete, &[9]).await;
    assert!(held(sink.as_ref()).await.is_none_or(|values| values == [9]));
    write(sink.as_ref(), 3, WriteKind::Complete, &[]).await;
    assert!(held(sink.as_ref()).await.is_none_or(|values| values.is_empty()));
    sink.close().await.unwrap();
}

#[tokio::test]
async fn sinks_keep_their_contract() {
    check_sink(&Memory).await;
    check_sink(&Noop).await;
    check_sink(&Console::new(Arc::new(Mutex::new(Vec::new())))).await;
}

#[test]
fn what_a_connector_cannot_do_it_refuses_in_sparks_words() {
    let mut registry = ConnectorRegistry::default();
    register_all(&mut registry);
    let source = |name: &str| (registry.get(name).unwrap(), source_config(&[("path", "/"), ("rowsPerBatch", "1")]));
    for name in ["console", "NOOP", "text"] {
        let (connector, config) = source(name);
        let error = connector.open_source(config).unwrap_err();
        assert_eq!(error.class(), Some("_LEGACY_ERROR_TEMP_2049"));
        let name = name.to_lowercase();
        assert_eq!(error.message(), format!("Data source {name} does not support streamed reading."));
    }
    for name in ["rate", "rate-micro-batch", "console", "noop"] {
        let (connector, config) = source(name);
        let error = connector.open_batch(config).unwrap_err();
        assert_eq!(error.class(), Some("_LEGACY_ERROR_TEMP_1135"));
        assert_eq!(error.message(), format!("{name} is not a valid Spark SQL Data Source."));
    }
    assert_eq!(registry.get("nope").unwrap_err().class(), Some("DATA_SOURCE_NOT_FOUND"));
}
