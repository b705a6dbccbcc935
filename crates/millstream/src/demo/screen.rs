//! What the demo shows: in place on a terminal, as plain lines elsewhere.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use millstream_core::progress::StreamingQueryProgress;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::latency::Latencies;

/// What the console sink has printed since the last look, and when it ended each batch.
#[derive(Debug, Default)]
pub(crate) struct Printed {
    text: Vec<u8>,
    ended: VecDeque<Instant>,
}

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// The sink does this once a batch.
    fn flush(&mut self) -> std::io::Result<()> {
        self.ended.push_back(Instant::now());
        Ok(())
    }
}

/// Moves to the top left corner and clears what follows.
const CLEAR: &str = "\x1b[H\x1b[J";

pub(crate) struct Screen {
    printed: Arc<Mutex<Printed>>,
    latencies: Arc<Mutex<Latencies>>,
    rate: u32,
    program: &'static str,
    in_place: bool,
    table: String,
    next_batch: u64,
    rows: u64,
    newest_took: Duration,
    last: (Instant, u64),
}

impl Screen {
    pub(crate) fn new(
        printed: Arc<Mutex<Printed>>,
        latencies: Arc<Mutex<Latencies>>,
        (rate, program): (u32, &'static str),
    ) -> Self {
        let in_place = std::io::stdout().is_terminal();
        let (table, last) = (String::new(), (Instant::now(), 0));
        Self {
            printed,
            latencies,
            rate,
            program,
            in_place,
            table,
            next_batch: 0,
            rows: 0,
            newest_took: Duration::ZERO,
            last,
        }
    }

    /// How often it is worth drawing.
    pub(crate) fn every(&self) -> Duration {
        if self.in_place { Duration::from_millis(200) } else { Duration::from_secs(1) }
    }

    /// Shows the newest table and figures.
    pub(crate) fn draw(&mut self, progress: &[Arc<StreamingQueryProgress>]) {
        self.take_progress(progress);
        self.take_table();
        let status = self.status();
        if self.in_place {
            let title = format!("payments per user and five minutes, as {} counts them", self.program);
            emit(&format!("{CLEAR}{title}\n\n{}\n{status}\nCtrl-C ends it\n", self.table));
        } else {
            emit(&format!("{status}\n"));
        }
    }

    /// Leaves the last result behind.
    pub(crate) fn finish(&mut self) {
        self.take_table();
        if !self.in_place {
            emit(&self.table);
        }
    }

    fn take_progress(&mut self, progress: &[Arc<StreamingQueryProgress>]) {
        let mut printed = self.printed.lock();
        let mut latencies = self.latencies.lock();
        let first = self.next_batch;
        for batch in progress.iter().filter(|batch| batch.batch_id >= first) {
            self.rows = rows_read(batch);
            self.newest_took = batch.took;
            // Of batches whose progress is forgotten already, only the next one's rows are known.
            let batches = usize::try_from(batch.batch_id + 1 - self.next_batch).unwrap_or(0).min(printed.ended.len());
            if let Some(ended) = printed.ended.drain(..batches).next_back() {
                latencies.done(self.rows, ended);
            }
            self.next_batch = batch.batch_id + 1;
        }
    }

    /// The last whole table of what was printed.
    fn take_table(&mut self) {
        let printed = std::mem::take(&mut self.printed.lock().text);
        let text = String::from_utf8_lossy(&printed);
        if let Some((_, last)) = text.rsplit_once("Batch: ") {
            // The batch's number and the rule below it come first.
            self.table = last.splitn(3, '\n').nth(2).unwrap_or_default().trim_end().to_owned();
            self.table.push('\n');
        }
    }

    fn status(&mut self) -> String {
        let now = Instant::now();
        let (before, rows_before) = std::mem::replace(&mut self.last, (now, self.rows));
        let seconds = now.duration_since(before).as_secs_f64().max(1e-3);
        let per_second = (self.rows - rows_before) as f64 / seconds;
        let latencies = self.latencies.lock();
        let lag = latencies.rows().saturating_sub(self.rows);
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        // On a terminal of eighty columns neither line is broken.
        let gap = if self.in_place { ",\n" } else { ", " };
        let mut line = format!(
            "{per_second:.0} rows/s of {} sent, {} rows in {} batches{gap}last batch {:.2} ms, lag {lag} rows",
            self.rate,
            self.rows,
            self.next_batch,
            ms(self.newest_took)
        );
        if let (Some(median), Some(slowest)) = (latencies.percentile(0.5), latencies.percentile(0.99)) {
            let _ = write!(line, ", sent to result p50 {:.1} ms p99 {:.1} ms", ms(median), ms(slowest));
        }
        line
    }
}

/// The rows that the query has read since its start: the end offset of a topic with one partition that it reads whole.
fn rows_read(batch: &StreamingQueryProgress) -> u64 {
    let offsets = batch.sources.first().and_then(|source| source.end_offset.as_object()?.values().next());
    offsets.and_then(|partitions| partitions.get("0")?.as_u64()).unwrap_or(0)
}

/// A reader that has gone away is no reason to fail.
fn emit(text: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
