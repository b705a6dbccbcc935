//! A clock that moves when nobody has anything to do but wait.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use millstream_core::Clock;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// 2026-01-01T00:00:00Z
const START_US: i64 = 1_767_225_600_000_000;

/// Simulated time.
#[derive(Debug, Default)]
pub(crate) struct SimClock(Mutex<Time>);

#[derive(Debug, Default)]
struct Time {
    elapsed: Duration,
    sleepers: Vec<(Duration, oneshot::Sender<()>)>,
}

impl SimClock {
    /// Moves to the moment for which somebody waits first, and wakes all whose time has come. Says whether there was one.
    pub(crate) fn advance(&self) -> bool {
        let due: Vec<_> = {
            let mut time = self.0.lock();
            time.sleepers.retain(|(_, wake)| !wake.is_closed());
            let Some(first) = time.sleepers.iter().map(|(until, _)| *until).min() else { return false };
            time.elapsed = first.max(time.elapsed);
            time.sleepers.extract_if(.., |(until, _)| *until <= first).collect()
        };
        for (_, wake) in due {
            // Whoever does not wait any more need not be woken.
            let _ = wake.send(());
        }
        true
    }

    /// Moves on by so much, whoever waits.
    pub(crate) fn pass(&self, time: Duration) {
        self.0.lock().elapsed += time;
    }
}

impl Clock for SimClock {
    fn now_us(&self) -> i64 {
        START_US + i64::try_from(self.monotonic().as_micros()).unwrap_or(i64::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().elapsed
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut time = self.0.lock();
        let (wake, woken) = oneshot::channel();
        let until = time.elapsed + duration;
        time.sleepers.push((until, wake));
        woken.map(|_| ()).boxed()
    }
}
