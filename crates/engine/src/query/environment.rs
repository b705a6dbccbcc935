//! What a running query is given by the process it runs in.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use millstream_core::{Clock, Disk, MemoryLedger, QueryId, Random, RunId, SystemRandom};
use parking_lot::Mutex;

use super::handle::StreamingQuery;
use crate::checkpoint::{FailPoint, LocalDisk};
use crate::micro_batch::PlantedFault;

/// The surroundings of one run: what the plan needs to open sources and to account for its buffers.
#[derive(Debug, Clone)]
pub struct QueryEnvironment {
    /// Which query, and which run of it.
    pub query: (QueryId, RunId),
    /// Where buffers and state are counted.
    pub memory: MemoryLedger,
    /// A folder for files that are worth nothing once the run has ended.
    pub scratch: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Tasks that a large batch may use at the same time.
    pub cores: usize,
}

/// The world outside as an engine sees it. A simulation puts its own in the place of the machine's.
#[derive(Debug, Clone)]
pub struct Platform {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub random: Arc<dyn Random>,
    /// Where checkpoints lie.
    pub disk: Arc<dyn Disk>,
    /// Where queries break off, for crash tests. A release build never does.
    pub fail_point: Option<FailPoint>,
    /// What queries do wrong, for those who check crashes. A release build has none.
    pub planted_fault: Option<PlantedFault>,
}

impl Platform {
    /// The machine's, with this clock.
    pub fn system(clock: Arc<dyn Clock>) -> Self {
        let (random, disk) = (Arc::new(SystemRandom), Arc::new(LocalDisk));
        let (fail_point, planted_fault) = (FailPoint::from_environment(), PlantedFault::from_environment());
        Self { clock, random, disk, fail_point, planted_fault }
    }
}

/// What all queries of a process share. Clones are the same engine; one per process, so that two queries on one
/// checkpoint see each other.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    memory: MemoryLedger,
    cores: usize,
    platform: Platform,
    running: Mutex<HashMap<QueryId, StreamingQuery>>,
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
        let cores = cores.max(1);
        Self { shared: Arc::new(Shared { memory, cores, platform, running: Mutex::default() }) }
    }

    /// An engine like this one with a fault in its queries, to check those who check crashes. A release build has none.
    pub fn with_planted_fault(self, fault: PlantedFault) -> Self {
        let Shared { memory, cores, platform, .. } = &*self.shared;
        Self::on(Platform { planted_fault: Some(fault), ..platform.clone() }, memory.clone(), *cores)
    }

    /// Every query that runs in the process, whoever started it.
    pub fn running(&self) -> Vec<StreamingQuery> {
        self.shared.running.lock().values().cloned().collect()
    }

    /// Time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.platform.clock
    }

    /// Where buffers and state are counted.
    pub fn memory(&self) -> &MemoryLedger {
        &self.shared.memory
    }

    pub(crate) fn environment(&self, query: (QueryId, RunId), scratch: PathBuf) -> QueryEnvironment {
        let Shared { memory, cores, platform, .. } = &*self.shared;
        let clock = Arc::clone(&platform.clock);
        QueryEnvironment { query, memory: memory.clone(), scratch, clock, cores: *cores }
    }

    /// The world outside for a query with these settings.
    pub(crate) fn platform(&self, conf: &BTreeMap<String, String>) -> Platform {
        let platform = self.shared.platform.clone();
        match platform.disk.with_settings(conf) {
            Some(disk) => Platform { disk, ..platform },
            None => platform,
        }
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
