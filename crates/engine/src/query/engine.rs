//! What all queries of a process share, and which of them run.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use millstream_core::{Clock, MemoryLedger, QueryId, RunId};
use parking_lot::Mutex;

use super::handle::StreamingQuery;
use crate::run::{EventRing, FailPoint, PlantedFault, Platform, QueryEvents, Resources, StreamingThreads};

/// What all queries of a process share. Clones are the same engine; one per process, so that two queries on one
/// checkpoint see each other.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    resources: Resources,
    platform: Platform,
    running: Mutex<HashMap<QueryId, StreamingQuery>>,
    events: Arc<EventRing>,
}

impl Engine {
    /// An engine that accounts to `memory`, reads time from `clock` and runs large batches on `cores` tasks.
    pub fn new(memory: MemoryLedger, clock: Arc<dyn Clock>, cores: usize) -> Self {
        Self::on(Platform::system(clock), memory, cores)
    }

    /// An engine whose queries break off at a step of the batch loop, for crash tests. A release build never does.
    pub fn with_fail_point(
        memory: MemoryLedger,
        clock: Arc<dyn Clock>,
        cores: usize,
        fail_point: Option<FailPoint>,
    ) -> Self {
        Self::on(Platform { fail_point, ..Platform::system(clock) }, memory, cores)
    }

    /// An engine in a world of one's own.
    pub fn on(platform: Platform, memory: MemoryLedger, cores: usize) -> Self {
        let resources = Resources { memory, cores: cores.max(1) };
        Self { shared: Arc::new(Shared { resources, platform, running: Mutex::default(), events: Arc::default() }) }
    }

    /// An engine like this one with a fault in its queries, to check those who check crashes. A release build has none.
    pub fn with_planted_fault(self, fault: PlantedFault) -> Self {
        let Shared { resources, platform, .. } = &*self.shared;
        let platform = Platform { planted_fault: Some(fault), ..platform.clone() };
        Self::on(platform, resources.memory.clone(), resources.cores)
    }

    /// Every query that runs in the process, whoever started it.
    pub fn running(&self) -> Vec<StreamingQuery> {
        self.shared.running.lock().values().cloned().collect()
    }

    /// What happens to every query of the process from now on, whoever started it.
    pub fn events(&self) -> QueryEvents {
        self.shared.events.subscribe()
    }

    pub(crate) fn event_ring(&self) -> &Arc<EventRing> {
        &self.shared.events
    }

    /// The clock that every query of the process reads.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.platform.clock
    }

    /// Tasks that a query may use at the same time.
    pub fn cores(&self) -> usize {
        self.shared.resources.cores
    }

    /// Says whether a checkpoint may lie at a location of this scheme; a path of this machine has none.
    pub fn takes(&self, scheme: &str) -> bool {
        self.shared.platform.disk.takes(scheme)
    }

    /// The ledger in which buffers and state are counted.
    pub fn memory(&self) -> &MemoryLedger {
        &self.shared.resources.memory
    }

    /// The machine's share that every query takes from.
    pub(crate) fn resources(&self) -> &Resources {
        &self.shared.resources
    }

    /// The threads that run queries.
    pub(crate) fn threads(&self) -> &StreamingThreads {
        &self.shared.platform.threads
    }

    /// The world outside for a query with these settings.
    pub(crate) fn platform(&self, conf: &BTreeMap<String, String>) -> Platform {
        self.shared.platform.with_settings(conf)
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
        let Resources { memory, cores } = &self.shared.resources;
        f.debug_struct("Engine").field("memory", memory).field("cores", cores).finish()
    }
}
