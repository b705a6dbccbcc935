//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use millstream_core::Clock;
use tokio::sync::watch;

#[derive(Debug)]
pub(super) struct HandClock(watch::Sender<Duration>);

impl HandClock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(Duration::ZERO)))
    }

    pub(super) fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
    }

    /// Moves on whenever somebody waits, until the work is done.
    pub(super) async fn pass_while<T>(&self, step: Duration, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                // Every sleep has a receiver of its own.
                () = tokio::task::yield_now() => if self.0.receiver_count() > 0 { self.advance(step) },
            }
        }
    }
}

impl Clock for HandClock {
    fn now_us(&self) -> i64 {
        i64::try_from(self.monotonic().as_micros()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        *self.0.borrow()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut now = self.0.subscribe();
        let until = *now.borrow() + duration;
        async move {
            now.wait_for(|now| *now >= until).await.map(drop).unwrap_or(());
        }
        .boxed()
    }
}
