//! The client against real Apache Kafka, written to by Kafka's own client.

mod cluster;
mod producing;
mod reading;
mod security;
mod throughput;
mod transactions;
mod versions;

use std::sync::atomic::{AtomicUsize, Ordering};

use millstream_kafka::{
    Assignment, Client, ClientConfig, Decompressor, FetchOptions, Fetched, OffsetSpec, Result, TopicPartition,
};

/// A record without borrows, for comparing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Read {
    pub(crate) fn value_text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).trim_end_matches('.').to_owned()
    }
}

/// A client with these settings besides the brokers.
pub(crate) fn client(bootstrap: &str, settings: &[(&str, &str)]) -> Client {
    let all = [("bootstrap.servers", bootstrap)].into_iter().chain(settings.iter().copied());
    let (config, ignored) = ClientConfig::from_properties(all).expect("valid settings");
    assert!(ignored.is_empty(), "{ignored:?}");
    Client::new(config)
}

/// A topic name that no other test uses.
pub(crate) fn topic_name(stem: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{stem}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn of(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

pub(crate) async fn offset(client: &Client, topic: &str, spec: OffsetSpec) -> Option<i64> {
    client.list_offsets(&[(of(topic, 0), spec)]).await.expect("offsets")[0]
}

/// The records of a response, those of all its partitions.
pub(crate) fn records(fetched: &Fetched) -> Result<Vec<Read>> {
    let mut all = Vec::new();
    let mut room = Decompressor::new();
    for partition in fetched.partitions() {
        for batch in partition.batches() {
            let batch = batch?;
            let mut records = batch.records(&mut room)?;
            while let Some(record) = records.next()? {
                all.push(Read {
                    offset: record.offset,
                    timestamp: record.timestamp,
                    key: record.key.map(<[u8]>::to_vec),
                    value: record.value.map(<[u8]>::to_vec),
                    headers: record.headers.iter().map(|(k, v)| (k.to_vec(), v.map(<[u8]>::to_vec))).collect(),
                });
            }
        }
    }
    Ok(all)
}

/// All records of partition 0 from `position` up to the present end.
pub(crate) async fn drain(client: &Client, topic: &str, position: i64) -> Result<Vec<Read>> {
    let end = offset(client, topic, OffsetSpec::Latest).await;
    drain_assignment(client, Assignment { of: of(topic, 0), position, end }).await
}

/// All records of a partition up to `end`.
pub(crate) async fn drain_partition(
    client: &Client,
    topic: &str,
    partition: i32,
    end: Option<i64>,
) -> Result<Vec<Read>> {
    drain_assignment(client, Assignment { of: of(topic, partition), position: 0, end }).await
}

async fn drain_assignment(client: &Client, assignment: Assignment) -> Result<Vec<Read>> {
    let mut fetcher = client.fetcher([assignment], FetchOptions::default());
    let mut all = Vec::new();
    while let Some(fetched) = fetcher.next().await? {
        all.extend(records(&fetched)?);
    }
    Ok(all)
}

/// The digest that `KafkaTool digest` prints.
pub(crate) fn digest(records: &[Read]) -> String {
    let mut crc = flate2::Crc::new();
    for record in records {
        crc.update(format!("{} {} ", record.offset, record.timestamp).as_bytes());
        crc.update(record.key.as_deref().unwrap_or(&[0]));
        crc.update(record.value.as_deref().unwrap_or(&[0]));
    }
    format!("{} {:x}", records.len(), crc.sum())
}
