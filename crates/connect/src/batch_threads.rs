//! The threads on which plans are analysed and batch queries computed, and nothing else.
//!
//! A batch query may compute for minutes without a pause that a scheduler of tasks could use: a kernel over long texts,
//! the planning of a thousand relations. Only the operating system takes a thread away from it. So each query has, as
//! far as there are any, threads for itself: a *lane*, which is a small runtime. The next query takes a lane where
//! nothing runs, a new one if there is none, and shares one only when all are taken. Who started the threads decides on
//! their priority.

use std::fmt;
use std::sync::Arc;

use millstream_core::{Error, Result};
use millstream_sql::nesting::STACK_BYTES;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinError, JoinSet};

use crate::error::broken_off;
use crate::error::handle::operation_canceled;

/// Queries that have threads for themselves at the same time; those beyond share.
const LANES_MAX: usize = 8;

/// The threads of batch queries. Clones are the same threads; they end with the last clone.
#[derive(Clone)]
pub struct BatchThreads {
    shared: Arc<Shared>,
}

struct Shared {
    lanes: Mutex<Vec<Lane>>,
    /// Threads of a lane.
    cores: usize,
    prepare: fn(),
}

struct Lane {
    runtime: Runtime,
    /// Shared with each query that runs here.
    taken: Arc<()>,
}

impl Lane {
    fn queries(&self) -> usize {
        Arc::strong_count(&self.taken) - 1
    }

    /// The smaller, the better. Queries that were given up may leave tasks behind that still compute.
    fn load(&self) -> (usize, usize) {
        (self.queries(), self.runtime.metrics().num_alive_tasks())
    }
}

impl BatchThreads {
    /// Threads for batch queries, `cores` for each query; every thread calls `prepare` before anything else. None is
    /// started before it is needed.
    pub fn new(cores: usize, prepare: fn()) -> Self {
        Self { shared: Arc::new(Shared { lanes: Mutex::default(), cores: cores.max(1), prepare }) }
    }

    /// Tasks that have not ended: of queries that run, and of those that were given up and have not noticed yet.
    pub fn tasks(&self) -> usize {
        self.shared.lanes.lock().iter().map(|lane| lane.runtime.metrics().num_alive_tasks()).sum()
    }

    /// Carries out `work` on threads of its own. When the future is dropped, `work` ends at its next pause.
    ///
    /// # Errors
    /// Those of `work`; its panic as an error, since somebody waits for an answer.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let mut running = JoinSet::new();
        self.shared.spawn(work, &mut running)?;
        running
            .join_next()
            .await
            .map_or_else(|| Err(operation_canceled()), |joined| joined.unwrap_or_else(without_result))
    }
}

impl Shared {
    fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
        running: &mut JoinSet<Result<T>>,
    ) -> Result<()> {
        let mut lanes = self.lanes.lock();
        if lanes.len() < LANES_MAX && lanes.iter().all(|lane| lane.queries() > 0) {
            let runtime = self.new_lane(lanes.len())?;
            lanes.push(Lane { runtime, taken: Arc::default() });
        }
        let Some(lane) = lanes.iter().min_by_key(|lane| lane.load()) else { return Ok(()) };
        let taken = Arc::clone(&lane.taken);
        let work = async move {
            let result = work.await;
            // Before the result is known, so that whoever comes after it finds the lane free.
            drop(taken);
            result
        };
        running.spawn_on(work, lane.runtime.handle());
        Ok(())
    }

    fn new_lane(&self, number: usize) -> Result<Runtime> {
        Builder::new_multi_thread()
            .enable_all()
            .worker_threads(self.cores)
            .thread_name(format!("batch-{number}"))
            .thread_stack_size(STACK_BYTES)
            .on_thread_start(self.prepare)
            .build()
            .map_err(|error| Error::unavailable("cannot start threads for batch queries").with_source(error))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Nobody waits for what still computes; and a thread that serves others must not.
        self.lanes.get_mut().drain(..).for_each(|lane| lane.runtime.shutdown_background());
    }
}

impl fmt::Debug for BatchThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { lanes, cores, .. } = &*self.shared;
        f.debug_struct("BatchThreads").field("lanes", &lanes.lock().len()).field("cores", cores).finish()
    }
}

fn without_result<T>(error: JoinError) -> Result<T> {
    Err(error.try_into_panic().map_or_else(|_| operation_canceled(), |panic| broken_off(&*panic)))
}

#[cfg(test)]
mod tests;
