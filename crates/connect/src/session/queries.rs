//! The queries of a session: those that run, and those that have ended and can still be asked.

use std::collections::VecDeque;

use millstream_core::{Result, RunId, spark_error};
use millstream_engine::query::{Engine, StreamingQuery, StreamingQueryManager};
use parking_lot::Mutex;

/// Ended queries that can still be asked for progress and exception.
const ENDED_QUERIES_KEPT: usize = 100;

/// The queries that one session has started.
#[derive(Debug)]
pub(crate) struct SessionQueries {
    manager: StreamingQueryManager,
    started: Mutex<VecDeque<StreamingQuery>>,
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
    pub(crate) fn add(&self, query: StreamingQuery) {
        let mut started = self.started.lock();
        let mut ended = started.iter().filter(|query| !query.is_active()).count();
        started.retain(|query| {
            let keep = query.is_active() || ended <= ENDED_QUERIES_KEPT;
            ended -= usize::from(!keep);
            keep
        });
        started.push_back(query);
    }

    /// A run that was started here, whether it still runs or not.
    pub(crate) fn find(&self, id: &str, run_id: &str) -> Result<StreamingQuery> {
        let run = run_id.parse().ok().map(RunId);
        let found = self.started.lock().iter().find(|query| Some(query.run_id()) == run).cloned();
        found.ok_or_else(|| spark_error!("CONNECT_INVALID_PLAN.STREAMING_QUERY_NOT_FOUND", id = id))
    }
}
