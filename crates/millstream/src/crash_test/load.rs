//! Writes rows to the input at a steady rate, whoever dies meanwhile.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Clock, Error, Result};
use millstream_kafka::{NewRecord, Producer, TopicHandle};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::rows::{Rows, Sent};
use crate::process::system_clock;

/// How often the rows that are due are sent.
const EVERY: Duration = Duration::from_millis(5);

/// A running producer.
pub(super) struct Load {
    task: JoinHandle<Result<Sent>>,
    enough: CancellationToken,
}

impl Load {
    /// Begins to write to a topic of so many partitions.
    pub(super) async fn start(
        producer: Arc<Producer>,
        (topic, partitions): (&str, i32),
        rows: Rows,
        rate: u32,
    ) -> Result<Self> {
        let topic = producer.topic(topic).await.map_err(refused)?;
        let enough = CancellationToken::new();
        let token = enough.clone();
        let task = tokio::spawn(async move {
            let under_load = send(&producer, topic, &rows, (rate, token)).await.map_err(refused)?;
            let last = send_last(&producer, topic, &rows, (under_load, partitions)).await.map_err(refused)?;
            Ok(Sent { under_load, last })
        });
        Ok(Self { task, enough })
    }

    /// Ends the load; every row is in the topic when this returns.
    pub(super) async fn finish(mut self) -> Result<Sent> {
        self.enough.cancel();
        let ended = (&mut self.task).await;
        ended.unwrap_or_else(|panic| Err(Error::internal("the load broke off").with_source(panic)))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn refused(error: millstream_kafka::Error) -> Error {
    Error::unavailable("cannot write the rows of the input").with_source(error)
}

async fn send(
    producer: &Producer,
    topic: TopicHandle,
    rows: &Rows,
    (rate, enough): (u32, CancellationToken),
) -> millstream_kafka::Result<u64> {
    let (started, clock) = (Instant::now(), system_clock());
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut sent = 0;
    while !enough.is_cancelled() {
        ticks.tick().await;
        let due = (started.elapsed().as_secs_f64() * f64::from(rate)) as u64;
        while sent < due && !enough.is_cancelled() {
            let (key, value) = (rows.key(sent), rows.value(sent, false));
            producer.send(topic, None, &record(&clock, &key, &value)).await?;
            sent += 1;
        }
    }
    Ok(sent)
}

/// A row for each partition whose event is so late that all windows before are over.
async fn send_last(
    producer: &Producer,
    topic: TopicHandle,
    rows: &Rows,
    (first, partitions): (u64, i32),
) -> millstream_kafka::Result<u64> {
    let clock = system_clock();
    for (number, partition) in (first..).zip(0..partitions) {
        let (key, value) = (rows.key(number), rows.value(number, true));
        producer.send(topic, Some(partition), &record(&clock, &key, &value)).await?;
    }
    producer.flush().await?;
    Ok(u64::from(partitions.unsigned_abs()))
}

/// With the time of day, because brokers delete what is old.
fn record<'a>(clock: &impl Clock, key: &'a str, value: &'a str) -> NewRecord<'a> {
    NewRecord { timestamp: clock.now_ms(), key: Some(key.as_bytes()), value: Some(value.as_bytes()), headers: &[] }
}
