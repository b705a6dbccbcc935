//! How long rows take from being sent to their batch being in the result.
//!
//! Rows of one partition are read in the order in which they are sent, so the number of rows that the query has read
//! says which: those of a send are done when that many have been read.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Latencies looked back on.
const WINDOW: usize = 2_000;

/// Sends that are on their way, and how long the last ones took.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    sent: VecDeque<Send>,
    sent_rows: u64,
    /// When the first rows were done: what was sent before waited for the query to start.
    began: Option<Instant>,
    took: VecDeque<Duration>,
}

#[derive(Debug)]
struct Send {
    /// Rows sent up to and including this send.
    until: u64,
    at: Instant,
}

impl Latencies {
    /// Notes that so many rows were sent at this moment.
    pub(crate) fn sent(&mut self, rows: u64, at: Instant) {
        self.sent_rows += rows;
        self.sent.push_back(Send { until: self.sent_rows, at });
    }

    /// Notes that, so far, this many rows have been read and are in the result.
    pub(crate) fn done(&mut self, rows: u64, now: Instant) {
        let began = *self.began.get_or_insert(now);
        while let Some(send) = self.sent.pop_front_if(|send| send.until <= rows) {
            if send.at >= began {
                self.took.push_back(now.duration_since(send.at));
            }
        }
        let surplus = self.took.len().saturating_sub(WINDOW);
        self.took.drain(..surplus);
    }

    /// Rows sent so far.
    pub(crate) fn rows(&self) -> u64 {
        self.sent_rows
    }

    /// The latency that this share of the last sends stayed within.
    pub(crate) fn percentile(&self, share: f64) -> Option<Duration> {
        let mut sorted: Vec<_> = self.took.iter().copied().collect();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        Some(sorted[(last as f64 * share).round() as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_is_done_when_all_of_its_rows_are() {
        let mut latencies = Latencies::default();
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        assert_eq!(latencies.percentile(0.5), None);
        latencies.sent(10, start);
        latencies.done(10, after(500));
        assert_eq!(latencies.percentile(1.0), None, "it waited for the query to start");
        latencies.sent(10, after(1000));
        latencies.sent(10, after(1005));
        latencies.sent(10, after(1010));
        latencies.done(29, after(1020));
        assert_eq!(latencies.percentile(1.0), Some(Duration::from_millis(20)));
        latencies.done(40, after(1025));
        assert_eq!(latencies.percentile(0.0), Some(Duration::from_millis(15)));
        assert_eq!(latencies.percentile(0.5), Some(Duration::from_millis(20)));
        assert_eq!(latencies.rows(), 40);
    }
}
