//! The queries of a session: those that run, and those that have ended and can still be asked.

use std::collections::VecDeque;

use millstream_core::{Result, RunId, spark_error};
use millstream_engine::query::{Engine, StreamingQuery, StreamingQueryManager};
use parking_lot::Mutex;

use super::operations::Interrupted;

/// Ended queries that can still be asked for progress and exception.
const ENDED_QUERIES_KEPT: usize = 100;

/// The operation that started a query; without an id where no client did, but an SQL program.
#[derive(Debug, Clone, Default)]
pub(crate) struct StartedBy {
    pub(crate) operation_id: String,
    pub(crate) tags: Vec<String>,
}

#[derive(Debug)]
struct StartedQuery {
    query: StreamingQuery,
    by: StartedBy,
}

/// The queries that one session has started.
#[derive(Debug)]
pub(crate) struct SessionQueries {
    manager: StreamingQueryManager,
    started: Mutex<VecDeque<StartedQuery>>,
}

impl SessionQueries {
    pub(super) fn new(engine: &Engine) -> Self {
        Self { manager: StreamingQueryManager::new(engine.clone()), started: Mutex::default() }
    }

    /// What starts, finds and stops those that run.
    pub(crate) fn manager(&self) -> &StreamingQueryManager {
        &self.manager
    }

    /// Remembers a query, and forgets the oldest of those that ended long ago.
    pub(crate) fn add(&self, query: StreamingQuery, by: StartedBy) {
        let mut started = self.started.lock();
        let mut ended = started.iter().filter(|started| !started.query.is_active()).count();
        started.retain(|started| {
            let keep = started.query.is_active() || ended <= ENDED_QUERIES_KEPT;
            ended -= usize::from(!keep);
            keep
        });
        started.push_back(StartedQuery { query, by });
    }

    /// A run that was started here, whether it still runs or not.
    pub(crate) fn find(&self, id: &str, run_id: &str) -> Result<StreamingQuery> {
        let run = run_id.parse().ok().map(RunId);
        let started = self.started.lock();
        let found = started.iter().map(|started| &started.query).find(|query| Some(query.run_id()) == run).cloned();
        found.ok_or_else(|| spark_error!("CONNECT_INVALID_PLAN.STREAMING_QUERY_NOT_FOUND", id = id))
    }

    /// Stops the running queries that an interrupt means, and says which operations had started them. An operation's
    /// own interrupt means none: it has ended when its query runs. Nobody waits for the ends (Spark:
    /// `SparkConnectStreamingQueryCache.cleanupRunningQueries`).
    pub(crate) fn interrupt(&self, which: Interrupted<'_>) -> Vec<String> {
        let started = self.started.lock();
        let meant = started.iter().filter(|started| match which {
            Interrupted::All => true,
            Interrupted::Tag(tag) => started.by.tags.iter().any(|known| known == tag),
            Interrupted::Operation(_) => false,
        });
        let running = meant.filter(|started| started.query.is_active());
        running
            .map(|started| {
                let query = started.query.clone();
                tokio::spawn(async move {
                    if let Err(error) = query.stop().await {
                        tracing::warn!(query = %query.id(), %error, "the interrupted query did not stop");
                    }
                });
                started.by.operation_id.clone()
            })
            .collect()
    }
}
