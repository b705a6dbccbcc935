//! What a query's handle and its batch loop share: the handle asks (stop, catch up), the loop answers (status,
//! progress, outcome).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millstream_core::progress::StreamingQueryProgress;
use millstream_core::{Clock, Error, ErrorKind, QueryId, Result, RunId, spark_error};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::events::{EventPublisher, EventRings, QueryEventKind};
use super::status::{self, StreamingQueryStatus};
use crate::work::Work;

/// How long a query that is told to stop may take for its running batch before the batch is given up.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(4);

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
    pub(crate) fn error(&self) -> Error {
        let Self { id, run_id, cause } = self;
        spark_error!("STREAM_FAILED", id = id, runId = run_id, message = cause.to_spark_message())
            .with_kind(cause.kind())
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
    /// Given up when a stopped query has had its time.
    pub(crate) work: Work,
    pub(crate) catch_up: CatchUp,
    pub(crate) status: Mutex<StreamingQueryStatus>,
    pub(crate) progress: Mutex<VecDeque<Arc<StreamingQueryProgress>>>,
    pub(crate) outcome: watch::Sender<Option<Outcome>>,
    pub(crate) events: EventPublisher,
}

impl QueryControl {
    pub(crate) fn new(
        (id, run_id, name): (QueryId, RunId, Option<String>),
        clock: Arc<dyn Clock>,
        explained: (String, String),
        work: Work,
        rings: EventRings,
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
            work,
            catch_up: CatchUp::default(),
            status: Mutex::new(status::INITIALIZING),
            progress: Mutex::default(),
            outcome: watch::Sender::new(None),
            events: EventPublisher::new(id, run_id, rings),
        }
    }

    pub(crate) fn with_limits(self, stop_timeout: Duration, progress_limit: usize) -> Self {
        Self { stop_timeout, progress_limit, ..self }
    }

    pub(crate) fn set_status(&self, status: StreamingQueryStatus) {
        *self.status.lock() = status;
    }

    pub(crate) fn add_progress(&self, progress: StreamingQueryProgress) {
        let progress = Arc::new(progress);
        // Before it can be asked for: who has seen a progress may take its listener away, and would miss the event.
        self.tell(|| QueryEventKind::Progress(Arc::clone(&progress)));
        let mut kept = self.progress.lock();
        while kept.len() >= self.progress_limit.max(1) {
            kept.pop_front();
        }
        kept.push_back(progress);
        drop(kept);
        self.events.note_told(self.clock.monotonic());
    }

    /// Tells readers of events, if there are any.
    pub(crate) fn tell(&self, kind: impl FnOnce() -> QueryEventKind) {
        if self.events.is_read() {
            self.events.publish(self.clock.now_ms(), kind);
        }
    }

    /// Resolves when the query has been idle for so long that readers want to know; never where there are none.
    pub(crate) async fn idle(&self) {
        if !self.events.is_read() {
            return std::future::pending().await;
        }
        self.clock.sleep(self.events.until_idle(self.clock.monotonic())).await;
    }

    /// The query has looked for data and found none. As in Spark, only readers of events hear of it, and not each time.
    pub(crate) fn note_idle(&self) {
        let now = self.clock.monotonic();
        if self.events.is_read() && self.events.until_idle(now).is_zero() {
            self.events.note_told(now);
            self.tell(|| QueryEventKind::Idle);
        }
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
        self.tell(|| match &outcome {
            Outcome::Ended => QueryEventKind::Terminated,
            Outcome::Failed(failure) => QueryEventKind::Failed(Arc::new(failure.error())),
        });
        outcome
    }

    pub(crate) async fn ended(&self) {
        let mut outcome = self.outcome.subscribe();
        // The sender lives in `self`, so the channel cannot close under us.
        let _ = outcome.wait_for(Option::is_some).await;
    }

    /// Waits for the end of a query that was told to stop. The loop itself gives its batch up after a while, but a
    /// kernel that computes without a pause keeps it from doing so; so whoever waits gives the kernel the sign.
    pub(crate) async fn ended_in_time(&self) {
        tokio::select! {
            biased;
            () = self.ended() => return,
            () = self.clock.sleep(STOP_GRACE) => {}
        }
        self.work.give_up();
        self.ended().await;
    }

    /// The error of a stop that took longer than `spark.sql.streaming.stopTimeout`.
    pub(crate) fn not_stopped(&self) -> Error {
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
    /// Asks; the number is for [`CatchUp::answered`].
    pub(crate) fn request(&self) -> u64 {
        let request = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.wake.notify_one();
        request
    }

    /// Resolves when that question, or a later one, has its answer.
    pub(crate) async fn answered(&self, request: u64) {
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
