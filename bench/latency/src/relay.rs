//! The floor: rows pass from topic to topic, key and value untouched, with the client and the settings of the engine.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use millstream_kafka::{
    Appended, Assignment, Decompressor, FetchOptions, Fetched, NewRecord, Producer, ProducerConfig, TopicHandle,
    TopicPartition, Unlimited, Wait,
};

use crate::{client, say};

#[derive(Debug, Args)]
pub(crate) struct RelayArgs {
    /// The broker, as host:port
    #[arg(long)]
    bootstrap: String,
    /// The topic to read, from its beginning
    #[arg(long)]
    from: String,
    /// The topic to write
    #[arg(long)]
    to: String,
}

/// Relays until standard input ends.
pub(crate) fn run(args: &RelayArgs) -> Result<()> {
    // The engine's kind of runtime.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let ended = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        let (bootstrap, from, to) = (args.bootstrap.clone(), args.from.clone(), args.to.clone());
        let relaying = tokio::spawn(async move { relay(&bootstrap, &from, &to).await });
        tokio::select! {
            ended = ended => Ok(ended?.map(drop)?),
            relayed = relaying => relayed?,
        }
    });
    runtime.shutdown_background();
    done
}

async fn relay(bootstrap: &str, from: &str, to: &str) -> Result<()> {
    let client = client(bootstrap)?;
    let producer = client.producer(ProducerConfig::default(), Arc::new(Unlimited));
    let topic = producer.topic(to).await?;
    let start = Assignment { of: TopicPartition::new(from, 0), position: 0, end: None };
    let mut fetcher = client.fetcher([start], FetchOptions::default());
    say("ready")?;
    let mut room = Decompressor::new();
    while let Some(fetched) = fetcher.next().await? {
        let mut passed = 0;
        while let Some(wait) = pass_on(&fetched, (&producer, topic), &mut room, &mut passed)? {
            producer.wait(wait).await?;
        }
    }
    Ok(())
}

/// Appends the records of a response after the first `passed`, until the producer wants to wait.
fn pass_on(
    fetched: &Fetched,
    (producer, topic): (&Producer, TopicHandle),
    room: &mut Decompressor,
    passed: &mut usize,
) -> Result<Option<Wait>> {
    let mut appender = producer.appender();
    let mut index = 0;
    for partition in fetched.partitions() {
        for batch in partition.batches() {
            let mut records = batch?.records(room)?;
            while let Some(record) = records.next()? {
                index += 1;
                if index <= *passed {
                    continue;
                }
                let row = NewRecord { timestamp: record.timestamp, key: record.key, value: record.value, headers: &[] };
                match appender.append(topic, None, &row)? {
                    Appended::Taken => *passed = index,
                    Appended::Wait(wait) => return Ok(Some(wait)),
                }
            }
        }
    }
    Ok(None)
}
