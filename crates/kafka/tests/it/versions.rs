//! Kafka as old as 2.8: the client administers, writes, reads and transacts there as it does with the newest.

use millstream_kafka::{CommittedOffset, Error, NewTopic, OffsetSpec, OffsetToCommit, ResponseError, Topics};
use millstream_test_servers::{Kafka, require_or_skip};

use crate::producing::{numbered, producer, send_all};
use crate::{client, digest, drain, of, topic_name, transactions};

const RECORDS: usize = 2000;

/// All that the client does, with the stock client at the other end.
async fn check(kafka: &Kafka) {
    administers(kafka).await;
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        writes_and_reads(kafka, codec).await;
    }
    transactions::check(kafka).await;
    commits_offsets(kafka).await;
}

async fn administers(kafka: &Kafka) {
    let client = client(kafka.bootstrap(), &[]);
    client.check_reachable().await.expect("it runs");
    let topic = NewTopic {
        name: topic_name("made"),
        partitions: Some(3),
        replication_factor: Some(1),
        configs: vec![("retention.ms".to_owned(), "3600000".to_owned())],
    };
    client.create_topic(&topic).await.expect("made");
    let names = [topic.name.as_str().into()];
    let described = client.describe_topics(Topics::Named(&names)).await.expect("described");
    let partitions: Vec<_> = described[0].partitions.iter().map(|it| (it.partition, it.leader, it.isr.len())).collect();
    assert_eq!(partitions, [(0, Some(1), 1), (1, Some(1), 1), (2, Some(1), 1)]);
    assert_eq!(kafka.tool(&format!("leader {} 2", topic.name)), "1");
    let configs = client.describe_topic_configs(&names).await.expect("described").remove(0);
    let retention = configs.iter().find(|entry| entry.name == "retention.ms").expect("every topic has it");
    assert_eq!((retention.value.as_deref(), retention.is_default), (Some("3600000"), false));
    let segment = configs.iter().find(|entry| entry.name == "segment.bytes").expect("every topic has it");
    assert_eq!((segment.value.as_deref(), segment.is_default), (Some("1073741824"), true));
    let code = |error| match error {
        Error::Rejected { code, .. } | Error::Broker { code, .. } => code,
        other => panic!("{other}"),
    };
    let twice = client.create_topic(&topic).await.expect_err("it exists");
    assert_eq!(code(twice), ResponseError::TopicAlreadyExists);
    client.delete_topic(&topic.name).await.expect("deleted");
    assert!(client.describe_topics(Topics::Named(&names)).await.expect("described").is_empty());
    let twice = client.delete_topic(&topic.name).await.expect_err("it is gone");
    assert_eq!(code(twice), ResponseError::UnknownTopicOrPartition);
}

async fn writes_and_reads(kafka: &Kafka, codec: &str) {
    let (ours, theirs) = (topic_name("ours"), topic_name("theirs"));
    kafka.tool(&format!("create {ours} 1 1"));
    let (client, producer) = producer(kafka.bootstrap(), &[("compression.type", codec), ("batch.size", "20000")]);
    send_all(&producer, &ours, numbered(0..RECORDS)).await;
    producer.flush().await.expect("written");
    let read = drain(&client, &ours, 0).await.expect("readable");
    assert_eq!(kafka.tool(&format!("digest {ours} 0 {RECORDS} uncommitted")), digest(&read), "{codec}");

    kafka.tool(&format!("create {theirs} 1 1"));
    kafka.tool(&format!("produce {theirs} 0 0 {RECORDS} codec={codec} batch=100 base=1000 headers=3 null-values=7"));
    let read = drain(&client, &theirs, 0).await.expect("readable");
    assert_eq!(read.len(), RECORDS);
    assert_eq!(kafka.tool(&format!("digest {theirs} 0 {RECORDS} uncommitted")), digest(&read), "{codec}");
    let at = [OffsetSpec::Earliest, OffsetSpec::Timestamp(1500), OffsetSpec::Timestamp(1_000_000), OffsetSpec::Latest];
    let offsets = client.list_offsets(&at.map(|spec| (of(&theirs, 0), spec))).await.expect("offsets");
    assert_eq!(offsets, [Some(0), Some(500), None, Some(RECORDS as i64)]);
}

/// What a transaction commits for a group is what the group has.
async fn commits_offsets(kafka: &Kafka) {
    let name = topic_name("group");
    kafka.tool(&format!("create {name} 2 1"));
    let (client, producer) = producer(kafka.bootstrap(), &[("transactional.id", &name)]);
    producer.init_transactions().await.expect("ready");
    producer.begin_transaction().expect("ready");
    let offset = OffsetToCommit { of: of(&name, 0), offset: 17, metadata: "note".to_owned() };
    producer.send_offsets(&name, &[offset]).await.expect("sent");
    producer.commit_transaction().await.expect("committed");
    let committed = CommittedOffset { offset: 17, metadata: "note".to_owned() };
    assert_eq!(client.committed_offset(&name, &of(&name, 0), true).await.expect("an answer"), Some(committed));
    assert_eq!(client.committed_offset(&name, &of(&name, 1), true).await.expect("an answer"), None);
}

#[tokio::test]
async fn kafka_2_8_with_zookeeper() {
    require_or_skip!(Kafka::version_available("2.8"));
    check(&Kafka::start_version("2.8")).await;
}

#[tokio::test]
async fn kafka_3_9() {
    require_or_skip!(Kafka::version_available("3.9"));
    check(&Kafka::start_version("3.9")).await;
}

#[tokio::test]
async fn kafka_4_1() {
    require_or_skip!(Kafka::available());
    check(Kafka::shared()).await;
}
