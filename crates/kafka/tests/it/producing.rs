//! What the producer writes, read back by the stock client and by ours.

use std::sync::Arc;
use std::time::Duration;

use millstream_kafka::{
    Client, CompressionType, Error, NewRecord, OffsetSpec, Producer, ProducerConfig, ResponseError, Unlimited,
    partition_of_key,
};
use millstream_test_servers::{Kafka, require_or_skip};

use crate::{Read, digest, drain, of, topic_name};

/// Milliseconds of a day that is far ahead, so that no broker's clean-up takes the records away.
const FAR: i64 = 4_000_000_000_000;

/// A producer with these settings besides the brokers.
pub(crate) fn producer(bootstrap: &str, settings: &[(&str, &str)]) -> (Client, Producer) {
    let all = [("bootstrap.servers", bootstrap)].into_iter().chain(settings.iter().copied());
    let (client, producer, ignored) = ProducerConfig::from_properties(all).expect("valid settings");
    assert!(ignored.is_empty(), "{ignored:?}");
    let client = Client::new(client);
    let producer = client.producer(producer, Arc::new(Unlimited));
    (client, producer)
}

pub(crate) fn record<'a>(key: Option<&'a str>, value: &'a str) -> NewRecord<'a> {
    NewRecord { timestamp: FAR, key: key.map(str::as_bytes), value: Some(value.as_bytes()), headers: &[] }
}

/// Sends these values to partition 0.
pub(crate) async fn send_all(producer: &Producer, topic: &str, values: impl IntoIterator<Item = String>) {
    let topic = producer.topic(topic).await.expect("a topic");
    for value in values {
        producer.send(topic, Some(0), &record(Some("k"), &value)).await.expect("taken");
    }
}

pub(crate) fn texts(records: &[Read]) -> Vec<String> {
    records.iter().map(Read::value_text).collect()
}

pub(crate) fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|index| format!("value-{index}")).collect()
}

#[tokio::test]
async fn every_codec_is_read_by_the_stock_client() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = topic_name("codec");
        kafka.tool(&format!("create {topic} 1 1"));
        let (client, producer) = producer(kafka.bootstrap(), &[("compression.type", codec), ("batch.size", "20000")]);
        let handle = producer.topic(&topic).await.expect("a topic");
        for index in 0..5000_i64 {
            let value = format!("value-{index}-{}", "x".repeat(index as usize % 50));
            let headers = [(&b"name"[..], Some(&b"of a header"[..])), (b"null", None)];
            let new = NewRecord {
                timestamp: FAR + index,
                key: (index % 3 > 0).then_some(&b"key"[..]),
                value: (index % 7 > 0).then_some(value.as_bytes()),
                headers: &headers[..index as usize % 3],
            };
            producer.send(handle, Some(0), &new).await.expect("taken");
        }
        producer.flush().await.expect("written");
        let read = drain(&client, &topic, 0).await.expect("readable");
        assert_eq!(read.len(), 5000);
        assert!(read.iter().enumerate().all(|(index, read)| read.headers.len() == index % 3));
        assert_eq!(kafka.tool(&format!("digest {topic} 0 5000 uncommitted")), digest(&read), "{codec}");
        assert_eq!(producer.config().compression, codec.parse::<CompressionType>().expect("a codec"));
    }
}

#[tokio::test]
async fn keys_go_where_the_hash_says_and_the_rest_is_spread() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("spread");
    kafka.tool(&format!("create {topic} 5 1"));
    let (client, producer) = producer(kafka.bootstrap(), &[]);
    let handle = producer.topic(&topic).await.expect("a topic");
    let filler = "x".repeat(1000);
    for index in 0..1000 {
        producer.send(handle, None, &record(Some(&format!("key-{index}")), "v")).await.expect("taken");
        producer.send(handle, None, &record(None, &filler)).await.expect("taken");
    }
    producer.flush().await.expect("written");
    let (mut total, mut without_key) = (0, Vec::new());
    for partition in 0..5 {
        let end = client.list_offsets(&[(of(&topic, partition), OffsetSpec::Latest)]).await.expect("offsets")[0];
        let read = crate::drain_partition(&client, &topic, partition, end).await.expect("readable");
        total += read.len();
        for key in read.iter().filter_map(|read| read.key.as_deref()) {
            assert_eq!(partition_of_key(key, 5), partition);
        }
        without_key.push(read.iter().filter(|read| read.key.is_none()).count());
    }
    assert_eq!((total, without_key.iter().sum::<usize>()), (2000, 1000));
    // A megabyte in turns of 16 kB.
    assert!(without_key.iter().all(|&count| count > 0), "{without_key:?}");
}

#[tokio::test]
async fn acks_of_every_kind_write_in_order() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    for acks in ["0", "1", "all"] {
        let topic = topic_name("acks");
        kafka.tool(&format!("create {topic} 1 1"));
        let (client, producer) = producer(kafka.bootstrap(), &[("acks", acks), ("batch.size", "2000")]);
        send_all(&producer, &topic, numbered(0..3000)).await;
        producer.flush().await.expect("written");
        // Without acks only the broker knows when it has them.
        loop {
            let read = drain(&client, &topic, 0).await.expect("readable");
            if acks != "0" || read.len() == 3000 {
                assert_eq!(texts(&read), numbered(0..3000), "acks={acks}");
                break;
            }
        }
    }
}

#[tokio::test]
async fn records_that_are_too_large_are_refused_by_either_side() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("large");
    kafka.tool(&format!("create {topic} 1 1 max.message.bytes=5000"));
    let (client, producer) = producer(kafka.bootstrap(), &[("batch.size", "100000")]);
    let handle = producer.topic(&topic).await.expect("a topic");

    // The size that Java's producer names for this value, and its limit.
    let error = producer.send(handle, None, &record(None, &"x".repeat(2_000_000))).await.expect_err("too large");
    let Error::RecordTooLarge { bytes: 2_000_088, setting: "max.request.size", max: 1_048_576, .. } = error else {
        panic!("{error:?}");
    };

    // A batch that the broker finds too large goes in parts.
    send_all(&producer, &topic, (0..200).map(|index| format!("value-{index}{}", ".".repeat(300)))).await;
    producer.flush().await.expect("written");
    assert_eq!(texts(&drain(&client, &topic, 0).await.expect("readable")), numbered(0..200));

    // A record that the broker finds too large is an error, and those around it are written.
    send_all(&producer, &topic, ["before".to_owned(), "x".repeat(6000), "after".to_owned()]).await;
    let error = producer.flush().await.expect_err("too large");
    let place = error.place().expect("known").clone();
    assert_eq!((place.topic.as_deref(), place.partition), (Some(topic.as_str()), Some(0)));
    assert!(matches!(
        error,
        Error::Broker { code: ResponseError::MessageTooLarge, .. }
            | Error::Rejected { code: ResponseError::MessageTooLarge, .. }
    ));
    send_all(&producer, &topic, ["last".to_owned()]).await;
    producer.flush().await.expect("the next ones go on");
    assert_eq!(texts(&drain(&client, &topic, 200).await.expect("readable")), ["before", "after", "last"]);
}

#[tokio::test]
async fn topics_are_created_or_waited_for() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::start(1, "auto.create.topics.enable=false\n");
    let (client, producer) = producer(kafka.bootstrap(), &[("max.block.ms", "1500")]);
    let topic = topic_name("missing");
    let error = producer.topic(&topic).await.expect_err("not there");
    let wanted = format!("topic '{topic}' is not present in the cluster's metadata after 1.5s");
    assert_eq!(error.to_string(), wanted);
    let error = producer.topic("a b").await.expect_err("no name");
    assert!(matches!(error, Error::Broker { code: ResponseError::InvalidTopicException, .. }), "{error:?}");

    // A partition that comes later is waited for too.
    kafka.tool(&format!("create {topic} 1 1"));
    let handle = producer.topic(&topic).await.expect("there now");
    let error = producer.send(handle, Some(1), &record(None, "v")).await.expect_err("one partition");
    assert!(matches!(&error, Error::NotPresent { place, .. } if place.partition == Some(1)), "{error:?}");
    assert!(matches!(producer.send(handle, Some(-1), &record(None, "v")).await, Err(Error::ProducerState { .. })));
    kafka.tool(&format!("partitions {topic} 2"));
    producer.send(handle, Some(1), &record(None, "v")).await.expect("taken");
    producer.flush().await.expect("written");
    assert_eq!(client.list_offsets(&[(of(&topic, 1), OffsetSpec::Latest)]).await.expect("offsets"), [Some(1)]);

    // Here topics are created by asking.
    let shared = Kafka::shared();
    let (client, producer) = self::producer(shared.bootstrap(), &[]);
    let topic = topic_name("created");
    send_all(&producer, &topic, numbered(0..1)).await;
    producer.flush().await.expect("written");
    assert_eq!(texts(&drain(&client, &topic, 0).await.expect("readable")), numbered(0..1));
}

#[tokio::test]
async fn memory_is_bounded_and_given_back() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = topic_name("memory");
    kafka.tool(&format!("create {topic} 1 1"));
    let settings = [("buffer.memory", "100000"), ("batch.size", "10000"), ("max.block.ms", "20000")];
    let (client, producer) = producer(kafka.bootstrap(), &settings);
    let text = "x".repeat(500);
    send_all(&producer, &topic, (0..5000).map(|index| format!("{index} {text}"))).await;
    producer.flush().await.expect("written");
    let read = texts(&drain(&client, &topic, 0).await.expect("readable"));
    assert!(read.iter().enumerate().all(|(index, value)| value.starts_with(&format!("{index} "))));
    assert_eq!(read.len(), 5000);
}

#[tokio::test]
async fn a_cluster_that_stays_away_is_an_error_in_time() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::start(1, "");
    let topic = topic_name("away");
    kafka.tool(&format!("create {topic} 1 1"));
    let settings = [("delivery.timeout.ms", "2500"), ("request.timeout.ms", "1000")];
    let (client, producer) = producer(kafka.bootstrap(), &settings);
    send_all(&producer, &topic, numbered(0..10)).await;
    producer.flush().await.expect("written");
    kafka.kill(1);
    send_all(&producer, &topic, numbered(10..20)).await;
    let error = tokio::time::timeout(Duration::from_secs(20), producer.flush()).await.expect("in time");
    let Err(Error::DeliveryTimeout { place, last: Some(_), .. }) = &error else { panic!("{error:?}") };
    assert_eq!(place.partition, Some(0));
    kafka.restart(1);
    send_all(&producer, &topic, numbered(20..30)).await;
    producer.flush().await.expect("written");
    let read = texts(&drain(&client, &topic, 0).await.expect("readable"));
    assert_eq!(read, [numbered(0..10), numbered(20..30)].concat());
}
