//! The running broker: what it consists of, how it starts and ends, and what it does in the background.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kafka_protocol::ResponseError;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use crate::clock::now_ms;
use crate::config::BrokerConfig;
use crate::connection;
use crate::error::{Error, Result};
use crate::fetch_session::FetchSessions;
use crate::group::Groups;
use crate::journal::{Entry, Journal, Snapshot};
use crate::log::MemoryLimit;
use crate::shared::Shared;
use crate::topics::Topics;
use crate::transaction::Transactions;

/// How exact session time-outs and transaction time-outs are.
const TICK: Duration = Duration::from_millis(100);
/// How often retention and compaction look for work.
const CLEANING: Duration = Duration::from_millis(500);
/// How often offsets are looked for whose time is over.
const OFFSETS_CHECK_MS: i64 = 60_000;
/// More at a time would not be faster, and would take the threads on which batches are unpacked and files flushed.
const FILE_REQUESTS_MAX: usize = 4;

/// A running broker. It ends when it is shut down or dropped.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Held for as long as the folder is used.
    _lock: Option<File>,
}

impl Broker {
    /// Opens the data, if there is any, and begins to listen.
    ///
    /// # Errors
    /// The address is taken, or the data folder cannot be used.
    pub async fn start(config: BrokerConfig) -> Result<Self> {
        let listen = config.listen;
        let listener = TcpListener::bind(listen).await.map_err(|source| Error::Listen { address: listen, source })?;
        let address = listener.local_addr().map_err(|source| Error::Listen { address: listen, source })?;
        let opened = tokio::task::spawn_blocking(move || open(config, address)).await;
        let (shared, lock) = opened.map_err(|panicked| Error::Data {
            path: "the data folder".into(),
            source: std::io::Error::other(panicked),
        })??;
        let shared = Arc::new(shared);
        let (stop, stopped) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(connection::accept(listener, Arc::clone(&shared), stopped.clone())),
            tokio::spawn(tick(Arc::clone(&shared), stopped.clone())),
            tokio::spawn(clean(Arc::clone(&shared), stopped)),
        ];
        tracing::debug!(%address, "the broker listens");
        Ok(Self { address, shared, stop, tasks: Mutex::new(tasks), _lock: lock })
    }

    /// Where it listens, as `bootstrap.servers` wants it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes of records that are in memory.
    pub fn memory_bytes(&self) -> usize {
        self.shared.memory.used()
    }

    /// Bytes of records that clients have fetched, those of earlier readers again included (Kafka: `BytesOutPerSec`).
    pub fn bytes_out(&self) -> u64 {
        self.shared.bytes_out.load(Ordering::Relaxed)
    }

    /// Closes all connections and waits until nothing runs any more. What is in files is flushed.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            // A task that panicked has said so.
            let _ended = task.await;
        }
        let shared = Arc::clone(&self.shared);
        let _flushed = tokio::task::spawn_blocking(move || flush_all(&shared)).await;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for task in self.tasks.get_mut().drain(..) {
            task.abort();
        }
    }
}

fn open(config: BrokerConfig, address: SocketAddr) -> Result<(Shared, Option<File>)> {
    let (journal, snapshot, lock) = match &config.data {
        None => (Journal::in_memory(), Snapshot::default(), None),
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(Error::data(folder))?;
            let lock = lock(folder)?;
            let (journal, snapshot) = Journal::open(folder).map_err(Error::data(folder))?;
            (journal, snapshot, Some(lock))
        }
    };
    let journal = Arc::new(journal);
    let memory = Arc::new(MemoryLimit::new(config.memory_limit));
    let topics = Arc::new(Topics::new(Arc::clone(&journal), Arc::clone(&memory), config.data.clone()));
    let initial_delay = Duration::from_millis(config.group_initial_rebalance_delay_ms);
    let groups = Arc::new(Groups::new(Arc::clone(&journal), initial_delay));
    let transactions = Transactions::new(Arc::clone(&journal), Arc::clone(&topics), Arc::clone(&groups));
    if let Some(folder) = &config.data {
        topics.restore(&snapshot, now_ms()).map_err(Error::data(folder))?;
        groups.restore(&snapshot);
        transactions.restore(&snapshot);
    }
    let cluster_id = cluster_id(&snapshot, &journal).map_err(|error| Error::Data {
        path: config.data.clone().unwrap_or_default(),
        source: std::io::Error::other(error),
    })?;
    let advertised = config.advertised.clone().unwrap_or_else(|| (reachable(address), address.port()));
    let request_room = Arc::new(Semaphore::new((config.request_memory >> 10).max(1)));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let fetch_sessions = FetchSessions::default();
    let shared = Shared {
        config,
        cluster_id,
        advertised,
        topics,
        groups,
        transactions,
        fetch_sessions,
        memory,
        request_room,
        bytes_out: AtomicU64::new(0),
        file_room: Arc::new(Semaphore::new(FILE_REQUESTS_MAX)),
        unpack_room: Arc::new(Semaphore::new(cores)),
        journal,
    };
    Ok((shared, lock))
}

/// The name that the cluster was given when its folder was new.
fn cluster_id(snapshot: &Snapshot, journal: &Journal) -> std::result::Result<String, ResponseError> {
    if let Some(id) = &snapshot.cluster {
        return Ok(id.clone());
    }
    let id = Uuid::new_v4().simple().to_string();
    journal.append(vec![Entry::Cluster { id: id.clone() }])?;
    Ok(id)
}

/// The host that a client on this machine can connect to.
fn reachable(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => "127.0.0.1".to_owned(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => "::1".to_owned(),
        address => address.ip().to_string(),
    }
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let file = File::options().write(true).create(true).truncate(false).open(&path).map_err(Error::data(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::Locked { path: folder.to_owned() }),
        Err(std::fs::TryLockError::Error(source)) => Err(Error::Data { path, source }),
    }
}

/// Time-outs of groups and transactions, and flushes that are due by time.
async fn tick(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            _ = stopped.changed() => return,
        }
        shared.groups.tick(Instant::now());
        shared.transactions.tick(now_ms());
    }
}

/// Retention, compaction and flushes by time, beside the requests.
async fn clean(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(CLEANING);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let started = Instant::now();
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            _ = stopped.changed() => return,
        }
        let shared = Arc::clone(&shared);
        let elapsed = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let _cleaned = tokio::task::spawn_blocking(move || clean_once(&shared, elapsed)).await;
    }
}

fn clean_once(shared: &Shared, elapsed_ms: i64) {
    let now = now_ms();
    for topic in shared.topics.all() {
        let config = topic.config();
        let period = config.flush_ms.max(CLEANING.as_millis() as i64);
        let flush = elapsed_ms / period != (elapsed_ms - CLEANING.as_millis() as i64) / period;
        for partition in topic.partitions() {
            let cleaned = {
                let mut log = partition.log();
                log.expire(now).and_then(|expired| Ok((expired, log.start_offset(), log.compact(now)?)))
            };
            match cleaned {
                Ok((true, offset, _)) => note_start(shared, &topic.id, (partition.index, offset)),
                Ok(_) => {}
                Err(error) => tracing::warn!(topic = topic.name, %error, "retention or compaction failed"),
            }
            let file = if flush { partition.log().take_unflushed() } else { None };
            if let Some(Err(error)) = file.map(|file| file.sync_data()) {
                tracing::warn!(topic = topic.name, %error, "records cannot be flushed");
            }
        }
    }
    if elapsed_ms / OFFSETS_CHECK_MS != (elapsed_ms - CLEANING.as_millis() as i64) / OFFSETS_CHECK_MS {
        shared.groups.expire_offsets(now, shared.config.offsets_retention_ms);
    }
    if let Err(error) = shared.journal.tidy() {
        tracing::warn!(%error, "the journal cannot be written anew");
    }
}

fn note_start(shared: &Shared, topic: &Uuid, (partition, offset): (i32, i64)) {
    if shared.journal.append(vec![Entry::LogStart { topic: *topic, partition, offset }]).is_err() {
        tracing::warn!("removed records may show again after a restart");
    }
}

fn flush_all(shared: &Shared) {
    for topic in shared.topics.all() {
        for partition in topic.partitions() {
            let file = partition.log().take_unflushed();
            if let Some(Err(error)) = file.map(|file| file.sync_data()) {
                tracing::warn!(topic = topic.name, %error, "records cannot be flushed");
            }
        }
    }
    if let Err(error) = shared.journal.sync() {
        tracing::warn!(%error, "the journal cannot be flushed");
    }
}
