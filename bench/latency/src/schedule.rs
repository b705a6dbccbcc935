//! When which row is due: every half millisecond, what the rate makes of it, and during a burst a multiple of that.

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
    pub(crate) burst: Option<Burst>,
}

/// A time of many more rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Burst {
    pub(crate) begin: Duration,
    pub(crate) end: Duration,
    /// By how much the rate is multiplied.
    pub(crate) factor: u64,
}

impl Schedule {
    /// Rows for so many seconds.
    pub(crate) fn new(rate: u64, seconds: u64, skip: Duration, burst: Option<Burst>) -> Self {
        let schedule = Self { rate, rows: u64::MAX, skip, burst };
        Self { rows: schedule.until(Duration::from_secs(seconds)), ..schedule }
    }

    /// How many rows are due at a tick, all earlier ones included.
    pub(crate) fn due(&self, tick: u32) -> u64 {
        self.rows.min(self.until(TICK * (tick + 1)))
    }

    /// How many rows are due before this time.
    fn until(&self, time: Duration) -> u64 {
        let more = self.burst.map_or(0, |burst| {
            u128::from(burst.factor - 1) * time.clamp(burst.begin, burst.end).saturating_sub(burst.begin).as_nanos()
        });
        let due = u128::from(self.rate) * (time.as_nanos() + more) / 1_000_000_000;
        u64::try_from(due).unwrap_or(u64::MAX)
    }

    /// How often each key is sent, in all.
    pub(crate) fn rows_of(&self, user: u64) -> u64 {
        self.rows / KEYS + u64::from(user < self.rows % KEYS)
    }
}

#[cfg(test)]
mod tests;
