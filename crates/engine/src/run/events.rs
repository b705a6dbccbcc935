//! What happens to queries, for whoever wants to know as it happens: listeners, pages, metrics.
//!
//! A reader has its own place in a ring of events. One that falls behind by more than the ring holds is told how many
//! it has missed and goes on with the oldest that is left; the queries never wait for it. Where nobody reads, an event
//! is not even made. Of one run a reader sees `Started` first and `Terminated` or `Failed` last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use millstream_core::progress::StreamingQueryProgress;
use millstream_core::{Error, QueryId, RunId};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// Events that a reader may be behind: some tenths of a second of the fastest queries.
const EVENTS_KEPT: usize = 4096;

/// How long a query has nothing to do before that is an event, and how long until the next (Spark:
/// `spark.sql.streaming.noDataProgressEventInterval`).
const IDLE_INTERVAL: Duration = Duration::from_secs(10);

/// Something that happened to a run of a query.
#[derive(Debug, Clone)]
pub struct QueryEvent {
    /// The query.
    pub id: QueryId,
    /// Its run.
    pub run_id: RunId,
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// What happened.
    pub kind: QueryEventKind,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum QueryEventKind {
    /// Its plan was accepted and its checkpoint is held.
    Started {
        /// The name that the user gave it.
        name: Option<String>,
    },
    /// A batch was committed.
    Progress(Arc<StreamingQueryProgress>),
    /// It has had nothing to do for a while.
    Idle,
    /// It was stopped, or its trigger came to an end.
    Terminated,
    /// It failed, with Spark's `STREAM_FAILED`.
    Failed(Arc<Error>),
}

/// This many events came and went unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lagged(pub u64);

/// A reader of events, from the moment on at which it was made.
#[derive(Debug)]
pub struct QueryEvents(broadcast::Receiver<QueryEvent>);

impl QueryEvents {
    /// The next event, or how many were missed before it; `None` when there can be no more.
    pub async fn next(&mut self) -> Option<Result<QueryEvent, Lagged>> {
        match self.0.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(RecvError::Lagged(missed)) => Some(Err(Lagged(missed))),
            Err(RecvError::Closed) => None,
        }
    }

    /// The next event if it is there already.
    pub fn try_next(&mut self) -> Option<Result<QueryEvent, Lagged>> {
        match self.0.try_recv() {
            Ok(event) => Some(Ok(event)),
            Err(TryRecvError::Lagged(missed)) => Some(Err(Lagged(missed))),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}

/// A ring of events. It takes no memory before somebody reads.
#[derive(Debug, Default)]
pub(crate) struct EventRing(OnceLock<broadcast::Sender<QueryEvent>>);

impl EventRing {
    pub(crate) fn subscribe(&self) -> QueryEvents {
        QueryEvents(self.0.get_or_init(|| broadcast::Sender::new(EVENTS_KEPT)).subscribe())
    }

    fn is_read(&self) -> bool {
        self.0.get().is_some_and(|ring| ring.receiver_count() > 0)
    }

    fn publish(&self, event: QueryEvent) {
        if let Some(ring) = self.0.get() {
            // Nobody may read any more; then there is nobody to tell.
            let _unread = ring.send(event);
        }
    }
}

/// Where the events of a query go: to the readers of the engine, and to those of its manager, which is a session's.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventRings {
    pub(crate) engine: Arc<EventRing>,
    pub(crate) manager: Arc<EventRing>,
}

/// Publishes the events of one run.
#[derive(Debug)]
pub(crate) struct EventPublisher {
    run: (QueryId, RunId),
    rings: EventRings,
    /// When a batch or idleness was last told, on the monotonic clock; for a query that made no batch yet, long ago.
    told_us: AtomicU64,
}

impl EventPublisher {
    pub(crate) fn new(id: QueryId, run_id: RunId, rings: EventRings) -> Self {
        Self { run: (id, run_id), rings, told_us: AtomicU64::new(0) }
    }

    /// Whether somebody reads: else an event need not be made.
    pub(crate) fn is_read(&self) -> bool {
        self.rings.engine.is_read() || self.rings.manager.is_read()
    }

    /// Tells everybody who reads.
    pub(crate) fn publish(&self, timestamp_ms: i64, kind: impl FnOnce() -> QueryEventKind) {
        if self.is_read() {
            let (id, run_id) = self.run;
            let event = QueryEvent { id, run_id, timestamp_ms, kind: kind() };
            self.rings.manager.publish(event.clone());
            self.rings.engine.publish(event);
        }
    }

    /// A batch or idleness is told `now`.
    pub(crate) fn note_told(&self, now: Duration) {
        self.told_us.store(u64::try_from(now.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How long until idleness is an event.
    pub(crate) fn until_idle(&self, now: Duration) -> Duration {
        let told = Duration::from_micros(self.told_us.load(Ordering::Relaxed));
        IDLE_INTERVAL.saturating_sub(now.saturating_sub(told))
    }
}
