//! `millstream topic consume`: records are printed as they come, those of one partition in their order. Partitions that
//! are added meanwhile are not read.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Error, Result};
use millstream_kafka::{Assignment, Client, Decompressor, FetchOptions, Fetched, OffsetSpec, TopicPartition};
use tokio::time::{Instant, sleep_until};

use super::args::{ConsumeArgs, StartingAt};
use super::connection::{Settings, failed, find_topic, no_topic, patiently};
use super::output::{Output, Reader, reader_gone};
use super::record::Style;
use crate::serve::Signals;

/// Prints until it is interrupted, its reader goes away, or the arguments say that it is enough.
pub(super) async fn run(settings: &Settings, args: ConsumeArgs) -> Result<()> {
    let client = match args.isolation {
        None => settings.client().await?,
        Some(isolation) => settings.with("isolation.level", isolation.name()).client().await?,
    };
    let assignments = assignments(&client, &args).await?;
    let mut fetcher = client.fetcher(assignments, FetchOptions::default());
    let mut printer = Printer::new(&args);
    // Until here a signal just ends the process.
    let mut signals = Signals::new()?;
    let patience = args.timeout.map(|timeout| timeout.0);
    let mut deadline = patience.map(|patience| Instant::now() + patience);
    let gone = reader_gone();
    tokio::pin!(gone);
    loop {
        let fetched = tokio::select! {
            fetched = fetcher.next() => fetched,
            () = &mut gone => return Ok(()),
            () = until(deadline) => return ended_by_timeout(&args, &printer),
            _ = signals.next() => return Ok(()),
        };
        let cannot_read = |error| failed(format!("cannot read topic '{}'", args.name), error);
        let Some(fetched) = fetched.map_err(cannot_read)? else { return Ok(()) };
        let before = printer.printed;
        if printer.print(&fetched)? == Next::End {
            return Ok(());
        }
        if printer.printed > before {
            deadline = patience.map(|patience| Instant::now() + patience);
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Who asked for a number of records and did not get them is told.
fn ended_by_timeout(args: &ConsumeArgs, printer: &Printer<'_>) -> Result<()> {
    let Some(max) = args.max else { return Ok(()) };
    let waited = args.timeout.map_or(Duration::ZERO, |timeout| timeout.0);
    let (came, name) = (printer.printed, &args.name);
    Err(Error::unavailable(format!("{came} of {max} records came from topic '{name}', then none for {waited:?}")))
}

/// What to read.
async fn assignments(client: &Client, args: &ConsumeArgs) -> Result<Vec<Assignment>> {
    let topic = find_topic(client, &args.name).await?.ok_or_else(|| no_topic(&args.name))?;
    let mut partitions: Vec<i32> = topic.partitions.iter().map(|partition| partition.partition).collect();
    if let Some(wrong) = args.partitions.iter().find(|wanted| !partitions.contains(wanted)) {
        let count = partitions.len();
        return Err(Error::invalid(format!("topic '{}' has no partition {wrong}: it has {count}", args.name)));
    }
    partitions.retain(|partition| args.partitions.is_empty() || args.partitions.contains(partition));
    let of = |partition: &i32| TopicPartition::new(Arc::clone(&topic.name), *partition);
    let at = |spec| partitions.iter().map(move |partition| (of(partition), spec));
    let starting = if args.from_beginning { StartingAt::Spec(OffsetSpec::Earliest) } else { args.offset };
    // A time after the last record is the end.
    let wanted = if let StartingAt::Spec(spec) = starting { spec } else { OffsetSpec::Latest };
    let questions: Vec<_> = at(OffsetSpec::Earliest).chain(at(OffsetSpec::Latest)).chain(at(wanted)).collect();
    let offsets = patiently(client.list_offsets(&questions)).await;
    let offsets =
        offsets.map_err(|failure| failure.into_error(format!("cannot look up offsets of '{}'", args.name)))?;
    let [earliest, latest, wanted] = [0, 1, 2].map(|part| &offsets[part * partitions.len()..][..partitions.len()]);
    let mut assignments = Vec::new();
    for (index, partition) in partitions.iter().enumerate() {
        let (earliest, latest) = (earliest[index].unwrap_or(0), latest[index].unwrap_or(0));
        let position = match starting {
            StartingAt::Spec(_) => wanted[index].unwrap_or(latest),
            StartingAt::Last(count) => latest.saturating_sub(count).max(earliest),
            StartingAt::Offset(offset) if (earliest..=latest).contains(&offset) => offset,
            StartingAt::Offset(offset) => {
                return Err(Error::invalid(format!(
                    "partition {partition} of topic '{}' does not hold offset {offset}, but {earliest} to {latest}",
                    args.name
                )));
            }
        };
        assignments.push(Assignment { of: of(partition), position, end: args.to_end.then_some(latest) });
    }
    Ok(assignments)
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Continue,
    End,
}

/// Prints records and counts them.
struct Printer<'a> {
    args: &'a ConsumeArgs,
    style: Style,
    output: Output,
    room: Decompressor,
    printed: u64,
}

impl<'a> Printer<'a> {
    fn new(args: &'a ConsumeArgs) -> Self {
        Self { args, style: Style::new(args), output: Output::new(), room: Decompressor::new(), printed: 0 }
    }

    /// Prints a response.
    fn print(&mut self, fetched: &Fetched) -> Result<Next> {
        let unreadable = |error| failed(format!("cannot read topic '{}'", self.args.name), error);
        for partition in fetched.partitions() {
            for batch in partition.batches() {
                let batch = batch.map_err(unreadable)?;
                let mut records = batch.records(&mut self.room).map_err(unreadable)?;
                while let Some(record) = records.next().map_err(unreadable)? {
                    let place = (&**partition.topic(), partition.partition());
                    if self.output.write(|out| self.style.write(out, place, &record))? == Reader::Gone {
                        return Ok(Next::End);
                    }
                    self.printed += 1;
                    if Some(self.printed) == self.args.max {
                        self.output.flush()?;
                        return Ok(Next::End);
                    }
                }
            }
        }
        Ok(if self.output.flush()? == Reader::Gone { Next::End } else { Next::Continue })
    }
}
