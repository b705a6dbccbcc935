//! What exactly-once asks of a batch, against real Apache Kafka. Whole queries, their deaths and their copies are
//! tested where everything comes together, in the binary's tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use futures::{StreamExt, stream};
use millstream_connectors::kafka::KafkaConnector;
use millstream_core::{
    BatchId, BatchStream, Connector, Durable, Error, ErrorKind, LoggedBatch, QueryId, RunId, Sink, SinkBatch,
    SinkConfig, SinkStart, WriteKind,
};
use millstream_kafka::{Client, ClientConfig, CommittedOffset, OffsetSpec, TopicPartition};
use millstream_test_servers::{Kafka, require_or_skip};
use millstream_testing::{sink_config, system_clock};

use crate::kafka::topic_name;

fn row(value: &str) -> RecordBatch {
    RecordBatch::try_from_iter([("value", Arc::new(StringArray::from(vec![value])) as ArrayRef)]).expect("a column")
}

fn open(kafka: &Kafka, topic: &str, option: (&str, &str)) -> Arc<dyn Sink> {
    let options = [
        ("kafka.bootstrap.servers", kafka.bootstrap()),
        ("topic", topic),
        ("delivery.guarantee", "exactly-once"),
        option,
    ];
    let config = SinkConfig { clock: system_clock(), ..sink_config(row("").schema(), &options) };
    KafkaConnector::default().open_sink(config).expect("valid")
}

fn start(query: QueryId, run: u128) -> SinkStart {
    SinkStart { query: Some((query, RunId(uuid::Uuid::from_u128(run)))), ..SinkStart::batch_write() }
}

fn logged_durably(hash: u64) -> LoggedBatch {
    LoggedBatch { hash, group_offsets: Vec::new(), durable: Durable::now() }
}

fn one() -> BatchStream {
    stream::once(async { Ok(row("one")) }).boxed()
}

/// The marker of a query that writes to the topic.
async fn marker(kafka: &Kafka, query: QueryId, topic: &str) -> Option<CommittedOffset> {
    let (config, _) = ClientConfig::from_properties([("bootstrap.servers", kafka.bootstrap())]).expect("valid");
    let of = TopicPartition::new(topic, 0);
    Client::new(config).committed_offset(&format!("millstream-{query}-0"), &of, true).await.expect("an answer")
}

fn batch(rows: BatchStream) -> SinkBatch {
    let schema = row("").schema();
    SinkBatch { id: BatchId(0), kind: WriteKind::Append, upsert_key: None, schema, rows: vec![rows] }
}

/// Where the topic ends for readers of this kind.
async fn end(bootstrap: &str, topic: &str, isolation: &str) -> Option<i64> {
    let properties = [("bootstrap.servers", bootstrap), ("isolation.level", isolation)];
    let (config, _) = ClientConfig::from_properties(properties).expect("valid");
    let ends = Client::new(config).list_offsets(&[(TopicPartition::new(topic, 0), OffsetSpec::Latest)]).await;
    ends.expect("an answer")[0]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_takes_longer_than_its_transaction_may_says_so() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::start(1, "transaction.abort.timed.out.transaction.cleanup.interval.ms=100\n");
    let topic = topic_name("slow");
    kafka.tool(&format!("create {topic} 1 1"));
    let sink = open(&kafka, &topic, ("kafka.transaction.timeout.ms", "1000"));
    assert_eq!(sink.open(start(QueryId(uuid::Uuid::from_u128(1)), 2)).await.expect("the first start"), None);
    // The second row comes when the first is in the log and the brokers have ended its transaction.
    let (bootstrap, name) = (kafka.bootstrap().to_owned(), topic.clone());
    let second = stream::once(async move {
        while end(&bootstrap, &name, "read_uncommitted").await == Some(0)
            || end(&bootstrap, &name, "read_committed").await != end(&bootstrap, &name, "read_uncommitted").await
        {
        }
        Ok(row("second"))
    });
    let rows = stream::once(async { Ok(row("first")) }).chain(second).boxed();
    let logged = logged_durably(7);
    let error = sink.write(batch(rows), logged.clone()).await.expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.message().contains("longer than 'kafka.transaction.timeout.ms' = 1000"), "{error}");

    // Nothing of it was seen, and the batch can be written by another try.
    let rows = stream::once(async { Ok(row("again")) }).boxed();
    sink.write(batch(rows), logged).await.expect("quick enough");
    sink.close().await.expect("closed");
    // first, its abort, again, its commit; a marker follows its transaction's end.
    while end(kafka.bootstrap(), &topic, "read_committed").await != Some(4) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_marker_that_was_forgotten_is_there_again_after_a_refresh() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("idle");
    kafka.tool(&format!("create {topic} 1 1"));
    let sink = open(kafka, &topic, ("kafka.client.id", "idle"));
    let query = QueryId(uuid::Uuid::new_v4());
    assert_eq!(sink.open(start(query, 2)).await.expect("the first start"), None);
    let logged = logged_durably(7);
    sink.write(batch(one()), logged.clone()).await.expect("written");

    let marker = async || marker(kafka, query, &topic).await;
    let written = marker().await.expect("batch 0 has a marker");
    assert_eq!(written.offset, 1);
    // As Kafka does by itself when the group has been silent for a week.
    kafka.tool(&format!("delete-group millstream-{query}-0"));
    assert!(marker().await.is_none());
    sink.exactly_once().expect("asked for").refresh().await.expect("refreshed");
    assert_eq!(marker().await, Some(written), "with run and hash of the newest batch");
    let next = SinkBatch { id: BatchId(1), ..batch(one()) };
    sink.write(next, logged).await.expect("the next batch follows");
    assert_eq!(marker().await.map(|marker| marker.offset), Some(2));
    sink.close().await.expect("closed");
}

#[tokio::test]
async fn a_batch_without_a_log_is_refused() {
    require_or_skip!(Kafka::available());
    let sink = open(Kafka::shared(), "any", ("kafka.client.id", "none"));
    let error = sink.open(SinkStart::batch_write()).await.expect_err("no log");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_batch_shows_before_the_log_is_durable() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("durable");
    kafka.tool(&format!("create {topic} 1 1"));
    let query = QueryId(uuid::Uuid::new_v4());
    let marked = async || marker(kafka, query, &topic).await.map(|marker| marker.offset);
    let ends = async |isolation| end(kafka.bootstrap(), &topic, isolation).await;
    let sink = open(kafka, &topic, ("kafka.client.id", "durable"));
    sink.open(start(query, 2)).await.expect("the first start");

    let (synced, sync) = tokio::sync::oneshot::channel();
    let durable = Durable::when(async { sync.await.expect("an answer") });
    let logged = LoggedBatch { hash: 7, group_offsets: Vec::new(), durable };
    let writing = tokio::spawn({
        let sink = Arc::clone(&sink);
        async move { sink.write(batch(one()), logged).await }
    });
    while ends("read_uncommitted").await != Some(1) {}
    assert_eq!(ends("read_committed").await, Some(0), "the row is there, but not to be seen");
    assert!(!writing.is_finished());
    synced.send(Ok(())).expect("awaited");
    writing.await.expect("no panic").expect("written");
    assert_eq!(marked().await, Some(1));
    while ends("read_committed").await != Some(2) {}

    // A log that cannot be made durable: the row is aborted, and the next start finds the batch as if it had never
    // been.
    let durable = Durable::when(async { Err(Error::data("the disk is broken")) });
    let logged = LoggedBatch { hash: 8, group_offsets: Vec::new(), durable };
    let next = || SinkBatch { id: BatchId(1), ..batch(one()) };
    let error = sink.write(next(), logged).await.expect_err("not durable");
    assert_eq!(error.message(), "the disk is broken");
    sink.close().await.expect("closed");
    // The marker is read with stable offsets required: nothing is open any more.
    assert_eq!(marked().await, Some(1));
    let again = open(kafka, &topic, ("kafka.client.id", "again"));
    let known = SinkStart { logged: BTreeMap::from([(BatchId(0), 7)]), ..start(query, 3) };
    assert_eq!(again.open(known).await.expect("the next start"), Some(BatchId(0)));
    again.write(next(), logged_durably(8)).await.expect("written");
    assert_eq!(marked().await, Some(2));
    again.close().await.expect("closed");
}
