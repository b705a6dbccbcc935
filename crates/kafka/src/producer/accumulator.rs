//! What the producer holds: the topics it writes to and, for each partition, the batches that wait.
//!
//! Writers append under one lock; the sender takes batches out under the same lock and brings them back when they have
//! to be repeated. A partition's batches leave in the order of their records. A batch that failed goes back to its
//! place, and then the partition waits until all its other batches are back too before anything is sent again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::batch::{Batch, Content, Identity, after};
use super::config::ProducerConfig;
use super::partitioner::{Sticky, partition_of_key};
use super::room::Room;
use super::transaction_state::Transaction;
use crate::error::{Error, Place, Result};
use crate::record_batch::builder::NewRecord;

/// Java counts the batch's header into the size of a single record.
const BATCH_HEADER_BYTES: usize = 61;

/// A topic that the producer knows; see [`super::Producer::topic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicHandle(pub(super) usize);

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// The producer has it.
    Taken,
    /// It was not taken; try again after [`super::Producer::wait`].
    Wait(Wait),
}

/// What a record waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Room for this many bytes in the buffer.
    Room(usize),
    /// A partition that the topic does not have yet.
    Partition(TopicHandle, i32),
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) topics: Vec<Topic>,
    by_name: HashMap<Arc<str>, TopicHandle>,
    pub(super) room: Room,
    /// Batches of all partitions that are not done, open ones and those under way among them.
    pub(super) outstanding: usize,
    /// How many callers wait for all batches to be done.
    pub(super) flushing: usize,
    /// The first delivery that failed since the last flush.
    pub(super) first_error: Option<Error>,
    /// Why nothing can be sent any more.
    pub(super) fatal: Option<Error>,
    pub(super) identity: Option<Identity>,
    pub(super) transaction: Transaction,
}

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: Arc<str>,
    pub(super) partitions: Vec<Partition>,
    sticky: Sticky,
}

/// A partition's batches.
#[derive(Debug, Default)]
pub(super) struct Partition {
    /// By their position; only the last may be open.
    pub(super) queue: VecDeque<Batch>,
    /// Positions of those under way.
    pub(super) in_flight: Vec<u64>,
    next_position: u64,
    /// Bytes in the queue, roughly.
    queued_bytes: usize,
    /// Nothing is sent before.
    pub(super) retry_at: Option<Instant>,
    /// A batch came back, so those under way must come back first.
    pub(super) drains: bool,
    /// The broker's sequence no longer fits: the next batches begin again under a new epoch.
    pub(super) renumber: bool,
    /// Under which identity the newest batch was sent, and the sequence after it.
    sequence: Option<(Identity, i32)>,
    /// Whether the partition is part of the running transaction.
    pub(super) in_transaction: bool,
    pub(super) has_leader: bool,
}

impl State {
    pub(super) fn new(room: Room, transaction: Transaction) -> Self {
        Self {
            topics: Vec::new(),
            by_name: HashMap::new(),
            room,
            outstanding: 0,
            flushing: 0,
            first_error: None,
            fatal: None,
            identity: None,
            transaction,
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<TopicHandle> {
        self.by_name.get(name).copied()
    }

    /// Notes which of a topic's partitions have leaders. Partitions are never taken away: records may wait for them.
    pub(super) fn update(&mut self, name: &Arc<str>, leaders: impl ExactSizeIterator<Item = bool>) -> TopicHandle {
        let handle = *self.by_name.entry(Arc::clone(name)).or_insert_with(|| {
            // Which partition comes first differs from process to process, as it should.
            let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), name);
            self.topics.push(Topic { name: Arc::clone(name), partitions: Vec::new(), sticky: Sticky::new(seed) });
            TopicHandle(self.topics.len() - 1)
        });
        let partitions = &mut self.topics[handle.0].partitions;
        if partitions.len() < leaders.len() {
            partitions.resize_with(leaders.len(), Partition::default);
        }
        for (partition, has_leader) in partitions.iter_mut().zip(leaders) {
            partition.has_leader = has_leader;
        }
        handle
    }

    /// Takes a record into its partition's open batch.
    #[inline]
    pub(super) fn append(
        &mut self,
        config: &ProducerConfig,
        target: (TopicHandle, Option<i32>),
        record: &NewRecord<'_>,
    ) -> Result<Appended> {
        self.check_open()?;
        let topic = &mut self.topics[target.0.0];
        let bytes = record.bytes_max();
        check_size(config, &topic.name, bytes + BATCH_HEADER_BYTES)?;
        let index = match target.1 {
            Some(partition) => match usize::try_from(partition) {
                Ok(index) if index < topic.partitions.len() => index,
                Ok(_) => return Ok(Appended::Wait(Wait::Partition(target.0, partition))),
                Err(_) => return Err(negative_partition(partition)),
            },
            None => topic.choose(config, record.key, bytes),
        };
        let partition = &mut topic.partitions[index];
        let opens = !partition.has_open_batch(config, bytes);
        let growth = if opens { bytes + BATCH_HEADER_BYTES } else { partition.growth(bytes) };
        if growth > 0 && !self.room.take(growth) {
            return Ok(Appended::Wait(Wait::Room(growth)));
        }
        if opens {
            partition.queue.push_back(Batch::new(partition.next_position, Instant::now()));
            self.outstanding += 1;
        }
        partition.append(record, growth, bytes);
        Ok(Appended::Taken)
    }

    /// Errs when nothing can be sent any more, or the transaction can only be aborted.
    pub(super) fn check_open(&self) -> Result<()> {
        match &self.fatal {
            Some(error) => Err(error.clone()),
            None => self.transaction.check_append(),
        }
    }

    /// Takes the first batch of a partition to send it, with its sequence number.
    pub(super) fn take(&mut self, topic: usize, partition: usize) -> Option<Batch> {
        let identity = self.identity;
        let partition = &mut self.topics[topic].partitions[partition];
        let mut batch = partition.queue.pop_front()?;
        partition.queued_bytes = partition.queued_bytes.saturating_sub(batch.bytes());
        if batch.sequence.is_none()
            && let Some(identity) = identity
        {
            let next = match partition.sequence {
                Some((used, next)) if used == identity => next,
                _ => 0,
            };
            batch.sequence = Some((identity, next));
            partition.sequence = Some((identity, after(next, batch.records)));
        }
        partition.in_flight.push(batch.position);
        Some(batch)
    }

    /// Notes that a batch is no longer under way.
    pub(super) fn came_back(&mut self, topic: usize, partition: usize, batch: &Batch) {
        let partition = &mut self.topics[topic].partitions[partition];
        partition.in_flight.retain(|position| *position != batch.position);
    }

    /// Puts a batch back to be sent again.
    pub(super) fn put_back(&mut self, topic: usize, partition: usize, batch: Batch) {
        self.topics[topic].partitions[partition].put_back(batch);
    }

    /// Ends a batch, well or not.
    pub(super) fn finish(&mut self, topic: usize, partition: usize, batch: Batch, error: Option<Error>) {
        self.outstanding -= 1;
        self.room.give_back(batch.memory);
        let Some(error) = error else { return };
        let partition = &mut self.topics[topic].partitions[partition];
        // The broker waits for its sequence number, which will not come, whether it has the batch or not.
        partition.renumber |= batch.sequence.is_some();
        self.transaction.fail(&error);
        self.first_error.get_or_insert(error);
    }

    /// Ends every batch that waits, with an error for each if there is one.
    pub(super) fn drop_queues(&mut self, error: Option<&Error>) {
        for topic in 0..self.topics.len() {
            self.drop_topic(topic, error);
        }
    }

    /// The same for the batches of one topic.
    pub(super) fn drop_topic(&mut self, topic: usize, error: Option<&Error>) {
        for partition in 0..self.topics[topic].partitions.len() {
            for batch in std::mem::take(&mut self.topics[topic].partitions[partition].queue) {
                self.finish(topic, partition, batch, error.cloned());
            }
            self.topics[topic].partitions[partition].queued_bytes = 0;
        }
    }

    /// Ends all that waits with this error, and refuses what comes.
    pub(super) fn fail(&mut self, error: &Error) {
        self.fatal.get_or_insert(error.clone());
        self.drop_queues(Some(error));
        self.first_error.get_or_insert(error.clone());
    }
}

impl Topic {
    /// The partition of a record that names none.
    #[inline]
    fn choose(&mut self, config: &ProducerConfig, key: Option<&[u8]>, bytes: usize) -> usize {
        let partitioner = &config.partitioner;
        let partition = match key {
            _ if partitioner.is_round_robin => self.sticky.round_robin(self.partitions.len()),
            Some(key) if !partitioner.ignores_keys => partition_of_key(key, self.partitions.len()),
            _ => {
                let loads = self.partitions.iter().map(|partition| {
                    partition.has_leader.then_some(if partitioner.is_adaptive { partition.queued_bytes } else { 0 })
                });
                self.sticky.partition(bytes, loads)
            }
        };
        partition as usize
    }

    pub(super) fn place(&self, partition: usize) -> Place {
        Place::default().with_partition(&self.name, partition as i32)
    }
}

impl Partition {
    /// Whether the last batch has room for a record of this size.
    #[inline]
    fn has_open_batch(&self, config: &ProducerConfig, bytes: usize) -> bool {
        match self.queue.back().map(|batch| &batch.content) {
            Some(Content::Open(writer)) => writer.bytes() + bytes <= config.batch_bytes,
            _ => false,
        }
    }

    #[inline]
    fn growth(&self, bytes: usize) -> usize {
        match self.queue.back().map(|batch| &batch.content) {
            Some(Content::Open(writer)) => writer.growth(bytes),
            _ => 0,
        }
    }

    #[inline]
    fn append(&mut self, record: &NewRecord<'_>, growth: usize, bytes: usize) {
        let Some(batch) = self.queue.back_mut() else { return };
        let Content::Open(writer) = &mut batch.content else { return };
        if growth > 0 {
            writer.grow(growth);
            batch.memory += growth;
        }
        writer.append(record);
        batch.records += 1;
        self.next_position += 1;
        self.queued_bytes += bytes;
    }

    fn put_back(&mut self, batch: Batch) {
        self.queued_bytes += batch.bytes();
        let at = self.queue.partition_point(|other| other.position < batch.position);
        self.queue.insert(at, batch);
    }

    /// Whether a batch before this position is not done.
    pub(super) fn has_before(&self, position: u64) -> bool {
        self.in_flight.iter().chain(self.queue.iter().map(|batch| &batch.position)).any(|&other| other < position)
    }

    /// Lets the waiting batches begin again under the producer's next identity; those in doubt cannot and are given
    /// out.
    pub(super) fn forget_sequences(&mut self) -> Vec<Batch> {
        self.renumber = false;
        self.sequence = None;
        let (in_doubt, mut certain): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.queue).into_iter().partition(|batch| batch.in_doubt);
        for batch in &mut certain {
            batch.sequence = None;
        }
        self.queue = certain;
        in_doubt.into()
    }

    /// Under which identity the newest batch was sent.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.sequence.map(|(identity, _)| identity)
    }
}

fn check_size(config: &ProducerConfig, topic: &Arc<str>, bytes: usize) -> Result<()> {
    let limits = [("max.request.size", config.request_bytes_max), ("buffer.memory", config.buffer_bytes)];
    match limits.into_iter().find(|(_, max)| bytes > *max) {
        None => Ok(()),
        Some((setting, max)) => {
            let place = Place { topic: Some(Arc::clone(topic)), ..Place::default() };
            Err(Error::RecordTooLarge { place, bytes, setting, max })
        }
    }
}

#[cold]
fn negative_partition(partition: i32) -> Error {
    let reason = format!("partition {partition} is negative; a partition is 0 or more, or null");
    Error::ProducerState { attempt: "take the record", reason }
}
