//! The cluster as the test sees it: topics of its own, and the output as readers with `read_committed` see it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Error, Result};
use millstream_kafka::{
    Assignment, Client, Decompressor, FetchOptions, Fetched, NewTopic, OffsetSpec, Producer, TopicPartition,
};
use tokio::time::{Instant, sleep, timeout};

use super::compare::OutputRow;
use crate::topic::connection::{Settings, failed};

/// How long the cluster may take over one answer.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long a transaction may stay open when nobody writes any more: a minute, and what the brokers need to notice.
const TRANSACTIONS_END_WITHIN: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A client for what is written and one for what is committed.
pub(super) struct Topics {
    client: Client,
    committed: Client,
    producer: Arc<Producer>,
    partitions: i32,
}

impl Topics {
    pub(super) async fn new(settings: &Settings, partitions: i32) -> Result<Self> {
        let (client, producer) = settings.producer().await?;
        let committed = settings.with("isolation.level", "read_committed").client().await?;
        Ok(Self { client, committed, producer: Arc::new(producer), partitions })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn producer(&self) -> Arc<Producer> {
        Arc::clone(&self.producer)
    }

    pub(super) async fn create(&self, name: &str, partitions: i32) -> Result<()> {
        let topic = NewTopic { name: name.to_owned(), partitions: Some(partitions), ..NewTopic::default() };
        patiently(&format!("cannot make topic '{name}'"), self.client.create_topic(&topic)).await
    }

    pub(super) async fn delete(&self, name: &str) -> Result<()> {
        patiently(&format!("cannot delete topic '{name}'"), self.client.delete_topic(name)).await
    }

    /// The ends of an output's partitions, whatever is committed.
    pub(super) async fn ends(&self, topic: &str) -> Result<Vec<i64>> {
        self.ends_for(&self.client, topic).await
    }

    async fn ends_for(&self, client: &Client, topic: &str) -> Result<Vec<i64>> {
        let latest = |partition| (TopicPartition::new(topic, partition), OffsetSpec::Latest);
        let questions: Vec<_> = (0..self.partitions).map(latest).collect();
        let ends = patiently(&format!("cannot look up offsets of '{topic}'"), client.list_offsets(&questions)).await?;
        Ok(ends.into_iter().map(Option::unwrap_or_default).collect())
    }

    /// All that is committed, partition by partition in its order, once every transaction has ended.
    pub(super) async fn read(&self, topic: &str) -> Result<Vec<OutputRow>> {
        let deadline = Instant::now() + TRANSACTIONS_END_WITHIN;
        let ends = loop {
            let (all, committed) = (self.ends(topic).await?, self.ends_for(&self.committed, topic).await?);
            if all == committed {
                break all;
            }
            if Instant::now() > deadline {
                return Err(Error::unavailable(format!(
                    "a transaction on topic '{topic}' stays open: its partitions end at {all:?}, for readers of what is \
                     committed at {committed:?}"
                )));
            }
            sleep(LOOK_EVERY).await;
        };
        let assignments = (0..).zip(ends).map(|(partition, end)| Assignment {
            of: TopicPartition::new(topic, partition),
            position: 0,
            end: Some(end),
        });
        let mut fetcher = self.committed.fetcher(assignments, FetchOptions::default());
        let attempt = format!("cannot read topic '{topic}'");
        let (mut rows, mut room) = (BTreeMap::new(), Decompressor::new());
        while let Some(fetched) = patiently(&attempt, fetcher.next()).await? {
            gather(&fetched, &mut rows, &mut room).map_err(|error| failed(attempt.clone(), error))?;
        }
        Ok(rows.into_values().flatten().collect())
    }
}

/// Adds the rows of an answer to those of their partitions.
fn gather(
    fetched: &Fetched,
    rows: &mut BTreeMap<i32, Vec<OutputRow>>,
    room: &mut Decompressor,
) -> millstream_kafka::Result<()> {
    for part in fetched.partitions() {
        let partition = part.partition();
        let rows = rows.entry(partition).or_default();
        for batch in part.batches() {
            let batch = batch?;
            let mut records = batch.records(room)?;
            while let Some(record) = records.next()? {
                let row = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
                rows.push(OutputRow { row, partition, offset: record.offset });
            }
        }
    }
    Ok(())
}

async fn patiently<T>(attempt: &str, work: impl Future<Output = millstream_kafka::Result<T>>) -> Result<T> {
    match timeout(PATIENCE, work).await {
        Ok(done) => done.map_err(|error| failed(attempt.to_owned(), error)),
        Err(_) => Err(Error::unavailable(format!("{attempt}: no answer within {} s", PATIENCE.as_secs()))),
    }
}
