//! The parts of a running broker, which all of its connections share.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::Semaphore;

use crate::config::BrokerConfig;
use crate::fetch_session::FetchSessions;
use crate::group::Groups;
use crate::journal::Journal;
use crate::log::MemoryLimit;
use crate::topics::Topics;
use crate::transaction::Transactions;

/// Everything that connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: BrokerConfig,
    pub(crate) cluster_id: String,
    /// Host and port that clients are told.
    pub(crate) advertised: (String, u16),
    pub(crate) topics: Arc<Topics>,
    pub(crate) groups: Arc<Groups>,
    pub(crate) transactions: Transactions,
    pub(crate) fetch_sessions: FetchSessions,
    pub(crate) memory: Arc<MemoryLimit>,
    /// Kilobytes of large requests that may be received at the same time.
    pub(crate) request_room: Arc<Semaphore>,
    /// How many compressed batches may be unpacked at the same time, to be checked.
    pub(crate) unpack_room: Arc<Semaphore>,
    /// How many requests may make and remove files at the same time.
    pub(crate) file_room: Arc<Semaphore>,
    pub(crate) journal: Arc<Journal>,
    /// Bytes of records that clients have fetched (Kafka: `BytesOutPerSec`).
    pub(crate) bytes_out: AtomicU64,
}
