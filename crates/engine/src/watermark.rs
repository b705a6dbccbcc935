//! The watermark of a query: how far event time has come, by all of its `withWatermark`s together.
//!
//! Spark: `WatermarkTracker`. Each watermark operator has its own, the greatest event time that it saw less its delay;
//! the query's is the least of them (or the greatest, by `spark.sql.streaming.multipleWatermarkPolicy`), and never
//! moves back. It is computed at the end of a batch and in force from the next one on. It begins at 0 (1970), and an
//! operator that saw nothing yet counts as 0: so under `min` one idle input holds back everything. Where that is not
//! wanted, an operator that saw no row for a while is left out ([`IDLE_TIMEOUT`]), as Spark cannot.

use std::time::Duration;

use millstream_core::{Error, Result};
use parking_lot::Mutex;

use crate::batch_context::BatchContext;

/// The session setting of ours that says after which time an input without rows holds the watermark back no longer.
pub(crate) const IDLE_TIMEOUT: &str = "millstream.watermark.idleTimeout";

/// How several watermarks become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WatermarkPolicy {
    /// The slowest input decides: nothing is late that any input may still bring.
    Min,
    /// The fastest input decides.
    Max,
}

impl WatermarkPolicy {
    /// The session setting that chooses the policy.
    pub(crate) const CONF: &'static str = "spark.sql.streaming.multipleWatermarkPolicy";

    /// From the setting's text; absent is `min`.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self> {
        match text.map(str::to_ascii_lowercase).as_deref() {
            None | Some("min") => Ok(Self::Min),
            Some("max") => Ok(Self::Max),
            Some(other) => {
                Err(Error::illegal_argument(format!("'{}' is '{other}', but must be min or max", Self::CONF)))
            }
        }
    }
}

/// Follows the watermark of one query from batch to batch.
#[derive(Debug)]
pub(crate) struct WatermarkTracker {
    policy: WatermarkPolicy,
    /// By watermark operator, in milliseconds.
    delays_ms: Vec<i64>,
    /// Operators that saw no row for so long, in milliseconds, are left out; without a value none are.
    idle_timeout_ms: Option<i64>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// By operator; `None` before its first row.
    seen_ms: Vec<Option<i64>>,
    /// By operator: the time of the newest batch in which it saw a row, or of the first batch of this run.
    active_ms: Vec<Option<i64>>,
    current_ms: i64,
    /// The watermark by which the newest finished batch of this run evicted.
    evicted_ms: Option<i64>,
}

impl WatermarkTracker {
    /// A tracker for operators with these delays, at 0.
    pub(crate) fn new(policy: WatermarkPolicy, delays_ms: Vec<i64>) -> Self {
        let nothing = vec![None; delays_ms.len()];
        let state = State { seen_ms: nothing.clone(), active_ms: nothing, current_ms: 0, evicted_ms: None };
        Self { policy, delays_ms, idle_timeout_ms: None, state: Mutex::new(state) }
    }

    /// The tracker, by which operators are left out that saw no row for so long.
    pub(crate) fn leaving_out_idle(self, timeout: Option<Duration>) -> Self {
        let idle_timeout_ms = timeout.map(|timeout| i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX));
        Self { idle_timeout_ms, ..self }
    }

    /// Whether the query has a watermark at all.
    pub(crate) fn is_defined(&self) -> bool {
        !self.delays_ms.is_empty()
    }

    /// The number of watermark operators.
    pub(crate) fn operators(&self) -> usize {
        self.delays_ms.len()
    }

    /// The watermark in force from the next batch on.
    pub(crate) fn current_ms(&self) -> i64 {
        self.state.lock().current_ms
    }

    /// The watermark by which the newest finished batch evicted; none before a run's first batch, for then no batch can
    /// have left anything to do.
    pub(crate) fn evicted_ms(&self) -> Option<i64> {
        self.state.lock().evicted_ms
    }

    /// Takes over what a finished batch saw, and says where the watermark is now.
    pub(crate) fn advance(&self, batch: &BatchContext) -> i64 {
        let mut state = self.state.lock();
        state.evicted_ms = batch.watermark_ms;
        let State { seen_ms, active_ms, .. } = &mut *state;
        let operators = seen_ms.iter_mut().zip(active_ms.iter_mut()).zip(&self.delays_ms);
        for (((seen, active_ms), delay_ms), stats) in operators.zip(&batch.event_times) {
            active_ms.get_or_insert(batch.timestamp_ms);
            if let Some((_, max_us, _)) = stats.get() {
                *seen = (*seen).max(Some(max_us.div_euclid(1000).saturating_sub(*delay_ms)));
                *active_ms = Some(batch.timestamp_ms);
            }
        }
        // By the time of the batch, which is in the log, and not by a clock.
        let is_idle = |active_ms: Option<i64>| {
            let idle_ms = active_ms.map(|active_ms| batch.timestamp_ms.saturating_sub(active_ms));
            self.idle_timeout_ms.zip(idle_ms).is_some_and(|(timeout_ms, idle_ms)| idle_ms >= timeout_ms)
        };
        let awake = state.seen_ms.iter().zip(&state.active_ms).filter(|(_, active_ms)| !is_idle(**active_ms));
        let all = awake.map(|(seen, _)| seen.unwrap_or(0));
        let chosen = match self.policy {
            WatermarkPolicy::Min => all.min(),
            WatermarkPolicy::Max => all.max(),
        };
        state.current_ms = state.current_ms.max(chosen.unwrap_or(0));
        state.current_ms
    }

    /// Goes on from a watermark of the log; what single operators saw before is not known then, as in Spark.
    pub(crate) fn restore(&self, watermark_ms: i64) {
        let mut state = self.state.lock();
        state.seen_ms.fill(None);
        state.active_ms.fill(None);
        state.current_ms = watermark_ms;
    }
}

#[cfg(test)]
mod tests;
