//! Where a lane may join: at a response before which it has everything, and from which on it has nothing.

use millstream_broker::{Broker, BrokerConfig};
use millstream_kafka::{Assignment, Client, ClientConfig, FetchOptions, NewRecord, ProducerConfig, Unlimited};

use super::*;

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("rows", number)
}

fn starts(first: i64, second: i64) -> HashMap<TopicPartition, i64> {
    HashMap::from([(partition(0), first), (partition(1), second)])
}

async fn write(client: &Client, number: i32, rows: usize) {
    let producer = client.producer(ProducerConfig::default(), Arc::new(Unlimited));
    let topic = producer.topic("rows").await.unwrap();
    let row = NewRecord { timestamp: 0, key: None, value: Some(b"a row"), headers: &[] };
    for _ in 0..rows {
        producer.send(topic, Some(number), &row).await.unwrap();
    }
    producer.flush().await.unwrap();
}

fn join(feeds: &Feeds, client: &Client, starts: &HashMap<TopicPartition, i64>) -> Reading {
    let settings: Settings = Arc::new([]);
    feeds.join(&settings, starts, || {
        let from = starts.iter().map(|(of, position)| Assignment { of: of.clone(), position: *position, end: None });
        client.fetcher(from, FetchOptions::default())
    })
}

/// The partitions of a response with the positions from which and up to which it was read.
fn parts(step: Step) -> Vec<(i32, std::ops::Range<i64>)> {
    let Step::Got(fetched) = step else { panic!("{step:?}") };
    let mut parts: Vec<_> =
        fetched.partitions().map(|part| (part.partition(), part.position()..part.next_position())).collect();
    parts.sort_unstable_by_key(|(number, _)| *number);
    parts
}

#[tokio::test]
async fn a_lane_joins_where_all_partitions_are_at_one_response() {
    let broker = Broker::start(BrokerConfig { default_partitions: 2, ..BrokerConfig::default() }).await.unwrap();
    let address = broker.address().to_string();
    let (config, _) = ClientConfig::from_properties([("bootstrap.servers", address.as_str())]).unwrap();
    let client = Client::new(config);
    write(&client, 0, 10).await;
    write(&client, 1, 10).await;
    let feeds = Feeds::default();
    let Reading::Joined(mut first) = join(&feeds, &client, &starts(0, 0)) else { panic!("nobody was there before") };
    // From here on responses are kept.
    assert!(matches!(join(&feeds, &client, &starts(99, 99)), Reading::Alone(_)));
    assert_eq!(parts(first.next().await.unwrap()), [(0, 0..10), (1, 0..10)]);
    write(&client, 0, 5).await;
    assert_eq!(parts(first.next().await.unwrap()), [(0, 10..15)]);

    for (at, wanted) in [
        (starts(0, 0), Some(vec![(0, 0..10), (1, 0..10)])),
        (starts(10, 10), Some(vec![(0, 10..15)])),
        (starts(15, 10), None),
    ] {
        let Reading::Joined(mut seat) = join(&feeds, &client, &at) else { panic!("{at:?}") };
        assert_eq!(seat.try_next().unwrap().map(parts), wanted, "{at:?}");
    }
    // It holds rows of one partition that would come again with those of the other, or begins within a response.
    for at in [starts(10, 0), starts(0, 10), starts(15, 0), starts(12, 10), starts(10, 5), starts(15, 11)] {
        assert!(matches!(join(&feeds, &client, &at), Reading::Alone(_)), "{at:?}");
    }
}
