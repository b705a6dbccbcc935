//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use millstream_core::Clock;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// 2026-01-01T00:00:00Z, a multiple of every trigger interval that the tests use.
pub(crate) const START_MS: i64 = 1_767_225_600_000;

#[derive(Debug, Default)]
pub(crate) struct ManualClock {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    elapsed: Duration,
    sleepers: Vec<(Duration, oneshot::Sender<()>)>,
}

impl ManualClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Moves time forward and wakes those whose time has come.
    pub(crate) fn advance(&self, by: Duration) {
        let mut state = self.state.lock();
        state.elapsed += by;
        let now = state.elapsed;
        let (due, waiting) = std::mem::take(&mut state.sleepers).into_iter().partition(|(until, _)| *until <= now);
        state.sleepers = waiting;
        drop(state);
        let due: Vec<(Duration, oneshot::Sender<()>)> = due;
        for (_, wake) in due {
            let _ = wake.send(());
        }
    }
}

impl ManualClock {
    /// Moves on whenever somebody waits, until the work is done.
    pub(crate) async fn pass_while<T>(&self, step: Duration, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::task::yield_now() => {}
            }
            if !self.state.lock().sleepers.is_empty() {
                self.advance(step);
            }
        }
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> i64 {
        START_MS * 1000 + i64::try_from(self.state.lock().elapsed.as_micros()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.state.lock().elapsed
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut state = self.state.lock();
        let until = state.elapsed + duration;
        if duration.is_zero() {
            return futures::future::ready(()).boxed();
        }
        let (wake, woken) = oneshot::channel();
        state.sleepers.push((until, wake));
        async move {
            let _ = woken.await;
        }
        .boxed()
    }
}
