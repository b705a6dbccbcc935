//! Payments as a busy shop has them: few users do most, some events come late, some are no JSON at all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use millstream_core::{Clock, Error, Result};
use millstream_kafka::{Client, ClientConfig, NewRecord, Producer, ProducerConfig, TopicHandle, Unlimited};
use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::latency::Latencies;
use crate::process::system_clock;

/// How often the rows that are due are sent.
const EVERY: Duration = Duration::from_millis(5);
const USERS: u64 = 10_000;

/// Sends events until it is dropped.
pub(crate) struct Generator {
    task: JoinHandle<Error>,
}

impl Generator {
    /// Starts to send `rate` events a second to a topic of one partition.
    pub(crate) async fn start(
        broker: SocketAddr,
        topic: &str,
        rate: u32,
        latencies: Arc<Mutex<Latencies>>,
    ) -> Result<Self> {
        let servers = vec![(broker.ip().to_string(), broker.port())];
        let client = Client::new(ClientConfig::new(servers));
        let producer = client.producer(ProducerConfig::default(), Arc::new(Unlimited));
        let topic = producer.topic(topic).await.map_err(refused)?;
        let task = tokio::spawn(async move {
            match send(&producer, topic, rate, &latencies).await {
                Err(error) => refused(error),
                Ok(never) => match never {},
            }
        });
        Ok(Self { task })
    }

    /// Resolves when it cannot send any more.
    pub(crate) async fn failed(mut self) -> Error {
        (&mut self.task).await.unwrap_or_else(|panic| Error::internal("the generator broke off").with_source(panic))
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn refused(error: millstream_kafka::Error) -> Error {
    Error::unavailable("cannot send the demo's events").with_source(error)
}

async fn send(
    producer: &Producer,
    topic: TopicHandle,
    rate: u32,
    latencies: &Mutex<Latencies>,
) -> millstream_kafka::Result<std::convert::Infallible> {
    let started = Instant::now();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut shop, clock) = (Shop::default(), system_clock());
    let mut sent = 0_u64;
    loop {
        ticks.tick().await;
        let due = (started.elapsed().as_secs_f64() * f64::from(rate)) as u64;
        let at = Instant::now();
        let now = clock.now_ms();
        for _ in sent..due {
            let value = shop.event(now);
            let record = NewRecord { timestamp: now, key: None, value: Some(value.as_bytes()), headers: &[] };
            producer.send(topic, Some(0), &record).await?;
        }
        if due > sent {
            latencies.lock().sent(due - sent, at);
            sent = due;
        }
    }
}

/// Makes events up. The same ones at every start, but for their times.
#[derive(Debug)]
struct Shop {
    state: u64,
}

impl Default for Shop {
    fn default() -> Self {
        Self { state: 0x9e37_79b9_7f4a_7c15 }
    }
}

impl Shop {
    /// A number below `end` (xorshift64).
    fn below(&mut self, end: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % end
    }

    /// A user; small numbers are far more likely.
    fn user(&mut self) -> u64 {
        let share = self.below(1 << 20) as f64 / f64::from(1 << 20);
        (USERS as f64 * share.powi(4)) as u64
    }

    fn event(&mut self, now_ms: i64) -> String {
        let action = ["payment", "payment", "view", "login", "click"][self.below(5) as usize];
        let (user, cents) = (self.user(), self.below(50_000));
        let chance = self.below(1000);
        // One of a hundred was held up on its way.
        let late_ms = if chance < 10 { self.below(20 * 60_000) as i64 } else { 0 };
        let time = DateTime::from_timestamp_millis(now_ms - late_ms).unwrap_or_default();
        let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
        let amount = cents as f64 / 100.0;
        let event =
            format!(r#"{{"user_id": {user}, "action": "{action}", "amount": {amount:.2}, "timestamp": "{time}"}}"#);
        // Five of a thousand were cut off.
        if chance >= 995 { event[..event.len() / 2].to_owned() } else { event }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_events_are_whole_and_few_users_have_most() {
        let mut shop = Shop::default();
        let events: Vec<String> = (0..10_000).map(|_| shop.event(1_767_225_600_000)).collect();
        let whole = events.iter().filter(|event| event.ends_with('}')).count();
        assert!((9_900..9_990).contains(&whole), "{whole}");
        let on_time = events.iter().filter(|event| event.contains("2026-01-01T00:00:00.000Z")).count();
        assert!((9_800..9_950).contains(&on_time), "{on_time}");
        let users: Vec<u64> = (0..10_000).map(|_| shop.user()).collect();
        assert!(users.iter().all(|&user| user < USERS));
        // Half of all random numbers are below 1/2, whose fourth power is 1/16.
        let busy = users.iter().filter(|&&user| user < USERS / 16).count();
        assert!((4_700..5_300).contains(&busy), "{busy}");
    }
}
