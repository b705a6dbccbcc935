//! What a running query is given by the process it runs in: the world outside, its share of the machine, and a place of
//! its own.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use millstream_core::{Clock, Disk, MemoryLedger, QueryId, Random, RunId, SourceLog, SystemRandom};

use super::fail_point::FailPoint;
use super::local_disk::LocalDisk;
use super::planted_fault::PlantedFault;
use super::threads::StreamingThreads;
use crate::work::Work;

/// The world outside as an engine sees it. A simulation puts its own in the place of the machine's.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The clock that queries read.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub random: Arc<dyn Random>,
    /// Where checkpoints lie.
    pub disk: Arc<dyn Disk>,
    /// Which threads run queries.
    pub threads: StreamingThreads,
    /// Where queries break off, for crash tests. A release build never does.
    pub fail_point: Option<FailPoint>,
    /// What queries do wrong, for those who check crashes. A release build has none.
    pub planted_fault: Option<PlantedFault>,
}

impl Platform {
    /// The machine's, with this clock; queries run where they are started.
    pub fn system(clock: Arc<dyn Clock>) -> Self {
        let (random, disk) = (Arc::new(SystemRandom), Arc::new(LocalDisk));
        let (fail_point, planted_fault) = (FailPoint::from_environment(), PlantedFault::from_environment());
        Self { clock, random, disk, threads: StreamingThreads::of_caller(), fail_point, planted_fault }
    }

    /// The same for a query with these settings, which may say how its disk is reached.
    pub(crate) fn with_settings(&self, conf: &BTreeMap<String, String>) -> Self {
        let platform = self.clone();
        match platform.disk.with_settings(conf) {
            Some(disk) => Self { disk, ..platform },
            None => platform,
        }
    }
}

/// What all queries of a process share of the machine.
#[derive(Debug, Clone)]
pub(crate) struct Resources {
    /// The ledger in which buffers and state are counted.
    pub(crate) memory: MemoryLedger,
    /// Tasks that a large batch may use at the same time.
    pub(crate) cores: usize,
}

/// The surroundings of one run: what the plan needs to open sources and to account for its buffers.
#[derive(Debug, Clone)]
pub struct QueryEnvironment {
    /// The query, for as long as its checkpoint lives.
    pub id: QueryId,
    /// This run of the query.
    pub run_id: RunId,
    /// The ledger in which buffers and state are counted.
    pub memory: MemoryLedger,
    /// A folder for files that are worth nothing once the run has ended.
    pub scratch: PathBuf,
    /// The clock that the query reads.
    pub clock: Arc<dyn Clock>,
    /// The run as its kernels see it.
    pub work: Work,
    /// Where the seeds of random numbers come from.
    pub random: Arc<dyn Random>,
    /// Tasks that a large batch may use at the same time.
    pub cores: usize,
    /// Where the logs of the query's sources lie, if it has a checkpoint.
    pub source_logs: Option<Arc<dyn SourceLogs>>,
}

/// Opens the logs of a query's sources.
pub trait SourceLogs: Send + Sync + Debug {
    /// The log of the source with this number.
    fn open(&self, source: usize) -> Arc<dyn SourceLog>;
}
