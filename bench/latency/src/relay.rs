//! The floor: rows pass from topic to topic, key and value untouched, with the client and the settings of the engine.
//!
//! With transactions everything that is at hand is one, and a few ids take turns, as the engine's do.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use millstream_kafka::{
    Appended, Assignment, Client, Decompressor, FetchOptions, Fetched, NewRecord, OffsetToCommit, Producer,
    ProducerConfig, TopicHandle, TopicPartition, Unlimited, Wait,
};

use crate::{client, say};

/// As many as the engine takes in turn.
const TRANSACTIONAL_IDS: usize = 4;

#[derive(Debug, Clone, Args)]
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
    /// Make a transaction of each poll
    #[arg(long)]
    transactions: bool,
    /// Put an offset of this group into each transaction
    #[arg(long, requires = "transactions")]
    marker: Option<String>,
}

/// Relays until standard input ends.
pub(crate) fn run(args: &RelayArgs) -> Result<()> {
    // The engine's kind of runtime.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(async {
        let ended = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        let args = args.clone();
        let relaying = tokio::spawn(async move { relay(&args).await });
        tokio::select! {
            ended = ended => Ok(ended?.map(drop)?),
            relayed = relaying => relayed?,
        }
    });
    runtime.shutdown_background();
    done
}

async fn relay(args: &RelayArgs) -> Result<()> {
    let client = client(&args.bootstrap)?;
    let outputs = outputs(&client, args).await?;
    let start = Assignment { of: TopicPartition::new(args.from.as_str(), 0), position: 0, end: None };
    let mut fetcher = client.fetcher([start], FetchOptions::default());
    say("ready")?;
    let (mut room, mut polls) = (Decompressor::new(), 0);
    while let Some(first) = fetcher.next().await? {
        let mut polled = vec![first];
        while let Some(more) = fetcher.try_next()? {
            polled.push(more);
        }
        let (producer, topic) = &outputs[polls % outputs.len()];
        polls += 1;
        if args.transactions {
            producer.begin_transaction()?;
        }
        for fetched in &polled {
            let mut passed = 0;
            while let Some(wait) = pass_on(fetched, (producer, *topic), &mut room, &mut passed)? {
                producer.wait(wait).await?;
            }
        }
        if let Some(group) = &args.marker {
            producer.flush().await?;
            let of = TopicPartition::new(args.to.as_str(), 0);
            let marker = OffsetToCommit { of, offset: i64::try_from(polls)?, metadata: String::new() };
            producer.send_offsets(group, &[marker]).await?;
        }
        if args.transactions {
            producer.commit_transaction().await?;
        }
    }
    Ok(())
}

/// A producer; with transactions one for each id, all of them ready.
async fn outputs(client: &Client, args: &RelayArgs) -> Result<Vec<(Producer, TopicHandle)>> {
    let ids: Vec<_> = match args.transactions {
        true => (0..TRANSACTIONAL_IDS).map(|number| Some(format!("relay-{}-{number}", args.to))).collect(),
        false => vec![None],
    };
    let mut outputs = vec![];
    for transactional_id in ids {
        let is_transactional = transactional_id.is_some();
        let producer =
            client.producer(ProducerConfig { transactional_id, ..ProducerConfig::default() }, Arc::new(Unlimited));
        let topic = producer.topic(&args.to).await?;
        if is_transactional {
            producer.init_transactions().await?;
        }
        outputs.push((producer, topic));
    }
    Ok(outputs)
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
