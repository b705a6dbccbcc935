//! Transactions on both protocols, seen by `read_committed` readers and by the stock client.

use millstream_kafka::{Client, ErrorKind, OffsetSpec, OffsetToCommit, Producer};
use millstream_test_servers::{Kafka, require_or_skip};

use crate::producing::{numbered, producer, record, send_all, texts};
use crate::{client, digest, drain, of, offset, topic_name};

/// What `read_committed` readers see once the markers are written, which follows a commit.
async fn committed(kafka: &Kafka, topic: &str) -> Vec<String> {
    let reader = client(kafka.bootstrap(), &[("isolation.level", "read_committed")]);
    let all = client(kafka.bootstrap(), &[]);
    while offset(&reader, topic, OffsetSpec::Latest).await != offset(&all, topic, OffsetSpec::Latest).await {}
    texts(&drain(&reader, topic, 0).await.expect("readable"))
}

/// A producer that has taken the id.
async fn ready(kafka: &Kafka, id: &str) -> (Client, Producer) {
    let (client, producer) = producer(kafka.bootstrap(), &[("transactional.id", id)]);
    producer.init_transactions().await.expect("ready");
    (client, producer)
}

/// Transactions that are committed, aborted, empty, and with offsets; then a second producer with the same id.
pub(crate) async fn check(kafka: &Kafka) {
    let topic = topic_name("transactions");
    kafka.tool(&format!("create {topic} 2 1"));
    let (_, first) = ready(kafka, &topic).await;
    let mut wanted = Vec::new();
    for round in 0..6 {
        first.begin_transaction().expect("ready");
        let values = numbered(round * 100..round * 100 + 50);
        send_all(&first, &topic, values.clone()).await;
        if round == 2 {
            // Some are written and some are not when it is aborted.
            first.flush().await.expect("written");
            send_all(&first, &topic, numbered(1000..1010)).await;
        }
        if round % 3 == 2 {
            first.abort_transaction().await.expect("aborted");
        } else {
            let offset = OffsetToCommit { of: of(&topic, 1), offset: round as i64, metadata: "run".to_owned() };
            first.send_offsets(&format!("group-{topic}"), &[offset]).await.expect("sent");
            first.commit_transaction().await.expect("committed");
            wanted.extend(values);
        }
    }
    first.begin_transaction().expect("ready");
    first.commit_transaction().await.expect("nothing to commit");
    assert_eq!(committed(kafka, &topic).await, wanted);
    let reader = client(kafka.bootstrap(), &[("isolation.level", "read_committed")]);
    let read = drain(&reader, &topic, 0).await.expect("readable");
    let end = offset(&reader, &topic, OffsetSpec::Latest).await.expect("an end");
    assert_eq!(kafka.tool(&format!("digest {topic} 0 {end} committed")), digest(&read));

    // What the first leaves open is aborted by the second, and the first is told.
    first.begin_transaction().expect("ready");
    send_all(&first, &topic, numbered(2000..2010)).await;
    first.flush().await.expect("written");
    let (_, second) = ready(kafka, &topic).await;
    let error = first.commit_transaction().await.expect_err("fenced");
    assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    assert_eq!(first.begin_transaction().expect_err("for ever").kind(), ErrorKind::Fenced);
    second.begin_transaction().expect("ready");
    send_all(&second, &topic, numbered(3000..3010)).await;
    second.commit_transaction().await.expect("committed");
    wanted.extend(numbered(3000..3010));
    assert_eq!(committed(kafka, &topic).await, wanted);

    // The stock client fences ours, and ours the stock client.
    second.begin_transaction().expect("ready");
    send_all(&second, &topic, numbered(4000..4010)).await;
    second.flush().await.expect("written");
    kafka.tool(&format!("produce {topic} 0 5000 10 end=open id={topic}"));
    assert_eq!(second.commit_transaction().await.expect_err("fenced").kind(), ErrorKind::Fenced);
    let (_, third) = ready(kafka, &topic).await;
    third.begin_transaction().expect("ready");
    send_all(&third, &topic, numbered(6000..6010)).await;
    third.commit_transaction().await.expect("committed");
    wanted.extend(numbered(6000..6010));
    assert_eq!(committed(kafka, &topic).await, wanted);
}

#[tokio::test]
async fn protocol_2_commits_aborts_and_fences() {
    require_or_skip!(Kafka::available());
    check(Kafka::shared()).await;
}

#[tokio::test]
async fn protocol_1_commits_aborts_and_fences() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::start(1, "");
    kafka.tool("feature transaction.version 1");
    check(&kafka).await;
}

#[tokio::test]
async fn calls_in_the_wrong_order_are_refused() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("order");
    kafka.tool(&format!("create {topic} 1 1 max.message.bytes=1000"));
    let (_, plain) = producer(kafka.bootstrap(), &[]);
    let check = |error: millstream_kafka::Error, wanted: &str| assert_eq!(error.to_string(), wanted);
    check(
        plain.begin_transaction().expect_err("no id"),
        "the producer cannot begin a transaction: it has no transactional.id",
    );
    let (_, early) = producer(kafka.bootstrap(), &[("transactional.id", &topic)]);
    check(
        early.begin_transaction().expect_err("too early"),
        "the producer cannot begin a transaction: init_transactions has not been called",
    );
    early.init_transactions().await.expect("ready");
    let handle = early.topic(&topic).await.expect("a topic");
    check(
        early.send(handle, None, &record(None, "v")).await.expect_err("none is open"),
        "the producer cannot take the record: no transaction is open",
    );

    // After a failure only an abort is possible, and then all is well again.
    early.begin_transaction().expect("ready");
    send_all(&early, &topic, ["x".repeat(2000)]).await;
    early.commit_transaction().await.expect_err("the record is too large");
    let error = early.commit_transaction().await.expect_err("still").to_string();
    assert!(
        error.starts_with("the producer cannot commit: the transaction has failed and must be aborted: "),
        "{error}"
    );
    early.abort_transaction().await.expect("aborted");
    early.begin_transaction().expect("ready");
    send_all(&early, &topic, numbered(0..3)).await;
    early.commit_transaction().await.expect("committed");
    assert_eq!(committed(kafka, &topic).await, numbered(0..3));
}
