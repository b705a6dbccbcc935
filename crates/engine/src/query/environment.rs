//! What a running query is given by the process it runs in.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use millstream_core::{Clock, MemoryLedger, QueryId, RunId};
use parking_lot::Mutex;

use super::handle::StreamingQuery;
use crate::checkpoint::FailPoint;
use crate::micro_batch::PlantedFault;

/// The surroundings of one run: what the plan needs to open sources and to account for its buffers.
#[derive(Debug, Clone)]
pub struct QueryEnvironment {
    /// Which query, and which run of it.
    pub query: (QueryId, RunId),
    /// Where buffers and state are counted.
    pub memory: MemoryLedger,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Tasks that a large batch may use at the same time.
    pub cores: usize,
}

/// What all queries of a process share. Clones are the same engine; one per process, so that two queries on one
/// checkpoint see each other.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
    planted_fault: Option<PlantedFault>,
}

struct Shared {
    memory: MemoryLedger,
    clock: Arc<dyn Clock>,
    cores: usize,
    fail_point: Option<FailPoint>,
    running: Mutex<HashMap<QueryId, StreamingQuery>>,
}

impl Engine {
    /// An engine that accounts to `memory`, reads time from `clock` and runs large batches on `cores` tasks.
    pub fn new(memory: MemoryLedger, clock: Arc<dyn Clock>, cores: usize) -> Self {
        let engine = Self::with_fail_point(memory, clock, cores, FailPoint::from_environment());
        Self { planted_fault: PlantedFault::from_environment(), ..engine }
    }

    /// An engine whose queries break off at a step of the batch loop, for crash tests. A release build never does.
    pub fn with_fail_point(
        memory: MemoryLedger,
        clock: Arc<dyn Clock>,
        cores: usize,
        fail_point: Option<FailPoint>,
    ) -> Self {
        let cores = cores.max(1);
        let shared = Shared { memory, clock, cores, fail_point, running: Mutex::default() };
        Self { shared: Arc::new(shared), planted_fault: None }
    }

    /// The same engine with a fault in its queries, to check those who check crashes. A release build has none.
    pub fn with_planted_fault(self, fault: PlantedFault) -> Self {
        Self { planted_fault: Some(fault), ..self }
    }

    /// Every query that runs in the process, whoever started it.
    pub fn running(&self) -> Vec<StreamingQuery> {
        self.shared.running.lock().values().cloned().collect()
    }

    /// Time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// Where buffers and state are counted.
    pub fn memory(&self) -> &MemoryLedger {
        &self.shared.memory
    }

    pub(crate) fn environment(&self, query: (QueryId, RunId)) -> QueryEnvironment {
        let Shared { memory, clock, cores, .. } = &*self.shared;
        QueryEnvironment { query, memory: memory.clone(), clock: Arc::clone(clock), cores: *cores }
    }

    pub(crate) fn fail_point(&self) -> Option<FailPoint> {
        self.shared.fail_point.clone()
    }

    pub(crate) fn planted_fault(&self) -> Option<PlantedFault> {
        self.planted_fault
    }

    /// The run of this query that is active, if there is one.
    pub(crate) fn running_query(&self, id: QueryId) -> Option<StreamingQuery> {
        self.shared.running.lock().get(&id).cloned()
    }

    pub(crate) fn add_running(&self, query: StreamingQuery) {
        self.shared.running.lock().insert(query.id(), query);
    }

    /// Forgets a run, unless another run of the same query has taken its place.
    pub(crate) fn remove_running(&self, id: QueryId, run_id: RunId) {
        let mut running = self.shared.running.lock();
        if running.get(&id).is_some_and(|query| query.run_id() == run_id) {
            running.remove(&id);
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("memory", &self.shared.memory).field("cores", &self.shared.cores).finish()
    }
}
