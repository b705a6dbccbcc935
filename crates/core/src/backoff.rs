//! How long to wait before something outside is tried again. Pure: whoever retries sleeps on its own
//! [`Clock`](crate::Clock).

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// A policy of waits, each twice the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait before the first retry.
    pub first: Duration,
    /// No wait is longer.
    pub longest: Duration,
    /// How often a step is tried again.
    pub retries: u32,
}

impl Backoff {
    /// The wait before this retry, of which the first has number 1; `None` when it is not to be tried any more.
    pub fn wait(self, retry: u32) -> Option<Duration> {
        let doublings = retry.checked_sub(1)?;
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(doublings));
        (retry <= self.retries).then(|| doubled.min(self.longest))
    }
}

/// The failures of one step in a row.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    backoff: Backoff,
    failures: u32,
}

impl Retries {
    /// A step that has not failed yet.
    pub fn new(backoff: Backoff) -> Self {
        Self { backoff, failures: 0 }
    }

    /// How often the step has failed.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Counts a failure, and says how long to wait before the step is tried again. `None` where that makes no sense:
    /// the error will be the same, or it has been tried often enough.
    pub fn wait_after(&mut self, error: &Error) -> Option<Duration> {
        self.failures += 1;
        if error.kind() == ErrorKind::Unavailable { self.backoff.wait(self.failures) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff =
        Backoff { first: Duration::from_millis(100), longest: Duration::from_millis(350), retries: 3 };

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let mut retries = Retries::new(BACKOFF);
        let gone = Error::unavailable("gone");
        let waits: Vec<_> = (0..5).map(|_| retries.wait_after(&gone).map(|wait| wait.as_millis())).collect();
        assert_eq!(waits, [Some(100), Some(200), Some(350), None, None]);
        let endless = Backoff { retries: u32::MAX, ..BACKOFF };
        assert_eq!(endless.wait(1000), Some(endless.longest));
    }

    #[test]
    fn what_will_fail_again_is_not_tried_again() {
        assert_eq!(Retries::new(BACKOFF).wait_after(&Error::data("wrong")), None);
    }
}
