//! What one broker holds is what is read: codecs, batch sizes, transactions, compaction, times.

use millstream_kafka::{Assignment, Error, FetchOptions, OffsetSpec, TimestampType, TopicPartition, Topics};
use millstream_test_servers::{Kafka, require_or_skip};

use crate::{client, digest, drain, of, offset, records, topic_name};

/// Writes with the stock client, reads with ours, compares with what the stock client reads.
async fn check_written(stem: &str, settings: &str, count: usize) {
    let kafka = Kafka::shared();
    let topic = topic_name(stem);
    kafka.tool(&format!("create {topic} 1 1 max.message.bytes=67108864"));
    kafka.tool(&format!("produce {topic} 0 0 {count} {settings}"));
    let client = client(kafka.bootstrap(), &[]);
    let read = drain(&client, &topic, 0).await.expect("readable");
    assert_eq!(read.len(), count, "{settings}");
    let end = read.last().expect("records").offset + 1;
    assert_eq!(digest(&read), kafka.tool(&format!("digest {topic} 0 {end} uncommitted")), "{settings}");
    for (index, record) in read.iter().enumerate() {
        assert_eq!(record.offset, index as i64);
        assert_eq!(record.timestamp, 1_700_000_000_000 + index as i64);
    }
}

#[tokio::test]
async fn every_codec_with_large_and_small_batches() {
    require_or_skip!(Kafka::available());
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        check_written(codec, &format!("codec={codec} batch=10000 bytes=94"), 25_000).await;
        check_written(codec, &format!("codec={codec} batch=1"), 50).await;
    }
}

#[tokio::test]
async fn records_of_ten_megabytes_between_small_ones() {
    require_or_skip!(Kafka::available());
    for codec in ["none", "lz4", "snappy"] {
        check_written("huge", &format!("codec={codec} batch=1 bytes=10000000"), 4).await;
    }
}

#[tokio::test]
async fn null_keys_null_values_and_headers() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("nulls");
    kafka.tool(&format!("create {topic} 1 1"));
    kafka.tool(&format!("produce {topic} 0 0 30 null-keys=2 null-values=3 headers=4"));
    let read = drain(&client(kafka.bootstrap(), &[]), &topic, 0).await.expect("readable");
    for (i, record) in read.iter().enumerate() {
        assert_eq!(record.key, (i % 2 != 0).then(|| format!("key-{i}").into_bytes()));
        assert_eq!(record.value, (i % 3 != 0).then(|| format!("value-{i}").into_bytes()));
        let headers =
            (0..i % 4).map(|h| (format!("h{h}").into_bytes(), (h % 2 == 0).then(|| h.to_string().into_bytes())));
        assert_eq!(record.headers, headers.collect::<Vec<_>>());
    }
    assert_eq!(read.len(), 30);
}

#[tokio::test]
async fn a_position_within_a_batch_and_an_end_within_another() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("within");
    kafka.tool(&format!("create {topic} 1 1"));
    kafka.tool(&format!("produce {topic} 0 0 100 batch=10 codec=lz4"));
    let client = client(kafka.bootstrap(), &[]);
    let assignment = Assignment { of: of(&topic, 0), position: 37, end: Some(52) };
    let mut fetcher = client.fetcher([assignment], FetchOptions::default());
    let mut offsets = Vec::new();
    while let Some(fetched) = fetcher.next().await.expect("readable") {
        offsets.extend(records(&fetched).expect("readable").iter().map(|record| record.offset));
    }
    assert_eq!(offsets, (37..52).collect::<Vec<_>>());
    assert!(fetcher.is_finished());
}

#[tokio::test]
async fn aborted_transactions_and_markers() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("transactions");
    kafka.tool(&format!("create {topic} 1 1"));
    // Two producers at once: the aborted one's records lie between the committed one's.
    kafka.tool(&format!("produce {topic} 0 0 5 end=open id=a-{topic}"));
    kafka.tool(&format!("produce {topic} 0 100 5 end=open id=b-{topic}"));
    kafka.tool(&format!("end b-{topic} abort"));
    kafka.tool(&format!("produce {topic} 0 5 5"));
    kafka.tool(&format!("end a-{topic} commit"));
    kafka.tool(&format!("produce {topic} 0 200 5 end=abort id=b-{topic}"));
    kafka.tool(&format!("produce {topic} 0 10 5 end=commit id=b-{topic}"));

    let committed = client(kafka.bootstrap(), &[("isolation.level", "read_committed")]);
    // 25 records and 4 markers. The last offset is a marker's, and the range is read to its end all the same.
    assert_eq!(offset(&committed, &topic, OffsetSpec::Latest).await, Some(29));
    let read = drain(&committed, &topic, 0).await.expect("readable");
    let values: Vec<_> = read.iter().map(crate::Read::value_text).collect();
    assert_eq!(values, (0..15).map(|i| format!("value-{i}")).collect::<Vec<_>>());
    assert_eq!(digest(&read), kafka.tool(&format!("digest {topic} 0 29 committed")));

    let uncommitted = drain(&client(kafka.bootstrap(), &[]), &topic, 0).await.expect("readable");
    assert_eq!(digest(&uncommitted), kafka.tool(&format!("digest {topic} 0 29 uncommitted")));
    assert_eq!(uncommitted.len(), 25);
}

#[tokio::test]
async fn an_open_transaction_holds_back_what_follows() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("open");
    kafka.tool(&format!("create {topic} 1 1"));
    kafka.tool(&format!("produce {topic} 0 0 3"));
    kafka.tool(&format!("produce {topic} 0 3 3 end=open id={topic}"));
    let committed = client(kafka.bootstrap(), &[("isolation.level", "read_committed")]);
    assert_eq!(offset(&committed, &topic, OffsetSpec::Latest).await, Some(3));
    let mut fetcher =
        committed.fetcher([Assignment { of: of(&topic, 0), position: 0, end: None }], FetchOptions::default());
    let first = fetcher.next().await.expect("readable").expect("for ever");
    let partition = first.partitions().next().expect("one");
    assert_eq!((partition.next_position(), partition.last_stable_offset()), (3, 3));
    kafka.tool(&format!("end {topic} commit"));
    let second = fetcher.next().await.expect("readable").expect("for ever");
    assert_eq!(records(&second).expect("readable").len(), 3);
}

#[tokio::test]
async fn compacted_topics_have_gaps() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("compacted");
    kafka.tool(&format!(
        "create {topic} 1 1 cleanup.policy=compact segment.bytes=1048576 min.cleanable.dirty.ratio=0.01 segment.ms=100 \
         max.compaction.lag.ms=1 min.compaction.lag.ms=0"
    ));
    kafka.tool(&format!("produce {topic} 0 0 5000 keys=10 batch=100 bytes=1000"));
    kafka.tool(&format!("produce {topic} 0 5000 100 keys=10 batch=1"));
    let left: usize = kafka.tool(&format!("await-compacted {topic} 0")).parse().expect("a number");
    let client = client(kafka.bootstrap(), &[]);
    let read = drain(&client, &topic, 0).await.expect("readable");
    assert!(read.len() <= left && left < 5100, "{} read, {left} left", read.len());
    assert_eq!(digest(&read), kafka.tool(&format!("digest {topic} 0 5100 uncommitted")));
    assert_eq!(read.last().map(|record| record.offset), Some(5099));
}

#[tokio::test]
async fn offsets_by_position_and_by_time() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("times");
    kafka.tool(&format!("create {topic} 2 1"));
    kafka.tool(&format!("produce {topic} 0 0 100 base=1000 batch=10"));
    kafka.tool(&format!("delete-records {topic} 0 20"));
    let client = client(kafka.bootstrap(), &[]);
    let ask = [
        (of(&topic, 0), OffsetSpec::Earliest),
        (of(&topic, 0), OffsetSpec::Latest),
        (of(&topic, 0), OffsetSpec::Timestamp(1050)),
        (of(&topic, 0), OffsetSpec::Timestamp(1)),
        (of(&topic, 0), OffsetSpec::Timestamp(2000)),
        (of(&topic, 1), OffsetSpec::Earliest),
        (of(&topic, 1), OffsetSpec::Latest),
        (of(&topic, 1), OffsetSpec::Timestamp(0)),
    ];
    let offsets = client.list_offsets(&ask).await.expect("offsets");
    assert_eq!(offsets, [Some(20), Some(100), Some(50), Some(20), None, Some(0), Some(0), None]);

    let missing = TopicPartition::new(format!("{topic}-missing"), 0);
    let error = client.list_offsets(&[(missing, OffsetSpec::Latest)]).await.expect_err("no such topic");
    assert!(matches!(error, Error::UnknownPartition { .. }), "{error}");
}

#[tokio::test]
async fn a_position_out_of_range_names_the_range() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("range");
    kafka.tool(&format!("create {topic} 1 1"));
    kafka.tool(&format!("produce {topic} 0 0 100"));
    kafka.tool(&format!("delete-records {topic} 0 40"));
    let client = client(kafka.bootstrap(), &[]);
    for position in [7, 101] {
        let assignment = Assignment { of: of(&topic, 0), position, end: None };
        let error = client.fetcher([assignment], FetchOptions::default()).next().await.expect_err("out of range");
        let Error::OffsetOutOfRange { place, earliest, latest } = error else { panic!("{error}") };
        assert_eq!((place.offset, earliest, latest), (Some(position), 40, 100));
        assert_eq!(place.topic.as_deref(), Some(topic.as_str()));
    }
}

#[tokio::test]
async fn a_topic_deleted_and_created_again_is_noticed() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("again");
    kafka.tool(&format!("create {topic} 1 1"));
    kafka.tool(&format!("produce {topic} 0 0 10"));
    let client = client(kafka.bootstrap(), &[]);
    let mut fetcher =
        client.fetcher([Assignment { of: of(&topic, 0), position: 0, end: None }], FetchOptions::default());
    let first = fetcher.next().await.expect("readable").expect("for ever");
    assert_eq!(records(&first).expect("readable").len(), 10);
    kafka.tool(&format!("delete {topic}"));
    kafka.tool(&format!("create {topic} 1 1"));
    kafka.tool(&format!("produce {topic} 0 0 20"));
    let error = fetcher.next().await.expect_err("another topic");
    assert!(matches!(error, Error::TopicRecreated { .. }), "{error}");
}

#[tokio::test]
async fn a_deleted_topic_ends_in_an_error() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("deleted");
    kafka.tool(&format!("create {topic} 1 1"));
    let client = client(kafka.bootstrap(), &[("retry.backoff.ms", "10"), ("retry.backoff.max.ms", "50")]);
    let mut fetcher =
        client.fetcher([Assignment { of: of(&topic, 0), position: 0, end: None }], FetchOptions::default());
    kafka.tool(&format!("delete {topic}"));
    let error = fetcher.next().await.expect_err("no topic");
    assert!(matches!(error, Error::UnknownPartition { .. }), "{error}");
    assert!(client.metadata(Topics::Named(&[topic.as_str().into()])).await.expect("an answer").is_empty());
}

#[tokio::test]
async fn log_append_time_is_the_brokers() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("append");
    kafka.tool(&format!("create {topic} 1 1 message.timestamp.type=LogAppendTime"));
    kafka.tool(&format!("produce {topic} 0 0 10 base=1000"));
    let client = client(kafka.bootstrap(), &[]);
    let mut fetcher =
        client.fetcher([Assignment { of: of(&topic, 0), position: 0, end: Some(10) }], FetchOptions::default());
    let fetched = fetcher.next().await.expect("readable").expect("records");
    for batch in fetched.partitions().next().expect("one").batches() {
        assert_eq!(batch.expect("valid").timestamp_type(), TimestampType::LogAppendTime);
    }
    let read = records(&fetched).expect("readable");
    assert!(read.iter().all(|record| record.timestamp > 1_600_000_000_000), "{read:?}");
    assert_eq!(digest(&read), kafka.tool(&format!("digest {topic} 0 10 uncommitted")));
}

#[tokio::test]
async fn no_partition_starves_behind_a_full_one() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("fair");
    kafka.tool(&format!("create {topic} 8 1"));
    for partition in 0..8 {
        kafka.tool(&format!("produce {topic} {partition} 0 2000 bytes=1000 batch=100"));
    }
    // One answer has room for two partitions at the most.
    let client = client(kafka.bootstrap(), &[("fetch.max.bytes", "200000"), ("max.partition.fetch.bytes", "100000")]);
    let assignments = (0..8).map(|partition| Assignment { of: of(&topic, partition), position: 0, end: Some(2000) });
    let mut fetcher = client.fetcher(assignments, FetchOptions::default());
    let mut order = Vec::new();
    while let Some(fetched) = fetcher.next().await.expect("readable") {
        order.extend(fetched.partitions().map(|partition| partition.partition()));
    }
    for partition in 0..8 {
        let first = order.iter().position(|&each| each == partition).expect("read");
        assert!(first < 24, "partition {partition} waited for {first} turns: {order:?}");
    }
}
