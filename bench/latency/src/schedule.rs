//! When which row is due: every half millisecond, what the rate makes of it.

use std::time::Duration;

use crate::row::KEYS;

/// The rows of a tick go together. Half a millisecond is what a thread that sleeps can keep.
pub(crate) const TICK: Duration = Duration::from_micros(500);

/// How many rows, how fast, and from when on they count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) rate: u64,
    pub(crate) rows: u64,
    /// Rows due before are sent and checked, but not counted.
    pub(crate) skip: Duration,
}

impl Schedule {
    /// Rows for so many seconds.
    pub(crate) fn new(rate: u64, seconds: u64, skip: Duration) -> Self {
        Self { rate, rows: rate * seconds, skip }
    }

    /// How many rows are due at a tick, all earlier ones included.
    pub(crate) fn due(&self, tick: u32) -> u64 {
        let ticks = u64::from(tick) + 1;
        let due = u128::from(self.rate) * u128::from(ticks) * TICK.as_nanos() / 1_000_000_000;
        self.rows.min(u64::try_from(due).unwrap_or(u64::MAX))
    }

    /// How often each key is sent, in all.
    pub(crate) fn rows_of(&self, user: u64) -> u64 {
        self.rows / KEYS + u64::from(user < self.rows % KEYS)
    }
}

#[cfg(test)]
mod tests;
