//! `millstream topic produce`: lines become records.
//!
//! What was read together is written together and acknowledged before more is written, so that a failure names its
//! lines.

use std::io::{IsTerminal, stderr, stdin};
use std::ops::RangeInclusive;
use std::time::Duration;

use millstream_core::{Clock, Error, Result};
use millstream_kafka::{NewRecord, Producer, TopicHandle};
use tokio::time::{Instant, sleep_until};

use super::args::ProduceArgs;
use super::connection::{Settings, failed, find_topic, patiently};
use super::lines::{Lines, Piece};
use crate::process::system_clock;
use crate::serve::Signals;
use crate::terminal;

/// How long a topic that is not there may take to come into being, where brokers make topics on first use.
const CREATION_TIMEOUT_MS: &str = "10000";

type KeyAndValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// Writes all lines, or those until it is interrupted, and waits until they are acknowledged.
pub(super) async fn run(settings: &Settings, args: ProduceArgs) -> Result<()> {
    if settings.get("transactional.id").is_some() {
        return Err(Error::invalid("'transactional.id' cannot be set: lines are not written in a transaction"));
    }
    // Before a topic is made for nothing.
    args.file.as_deref().map(Lines::check).transpose()?;
    let settings = settings.with("max.block.ms", settings.get("max.block.ms").unwrap_or(CREATION_TIMEOUT_MS));
    let (client, producer) = settings.producer().await?;
    let known = find_topic(&client, &args.name).await?;
    let topic = patiently(producer.topic(&args.name)).await.map_err(|failure| {
        let error = failure.into_error(format!("cannot write to topic '{}'", args.name));
        error.with_hint(format!("'millstream topic create {}' makes it", args.name))
    })?;
    let known = match known {
        Some(known) => Some(known),
        None => {
            terminal::say(&format!("topic '{}' did not exist; the broker has made it", args.name));
            find_topic(&client, &args.name).await?
        }
    };
    let partitions = known.map_or(0, |topic| topic.partitions.len());
    if let Some(partition) = args.partition.filter(|&partition| partition as usize >= partitions) {
        let message = format!("topic '{}' has no partition {partition}: it has {partitions}", args.name);
        return Err(Error::invalid(message));
    }
    let mut lines = Lines::read(args.file.as_deref(), producer.config().request_bytes_max)?;
    let typed = args.file.is_none() && stdin().is_terminal();
    if typed {
        terminal::say("each line is a record; Ctrl-D ends");
    }
    // Until here a signal just ends the process.
    let mut signals = Signals::new()?;
    let mut writer = Writer::new(&producer, topic, args);
    let ended = tokio::select! {
        ended = writer.write_all(&mut lines) => ended,
        // At a terminal that is a way to end the input.
        _ = signals.next() => if typed { Ok(()) } else { Err(Error::cancelled("interrupted before the input ended")) },
    };
    let flushed = tokio::select! {
        flushed = writer.flush() => flushed,
        _ = signals.next() => Err(Error::cancelled("interrupted again; some lines may not be written")),
    };
    writer.report(flushed.and(ended))
}

/// Makes records of lines.
struct Writer<'a> {
    producer: &'a Producer,
    topic: TopicHandle,
    args: ProduceArgs,
    clock: Box<dyn Clock>,
    /// When the first record was due, and how many were sent since; for the rate.
    started: Option<(Instant, u64)>,
    /// Lines that are not acknowledged yet.
    open: Option<RangeInclusive<u64>>,
    /// Records that are.
    written: u64,
}

impl<'a> Writer<'a> {
    fn new(producer: &'a Producer, topic: TopicHandle, args: ProduceArgs) -> Self {
        Self { producer, topic, args, clock: Box::new(system_clock()), started: None, open: None, written: 0 }
    }

    async fn write_all(&mut self, lines: &mut Lines) -> Result<()> {
        while let Some(piece) = lines.next().await? {
            self.write(&piece).await?;
            self.flush().await?;
        }
        Ok(())
    }

    async fn write(&mut self, piece: &Piece) -> Result<()> {
        for (number, line) in piece.lines() {
            self.wait_for_turn().await?;
            let (key, value) = self.split(number, line)?;
            let headers: Vec<_> =
                self.args.headers.iter().map(|(name, value)| (name.as_bytes(), Some(value.as_bytes()))).collect();
            let record = NewRecord { timestamp: self.clock.now_ms(), key, value, headers: &headers };
            let sent = self.producer.send(self.topic, self.args.partition, &record).await;
            sent.map_err(|error| failed(format!("cannot write line {number}"), error))?;
            let first = self.open.as_ref().map_or(number, |open| *open.start());
            self.open = Some(first..=number);
        }
        Ok(())
    }

    /// Key and value of a line.
    fn split<'l>(&self, number: u64, line: &'l [u8]) -> Result<KeyAndValue<'l>> {
        let marker = self.args.null_marker.as_deref().map(str::as_bytes);
        let or_null = |part: &'l [u8]| Some(part).filter(|part| Some(*part) != marker);
        let Some(separator) = self.args.key_separator.as_deref() else { return Ok((None, or_null(line))) };
        let found = line.windows(separator.len()).position(|window| window == separator.as_bytes());
        let at = found.ok_or_else(|| Error::data(format!("line {number} has no key separator '{separator}'")))?;
        Ok((or_null(&line[..at]), or_null(&line[at + separator.len()..])))
    }

    /// With `--rate`: waits until the next record is due. What was sent is acknowledged meanwhile.
    async fn wait_for_turn(&mut self) -> Result<()> {
        let Some(rate) = self.args.rate else { return Ok(()) };
        let (start, sent) = self.started.unwrap_or_else(|| (Instant::now(), 0));
        let due = start + Duration::from_secs_f64(sent as f64 / f64::from(rate));
        self.started = Some((start, sent + 1));
        if due > Instant::now() {
            self.flush().await?;
            sleep_until(due).await;
        }
        Ok(())
    }

    /// Waits until all that was sent is acknowledged.
    async fn flush(&mut self) -> Result<()> {
        let flushed = self.producer.flush().await;
        let Some(open) = self.open.take() else { return Ok(()) };
        let (first, last) = (*open.start(), *open.end());
        let lines = if first == last { format!("line {first}") } else { format!("all of lines {first} to {last}") };
        flushed.map_err(|error| failed(format!("cannot write {lines}"), error))?;
        self.written += last - first + 1;
        Ok(())
    }

    /// Says how much was written: where it is not all, and to people.
    fn report(&self, outcome: Result<()>) -> Result<()> {
        if outcome.is_err() || stderr().is_terminal() {
            let records = if self.written == 1 { "record" } else { "records" };
            terminal::say(&format!("{} {records} written to topic '{}'", self.written, self.args.name));
        }
        outcome
    }
}
