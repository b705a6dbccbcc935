//! Writes records: in batches, in order, each once, and nothing is lost without an error.
//!
//! Records are appended under one lock, many at a time, and go out as soon as the partition has nothing under way: what
//! came meanwhile goes with the next batch. [`Producer::flush`] waits for all answers and gives the first delivery that
//! failed. When memory runs out, appending says so and [`Producer::wait`] waits for answers.
//!
//! Deliberately not here: serializers, interceptors, and a future for each record (flush is what a batch engine needs).

mod accumulator;
mod answers;
mod batch;
mod config;
mod event;
mod link;
mod partitioner;
mod room;
mod sender;
mod transaction;
mod transaction_state;

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

pub use accumulator::{Appended, TopicHandle, Wait};
pub use config::{Acks, ProducerConfig};
pub use partitioner::{Partitioner, partition_of_key};
pub use transaction::OffsetToCommit;

use crate::buffers::MemoryBudget;
use crate::client::Client;
use crate::error::{Error, Place, Result};
use crate::metadata::Topic;
use crate::record_batch::builder::NewRecord;
use accumulator::State;
use room::Room;
use sender::Sender;
use transaction_state::Transaction;

/// A running producer. Dropping it drops what has not been sent; flush first.
#[derive(Debug)]
pub struct Producer {
    shared: Arc<Shared>,
    sender: JoinHandle<()>,
}

/// What the producer's callers and its sender share.
#[derive(Debug)]
struct Shared {
    client: Client,
    config: ProducerConfig,
    state: Mutex<State>,
    /// The sender may have something to do.
    work: Notify,
    /// Batches may be done.
    progress: Notify,
}

impl Client {
    /// Starts a producer whose records are counted in `budget`. Must be called within a tokio runtime.
    pub fn producer(&self, config: ProducerConfig, budget: Arc<dyn MemoryBudget>) -> Producer {
        let room = Room::new(budget, config.buffer_bytes);
        let transaction = Transaction::new(config.transactional_id.is_some());
        let shared = Arc::new(Shared {
            client: self.clone(),
            config,
            state: Mutex::new(State::new(room, transaction)),
            work: Notify::new(),
            progress: Notify::new(),
        });
        let sender = tokio::spawn(Sender::new(Arc::clone(&shared)).run());
        Producer { shared, sender }
    }
}

impl Producer {
    /// Its settings.
    pub fn config(&self) -> &ProducerConfig {
        &self.shared.config
    }

    /// A topic to write to. It is created if brokers create topics on first use; else it is waited for up to
    /// `max.block.ms`.
    ///
    /// # Errors
    /// [`Error::NotPresent`] and what cannot be helped, such as a topic that the client may not write to.
    pub async fn topic(&self, name: &str) -> Result<TopicHandle> {
        if let Some(handle) = self.shared.state.lock().find(name) {
            return Ok(handle);
        }
        let name: Arc<str> = name.into();
        let place = || Place { topic: Some(Arc::clone(&name)), ..Place::default() };
        let topic = self.shared.find_topic(&name, place(), |topic| !topic.partitions.is_empty()).await?;
        Ok(self.shared.state.lock().update(&name, topic.leaders().into_iter()))
    }

    /// A topic that [`Producer::topic`] has found before.
    pub fn known_topic(&self, name: &str) -> Option<TopicHandle> {
        self.shared.state.lock().find(name)
    }

    /// Holds the producer for appending many records. Must be dropped before anything is awaited.
    pub fn appender(&self) -> Appender<'_> {
        Appender { shared: &self.shared, state: self.shared.state.lock() }
    }

    /// Gives one record to the producer, waiting for room.
    ///
    /// # Errors
    /// As for [`Appender::append`] and [`Producer::wait`].
    pub async fn send(&self, topic: TopicHandle, partition: Option<i32>, record: &NewRecord<'_>) -> Result<()> {
        loop {
            let appended = self.appender().append(topic, partition, record)?;
            match appended {
                Appended::Taken => return Ok(()),
                Appended::Wait(wait) => self.wait(wait).await?,
            }
        }
    }

    /// Waits until a record that was not taken may be tried again, up to `max.block.ms`.
    ///
    /// # Errors
    /// [`Error::BufferFull`], [`Error::NotPresent`], and what ended the producer.
    pub async fn wait(&self, wait: Wait) -> Result<()> {
        match wait {
            Wait::Room(bytes) => self.wait_for_room(bytes).await,
            Wait::Partition(topic, partition) => {
                let name = Arc::clone(&self.shared.state.lock().topics[topic.0].name);
                let place = Place::default().with_partition(&name, partition);
                let has_it = |topic: &Topic| topic.partitions.contains_key(&partition);
                let found = self.shared.find_topic(&name, place, has_it).await?;
                self.shared.state.lock().update(&name, found.leaders().into_iter());
                Ok(())
            }
        }
    }

    async fn wait_for_room(&self, bytes: usize) -> Result<()> {
        let waited = self.shared.config.block_max;
        let deadline = Instant::now() + waited;
        loop {
            let progress = self.shared.progress.notified();
            tokio::pin!(progress);
            progress.as_mut().enable();
            {
                let mut state = self.shared.state.lock();
                state.check_open()?;
                if state.room.take(bytes) {
                    state.room.give_back(bytes);
                    return Ok(());
                }
            }
            if timeout_at(deadline, progress).await.is_err() {
                return Err(Error::BufferFull { bytes, waited });
            }
        }
    }

    /// Waits until every record that was appended is written or has failed.
    ///
    /// # Errors
    /// The first delivery that failed since the last flush, with broker, topic and partition.
    pub async fn flush(&self) -> Result<()> {
        self.quiet().await;
        let mut state = self.shared.state.lock();
        match (state.first_error.take(), &state.fatal) {
            (Some(error), _) => Err(error),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(()),
        }
    }

    /// Waits until nothing is outstanding.
    async fn quiet(&self) {
        let _flushing = Flushing::new(&self.shared);
        loop {
            let progress = self.shared.progress.notified();
            tokio::pin!(progress);
            progress.as_mut().enable();
            if self.shared.state.lock().outstanding == 0 {
                return;
            }
            progress.await;
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.sender.abort();
    }
}

/// Counts as a flush while it lives, also one that is given up.
struct Flushing<'a> {
    shared: &'a Shared,
}

impl<'a> Flushing<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.state.lock().flushing += 1;
        shared.work.notify_one();
        Self { shared }
    }
}

impl Drop for Flushing<'_> {
    fn drop(&mut self) {
        self.shared.state.lock().flushing -= 1;
    }
}

/// Appends records while it holds the producer's lock. Dropping it sends them off.
#[derive(Debug)]
pub struct Appender<'a> {
    shared: &'a Shared,
    state: MutexGuard<'a, State>,
}

impl Appender<'_> {
    /// Takes a record for a partition, or for the one that its key or the lot decides.
    ///
    /// # Errors
    /// A record that is larger than the settings allow, a negative partition, and what ended the producer or the
    /// transaction.
    #[inline]
    pub fn append(&mut self, topic: TopicHandle, partition: Option<i32>, record: &NewRecord<'_>) -> Result<Appended> {
        self.state.append(&self.shared.config, (topic, partition), record)
    }
}

impl Drop for Appender<'_> {
    fn drop(&mut self) {
        self.shared.work.notify_one();
    }
}

impl Shared {
    /// Asks for a topic until it is as wanted, up to `max.block.ms`.
    async fn find_topic(&self, name: &Arc<str>, place: Place, wanted: impl Fn(&Topic) -> bool) -> Result<Topic> {
        let waited = self.config.block_max;
        let deadline = Instant::now() + waited;
        let search = async {
            let mut failures = 0;
            loop {
                let described = self.client.metadata_creating(std::slice::from_ref(name)).await?;
                if let Some(topic) = described.into_iter().find(|topic| topic.name == *name && wanted(topic)) {
                    return Ok(topic);
                }
                failures += 1;
                tokio::time::sleep(self.client.config().retry_backoff.pause(failures)).await;
            }
        };
        match timeout_at(deadline, search).await {
            Ok(found) => found,
            Err(_) => Err(self.client.unreachable().unwrap_or(Error::NotPresent { place, waited })),
        }
    }
}
