//! The Kafka sink against real Apache Kafka, driven as the engine drives it.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Int32Array, ListArray, RecordBatch, StringArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Int32Type};
use futures::{StreamExt, stream};
use millstream_connectors::kafka::KafkaConnector;
use millstream_core::{
    BatchId, BatchStream, Connector, Error, ErrorKind, LoggedBatch, MemoryLedger, ReadRequest, Result, ScanColumn,
    Sink, SinkBatch, SinkConfig, SinkProgress, SinkStart, SourceConfig, WriteKind,
};
use millstream_test_servers::{Kafka, require_or_skip};
use millstream_testing::{read_request, sink_config, source_config, system_clock};

use crate::kafka::{collect, topic_name};

fn text(values: impl IntoIterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn rows(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))
        .expect("columns of one length")
}

fn open(kafka: &Kafka, rows: &RecordBatch, options: &[(&str, &str)], memory: &MemoryLedger) -> Result<Arc<dyn Sink>> {
    let all = [&[("kafka.bootstrap.servers", kafka.bootstrap())], options].concat();
    let config = sink_config(rows.schema(), &all);
    KafkaConnector::default().open_sink(SinkConfig { memory: memory.clone(), clock: system_clock(), ..config })
}

async fn write(sink: &Arc<dyn Sink>, id: u64, kind: WriteKind, streams: Vec<Vec<RecordBatch>>) -> Result<SinkProgress> {
    let schema = streams[0][0].schema();
    let rows = streams.into_iter().map(|batches| stream::iter(batches.into_iter().map(Ok)).boxed() as BatchStream);
    let batch = SinkBatch { id: BatchId(id), kind, upsert_key: None, schema, rows: rows.collect() };
    sink.write(batch, LoggedBatch::none()).await
}

/// Writes these rows as a batch query does.
pub(crate) async fn write_once(rows: RecordBatch, options: &[(&str, &str)]) {
    let config = SinkConfig { clock: system_clock(), ..sink_config(rows.schema(), options) };
    let sink = KafkaConnector::default().open_sink(config).expect("valid");
    sink.open(SinkStart::batch_write()).await.expect("opened");
    write(&sink, 0, WriteKind::Append, vec![vec![rows]]).await.expect("written");
    sink.close().await.expect("closed");
}

/// All rows of a topic, these columns as text.
async fn read(kafka: &Kafka, topic: &str, columns: &[usize]) -> Vec<Vec<String>> {
    let options = [("kafka.bootstrap.servers", kafka.bootstrap()), ("subscribe", topic), ("includeHeaders", "true")];
    let config = SourceConfig { clock: system_clock(), ..source_config(&options) };
    let reader = KafkaConnector::default().open_batch(config).expect("valid");
    let wanted = columns.iter().map(|&column| ScanColumn::Plain(column)).collect();
    let mut all = Vec::new();
    for batch in collect(reader.scan(ReadRequest { columns: wanted, ..read_request(0) }).await.expect("readable"))
        .await
        .expect("readable")
    {
        for row in 0..batch.num_rows() {
            all.push(batch.columns().iter().map(|column| cell(column, row)).collect());
        }
    }
    all.sort();
    all
}

fn cell(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return "NULL".to_owned();
    }
    match column.data_type() {
        DataType::Binary => String::from_utf8_lossy(column.as_binary::<i32>().value(row)).into_owned(),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            let items = items.as_struct();
            (0..items.len())
                .map(|item| format!("{}={};", cell(items.column(0), item), cell(items.column(1), item)))
                .collect()
        }
        other => panic!("{other}"),
    }
}

const KEY: usize = 0;
const VALUE: usize = 1;
const TOPIC: usize = 2;
const PARTITION: usize = 3;
const HEADERS: usize = 7;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_arrives_and_every_mode_appends() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let (first, second) = (topic_name("sink"), topic_name("sink"));
    for topic in [&first, &second] {
        kafka.tool(&format!("create {topic} 3 1"));
    }
    let fields =
        Fields::from(vec![Field::new("key", DataType::Utf8, true), Field::new("value", DataType::Binary, true)]);
    let items = StructArray::new(
        fields.clone(),
        vec![text(["h".to_owned()]), Arc::new(BinaryArray::from(vec![Some(&b"v"[..])]))],
        None,
    );
    let item = Arc::new(Field::new("item", DataType::Struct(fields), true));
    let headers = ListArray::new(item, OffsetBuffer::from_lengths([1, 0, 0]), Arc::new(items), None);
    let batch = rows(vec![
        ("value", Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]))),
        ("key", Arc::new(BinaryArray::from(vec![None, Some(&b"k"[..]), Some(&b"k"[..])]))),
        ("topic", text([first.clone(), second.clone(), first.clone()])),
        ("partition", Arc::new(Int32Array::from(vec![2, 1, 0]))),
        ("headers", Arc::new(headers)),
        ("unused", Arc::new(Int32Array::from(vec![1, 2, 3]))),
    ]);
    let memory = MemoryLedger::new(64 << 20);
    let sink = open(kafka, &batch, &[], &memory).expect("valid");
    assert!(sink.description().starts_with("org.apache.spark.sql.kafka010.KafkaSourceProvider$KafkaTable@"));
    let progress = write(&sink, 0, WriteKind::Append, vec![vec![batch.clone()]]).await.expect("written");
    assert_eq!(progress.rows_written, 3);
    let columns = [KEY, VALUE, TOPIC, PARTITION, HEADERS];
    let row = |parts: [&str; 5]| parts.map(str::to_owned).to_vec();
    assert_eq!(
        read(kafka, &first, &columns).await,
        [row(["NULL", "a", &first, "2", "h=v;"]), row(["k", "c", &first, "0", "NULL"])]
    );
    assert_eq!(read(kafka, &second, &columns).await, [row(["k", "NULL", &second, "1", "NULL"])]);

    // The option wins over the column, and later batches follow earlier ones whatever their mode.
    let sink = open(kafka, &batch, &[("topic", &second)], &memory).expect("valid");
    for (id, kind) in [WriteKind::Append, WriteKind::Update, WriteKind::Complete].into_iter().enumerate() {
        write(&sink, id as u64, kind, vec![vec![batch.clone()], vec![batch.clone()]]).await.expect("written");
    }
    assert_eq!(read(kafka, &second, &[VALUE]).await.len(), 1 + 3 * 2 * 3);
    sink.close().await.expect("closed");
    drop(sink);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_need_more_memory_than_there_is_wait_for_answers() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("sink");
    kafka.tool(&format!("create {topic} 4 1"));
    let part = |from: usize| {
        let range = from..from + 2000;
        rows(vec![
            ("key", text(range.clone().map(|index| format!("key-{index}")))),
            ("value", text(range.map(|index| format!("{index}{}", ".".repeat(500))))),
        ])
    };
    let memory = MemoryLedger::new(300_000);
    let sink = open(kafka, &part(0), &[("topic", &topic), ("kafka.batch.size", "20000")], &memory).expect("valid");
    let streams = (0..2).map(|stream| (0..3).map(|index| part((stream * 3 + index) * 2000)).collect()).collect();
    let progress = write(&sink, 0, WriteKind::Append, streams).await.expect("written");
    assert_eq!(progress.rows_written, 12_000);
    let keys: std::collections::BTreeSet<_> = read(kafka, &topic, &[KEY]).await.into_iter().flatten().collect();
    assert_eq!(keys.len(), 12_000);
    assert_eq!(memory.used_bytes(), 0, "nothing is held between batches");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_delivered_fails_the_batch_and_the_next_one_goes_on() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("sink");
    kafka.tool(&format!("create {topic} 1 1 max.message.bytes=10000"));
    let value = |text_of: String| rows(vec![("value", text([text_of]))]);
    let options = [("topic", topic.as_str()), ("kafka.max.block.ms", "1500")];
    let sink = open(kafka, &value(String::new()), &options, &MemoryLedger::unlimited()).expect("valid");
    let check = async |batch: RecordBatch, kind: ErrorKind, wanted: &str| {
        let error: Error = write(&sink, 0, WriteKind::Append, vec![vec![batch]]).await.expect_err(wanted);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(wanted), "{error}");
    };
    check(
        value("x".repeat(2_000_000)),
        ErrorKind::Data,
        "2000088 bytes, which is more than 'max.request.size' = 1048576",
    )
    .await;
    check(value("x".repeat(20_000)), ErrorKind::Unavailable, "MESSAGE_TOO_LARGE").await;
    write(&sink, 0, WriteKind::Append, vec![vec![value("fits".to_owned())]]).await.expect("written");
    assert_eq!(read(kafka, &topic, &[VALUE]).await, [["fits".to_owned()]]);

    let partition = rows(vec![("value", text(["v".to_owned()])), ("partition", Arc::new(Int32Array::from(vec![9])))]);
    let sink = open(kafka, &partition, &options, &MemoryLedger::unlimited()).expect("valid");
    let error = write(&sink, 0, WriteKind::Append, vec![vec![partition]]).await.expect_err("one partition");
    let wanted = format!("topic '{topic}', partition 9 is not present in the cluster's metadata after 1.5s");
    assert!(error.message().contains(&wanted), "{error}");
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let null =
        rows(vec![("value", text(["v".to_owned()])), ("topic", Arc::new(StringArray::from(vec![None::<&str>])))]);
    let sink = open(kafka, &null, &[], &MemoryLedger::unlimited()).expect("valid");
    let error = write(&sink, 0, WriteKind::Append, vec![vec![null]]).await.expect_err("no topic");
    assert_eq!(error.class(), Some("KAFKA_NULL_TOPIC_IN_DATA"));
}
