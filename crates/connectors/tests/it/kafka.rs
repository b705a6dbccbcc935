//! The Kafka source against real Apache Kafka, driven as the engine drives it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::{Array, AsArray, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType};
use futures::TryStreamExt;
use millstream_connectors::kafka::KafkaConnector;
use millstream_core::decode::{ValueDecoder, ValueDecoding};
use millstream_core::source::LatestOffset;
use millstream_core::{
    BatchStream, Connector, MemoryLedger, Offset, OffsetRange, ReadLimit, ReadRequest, Result, ScanColumn, ScanRequest,
    Source, SourceConfig,
};
use millstream_test_servers::{Kafka, require_or_skip};
use millstream_testing::{ManualClock, source_config, system_clock};

const OFFSET: usize = 4;
const VALUE: usize = 1;

pub(crate) fn topic_name(stem: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{stem}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn config(kafka: &Kafka, options: &[(&str, &str)]) -> SourceConfig {
    let all = [&[("kafka.bootstrap.servers", kafka.bootstrap())], options].concat();
    SourceConfig { memory: MemoryLedger::new(256 << 20), clock: system_clock(), ..source_config(&all) }
}

fn open(kafka: &Kafka, options: &[(&str, &str)]) -> Arc<dyn Source> {
    KafkaConnector::default().open_source(config(kafka, options)).expect("valid options")
}

pub(crate) async fn collect(streams: Vec<BatchStream>) -> Result<Vec<RecordBatch>> {
    let tasks: Vec<_> = streams.into_iter().map(|stream| tokio::spawn(stream.try_collect::<Vec<_>>())).collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("no panic")?);
    }
    Ok(all)
}

async fn scan(source: &Arc<dyn Source>, start: &Offset, end: &Offset, columns: &[usize]) -> Result<Vec<RecordBatch>> {
    let range = OffsetRange { start: start.clone(), end: end.clone() };
    let columns = columns.iter().map(|&index| ScanColumn::Plain(index)).collect();
    collect(
        source.scan(ScanRequest { range, columns, filters: Arc::default(), batch_rows: 8192, max_streams: 2 }).await?,
    )
    .await
}

/// The values of a range, sorted, because partitions come in any order.
async fn values(source: &Arc<dyn Source>, start: &Offset, end: &Offset) -> Vec<String> {
    sorted_values(&scan(source, start, end, &[VALUE]).await.expect("readable"))
}

fn sorted_values(batches: &[RecordBatch]) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for batch in batches {
        let column = batch.column(0).as_binary::<i32>();
        values.extend(column.iter().map(|value| String::from_utf8_lossy(value.unwrap_or_default()).into_owned()));
    }
    values.sort();
    values
}

fn expected(range: std::ops::Range<usize>) -> Vec<String> {
    let mut values: Vec<_> = range.map(|i| format!("value-{i}")).collect();
    values.sort();
    values
}

fn offset(text: &str) -> Offset {
    Offset::parse(text).expect("JSON")
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_follow_the_records_and_can_be_run_again() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("follow");
    kafka.tool(&format!("create {topic} 2 1"));
    kafka.tool(&format!("produce {topic} 0 0 10"));
    let source = open(kafka, &[("subscribe", &topic), ("startingOffsets", "earliest")]);
    assert_eq!(source.description(), format!("KafkaV2[Subscribe[{topic}]]"));
    let initial = source.initial_offset().await.expect("an answer");
    assert_eq!(initial.to_string(), format!("{{\"{topic}\":{{\"0\":0,\"1\":0}}}}"));
    let file = source.initial_file(&initial).expect("Spark keeps one");
    assert_eq!(file, format!("\0v1\n{initial}").into_bytes());
    assert_eq!(source.initial_offset_from_file(&file).expect("readable"), Some(initial.clone()));

    let first = soon(source.ready(&initial)).await.expect("records");
    assert_eq!(first.end.to_string(), format!("{{\"{topic}\":{{\"0\":10,\"1\":0}}}}"));
    assert_eq!(values(&source, &initial, &first.end).await, expected(0..10));
    let metrics: BTreeMap<_, _> = source.metrics(&first.end, &first.latest);
    assert_eq!(metrics["maxOffsetsBehindLatest"], "0");

    // Nothing new: `ready` waits, and a record in the other partition wakes it.
    let waiting = tokio::spawn({
        let (source, end) = (Arc::clone(&source), first.end.clone());
        async move { source.ready(&end).await }
    });
    kafka.tool(&format!("produce {topic} 1 10 5"));
    let second = soon(waiting).await.expect("no panic").expect("records");
    assert_eq!(values(&source, &first.end, &second.end).await, expected(10..15));
    // Each range again, in the other order: the reader has passed both.
    assert_eq!(values(&source, &initial, &first.end).await, expected(0..10));
    assert_eq!(values(&source, &first.end, &second.end).await, expected(10..15));
    // And by a source that starts anew, as after a restart.
    let restarted = open(kafka, &[("subscribe", &topic)]);
    assert_eq!(values(&restarted, &initial, &second.end).await, expected(0..15));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_columns_with_headers() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("columns");
    kafka.tool(&format!("create {topic} 1 1"));
    kafka.tool(&format!("produce {topic} 0 0 6 null-keys=2 null-values=3 headers=3 base=1000"));
    let source = open(kafka, &[("subscribe", &topic), ("includeHeaders", "true")]);
    let (start, end) =
        (offset(&format!("{{\"{topic}\":{{\"0\":0}}}}")), offset(&format!("{{\"{topic}\":{{\"0\":6}}}}")));
    let batches = scan(&source, &start, &end, &[0, 1, 2, 3, 4, 5, 6, 7]).await.expect("readable");
    let [batch] = &batches[..] else { panic!("one batch: {batches:?}") };
    assert_eq!(*batch.schema(), *source.schema());
    let text = |column: usize, row: usize| {
        let column = batch.column(column).as_binary::<i32>();
        column.is_valid(row).then(|| String::from_utf8_lossy(column.value(row)).into_owned())
    };
    let headers = batch.column(7).as_list::<i32>();
    for i in 0..6 {
        assert_eq!(text(0, i), (i % 2 != 0).then(|| format!("key-{i}")));
        assert_eq!(text(1, i), (i % 3 != 0).then(|| format!("value-{i}")));
        assert_eq!(batch.column(2).as_string::<i32>().value(i), topic);
        assert_eq!(batch.column(3).as_primitive::<Int32Type>().value(i), 0);
        assert_eq!(batch.column(4).as_primitive::<Int64Type>().value(i), i as i64);
        assert_eq!(batch.column(5).as_primitive::<TimestampMicrosecondType>().value(i), (1000 + i as i64) * 1000);
        assert_eq!(batch.column(6).as_primitive::<Int32Type>().value(i), 0);
        // No headers are NULL, as in Spark.
        assert_eq!(headers.is_null(i), i % 3 == 0);
        if i % 3 != 0 {
            let entries = headers.value(i);
            let entries = entries.as_struct();
            assert_eq!(entries.len(), i % 3);
            assert_eq!(entries.column(0).as_string::<i32>().value(0), "h0");
            assert_eq!(entries.column(1).as_binary::<i32>().value(0), b"0");
        }
    }
    // Only the number of rows.
    let none = scan(&source, &start, &end, &[]).await.expect("readable");
    assert_eq!(none.iter().map(|batch| (batch.num_rows(), batch.num_columns())).collect::<Vec<_>>(), [(6, 0)]);
}

/// Decodes a value to its text in capitals.
#[derive(Debug)]
struct Capitals;

struct CapitalsDecoding(StringBuilder);

impl ValueDecoder for Capitals {
    fn data_type(&self) -> DataType {
        DataType::Utf8
    }

    fn start(&self) -> Box<dyn ValueDecoding> {
        Box::new(CapitalsDecoding(StringBuilder::new()))
    }
}

impl ValueDecoding for CapitalsDecoding {
    fn append(&mut self, value: Option<&[u8]>) -> Result<()> {
        self.0.append_option(value.map(|value| String::from_utf8_lossy(value).to_uppercase()));
        Ok(())
    }

    fn len(&self) -> usize {
        arrow::array::ArrayBuilder::len(&self.0)
    }

    fn finish(&mut self) -> Result<arrow::array::ArrayRef> {
        Ok(Arc::new(self.0.finish()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decoders_get_the_values_and_batches_keep_their_size() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("decoded");
    kafka.tool(&format!("create {topic} 3 1 max.message.bytes=67108864"));
    for partition in 0..3 {
        kafka.tool(&format!("produce {topic} {partition} 0 10000 batch={} codec=zstd", [10_000, 300, 1000][partition]));
    }
    let source = open(kafka, &[("subscribe", &topic)]);
    let range = OffsetRange {
        start: offset(&format!("{{\"{topic}\":{{\"0\":0,\"1\":0,\"2\":0}}}}")),
        end: offset(&format!("{{\"{topic}\":{{\"0\":10000,\"1\":10000,\"2\":10000}}}}")),
    };
    let columns = vec![ScanColumn::Decoded { column: VALUE, decoder: Arc::new(Capitals) }, ScanColumn::Plain(OFFSET)];
    let request = ScanRequest { range, columns, filters: Arc::default(), batch_rows: 4096, max_streams: 2 };
    let streams = source.scan(request).await.expect("readable");
    assert!(streams.len() <= 2);
    let batches = soon(collect(streams)).await.expect("readable");
    let mut rows = 0;
    for batch in &batches {
        assert!(batch.num_rows() <= 4096);
        rows += batch.num_rows();
        let (text, offsets) = (batch.column(0).as_string::<i32>(), batch.column(1).as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            assert_eq!(text.value(row), format!("VALUE-{}", offsets.value(row)));
        }
    }
    assert_eq!(rows, 30_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn available_now_is_pinned_and_limits_are_shared_out() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("limits");
    kafka.tool(&format!("create {topic} 2 1"));
    kafka.tool(&format!("produce {topic} 0 0 90"));
    kafka.tool(&format!("produce {topic} 1 90 10"));
    let source = open(kafka, &[("subscribe", &topic), ("startingOffsets", "earliest"), ("maxOffsetsPerTrigger", "50")]);
    source.prepare_available_now().await.expect("an answer");
    kafka.tool(&format!("produce {topic} 0 1000 7"));
    let mut start = source.initial_offset().await.expect("an answer");
    let mut ends = Vec::new();
    let mut read = Vec::new();
    loop {
        let LatestOffset { end, latest } = source.latest_offset(&start, ReadLimit::Options).await.expect("an answer");
        assert_eq!(latest.to_string(), format!("{{\"{topic}\":{{\"0\":90,\"1\":10}}}}"));
        if end == start {
            break;
        }
        read.extend(values(&source, &start, &end).await);
        ends.push(end.to_string());
        start = end;
    }
    let end = |a: i64, b: i64| format!("{{\"{topic}\":{{\"0\":{a},\"1\":{b}}}}}");
    assert_eq!(ends, [end(45, 5), end(90, 10)]);
    read.sort();
    assert_eq!(read, expected(0..100));
    let everything = source.latest_offset(&offset(&end(0, 0)), ReadLimit::AllAvailable).await.expect("an answer");
    assert_eq!(everything.end.to_string(), end(90, 10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starting_positions() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("starting");
    kafka.tool(&format!("create {topic} 2 1"));
    kafka.tool(&format!("produce {topic} 0 0 100 base=1000"));
    let check = async |options: &[(&str, &str)], wanted: std::result::Result<(i64, i64), &str>| {
        let mut all = vec![("subscribe", topic.as_str())];
        all.extend(options);
        let found = open(kafka, &all).initial_offset().await;
        match (found, wanted) {
            (Ok(found), Ok((a, b))) => {
                assert_eq!(found.to_string(), format!("{{\"{topic}\":{{\"0\":{a},\"1\":{b}}}}}"), "{options:?}");
            }
            (Err(error), Err(wanted)) => assert_eq!(error.message(), wanted.replace("TOPIC", &topic), "{options:?}"),
            (found, wanted) => panic!("{options:?}: {found:?}, not {wanted:?}"),
        }
    };
    let json = |a: &str, b: &str| format!("{{\"{topic}\":{{\"0\":{a},\"1\":{b}}}}}");
    check(&[], Ok((100, 0))).await;
    check(&[("startingOffsets", "earliest")], Ok((0, 0))).await;
    check(&[("startingOffsets", &json("-1", "-2"))], Ok((100, 0))).await;
    check(&[("startingOffsets", &json("7", "-1"))], Ok((7, 0))).await;
    check(
        &[("startingOffsets", &format!("{{\"{topic}\":{{\"0\":1}}}}"))],
        Err("assertion failed: If startingOffsets contains specific offsets, you must specify all TopicPartitions.\nUse -1 \
             for latest, -2 for earliest, if you don't care.\nSpecified: Set(TOPIC-0) Assigned: Set(TOPIC-0, TOPIC-1)"),
    )
    .await;
    check(
        &[("startingTimestamp", "1050")],
        Err("No offset matched from request of topic-partition TOPIC-1 and timestamp 1050."),
    )
    .await;
    let latest = ("startingOffsetsByTimestampStrategy", "latest");
    check(&[("startingTimestamp", "1050"), latest], Ok((50, 0))).await;
    check(&[("startingOffsetsByTimestamp", &json("1020", "0")), latest], Ok((20, 0))).await;

    let missing =
        open(kafka, &[("subscribe", &format!("{topic}-missing"))]).initial_offset().await.expect_err("missing");
    assert!(missing.message().contains("This server does not host this topic-partition."), "{missing}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_partitions_and_topics_are_read_from_their_beginning() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("grows");
    kafka.tool(&format!("create {topic} 1 1"));
    let source = open(kafka, &[("subscribePattern", &format!("{topic}.*"))]);
    let mut start = source.initial_offset().await.expect("an answer");
    let reading = tokio::spawn(async move {
        let mut read = Vec::new();
        while read.len() < 30 {
            let next = source.ready(&start).await.expect("records");
            read.extend(values(&source, &start, &next.end).await);
            start = next.end;
        }
        (read, start)
    });
    kafka.tool(&format!("produce {topic} 0 0 10"));
    kafka.tool(&format!("partitions {topic} 2"));
    kafka.tool(&format!("produce {topic} 1 10 10"));
    kafka.tool(&format!("create {topic}-b 1 1"));
    kafka.tool(&format!("produce {topic}-b 0 20 10"));
    let (mut read, end) = soon(reading).await.expect("no panic");
    read.sort();
    assert_eq!(read, expected(0..30));
    assert_eq!(end.to_string(), format!("{{\"{topic}\":{{\"0\":10,\"1\":10}},\"{topic}-b\":{{\"0\":10}}}}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_rows_end_the_query_or_are_passed_over() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("lost");
    kafka.tool(&format!("create {topic} 1 1"));
    kafka.tool(&format!("produce {topic} 0 0 100"));
    kafka.tool(&format!("delete-records {topic} 0 60"));
    let at = |position: i64| offset(&format!("{{\"{topic}\":{{\"0\":{position}}}}}"));
    let strict = open(kafka, &[("subscribe", &topic)]);
    let error = soon(scan(&strict, &at(0), &at(100), &[VALUE])).await.expect_err("rows are missing");
    assert_eq!(error.class(), Some("KAFKA_DATA_LOSS.COULD_NOT_READ_OFFSET_RANGE"));
    let error = soon(scan(&strict, &at(1000), &at(100), &[VALUE])).await.expect_err("offsets went back");
    assert_eq!(error.class(), Some("KAFKA_DATA_LOSS.PARTITION_OFFSET_CHANGED"));
    assert!(error.message().contains(&format!("Reason: Partition {topic}-0 offset was changed from 1000 to 100.\n")));
    let error = soon(strict.ready(&at(0))).await.expect_err("rows are missing");
    assert_eq!(error.class(), Some("KAFKA_DATA_LOSS.COULD_NOT_READ_OFFSET_RANGE"));

    let lenient = open(kafka, &[("subscribe", &topic), ("failOnDataLoss", "false")]);
    let batches = soon(scan(&lenient, &at(0), &at(100), &[VALUE])).await.expect("passed over");
    assert_eq!(sorted_values(&batches), expected(60..100));
    assert!(soon(scan(&lenient, &at(1000), &at(100), &[VALUE])).await.expect("passed over").is_empty());
    // A range whose end is not there, as after a topic was created again.
    let batches = soon(scan(&lenient, &at(90), &at(200), &[VALUE])).await.expect("passed over");
    assert_eq!(sorted_values(&batches), expected(90..100));
    let error = soon(scan(&strict, &at(90), &at(200), &[VALUE])).await.expect_err("rows are missing");
    assert_eq!(error.class(), Some("KAFKA_DATA_LOSS.COULD_NOT_READ_OFFSET_RANGE"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_goes_on_after_its_topic_was_created_again() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("again");
    kafka.tool(&format!("create {topic} 1 1"));
    kafka.tool(&format!("produce {topic} 0 0 100"));
    let source = open(kafka, &[("subscribe", &topic), ("failOnDataLoss", "false")]);
    let at = |position: i64| offset(&format!("{{\"{topic}\":{{\"0\":{position}}}}}"));
    let first = soon(source.ready(&at(0))).await.expect("records");
    assert_eq!(values(&source, &at(0), &first.end).await.len(), 100);
    kafka.tool(&format!("delete {topic}"));
    kafka.tool(&format!("create {topic} 1 1"));
    kafka.tool(&format!("produce {topic} 0 0 20"));
    let mut start = first.end;
    let mut read = Vec::new();
    soon(async {
        while start != at(30) {
            let next = source.ready(&start).await.expect("goes on");
            read.extend(values(&source, &start, &next.end).await);
            start = next.end;
            if start == at(20) {
                kafka.tool(&format!("produce {topic} 0 20 10"));
            }
        }
    })
    .await;
    read.sort();
    // What came before the query noticed is passed over, as in Spark.
    assert_eq!(read, expected(20..30));
}

/// One partition goes far beyond the batch's end while the other has still much to give: what is held of the first must
/// not take the room that the second needs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_that_advance_unevenly() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("uneven");
    // As many partitions as lanes, twice: each lane has a small and a large one.
    let lanes = config(kafka, &[]).cores;
    kafka.tool(&format!("create {topic} {} 1 max.message.bytes=67108864", 2 * lanes));
    let (mut start, mut end, mut later) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for partition in 0..2 * lanes {
        let rows = if partition < lanes { 600 } else { 60 };
        kafka.tool(&format!("produce {topic} {partition} 0 {rows} batch=1 bytes=100000"));
        start.insert(partition.to_string(), 0);
        end.insert(partition.to_string(), if partition < lanes { 2 } else { 60 });
        later.insert(partition.to_string(), rows);
    }
    let offset_of = |partitions: &BTreeMap<String, i32>| {
        let partitions: Vec<_> =
            partitions.iter().map(|(partition, offset)| format!("\"{partition}\":{offset}")).collect();
        offset(&format!("{{\"{topic}\":{{{}}}}}", partitions.join(",")))
    };
    let source = open(kafka, &[("subscribe", &topic), ("kafka.max.partition.fetch.bytes", "4000000")]);
    let (start, end, later) = (offset_of(&start), offset_of(&end), offset_of(&later));
    let rows = async |from: &Offset, to: &Offset| {
        let batches = soon(scan(&source, from, to, &[OFFSET])).await.expect("readable");
        batches.iter().map(RecordBatch::num_rows).sum::<usize>()
    };
    assert_eq!(rows(&start, &end).await, lanes * 62);
    assert_eq!(rows(&end, &later).await, lanes * 598);
    assert_eq!(rows(&start, &end).await, lanes * 62);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn committed_rows_only_and_ends_on_markers() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("committed");
    kafka.tool(&format!("create {topic} 1 1"));
    kafka.tool(&format!("produce {topic} 0 0 5 end=commit id={topic}"));
    kafka.tool(&format!("produce {topic} 0 100 5 end=abort id={topic}"));
    kafka.tool(&format!("produce {topic} 0 5 5 end=commit id={topic}"));
    let source = open(
        kafka,
        &[("subscribe", &topic), ("kafka.isolation.level", "read_committed"), ("startingOffsets", "earliest")],
    );
    source.prepare_available_now().await.expect("an answer");
    let start = source.initial_offset().await.expect("an answer");
    let end = source.latest_offset(&start, ReadLimit::Options).await.expect("an answer").end;
    assert_eq!(end.to_string(), format!("{{\"{topic}\":{{\"0\":18}}}}"));
    assert_eq!(soon(values(&source, &start, &end)).await, expected(0..10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_read() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("once");
    kafka.tool(&format!("create {topic} 2 1"));
    kafka.tool(&format!("produce {topic} 0 0 50 base=1000"));
    kafka.tool(&format!("produce {topic} 1 50 50 base=1000"));
    let read = async |options: &[(&str, &str)]| {
        let mut all = vec![("subscribe", topic.as_str())];
        all.extend(options);
        let reader = KafkaConnector::default().open_batch(config(kafka, &all))?;
        let columns = vec![ScanColumn::Plain(VALUE)];
        Ok::<_, millstream_core::Error>(sorted_values(
            &collect(
                reader.scan(ReadRequest { columns, filters: Vec::new(), batch_rows: 1000, max_streams: 4 }).await?,
            )
            .await?,
        ))
    };
    let json = |a: &str, b: &str| format!("{{\"{topic}\":{{\"0\":{a},\"1\":{b}}}}}");
    assert_eq!(soon(read(&[])).await.expect("readable"), expected(0..100));
    let part = [("startingOffsets", json("45", "-2")), ("endingOffsets", json("-1", "5"))];
    let part: Vec<_> = part.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(soon(read(&part)).await.expect("readable"), expected(45..55));
    // Record i of partition 1 has the time 1000 + i, so 1060 ends there at value-60; partition 0 has nothing as late.
    let times = [("startingTimestamp", "1030"), ("endingTimestamp", "1060")];
    let mut wanted = expected(30..60);
    wanted.sort();
    assert_eq!(soon(read(&times)).await.expect("readable"), wanted);
    let beyond = soon(read(&[("startingOffsets", &json("1000", "-2"))])).await.expect_err("beyond the end");
    assert_eq!(beyond.class(), Some("RESOLVED_START_OFFSET_GREATER_THAN_END_OFFSET"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_brokers_go_and_come_back() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::start(1, "");
    let topic = topic_name("gone");
    kafka.tool(&format!("create {topic} 1 1"));
    kafka.tool(&format!("produce {topic} 0 0 10"));
    let source = open(&kafka, &[("subscribe", &topic), ("startingOffsets", "earliest")]);
    let start = source.initial_offset().await.expect("an answer");
    let first = soon(source.ready(&start)).await.expect("records");
    assert_eq!(values(&source, &start, &first.end).await, expected(0..10));
    kafka.kill(1);
    let waiting = tokio::spawn({
        let (source, end) = (Arc::clone(&source), first.end.clone());
        async move { source.ready(&end).await }
    });
    kafka.restart(1);
    kafka.tool(&format!("produce {topic} 0 10 10"));
    let second = soon(waiting).await.expect("no panic").expect("goes on");
    assert_eq!(values(&source, &first.end, &second.end).await, expected(10..20));
}

/// Spark's `delayBatch`: the first batch takes what there is; later ones wait for enough rows or for long enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_waits_for_enough_rows_or_long_enough() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("patient");
    kafka.tool(&format!("create {topic} 1 1"));
    kafka.tool(&format!("produce {topic} 0 0 20"));
    let options = [
        ("subscribe", topic.as_str()),
        ("startingOffsets", "earliest"),
        ("minOffsetsPerTrigger", "50"),
        ("maxTriggerDelay", "1h"),
        ("maxOffsetsPerTrigger", "60"),
    ];
    let clock = ManualClock::new();
    let source = KafkaConnector::default()
        .open_source(SourceConfig { clock: clock.clone(), ..config(kafka, &options) })
        .expect("valid options");
    let end = async |start: &Offset| {
        let latest = source.latest_offset(start, ReadLimit::Options).await.expect("an answer");
        from_one_partition(&latest.end, &topic)
    };
    let at = |position: i64| offset(&format!("{{\"{topic}\":{{\"0\":{position}}}}}"));
    assert_eq!(end(&at(0)).await, 20, "the first batch");
    kafka.tool(&format!("produce {topic} 0 20 30"));
    assert_eq!(end(&at(20)).await, 20, "30 rows are too few");
    clock.advance(Duration::from_secs(3599));
    assert_eq!(end(&at(20)).await, 20, "an hour is not over");
    clock.advance(Duration::from_secs(1));
    assert_eq!(end(&at(20)).await, 50, "an hour is over");
    kafka.tool(&format!("produce {topic} 0 50 70"));
    assert_eq!(end(&at(50)).await, 110, "70 rows are enough, of which a batch may have 60");
    assert_eq!(end(&at(110)).await, 110, "10 are too few");
}

fn from_one_partition(offset: &Offset, topic: &str) -> i64 {
    offset.json()[topic]["0"].as_i64().expect("an offset")
}

/// What a scan costs, for a person to read: run with `--nocapture` in a release build. It asserts only the count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "a measurement")]
async fn small_rows() {
    require_or_skip!(Kafka::available());
    const ROWS: i64 = if cfg!(debug_assertions) { 40_000 } else { 2_000_000 };
    let kafka = Kafka::shared();
    let topic = topic_name("speed");
    kafka.tool(&format!("create {topic} 4 1 max.message.bytes=67108864"));
    for partition in 0..4 {
        kafka.tool(&format!("produce {topic} {partition} 0 {} batch=2400 bytes=94", ROWS / 4));
    }
    for columns in [vec![], vec![VALUE], vec![OFFSET], vec![VALUE], (0..7).collect()] {
        let source = open(kafka, &[("subscribe", &topic), ("startingOffsets", "earliest")]);
        source.prepare_available_now().await.expect("an answer");
        let start = source.initial_offset().await.expect("an answer");
        let begin = std::time::Instant::now();
        let end = source.latest_offset(&start, ReadLimit::Options).await.expect("an answer").end;
        let rows: usize =
            scan(&source, &start, &end, &columns).await.expect("readable").iter().map(RecordBatch::num_rows).sum();
        let seconds = begin.elapsed().as_secs_f64();
        assert_eq!(rows as i64, ROWS);
        println!("columns {columns:?}: {:.1} M rows/s", rows as f64 / seconds / 1e6);
    }
}
