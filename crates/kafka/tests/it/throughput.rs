//! What the hot path costs, for a person to read: run with `--nocapture` in a release build. It asserts only the count.

use std::time::Instant;

use millstream_kafka::{Appended, Assignment, Decompressor, FetchOptions, NewRecord, OffsetSpec};
use millstream_test_servers::{Kafka, require_or_skip};

use crate::producing::producer;
use crate::{client, of, topic_name};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "a measurement")]
async fn small_rows() {
    require_or_skip!(Kafka::available());
    const ROWS: i64 = if cfg!(debug_assertions) { 100_000 } else { 2_000_000 };
    let kafka = Kafka::shared();
    let topic = topic_name("speed");
    kafka.tool(&format!("create {topic} 4 1 max.message.bytes=67108864"));
    for partition in 0..4 {
        kafka.tool(&format!("produce {topic} {partition} 0 {} batch=2400 bytes=94", ROWS / 4));
    }
    for _ in 0..5 {
        let client = client(kafka.bootstrap(), &[]);
        let assignments = (0..4).map(|p| Assignment { of: of(&topic, p), position: 0, end: Some(ROWS / 4) });
        let begin = Instant::now();
        let mut fetcher = client.fetcher(assignments, FetchOptions::default());
        let (mut rows, mut bytes, mut room) = (0, 0, Decompressor::new());
        let mut parsing = std::time::Duration::ZERO;
        while let Some(fetched) = fetcher.next().await.expect("readable") {
            let began = Instant::now();
            for partition in fetched.partitions() {
                for batch in partition.batches() {
                    let batch = batch.expect("valid");
                    let mut records = batch.records(&mut room).expect("valid");
                    while let Some(record) = records.next().expect("valid") {
                        rows += 1;
                        bytes += record.value.map_or(0, <[u8]>::len);
                    }
                }
            }
            parsing += began.elapsed();
        }
        let took = begin.elapsed();
        assert_eq!((rows, bytes), (ROWS, 94 * ROWS as usize));
        println!(
            "{:.1} M rows/s; checksum and records {:.1} ns a row",
            rows as f64 / took.as_secs_f64() / 1e6,
            parsing.as_nanos() as f64 / rows as f64
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "a measurement")]
async fn small_rows_produced() {
    require_or_skip!(Kafka::available());
    const ROWS: usize = if cfg!(debug_assertions) { 50_000 } else { 2_000_000 };
    let kafka = Kafka::shared();
    let topic = topic_name("produced");
    kafka.tool(&format!("create {topic} 4 1"));
    let (client, producer) = producer(kafka.bootstrap(), &[]);
    let handle = producer.topic(&topic).await.expect("a topic");
    let value = [b'v'; 94];
    let keys: Vec<_> = (0..1000).map(|key| format!("key-{key}")).collect();
    for run in 1..=5 {
        let begin = Instant::now();
        let (mut row, mut appending) = (0, std::time::Duration::ZERO);
        while row < ROWS {
            let began = Instant::now();
            let mut stop = None;
            let mut appender = producer.appender();
            let end = (row + 8192).min(ROWS);
            while row < end {
                let key = Some(keys[row % keys.len()].as_bytes());
                let record = NewRecord { timestamp: 4_000_000_000_000, key, value: Some(&value), headers: &[] };
                match appender.append(handle, None, &record).expect("taken") {
                    Appended::Taken => row += 1,
                    Appended::Wait(wait) => {
                        stop = Some(wait);
                        break;
                    }
                }
            }
            drop(appender);
            appending += began.elapsed();
            if let Some(wait) = stop {
                producer.wait(wait).await.expect("room");
            }
        }
        producer.flush().await.expect("written");
        let took = begin.elapsed();
        let ends = (0..4).map(|partition| (of(&topic, partition), OffsetSpec::Latest)).collect::<Vec<_>>();
        let ends = client.list_offsets(&ends).await.expect("offsets");
        assert_eq!(ends.iter().flatten().sum::<i64>(), (run * ROWS) as i64);
        println!(
            "{:.2} M rows/s written; appending {:.1} ns a row",
            ROWS as f64 / took.as_secs_f64() / 1e6,
            appending.as_nanos() as f64 / ROWS as f64
        );
    }
}
