//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use millstream_core::{Clock, SystemClock};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// The machine's clock, for tests against real servers.
pub fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new(|duration| Box::pin(tokio::time::sleep(duration))))
}

/// Time as a test wants it.
#[derive(Debug)]
pub struct ManualClock {
    start_us: i64,
    /// Every sleep moves the clock to its end, and is over at once.
    skips_sleeps: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    elapsed: Duration,
    sleepers: Vec<(Duration, oneshot::Sender<()>)>,
}

impl State {
    /// Takes out the sleepers whose time has come. The caller wakes them when it has let go of the lock.
    fn take_due(&mut self) -> Vec<oneshot::Sender<()>> {
        let now = self.elapsed;
        self.sleepers.extract_if(.., |(until, _)| *until <= now).map(|(_, wake)| wake).collect()
    }

    fn forget_cancelled(&mut self) {
        self.sleepers.retain(|(_, wake)| !wake.is_closed());
    }
}

impl ManualClock {
    /// Where [`ManualClock::new`] begins: 2026-01-01T00:00:00Z, a multiple of every trigger interval that tests use.
    pub const START_MS: i64 = 1_767_225_600_000;

    /// A clock at [`ManualClock::START_MS`].
    pub fn new() -> Arc<Self> {
        Self::starting_at(Self::START_MS * 1000, false)
    }

    /// A clock at this many microseconds since 1970 that never lets anybody wait: a sleep moves it to the sleep's end.
    pub fn skipping_sleeps(start_us: i64) -> Arc<Self> {
        Self::starting_at(start_us, true)
    }

    fn starting_at(start_us: i64, skips_sleeps: bool) -> Arc<Self> {
        Arc::new(Self { start_us, skips_sleeps, state: Mutex::default() })
    }

    /// Moves time forward and wakes those whose time has come.
    pub fn advance(&self, by: Duration) {
        let due = {
            let mut state = self.state.lock();
            state.elapsed += by;
            state.take_due()
        };
        wake(due);
    }

    /// Moves to the moment for which somebody waits first, and wakes all whose time has come. `false` if nobody waits.
    pub fn advance_to_next_sleeper(&self) -> bool {
        let due = {
            let mut state = self.state.lock();
            state.forget_cancelled();
            let Some(first) = state.sleepers.iter().map(|(until, _)| *until).min() else { return false };
            state.elapsed = first.max(state.elapsed);
            state.take_due()
        };
        wake(due);
        true
    }

    /// Moves on whenever somebody waits, until the work is done.
    pub async fn pass_while<T>(&self, step: Duration, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::task::yield_now() => {}
            }
            if self.sleepers() > 0 {
                self.advance(step);
            }
        }
    }

    /// How many sleeps have not ended and were not cancelled.
    pub fn sleepers(&self) -> usize {
        let mut state = self.state.lock();
        state.forget_cancelled();
        state.sleepers.len()
    }
}

fn wake(due: Vec<oneshot::Sender<()>>) {
    for sleeper in due {
        // Whoever does not wait any more need not be woken.
        let _ = sleeper.send(());
    }
}

impl Clock for ManualClock {
    fn now_us(&self) -> i64 {
        self.start_us + i64::try_from(self.monotonic().as_micros()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.state.lock().elapsed
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if duration.is_zero() {
            return futures::future::ready(()).boxed();
        }
        if self.skips_sleeps {
            self.advance(duration);
            return futures::future::ready(()).boxed();
        }
        let mut state = self.state.lock();
        let until = state.elapsed + duration;
        let (wake, woken) = oneshot::channel();
        state.sleepers.push((until, wake));
        woken.map(|_| ()).boxed()
    }
}
