//! The threads on which streaming queries run.
//!
//! A query's loop, its Kafka connections and what its operators spawn belong to one runtime, so that a record that
//! comes in is worked on without waking a thread of another. Whoever starts a query may be somewhere else: what a start
//! spawns still lives on the query's threads.

use std::future::poll_fn;
use std::pin::pin;

use tokio::runtime::Handle;

/// Where the queries of an engine run.
#[derive(Debug, Clone, Default)]
pub struct StreamingThreads(Option<Handle>);

impl StreamingThreads {
    /// Queries run on the runtime of whoever starts them: for tests and simulations.
    pub fn of_caller() -> Self {
        Self(None)
    }

    /// Queries run on this runtime, and nothing else should.
    pub fn on(runtime: Handle) -> Self {
        Self(Some(runtime))
    }

    /// Runs a query's life there.
    pub(crate) fn spawn(&self, life: impl Future<Output = ()> + Send + 'static) {
        match &self.0 {
            Some(runtime) => drop(runtime.spawn(life)),
            None => drop(tokio::spawn(life)),
        }
    }

    /// Carries out a step on the caller's thread; tasks, sockets and timers that it makes belong to the query's
    /// threads.
    pub(crate) async fn enter<T>(&self, step: impl Future<Output = T>) -> T {
        let Some(runtime) = &self.0 else { return step.await };
        let mut step = pin!(step);
        poll_fn(|context| {
            let _entered = runtime.enter();
            step.as_mut().poll(context)
        })
        .await
    }
}

#[cfg(test)]
mod tests;
