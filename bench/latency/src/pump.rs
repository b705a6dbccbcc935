//! Throughput: one producer fills a topic while one consumer drains it, both on the engine's client, as fast as it
//! goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use millstream_kafka::{
    Appended, Assignment, Decompressor, FetchOptions, NewRecord, ProducerConfig, TopicPartition, Unlimited,
};
use serde_json::json;
use tokio::time::timeout;

use crate::{client, say};

/// How long nothing may come before the rest counts as lost.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub(crate) struct PumpArgs {
    /// The broker, as host:port
    #[arg(long)]
    bootstrap: String,
    /// The topic; new, with one partition
    #[arg(long)]
    topic: String,
    /// How many rows
    #[arg(long, default_value_t = 5_000_000)]
    rows: u64,
    /// How long each is, in bytes; at least the eight of its number
    #[arg(long, default_value_t = 32)]
    bytes: usize,
}

/// Pumps, checks that every row came in its turn, and prints rows a second.
pub(crate) fn run(args: &PumpArgs) -> Result<()> {
    ensure!(args.bytes >= 8, "a row holds its number, which takes 8 bytes");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let elapsed = runtime.block_on(async {
        let producer = client(&args.bootstrap)?.producer(ProducerConfig::default(), Arc::new(Unlimited));
        producer.topic(&args.topic).await?;
        let started = Instant::now();
        let consuming = tokio::spawn(consume(args.bootstrap.clone(), args.topic.clone(), args.rows));
        let topic = producer.topic(&args.topic).await?;
        let mut value = vec![b'x'; args.bytes];
        let mut row = 0_u64;
        while row < args.rows {
            let mut wait = None;
            let mut appender = producer.appender();
            while row < args.rows && wait.is_none() {
                value[..8].copy_from_slice(&row.to_be_bytes());
                let record = NewRecord { timestamp: 0, key: None, value: Some(&value), headers: &[] };
                match appender.append(topic, Some(0), &record)? {
                    Appended::Taken => row += 1,
                    Appended::Wait(until) => wait = Some(until),
                }
            }
            drop(appender);
            if let Some(wait) = wait {
                producer.wait(wait).await?;
            }
        }
        producer.flush().await?;
        consuming.await??;
        anyhow::Ok(started.elapsed())
    })?;
    runtime.shutdown_background();
    let rows_per_s = args.rows as f64 / elapsed.as_secs_f64();
    say(&json!({ "rows": args.rows, "bytes": args.bytes, "rows_per_s": rows_per_s.round() }).to_string())
}

/// Reads until all rows were there.
async fn consume(bootstrap: String, topic: String, rows: u64) -> Result<()> {
    let start = Assignment { of: TopicPartition::new(topic, 0), position: 0, end: None };
    let mut fetcher = client(&bootstrap)?.fetcher([start], FetchOptions::default());
    let mut room = Decompressor::new();
    let mut next = 0_u64;
    while next < rows {
        let fetched = timeout(PATIENCE, fetcher.next()).await;
        let fetched = fetched.with_context(|| format!("only {next} of {rows} rows came"))??;
        let fetched = fetched.context("the reader has ended")?;
        for partition in fetched.partitions() {
            for batch in partition.batches() {
                let mut records = batch?.records(&mut room)?;
                while let Some(record) = records.next()? {
                    let number =
                        record.value.and_then(|value| value.first_chunk()).context("a row without a number")?;
                    ensure!(u64::from_be_bytes(*number) == next, "row {next} did not come in its turn");
                    next += 1;
                }
            }
        }
    }
    Ok(())
}
