//! When the next batch is due (Spark: `TriggerExecutor`).

use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Clock, OutputMode, Trigger};
use tokio_util::sync::CancellationToken;

/// What the loop is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Look for a batch.
    Now,
    /// End the query.
    Stop,
}

/// Follows one query's trigger.
#[derive(Debug)]
pub(crate) struct TriggerExecutor {
    trigger: Trigger,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    /// The least time between two batches under the default trigger.
    pace: Duration,
    /// Whether writing may take half of the time at the most.
    rests_between: bool,
    fired: Option<Fired>,
}

#[derive(Debug, Clone, Copy)]
struct Fired {
    at: Duration,
    wall_ms: i64,
    /// How long the batch of this trigger took; zero where there was none.
    busy: Duration,
}

impl TriggerExecutor {
    /// `pace` is the sink's; complete results, which are written as a whole each time, also rest between batches.
    pub(crate) fn new(
        trigger: Trigger,
        clock: Arc<dyn Clock>,
        stop: CancellationToken,
        (pace, mode): (Duration, OutputMode),
    ) -> Self {
        Self { trigger, clock, stop, pace, rests_between: mode == OutputMode::Complete, fired: None }
    }

    /// The trigger.
    pub(crate) fn trigger(&self) -> Trigger {
        self.trigger
    }

    /// How long until the next batch is due; zero if it is.
    pub(crate) fn wait(&self) -> Duration {
        let Some(fired) = self.fired else { return Duration::ZERO };
        match self.trigger {
            Trigger::Default => {
                let rest = if self.rests_between { fired.busy * 2 } else { Duration::ZERO };
                (fired.at + self.pace.max(rest)).saturating_sub(self.clock.monotonic())
            }
            Trigger::ProcessingTime(interval) => {
                let due_ms = next_multiple_ms(fired.wall_ms, interval);
                Duration::from_millis(u64::try_from(due_ms.saturating_sub(self.clock.now_ms())).unwrap_or(0))
            }
            Trigger::AvailableNow | Trigger::Once => Duration::ZERO,
        }
    }

    /// Waits until a batch is due or the query is to end.
    pub(crate) async fn next(&mut self) -> Due {
        // A timer may ring early by less than it can measure; the trigger must not.
        loop {
            if self.stop.is_cancelled() || (self.trigger == Trigger::Once && self.fired.is_some()) {
                return Due::Stop;
            }
            let wait = self.wait();
            if wait.is_zero() {
                break;
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Due::Stop,
                () = self.clock.sleep(wait) => {}
            }
        }
        self.fire();
        Due::Now
    }

    /// Counts the trigger from now on: under the default trigger it is data that fires it.
    pub(crate) fn fire(&mut self) {
        let (at, wall_ms) = (self.clock.monotonic(), self.clock.now_ms());
        self.fired = Some(Fired { at, wall_ms, busy: Duration::ZERO });
    }

    /// A batch of this trigger has ended.
    pub(crate) fn batch_ended(&mut self) {
        if let Some(fired) = &mut self.fired {
            fired.busy = self.clock.monotonic().saturating_sub(fired.at);
            if let Trigger::ProcessingTime(interval) = self.trigger
                && fired.busy > interval
            {
                let (took_ms, interval_ms) = (fired.busy.as_millis(), interval.as_millis());
                tracing::warn!(took_ms, interval_ms, "the batch took longer than its trigger's interval");
            }
        }
    }
}

/// The first multiple of the interval since the epoch that lies after a moment.
fn next_multiple_ms(moment_ms: i64, interval: Duration) -> i64 {
    let interval_ms = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
    moment_ms.div_euclid(interval_ms).saturating_add(1).saturating_mul(interval_ms)
}

#[cfg(test)]
mod tests;
