//! Time as a dependency, so that tests and the simulation own it.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;

/// Wall-clock and monotonic time, and the only way to wait.
pub trait Clock: Send + Sync + Debug {
    /// Microseconds since 1970-01-01T00:00:00Z.
    fn now_us(&self) -> i64;

    /// Time since an arbitrary fixed moment; never goes back.
    fn monotonic(&self) -> Duration;

    /// Resolves when this much time has passed.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// Milliseconds since 1970-01-01T00:00:00Z, the unit of triggers, watermarks and the logs.
    fn now_ms(&self) -> i64 {
        self.now_us().div_euclid(1000)
    }
}

/// Reads the machine's clock. Waiting is handed in, because this crate knows no runtime.
#[derive(Clone)]
pub struct SystemClock {
    started: std::time::Instant,
    sleep: fn(Duration) -> BoxFuture<'static, ()>,
}

impl SystemClock {
    /// A clock that waits by `sleep`, usually the runtime's timer.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn new(sleep: fn(Duration) -> BoxFuture<'static, ()>) -> Self {
        Self { started: std::time::Instant::now(), sleep }
    }
}

impl Debug for SystemClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SystemClock")
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now_us(&self) -> i64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        (self.sleep)(duration)
    }
}
