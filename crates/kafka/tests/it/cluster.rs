//! Several brokers, some of which go away.

use std::time::Duration;

use millstream_kafka::{Assignment, FetchOptions, Fetcher, OffsetSpec};
use millstream_test_servers::{Kafka, require_or_skip};

use crate::producing::{producer, record};
use crate::{client, of, records, topic_name};

/// Reads until the record with this value has come; all values read.
async fn read_until(fetcher: &mut Fetcher, last: &str) -> Vec<String> {
    let mut values = Vec::new();
    let reading = async {
        while values.last().map(String::as_str) != Some(last) {
            let fetched = fetcher.next().await.expect("nothing fatal").expect("for ever");
            values.extend(records(&fetched).expect("readable").iter().map(crate::Read::value_text));
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reading).await.expect("in time");
    values
}

#[tokio::test]
async fn the_leader_is_killed_and_all_brokers_come_and_go() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::start(3, "");
    let topic = topic_name("replicated");
    kafka.tool(&format!("create {topic} 1 3"));
    let client = client(kafka.bootstrap(), &[]);
    let mut fetcher =
        client.fetcher([Assignment { of: of(&topic, 0), position: 0, end: None }], FetchOptions::default());
    kafka.tool(&format!("produce {topic} 0 0 1000"));
    let mut values = read_until(&mut fetcher, "value-999").await;

    let leader: usize = kafka.tool(&format!("leader {topic} 0")).parse().expect("a number");
    kafka.kill(leader);
    kafka.tool(&format!("produce {topic} 0 1000 1000"));
    values.extend(read_until(&mut fetcher, "value-1999").await);

    // All gone: the reader waits. Then all come back, in the ports they had.
    for node in (1..=3).filter(|&node| node != leader) {
        kafka.kill(node);
    }
    assert!(tokio::time::timeout(Duration::from_secs(2), fetcher.next()).await.is_err(), "nobody could answer");
    // A quorum first, and the broker that has all records among it.
    std::thread::scope(|scope| {
        for node in 1..=3 {
            let kafka = &kafka;
            scope.spawn(move || kafka.restart(node));
        }
    });
    kafka.tool(&format!("produce {topic} 0 2000 1000"));
    values.extend(read_until(&mut fetcher, "value-2999").await);
    assert_eq!(values, (0..3000).map(|i| format!("value-{i}")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaders_are_killed_while_a_producer_writes() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::start(3, "min.insync.replicas=2\n");
    let topic = topic_name("written");
    kafka.tool(&format!("create {topic} 3 3 retention.ms=-1"));
    let (client, producer) = producer(kafka.bootstrap(), &[("batch.size", "2000"), ("buffer.memory", "200000")]);
    let handle = producer.topic(&topic).await.expect("a topic");
    let mut next = 0;
    for round in 0..4 {
        let leader: usize = kafka.tool(&format!("leader {topic} 0")).parse().expect("a number");
        let write = async |count: i64, from: i64| {
            for index in from..from + count {
                let value = format!("value-{index}");
                producer.send(handle, Some((index % 3) as i32), &record(None, &value)).await.expect("taken");
            }
        };
        write(3000, next).await;
        // The leader dies with batches under way.
        kafka.kill(leader);
        write(3000, next + 3000).await;
        next += 6000;
        producer.flush().await.unwrap_or_else(|error| panic!("round {round}: {error}"));
        kafka.restart(leader);
    }
    for partition in 0..3 {
        let end = client.list_offsets(&[(of(&topic, partition), OffsetSpec::Latest)]).await.expect("offsets")[0];
        let read = crate::drain_partition(&client, &topic, partition, end).await.expect("readable");
        let wanted: Vec<_> =
            (0..next).filter(|index| index % 3 == i64::from(partition)).map(|i| format!("value-{i}")).collect();
        let values: Vec<_> = read.iter().map(crate::Read::value_text).collect();
        assert_eq!(values.len(), wanted.len(), "partition {partition}: lost or doubled");
        assert_eq!(values, wanted, "partition {partition}");
    }
}
