//! The watermark of a query: how far event time has come, by all of its `withWatermark`s together.
//!
//! Spark: `WatermarkTracker`. Each watermark operator has its own, the greatest event time that it saw less its delay;
//! the query's is the least of them (or the greatest, by `spark.sql.streaming.multipleWatermarkPolicy`), and never
//! moves back. It is computed at the end of a batch and in force from the next one on. It begins at 0 (1970), and an
//! operator that saw nothing yet counts as 0: so under `min` one idle input holds back everything.

use millstream_core::{Error, Result};
use parking_lot::Mutex;

use crate::batch_context::BatchContext;

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
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// By operator; `None` before its first row.
    seen_ms: Vec<Option<i64>>,
    current_ms: i64,
    /// The watermark by which the newest finished batch of this run evicted.
    evicted_ms: Option<i64>,
}

impl WatermarkTracker {
    /// A tracker for operators with these delays, at 0.
    pub(crate) fn new(policy: WatermarkPolicy, delays_ms: Vec<i64>) -> Self {
        let state = State { seen_ms: vec![None; delays_ms.len()], current_ms: 0, evicted_ms: None };
        Self { policy, delays_ms, state: Mutex::new(state) }
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
        for ((seen, delay_ms), stats) in state.seen_ms.iter_mut().zip(&self.delays_ms).zip(&batch.event_times) {
            if let Some((_, max_us, _)) = stats.get() {
                *seen = (*seen).max(Some(max_us.div_euclid(1000).saturating_sub(*delay_ms)));
            }
        }
        let all = state.seen_ms.iter().map(|seen| seen.unwrap_or(0));
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
        state.current_ms = watermark_ms;
    }
}

#[cfg(test)]
mod tests;
