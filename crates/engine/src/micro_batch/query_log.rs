//! What the log says of a query that goes well: a line when it starts, a line when it ends, and between them one for
//! each ten seconds in which it did something. Not a line a batch, which may be thousands a second.
//!
//! And a warning, once a run, of state that grows without bound, and of event times that leave all others behind.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use millstream_core::Trigger;
use millstream_core::progress::StreamingQueryProgress;

use crate::plan::IncrementalExecution;
use crate::run::{QueryControl, QuerySpec};

/// How often a running query says how it goes.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Clocks may differ; a watermark that is so many milliseconds ahead of ours comes of something else.
const AHEAD_MS: i64 = 3_600_000;

/// Counts the batches of one run, and writes its lines.
#[derive(Debug)]
pub(crate) struct QueryLog {
    /// The user's name for the query, else its id.
    name: String,
    started: Duration,
    last_line: Duration,
    since_line: Counts,
    all: Counts,
    has_warned_of_future: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    batches: u64,
    rows_read: i64,
    rows_written: i64,
    busy: Duration,
}

impl Counts {
    fn add(&mut self, batch: &StreamingQueryProgress) {
        self.batches += 1;
        self.rows_read += batch.num_input_rows();
        // A sink that does not count says -1.
        self.rows_written += batch.sink.num_output_rows.max(0);
        self.busy += batch.took;
    }
}

impl QueryLog {
    /// Says that the query runs from `now` on, and which of its state grows without bound.
    pub(crate) fn start(control: &QueryControl, spec: &QuerySpec, plan: &IncrementalExecution, now: Duration) -> Self {
        let name = control.name.clone().unwrap_or_else(|| control.id.to_string());
        let sources: Vec<_> = plan.sources().iter().map(|source| source.description()).collect();
        tracing::info!(
            target: TARGET,
            query = name,
            id = %control.id,
            run = %control.run_id,
            sources = sources.join(", "),
            sink = spec.sink.description(),
            mode = %spec.output_mode,
            trigger = trigger(spec.trigger),
            checkpoint = spec.checkpoint.as_deref().map(|path| path.display().to_string()),
            "query started"
        );
        let unbounded = plan.unbounded_state();
        if !unbounded.is_empty() {
            tracing::warn!(
                target: TARGET,
                query = name,
                operators = unbounded.join(", "),
                "the state of a query grows without bound: no watermark is in these keys or conditions, so nothing of it \
                 is ever forgotten"
            );
        }
        Self {
            name,
            started: now,
            last_line: now,
            since_line: Counts::default(),
            all: Counts::default(),
            has_warned_of_future: false,
        }
    }

    /// Counts a batch that is done, and writes a line where one is due.
    pub(crate) fn add(&mut self, batch: &StreamingQueryProgress, now: Duration) {
        self.since_line.add(batch);
        self.all.add(batch);
        if self.until_line(now).is_some_and(|left| left.is_zero()) {
            self.say_how_it_goes(batch, now);
        }
    }

    /// Warns once where a batch has moved the watermark far beyond its own time: rows of today are late from then on.
    pub(crate) fn warn_of_future(&mut self, batch: &StreamingQueryProgress, batch_time_ms: i64, watermark_ms: i64) {
        if self.has_warned_of_future || watermark_ms.saturating_sub(batch_time_ms) < AHEAD_MS {
            return;
        }
        self.has_warned_of_future = true;
        let read = batch.sources.iter().filter(|source| source.start_offset != source.end_offset);
        let read: Vec<_> = read
            .map(|source| format!("{} from {} to {}", source.description, source.start_offset, source.end_offset))
            .collect();
        let watermark = DateTime::from_timestamp_millis(watermark_ms);
        tracing::warn!(
            target: TARGET,
            query = self.name,
            batch = batch.batch_id,
            newest = batch.event_time.get("max"),
            watermark = watermark.map(|time| time.to_rfc3339_opts(SecondsFormat::Millis, true)),
            read = read.join(", "),
            "event times lie in the future and have moved the watermark there: rows of today are late from now on"
        );
    }

    /// How long until a line is due; never while there is nothing to say.
    pub(crate) fn until_line(&self, now: Duration) -> Option<Duration> {
        (self.since_line.batches > 0).then(|| LINE_EVERY.saturating_sub(now.saturating_sub(self.last_line)))
    }

    /// Writes the line of a query whose newest batch is this one.
    pub(crate) fn say_how_it_goes(&mut self, newest: &StreamingQueryProgress, now: Duration) {
        let seconds = now.saturating_sub(self.last_line).as_secs_f64();
        let Counts { batches, rows_read, rows_written, busy } = std::mem::take(&mut self.since_line);
        self.last_line = now;
        let state_rows: i64 = newest.state_operators.iter().map(|operator| operator.num_rows_total).sum();
        tracing::info!(
            target: TARGET,
            query = self.name,
            batches,
            rows_read,
            rows_written,
            rows_per_second = (rows_read as f64 / seconds).round(),
            batch_ms = milliseconds(busy.as_secs_f64() / batches.max(1) as f64),
            newest_batch = newest.batch_id,
            state_rows = (!newest.state_operators.is_empty()).then_some(state_rows),
            watermark = newest.event_time.get("watermark"),
            behind = behind(newest),
            "query runs"
        );
    }

    /// Says that the query has ended without an error. One that fails says so itself.
    pub(crate) fn end(&self, now: Duration) {
        let Counts { batches, rows_read, rows_written, .. } = self.all;
        let seconds = (now.saturating_sub(self.started).as_secs_f64() * 1e3).round() / 1e3;
        tracing::info!(target: TARGET, query = self.name, batches, rows_read, rows_written, seconds, "query ended");
    }
}

/// Under this name `--log` knows these lines.
const TARGET: &str = "millstream_engine::query";

/// Seconds as milliseconds with three digits behind the point.
fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e3
}

/// How many offsets the worst partition is behind, where a source knows.
fn behind(batch: &StreamingQueryProgress) -> Option<u64> {
    batch.sources.iter().filter_map(|source| source.metrics.get("maxOffsetsBehindLatest")?.parse().ok()).max()
}

fn trigger(trigger: Trigger) -> String {
    match trigger {
        Trigger::Default => "default".to_owned(),
        Trigger::ProcessingTime(interval) => format!("every {interval:?}"),
        Trigger::AvailableNow => "availableNow".to_owned(),
        Trigger::Once => "once".to_owned(),
    }
}
