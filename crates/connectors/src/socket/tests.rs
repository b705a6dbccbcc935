//! Lines from a server of the test: numbered, kept until they are committed, and bounded.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::TimestampMicrosecondType;
use futures::TryStreamExt;
use millstream_core::{Clock, ErrorKind, MemoryLedger, OffsetRange};
use millstream_testing::{ManualClock, source_config};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A server that the test speaks for.
async fn server() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    (listener, port)
}

fn open(port: &str, more: &[(&str, &str)]) -> Arc<dyn Source> {
    let options = [&[("host", "127.0.0.1"), ("port", port)], more].concat();
    Socket.open_source(source_config(&options)).unwrap()
}

async fn accept(listener: &TcpListener, source: &dyn Source, start: i64) -> TcpStream {
    let start = offset(start);
    let (connected, accepted) = tokio::join!(source.latest_offset(&start, ReadLimit::Options), listener.accept());
    assert_eq!(connected.unwrap().end, start);
    accepted.unwrap().0
}

async fn texts(source: &dyn Source, start: i64, end: i64) -> Result<Vec<String>> {
    let range = OffsetRange { start: offset(start), end: offset(end) };
    let columns = vec![ScanColumn::Plain(0)];
    let request = ScanRequest { range, columns, filters: Arc::default(), batch_rows: 2, max_streams: 4 };
    let streams = source.scan(request).await?;
    let batches: Vec<RecordBatch> = stream::iter(streams).flatten().try_collect().await?;
    assert!(batches.iter().all(|batch| batch.num_rows() <= 2));
    let texts = batches.iter().flat_map(|batch| batch.column(0).as_string::<i32>().iter());
    Ok(texts.map(|text| text.unwrap().to_owned()).collect())
}

/// Reads until there are lines up to this one.
async fn arrives(source: &dyn Source, end: i64) {
    let mut newest = offset(end - 1);
    while newest != offset(end) {
        newest = source.ready(&offset(end - 1)).await.unwrap().end;
    }
}

#[tokio::test]
async fn lines_are_given_again_until_they_are_committed() {
    let (listener, port) = server().await;
    let source = open(&port, &[]);
    let mut stream = accept(&listener, &*source, -1).await;
    stream.write_all(b"one\ntwo\nthr").await.unwrap();
    arrives(&*source, 1).await;
    assert_eq!(texts(&*source, -1, 1).await.unwrap(), ["one", "two"]);
    assert_eq!(texts(&*source, -1, 1).await.unwrap(), ["one", "two"]);
    source.commit(&offset(0)).await.unwrap();
    stream.write_all(b"ee\nlast").await.unwrap();
    stream.shutdown().await.unwrap();
    arrives(&*source, 3).await;
    assert_eq!(texts(&*source, 0, 3).await.unwrap(), ["two", "three", "last"]);
    let error = texts(&*source, -1, 1).await.unwrap_err();
    assert!(error.message().contains("cannot be read again"), "{error}");
}

#[tokio::test]
async fn another_run_numbers_its_lines_from_where_the_one_before_ended() {
    let (listener, port) = server().await;
    let source = open(&port, &[]);
    let error = texts(&*source, -1, 4).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    let mut stream = accept(&listener, &*source, 4).await;
    stream.write_all(b"five\n").await.unwrap();
    arrives(&*source, 5).await;
    assert_eq!(texts(&*source, 4, 5).await.unwrap(), ["five"]);
}

#[tokio::test]
async fn the_time_of_a_line_is_that_of_its_end() {
    let (listener, port) = server().await;
    let clock = ManualClock::new();
    let options = [("host", "127.0.0.1"), ("port", port.as_str()), ("includeTimestamp", "TRUE")];
    let config = SourceConfig { clock: Arc::<ManualClock>::clone(&clock), ..source_config(&options) };
    let source = Socket.open_source(config).unwrap();
    let mut stream = accept(&listener, &*source, -1).await;
    stream.write_all(b"a line\n").await.unwrap();
    arrives(&*source, 0).await;
    let range = OffsetRange { start: offset(-1), end: offset(0) };
    let columns = vec![ScanColumn::Plain(1), ScanColumn::Plain(0)];
    let request = ScanRequest { range, columns, filters: Arc::default(), batch_rows: 8, max_streams: 1 };
    let streams = source.scan(request).await.unwrap();
    let batches: Vec<RecordBatch> = stream::iter(streams).flatten().try_collect().await.unwrap();
    let times = batches[0].column(0).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(times.value(0), clock.now_ms() * 1000);
    assert_eq!(batches[0].column(1).as_string::<i32>().value(0), "a line");
}

#[tokio::test]
async fn a_server_that_sends_too_fast_waits() {
    let (listener, port) = server().await;
    let memory = MemoryLedger::new(1 << 20);
    let options = [("host", "127.0.0.1"), ("port", port.as_str())];
    let config = SourceConfig { memory: memory.clone(), ..source_config(&options) };
    let source = Socket.open_source(config).unwrap();
    let mut stream = accept(&listener, &*source, -1).await;
    let line = format!("{}\n", "x".repeat(9999));
    let sender = tokio::spawn(async move {
        for _ in 0..1000 {
            stream.write_all(line.as_bytes()).await.unwrap();
        }
    });
    let mut end = -1;
    while end < 999 {
        let newest = number(&source.ready(&offset(end)).await.unwrap().end).unwrap();
        assert!(memory.used_bytes() <= 1 << 20);
        let lines = texts(&*source, end, newest).await.unwrap();
        assert!(lines.iter().all(|line| line.len() == 9999));
        assert_eq!(lines.len() as i64, newest - end);
        source.commit(&offset(newest)).await.unwrap();
        end = newest;
    }
    sender.await.unwrap();
    assert_eq!(memory.used_bytes(), 0);
}

/// The words are those of Apache Spark 4.2.
#[tokio::test]
async fn errors_are_sparks() {
    let error = |options: &[(&str, &str)]| Socket.source_schema(&source_config(options)).unwrap_err();
    let (host, port) = (("host", "127.0.0.1"), ("port", "1"));
    let expected = BTreeMap::from([
        ("_LEGACY_ERROR_TEMP_1295", vec![port]),
        ("_LEGACY_ERROR_TEMP_1296", vec![host]),
        ("_LEGACY_ERROR_TEMP_1297", vec![host, port, ("includeTimestamp", "maybe")]),
    ]);
    for (class, options) in expected {
        assert_eq!(error(&options).class(), Some(class));
    }
    assert_eq!(error(&[host, ("port", "x")]).message(), "For input string: \"x\"");
    assert_eq!(error(&[host, ("port", "70000")]).message(), "port out of range:70000");
    let user_schema = Some(Socket.source_schema(&source_config(&[host, port])).unwrap());
    let error = Socket.source_schema(&SourceConfig { user_schema, ..source_config(&[host, port]) }).unwrap_err();
    assert_eq!(error.message(), "TextSocketSourceProvider source does not support user-specified schema.");
    let (listener, port) = server().await;
    drop(listener);
    let error = open(&port, &[]).latest_offset(&offset(-1), ReadLimit::Options).await.unwrap_err();
    assert_eq!(error.message(), "Connection refused");
}
