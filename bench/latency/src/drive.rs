//! The driver: a thread that sends by the schedule, and one that receives.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use clap::Args;
use millstream_kafka::{Acks, Appended, NewRecord, Producer, ProducerConfig, TopicHandle, Unlimited};
use serde_json::json;
use tokio::runtime::{Builder, Handle};

use crate::row::RowWriter;
use crate::schedule::{Burst, Schedule, TICK};
use crate::tally::{Expect, Tally};
use crate::{client, receiver, report, say};

/// From the start of the receiver to the first row.
const LEAD: Duration = Duration::from_millis(300);

/// How long a burst is.
const BURST: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(crate) struct DriveArgs {
    /// The broker, as host:port
    #[arg(long)]
    bootstrap: String,
    /// The topic that the measured program reads; new, with one partition
    #[arg(long)]
    to: String,
    /// The topic that it writes; new, with one partition
    #[arg(long)]
    from: String,
    /// Rows a second, of 1.1 kB
    #[arg(long, default_value_t = 2000)]
    rate: u64,
    /// How long to send
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// Rows of the first seconds are sent and checked, but not measured
    #[arg(long, default_value_t = 3)]
    skip: u64,
    /// For half a second in the middle send so many times more rows, and print how long until all is as before
    #[arg(long, value_parser = clap::value_parser!(u64).range(2..))]
    burst: Option<u64>,
    /// Read the results of committed transactions only
    #[arg(long)]
    read_committed: bool,
    /// What must come back
    #[arg(long, value_enum, default_value_t = Expect::All)]
    expect: Expect,
}

/// The time of the driver: nanoseconds since its start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
    /// When the first row is due.
    pub(crate) begin: Instant,
}

impl Clock {
    pub(crate) fn ns_of(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.origin).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Drives, and prints what was measured.
pub(crate) fn run(args: &DriveArgs) -> Result<()> {
    ensure!(args.rate > 0 && args.skip < args.seconds, "rows must be sent for longer than what is skipped");
    let begin = Duration::from_secs(args.skip + args.seconds) / 2;
    let burst = args.burst.map(|factor| Burst { begin, end: begin + BURST, factor });
    let schedule = Schedule::new(args.rate, args.seconds, Duration::from_secs(args.skip), burst);
    // The sender's thread only appends; the producer's own tasks need a thread that does not sleep.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let config = ProducerConfig { acks: Acks::Leader, idempotence: false, ..ProducerConfig::default() };
    let (producer, topic) = runtime.block_on(async {
        let producer = client(&args.bootstrap)?.producer(config, Arc::new(Unlimited));
        // The receiver's topic must be there before it is read.
        producer.topic(&args.from).await?;
        let topic = producer.topic(&args.to).await?;
        anyhow::Ok((producer, topic))
    })?;
    let origin = Instant::now();
    let clock = Clock { origin, begin: origin + LEAD };
    let tally = Tally::new(args.expect, schedule);
    let (sent, received) = thread::scope(|scope| {
        let sending = Duration::from_secs(args.seconds);
        let isolation = if args.read_committed { "read_committed" } else { "read_uncommitted" };
        let from = (args.bootstrap.as_str(), args.from.as_str(), isolation);
        let receiver = scope.spawn(move || receiver::receive(from, clock, sending, tally));
        let sent = send((&producer, topic), runtime.handle(), clock, schedule);
        (sent, receiver.join())
    });
    let sender_late = sent?;
    let tally = received.map_err(|_| anyhow::anyhow!("the receiver panicked"))??;
    let results = tally.into_results();
    let mut line = report::summary(results.iter().map(|row| row.latency_ns).collect());
    if let Some(burst) = burst {
        line["burst"] = report::burst(&results, burst);
    }
    line["rows"] = json!(schedule.rows);
    line["rate"] = json!(args.rate);
    line["sender_late_p99_ms"] = report::summary(sender_late)["p99_ms"].clone();
    runtime.shutdown_background();
    say(&line.to_string())
}

/// Sends every row when it is due; how late each tick was that counts.
fn send(
    (producer, topic): (&Producer, TopicHandle),
    runtime: &Handle,
    clock: Clock,
    schedule: Schedule,
) -> Result<Vec<u64>> {
    let (mut writer, mut late) = (RowWriter::new(), Vec::new());
    // The broker's retention goes by it.
    let timestamp = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let mut id = 0;
    for tick in 0.. {
        if id == schedule.rows {
            break;
        }
        let due_at = clock.begin + TICK * tick;
        thread::sleep(due_at.saturating_duration_since(Instant::now()));
        if TICK * tick >= schedule.skip {
            late.push(Instant::now().saturating_duration_since(due_at).as_nanos() as u64);
        }
        while id < schedule.due(tick) {
            let mut wait = None;
            let mut appender = producer.appender();
            while id < schedule.due(tick) && wait.is_none() {
                let value = writer.write(id, clock.ns_of(due_at));
                let row = NewRecord { timestamp, key: None, value: Some(value), headers: &[] };
                match appender.append(topic, None, &row)? {
                    Appended::Taken => id += 1,
                    Appended::Wait(until) => wait = Some(until),
                }
            }
            drop(appender);
            if let Some(wait) = wait {
                runtime.block_on(producer.wait(wait))?;
            }
        }
    }
    runtime.block_on(producer.flush())?;
    Ok(late)
}
