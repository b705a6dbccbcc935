//! Reads partitions, for ever or up to an end, over one connection to each broker that leads some of them.
//!
//! ```text
//!              partitions without a broker            responses
//! Fetcher ──► coordinator ─────────────► session ───────────────► Fetcher::next
//!                  ▲  metadata, offsets     │ one a broker
//!                  └────────────────────────┘ a partition's or the connection's error
//! ```
//!
//! A partition is always in one place: with the coordinator, which finds its leader, or with the session of that
//! leader. A session that fails hands back all it has and ends; nothing is repaired in place. There is no group
//! membership and nothing is committed: where to begin is the caller's business.
//!
//! Responses go through a bounded channel. The two that hand partitions over are unbounded by type, because neither
//! side may wait for the other; a partition being in one place at a time, they never hold more messages than there are
//! partitions.

mod coordinator;
mod session;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::buffers::{BufferPool, MemoryBudget, Unlimited};
use crate::client::Client;
use crate::error::{Error, Place, Result};
use crate::fetched::Fetched;
use crate::metadata::TopicPartition;

/// Responses that may wait for the caller; bytes bound them long before, except at rest.
const WAITING_RESPONSES_MAX: usize = 64;

/// A partition to read and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Which.
    pub of: TopicPartition,
    /// The first offset to read.
    pub position: i64,
    /// The first offset not to read; `None` reads for ever.
    pub end: Option<i64>,
}

/// How a fetcher holds what it has read.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// Bytes of responses that the fetcher and its caller may hold together.
    pub buffer_bytes_max: usize,
    /// Where they are counted besides.
    pub budget: Arc<dyn MemoryBudget>,
}

impl Default for FetchOptions {
    /// 32 MB, counted nowhere else.
    fn default() -> Self {
        Self { buffer_bytes_max: 32 << 20, budget: Arc::new(Unlimited) }
    }
}

/// A running reader. It reads ahead until its buffers are full, and stops when it is dropped.
#[derive(Debug)]
pub struct Fetcher {
    events: mpsc::UnboundedSender<Event>,
    responses: mpsc::Receiver<Result<Fetched>>,
    /// Partitions not yet read to their end, with it.
    unfinished: HashMap<TopicPartition, i64>,
    coordinator: JoinHandle<()>,
}

/// What the coordinator is told.
#[derive(Debug)]
enum Event {
    Assigned(Vec<Tracked>),
    Returned(Tracked, Error),
}

/// What sessions and coordinator share.
#[derive(Debug, Clone)]
struct Shared {
    client: Client,
    pool: Arc<BufferPool>,
    responses: mpsc::Sender<Result<Fetched>>,
    events: mpsc::WeakUnboundedSender<Event>,
}

/// How far a partition has been read, and what is needed to read on.
#[derive(Debug)]
struct Tracked {
    of: TopicPartition,
    topic_id: Uuid,
    position: i64,
    end: i64,
    leader_epoch: i32,
    /// The leader epoch of the last batch read, −1 before the first.
    last_epoch: i32,
    /// Whether the next request lets the broker compare `last_epoch` with its log: after each change of broker.
    validate: bool,
    max_bytes: i32,
    /// Errors since the last answer without one.
    failures: u32,
    /// How often in a row no broker knew the partition.
    unknown: u32,
}

impl Tracked {
    fn place(&self, broker: &Place) -> Place {
        broker.clone().with_partition(&self.of.topic, self.of.partition)
    }
}

impl Client {
    /// Starts reading these partitions. Must be called within a tokio runtime.
    pub fn fetcher(&self, assignments: impl IntoIterator<Item = Assignment>, options: FetchOptions) -> Fetcher {
        let (events, received) = mpsc::unbounded_channel();
        let (sender, responses) = mpsc::channel(WAITING_RESPONSES_MAX);
        let shared = Shared {
            client: self.clone(),
            pool: BufferPool::new(options.budget, options.buffer_bytes_max),
            responses: sender,
            events: events.downgrade(),
        };
        let coordinator = tokio::spawn(coordinator::run(shared, received));
        let mut fetcher = Fetcher { events, responses, unfinished: HashMap::new(), coordinator };
        let max_bytes = self.config().max_partition_fetch_bytes.max(1);
        fetcher.assign_with(assignments, max_bytes);
        fetcher
    }
}

impl Fetcher {
    /// Reads more partitions. One that is being read already must not be named again.
    pub fn assign(&mut self, client: &Client, assignments: impl IntoIterator<Item = Assignment>) {
        self.assign_with(assignments, client.config().max_partition_fetch_bytes.max(1));
    }

    fn assign_with(&mut self, assignments: impl IntoIterator<Item = Assignment>, max_bytes: i32) {
        let mut added = Vec::new();
        for assignment in assignments {
            let end = assignment.end.unwrap_or(i64::MAX);
            if assignment.position >= end {
                continue;
            }
            self.unfinished.insert(assignment.of.clone(), end);
            added.push(Tracked {
                of: assignment.of,
                topic_id: Uuid::nil(),
                position: assignment.position,
                end,
                leader_epoch: -1,
                last_epoch: -1,
                validate: false,
                max_bytes,
                failures: 0,
                unknown: 0,
            });
        }
        // It fails only when the coordinator is gone, which the next `next` reports.
        let _sent = self.events.send(Event::Assigned(added));
    }

    /// The next response, as soon as there is one; `None` once every partition is read to its end. May be dropped while
    /// it waits.
    ///
    /// # Errors
    /// What cannot be helped. An error that names a partition ends the reading of that one; the others go on.
    pub async fn next(&mut self) -> Result<Option<Fetched>> {
        if self.unfinished.is_empty() {
            return Ok(None);
        }
        match self.responses.recv().await {
            Some(response) => self.account(response).map(Some),
            None => Err(Error::malformed(&Place::default(), "the reader has stopped")),
        }
    }

    /// The next response if it is there already.
    ///
    /// # Errors
    /// As for [`Fetcher::next`].
    pub fn try_next(&mut self) -> Result<Option<Fetched>> {
        match self.responses.try_recv() {
            Ok(response) => self.account(response).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Whether every partition has been read to its end, or failed.
    pub fn is_finished(&self) -> bool {
        self.unfinished.is_empty()
    }

    fn account(&mut self, response: Result<Fetched>) -> Result<Fetched> {
        match &response {
            Ok(fetched) => {
                for entry in fetched.partitions.iter().filter(|entry| entry.next_position >= entry.end) {
                    self.unfinished.remove(&TopicPartition::new(Arc::clone(&entry.topic), entry.partition));
                }
            }
            Err(error) => {
                if let Some(Place { topic: Some(topic), partition: Some(partition), .. }) = error.place() {
                    self.unfinished.remove(&TopicPartition::new(Arc::clone(topic), *partition));
                }
            }
        }
        response
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        self.coordinator.abort();
    }
}
