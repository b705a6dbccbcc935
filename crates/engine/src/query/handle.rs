//! One run of a query as its owner sees it (Spark: `StreamingQuery`). Nothing here runs a batch: what the owner asks
//! goes into the [`QueryControl`] that the batch loop reads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::progress::StreamingQueryProgress;
use millstream_core::{Error, QueryId, Result, RunId};

use crate::run::{Outcome, QueryControl, StreamingQueryStatus};

/// A query that was started. Clones are the same run. Dropping it does not stop the query.
#[derive(Clone)]
pub struct StreamingQuery {
    control: Arc<QueryControl>,
}

impl StreamingQuery {
    pub(crate) fn new(control: Arc<QueryControl>) -> Self {
        Self { control }
    }

    /// The query, for as long as its checkpoint lives.
    pub fn id(&self) -> QueryId {
        self.control.id
    }

    /// This run of it.
    pub fn run_id(&self) -> RunId {
        self.control.run_id
    }

    /// The name the user gave it.
    pub fn name(&self) -> Option<&str> {
        self.control.name.as_deref()
    }

    /// Whether it still runs.
    pub fn is_active(&self) -> bool {
        self.control.outcome.borrow().is_none()
    }

    /// What it is doing now.
    pub fn status(&self) -> StreamingQueryStatus {
        self.control.status.lock().clone()
    }

    /// The newest batch's progress.
    pub fn last_progress(&self) -> Option<Arc<StreamingQueryProgress>> {
        self.control.progress.lock().back().cloned()
    }

    /// The newest batches' progress, oldest first; `spark.sql.streaming.numRecentProgressUpdates` of them.
    pub fn recent_progress(&self) -> Vec<Arc<StreamingQueryProgress>> {
        self.control.progress.lock().iter().cloned().collect()
    }

    /// Why it ended, if it failed: Spark's `STREAM_FAILED` with what went wrong below it.
    pub fn exception(&self) -> Option<Error> {
        match &*self.control.outcome.borrow() {
            Some(Outcome::Failed(failure)) => Some(failure.error()),
            Some(Outcome::Ended) | None => None,
        }
    }

    /// The plan as text; `extended` adds the logical plan.
    pub fn explain(&self, extended: bool) -> &str {
        let (plain, with_logical) = &self.control.explained;
        if extended { with_logical } else { plain }
    }

    /// Ends the query: the running batch is finished and committed if it needs no more than a few seconds, else undone.
    /// Returns when the query has ended.
    ///
    /// # Errors
    /// When `spark.sql.streaming.stopTimeout` is set and passes before the query has ended.
    pub async fn stop(&self) -> Result<()> {
        let control = &self.control;
        control.stop.cancel();
        let ended = control.ended_in_time();
        if control.stop_timeout.is_zero() {
            ended.await;
            return Ok(());
        }
        tokio::select! {
            biased;
            () = ended => Ok(()),
            () = control.clock.sleep(control.stop_timeout) => Err(control.not_stopped()),
        }
    }

    /// Waits until the query ends, or until the timeout. Says whether it has ended.
    ///
    /// # Errors
    /// The query's own error, if that is why it ended.
    pub async fn await_termination(&self, timeout: Option<Duration>) -> Result<bool> {
        let control = &self.control;
        match timeout {
            None => control.ended().await,
            Some(timeout) => tokio::select! {
                biased;
                () = control.ended() => {}
                () = control.clock.sleep(timeout) => return Ok(false),
            },
        }
        self.exception().map_or(Ok(true), Err)
    }

    /// Waits until everything that the sources had when this was called is in the sink.
    ///
    /// # Errors
    /// The query's own error, if it fails meanwhile.
    pub async fn process_all_available(&self) -> Result<()> {
        let control = &self.control;
        let request = control.catch_up.request();
        tokio::select! {
            biased;
            () = control.catch_up.answered(request) => Ok(()),
            () = control.ended() => self.exception().map_or(Ok(()), Err),
        }
    }
}

impl fmt::Debug for StreamingQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamingQuery({}, id = {}, runId = {})", self.name().unwrap_or("-"), self.id(), self.run_id())
    }
}
