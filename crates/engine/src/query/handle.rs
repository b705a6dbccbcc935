//! One run of a query as its owner sees it (Spark: `StreamingQuery`), and the side of it that the batch loop sees.
//!
//! The two share [`QueryControl`]: the handle asks (stop, catch up), the loop answers (status, progress, outcome).
//! Nothing here runs a batch.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millstream_core::error::SparkException;
use millstream_core::progress::StreamingQueryProgress;
use millstream_core::{Clock, Error, ErrorKind, QueryId, Result, RunId};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::status::{self, StreamingQueryStatus};

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
        if control.stop_timeout.is_zero() {
            control.ended().await;
            return Ok(());
        }
        tokio::select! {
            biased;
            () = control.ended() => Ok(()),
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

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// It was stopped, or its trigger came to an end.
    Ended,
    /// It failed.
    Failed(Arc<Failure>),
}

/// Why a run failed.
#[derive(Debug)]
pub(crate) struct Failure {
    id: QueryId,
    run_id: RunId,
    cause: Error,
}

impl Failure {
    /// Spark's error for it, with the cause below.
    fn error(&self) -> Error {
        let Self { id, run_id, cause } = self;
        let text = cause.to_spark_message();
        Error::new(cause.kind(), format!("Query [id = {id}, runId = {run_id}] terminated with exception: {text}"))
            .with_class("STREAM_FAILED", SparkException::StreamingQuery)
            .with_sql_state("XXKST")
            .with_parameter("id", id.to_string())
            .with_parameter("runId", run_id.to_string())
            .with_parameter("message", text)
            .with_source(cause.duplicate())
    }
}

/// What the handle and the batch loop share.
#[derive(Debug)]
pub(crate) struct QueryControl {
    pub(crate) id: QueryId,
    pub(crate) run_id: RunId,
    pub(crate) name: Option<String>,
    pub(crate) clock: Arc<dyn Clock>,
    /// `(plain, extended)`
    pub(crate) explained: (String, String),
    /// `spark.sql.streaming.stopTimeout`; zero waits for ever.
    pub(crate) stop_timeout: Duration,
    /// `spark.sql.streaming.numRecentProgressUpdates`
    pub(crate) progress_limit: usize,
    /// Cancelled when the owner wants the query to end.
    pub(crate) stop: CancellationToken,
    pub(crate) catch_up: CatchUp,
    pub(crate) status: Mutex<StreamingQueryStatus>,
    pub(crate) progress: Mutex<VecDeque<Arc<StreamingQueryProgress>>>,
    pub(crate) outcome: watch::Sender<Option<Outcome>>,
}

impl QueryControl {
    pub(crate) fn new(
        (id, run_id, name): (QueryId, RunId, Option<String>),
        clock: Arc<dyn Clock>,
        explained: (String, String),
    ) -> Self {
        Self {
            id,
            run_id,
            name,
            clock,
            explained,
            stop_timeout: Duration::ZERO,
            progress_limit: 100,
            stop: CancellationToken::new(),
            catch_up: CatchUp::default(),
            status: Mutex::new(status::INITIALIZING),
            progress: Mutex::default(),
            outcome: watch::Sender::new(None),
        }
    }

    pub(crate) fn with_limits(self, stop_timeout: Duration, progress_limit: usize) -> Self {
        Self { stop_timeout, progress_limit, ..self }
    }

    pub(crate) fn set_status(&self, status: StreamingQueryStatus) {
        *self.status.lock() = status;
    }

    pub(crate) fn add_progress(&self, progress: StreamingQueryProgress) {
        let mut kept = self.progress.lock();
        while kept.len() >= self.progress_limit.max(1) {
            kept.pop_front();
        }
        kept.push_back(Arc::new(progress));
    }

    /// Makes the end of the run known. A failure's text is the status from now on, as in Spark.
    pub(crate) fn end(&self, result: Result<()>) -> Outcome {
        let outcome = match result {
            Ok(()) => {
                self.set_status(status::STOPPED);
                Outcome::Ended
            }
            Err(cause) => {
                self.set_status(StreamingQueryStatus::terminated(&cause.to_spark_message()));
                Outcome::Failed(Arc::new(Failure { id: self.id, run_id: self.run_id, cause }))
            }
        };
        self.outcome.send_replace(Some(outcome.clone()));
        outcome
    }

    pub(crate) async fn ended(&self) {
        let mut outcome = self.outcome.subscribe();
        // The sender lives in `self`, so the channel cannot close under us.
        let _ = outcome.wait_for(Option::is_some).await;
    }

    fn not_stopped(&self) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "Stream Execution thread for stream [id = {}, runId = {}] failed to stop within {} milliseconds \
                 (specified by spark.sql.streaming.stopTimeout). See the cause on what was being executed in the \
                 streaming query thread.",
                self.id,
                self.run_id,
                self.stop_timeout.as_millis()
            ),
        )
    }
}

/// `processAllAvailable`: callers ask, the loop answers when it found nothing left to do after the question.
#[derive(Debug, Default)]
pub(crate) struct CatchUp {
    asked: AtomicU64,
    answered: watch::Sender<u64>,
    wake: Notify,
}

impl CatchUp {
    fn request(&self) -> u64 {
        let request = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.wake.notify_one();
        request
    }

    async fn answered(&self, request: u64) {
        let mut answered = self.answered.subscribe();
        let _ = answered.wait_for(|&done| done >= request).await;
    }

    /// The newest question without an answer. The loop takes it before it looks at the sources.
    pub(crate) fn pending(&self) -> Option<u64> {
        let asked = self.asked.load(Ordering::SeqCst);
        (asked > *self.answered.borrow()).then_some(asked)
    }

    /// Nothing was left to do when the sources were asked after this question.
    pub(crate) fn answer(&self, request: u64) {
        self.answered.send_replace(request);
    }

    /// Resolves when somebody asks.
    pub(crate) async fn asked(&self) {
        self.wake.notified().await;
    }
}
