//! Measures a batch and reports it in Spark's shape (Spark: `ProgressContext`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Datelike, SecondsFormat};
use millstream_core::progress::{SinkProgressReport, SourceProgress, StateOperatorProgress, StreamingQueryProgress};
use millstream_core::{Clock, QueryId, RunId, Sink, SinkProgress, Source};
use serde_json::Value;

use super::batch::MicroBatch;
use crate::batch_context::BatchContext;

/// A step of a batch, under Spark's name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Phase {
    LatestOffset,
    WalCommit,
    QueryPlanning,
    GetBatch,
    AddBatch,
    CommitOffsets,
}

impl Phase {
    const ALL: [Self; 6] =
        [Self::LatestOffset, Self::WalCommit, Self::QueryPlanning, Self::GetBatch, Self::AddBatch, Self::CommitOffsets];

    const fn name(self) -> &'static str {
        match self {
            Self::LatestOffset => "latestOffset",
            Self::WalCommit => "walCommit",
            Self::QueryPlanning => "queryPlanning",
            Self::GetBatch => "getBatch",
            Self::AddBatch => "addBatch",
            Self::CommitOffsets => "commitOffsets",
        }
    }
}

/// Measures the batches of one run.
#[derive(Debug)]
pub(crate) struct ProgressReporter {
    clock: Arc<dyn Clock>,
    query: (QueryId, RunId, Option<String>),
    trigger_start: Moment,
    last_trigger_start: Option<Moment>,
    phases: Phases,
}

/// How long each phase took that took place, by its number.
type Phases = [Option<Duration>; Phase::ALL.len()];

#[derive(Debug, Clone, Copy)]
struct Moment {
    at: Duration,
    wall_ms: i64,
}

/// What a finished batch is reported from.
pub(crate) struct FinishedBatch<'a> {
    pub(crate) batch: &'a MicroBatch,
    pub(crate) context: &'a BatchContext,
    pub(crate) sources: &'a [Arc<dyn Source>],
    pub(crate) sink: &'a dyn Sink,
    pub(crate) written: SinkProgress,
    pub(crate) state_operators: Vec<StateOperatorProgress>,
    pub(crate) observed_metrics: BTreeMap<String, Value>,
}

impl ProgressReporter {
    pub(crate) fn new(clock: Arc<dyn Clock>, query: (QueryId, RunId, Option<String>)) -> Self {
        let trigger_start = Moment { at: clock.monotonic(), wall_ms: clock.now_ms() };
        Self { clock, query, trigger_start, last_trigger_start: None, phases: Phases::default() }
    }

    /// A trigger fires: what is measured from now on belongs to it.
    pub(crate) fn start_trigger(&mut self) {
        self.trigger_start = Moment { at: self.clock.monotonic(), wall_ms: self.clock.now_ms() };
        self.phases = Phases::default();
    }

    /// The moment from which a phase is measured.
    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// A phase that began at `since` ends now.
    pub(crate) fn add(&mut self, phase: Phase, since: Duration) {
        *self.phases[phase as usize].get_or_insert_default() += self.clock.monotonic().saturating_sub(since);
    }

    /// The progress of the batch that ends now.
    pub(crate) fn finish(&mut self, finished: FinishedBatch<'_>) -> StreamingQueryProgress {
        let took = self.clock.monotonic().saturating_sub(self.trigger_start.at);
        let since_last = self.last_trigger_start.map(|last| self.trigger_start.at.saturating_sub(last.at));
        self.last_trigger_start = Some(self.trigger_start);
        let (id, run_id, name) = self.query.clone();
        StreamingQueryProgress {
            id,
            run_id,
            name,
            timestamp: timestamp(self.trigger_start.wall_ms),
            batch_id: finished.batch.id().0,
            batch_duration: millis(took),
            took,
            duration_ms: duration_ms(&std::mem::take(&mut self.phases), took),
            event_time: event_time(finished.context, finished.batch.entry.watermark_ms),
            sources: finished.sources(took, since_last),
            state_operators: finished.state_operators,
            sink: SinkProgressReport {
                description: finished.sink.description(),
                num_output_rows: i64::try_from(finished.written.rows_written).unwrap_or(i64::MAX),
                metrics: finished.written.metrics,
            },
            observed_metrics: finished.observed_metrics,
        }
    }
}

impl FinishedBatch<'_> {
    fn sources(&self, took: Duration, since_last: Option<Duration>) -> Vec<SourceProgress> {
        let ranges = self.batch.entry.sources.iter().zip(&self.batch.latest);
        let rows = self.context.input_rows.iter().map(|rows| rows.load(std::sync::atomic::Ordering::Relaxed));
        let sources = self.sources.iter().zip(ranges).zip(rows);
        sources
            .map(|((source, (range, latest)), rows)| SourceProgress {
                description: source.description(),
                start_offset: if self.batch.id().0 == 0 { Value::Null } else { range.start.json().clone() },
                end_offset: range.end.json().clone(),
                latest_offset: latest.json().clone(),
                num_input_rows: i64::try_from(rows).unwrap_or(i64::MAX),
                // As Spark: before a second trigger the rate of arrival is 0.
                input_rows_per_second: since_last.map_or(0.0, |time| per_second(rows, time)),
                processed_rows_per_second: per_second(rows, took),
                metrics: source.metrics(&range.end, latest),
            })
            .collect()
    }
}

fn duration_ms(phases: &Phases, took: Duration) -> BTreeMap<&'static str, i64> {
    let mut durations = BTreeMap::from([("triggerExecution", millis(took))]);
    for phase in Phase::ALL {
        if let Some(took) = phases[phase as usize] {
            durations.insert(phase.name(), millis(took));
        }
    }
    durations
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn per_second(rows: u64, time: Duration) -> f64 {
    rows as f64 / time.as_secs_f64()
}

fn event_time(context: &BatchContext, watermark_ms: i64) -> BTreeMap<&'static str, String> {
    let mut times = BTreeMap::new();
    if context.event_times.is_empty() {
        return times;
    }
    // Spark shows one watermark operator's event times, the first that saw any.
    if let Some((min_us, max_us, average_ms)) = context.event_times.iter().find_map(|stats| stats.get()) {
        times.insert("min", timestamp(min_us.div_euclid(1000)));
        times.insert("max", timestamp(max_us.div_euclid(1000)));
        times.insert("avg", timestamp(average_ms));
    }
    times.insert("watermark", timestamp(watermark_ms));
    times
}

/// ISO 8601 with milliseconds, in UTC. As in Spark, a year before the first one is counted in its era, without a sign.
fn timestamp(ms: i64) -> String {
    // Times of data reach further than the years of a `DateTime`, and the calendar repeats itself every 400 years.
    const YEARS_400_MS: i64 = 146_097 * 86_400_000;
    let (cycles, in_cycle) = (ms.div_euclid(YEARS_400_MS), ms.rem_euclid(YEARS_400_MS));
    let moment = DateTime::from_timestamp_millis(in_cycle).unwrap_or_default();
    let mut text = moment.to_rfc3339_opts(SecondsFormat::Millis, true);
    if cycles != 0 {
        let year = i64::from(moment.year()) + 400 * cycles;
        let of_era = if year > 0 { year } else { 1 - year };
        let sign = if of_era > 9999 { "+" } else { "" };
        text.replace_range(..4, &format!("{sign}{of_era:04}"));
    }
    text
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
