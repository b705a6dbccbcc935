//! All transactional ids of the broker.
//!
//! A transaction's lock is held while a batch of it is appended, so that none comes after the marker. Locks are taken
//! in this order: transaction, then partition or group.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use parking_lot::Mutex;

use crate::batch::EndMarker;
use crate::clock::now_ms;
use crate::group::Groups;
use crate::journal::{CommittedOffset, Entry, Journal, Snapshot, TransactionRecord, TransactionState};
use crate::topics::Topics;

/// Producer ids are taken from the journal in blocks.
const PRODUCER_ID_BLOCK: i64 = 1000;
/// Kafka's default of `transactional.id.expiration.ms`.
const ID_EXPIRATION_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// Kafka's default of `transaction.max.timeout.ms`.
const TIMEOUT_MAX_MS: i32 = 15 * 60 * 1000;
/// The last epoch that is given out; one more is needed to fence it.
const LAST_EPOCH: i16 = i16::MAX - 1;

type Handle = Arc<Mutex<TransactionRecord>>;
type Answer<T> = Result<T, ResponseError>;

/// Who speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Producer<'a> {
    pub(crate) transactional_id: &'a str,
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
}

/// What a producer asks for when it starts.
#[derive(Debug)]
pub(crate) struct InitProducer<'a> {
    pub(crate) transactional_id: Option<&'a str>,
    pub(crate) timeout_ms: i32,
    /// What it had before, if it wants to go on after an error.
    pub(crate) present: Option<(i64, i16)>,
}

#[derive(Debug, Clone, Copy)]
struct ProducerIds {
    next: i64,
    reserved_to: i64,
}

/// All transactional ids.
#[derive(Debug)]
pub(crate) struct Transactions {
    by_id: Mutex<BTreeMap<String, Handle>>,
    producer_ids: Mutex<ProducerIds>,
    journal: Arc<Journal>,
    topics: Arc<Topics>,
    groups: Arc<Groups>,
}

impl Transactions {
    pub(crate) fn new(journal: Arc<Journal>, topics: Arc<Topics>, groups: Arc<Groups>) -> Self {
        let producer_ids = Mutex::new(ProducerIds { next: 0, reserved_to: 0 });
        Self { by_id: Mutex::default(), producer_ids, journal, topics, groups }
    }

    /// Takes what was there before, and ends what was being ended.
    pub(crate) fn restore(&self, snapshot: &Snapshot) {
        let next = snapshot.next_producer_id;
        *self.producer_ids.lock() = ProducerIds { next, reserved_to: next };
        for (id, record) in &snapshot.transactions {
            for (group, offsets) in &record.offsets {
                let group = self.groups.get_or_create(group);
                let mut group = group.lock();
                offsets.iter().for_each(|(key, _)| group.offsets.add_pending(key));
            }
            self.by_id.lock().insert(id.clone(), Arc::new(Mutex::new(record.clone())));
        }
        self.tick(now_ms());
    }

    fn new_producer_id(&self) -> Answer<i64> {
        let mut ids = self.producer_ids.lock();
        if ids.next == ids.reserved_to {
            self.journal.append(vec![Entry::ProducerIds { next: ids.next + PRODUCER_ID_BLOCK }])?;
            ids.reserved_to = ids.next + PRODUCER_ID_BLOCK;
        }
        ids.next += 1;
        Ok(ids.next - 1)
    }

    /// Gives a producer its id and epoch. An older instance with the same transactional id is fenced off.
    pub(crate) fn init_producer(&self, request: &InitProducer<'_>) -> Answer<(i64, i16)> {
        let Some(id) = request.transactional_id else { return Ok((self.new_producer_id()?, 0)) };
        if id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        if request.timeout_ms <= 0 || request.timeout_ms > TIMEOUT_MAX_MS {
            return Err(ResponseError::InvalidTransactionTimeout);
        }
        let handle = self.get_or_create(id)?;
        let mut transaction = handle.lock();
        self.complete_if_prepared(&mut transaction)?;
        if let Some((producer_id, epoch)) = request.present {
            if transaction.producer_id != producer_id {
                return Err(ResponseError::ProducerFenced);
            }
            if transaction.last_epoch == Some(epoch) && transaction.state != TransactionState::Ongoing {
                return Ok((producer_id, transaction.epoch));
            }
            if transaction.epoch != epoch {
                return Err(ResponseError::ProducerFenced);
            }
        }
        if transaction.state == TransactionState::Ongoing {
            transaction.epoch += 1;
            self.end_now(&mut transaction, false)?;
        }
        transaction.last_epoch = request.present.map(|(_, epoch)| epoch);
        self.raise_epoch(&mut transaction)?;
        transaction.timeout_ms = request.timeout_ms;
        transaction.state = TransactionState::Empty;
        transaction.updated_ms = now_ms();
        self.write(&transaction)?;
        Ok((transaction.producer_id, transaction.epoch))
    }

    fn raise_epoch(&self, transaction: &mut TransactionRecord) -> Answer<()> {
        if transaction.epoch >= LAST_EPOCH {
            transaction.producer_id = self.new_producer_id()?;
            transaction.epoch = 0;
            transaction.last_epoch = None;
        } else {
            transaction.epoch += 1;
        }
        Ok(())
    }

    fn get(&self, id: &str) -> Option<Handle> {
        self.by_id.lock().get(id).cloned()
    }

    fn get_or_create(&self, id: &str) -> Answer<Handle> {
        if let Some(handle) = self.get(id) {
            return Ok(handle);
        }
        let producer_id = self.new_producer_id()?;
        let made = || Arc::new(Mutex::new(TransactionRecord::new(id, producer_id)));
        Ok(Arc::clone(self.by_id.lock().entry(id.to_owned()).or_insert_with(made)))
    }

    /// The transaction of this producer, if it is the one who may go on with it.
    fn owned(&self, producer: Producer<'_>) -> Answer<Handle> {
        self.get(producer.transactional_id).ok_or(ResponseError::InvalidProducerIdMapping)
    }

    /// Takes note that the transaction goes on, and begins it if need be.
    fn begin(transaction: &mut TransactionRecord) {
        let now = now_ms();
        if transaction.state != TransactionState::Ongoing {
            transaction.state = TransactionState::Ongoing;
            transaction.started_ms = now;
            transaction.partitions.clear();
            transaction.groups.clear();
        }
        transaction.updated_ms = now;
    }

    /// Makes partitions part of the transaction.
    pub(crate) fn add_partitions(&self, producer: Producer<'_>, partitions: Vec<(String, i32)>) -> Answer<()> {
        let handle = self.owned(producer)?;
        let mut transaction = handle.lock();
        check(&transaction, producer)?;
        self.add(&mut transaction, partitions)
    }

    fn add(&self, transaction: &mut TransactionRecord, partitions: Vec<(String, i32)>) -> Answer<()> {
        let ongoing = transaction.state == TransactionState::Ongoing;
        if ongoing && partitions.iter().all(|one| transaction.partitions.contains(one)) {
            return Ok(());
        }
        let mut changed = transaction.clone();
        Self::begin(&mut changed);
        changed.partitions.extend(partitions);
        self.write(&changed)?;
        *transaction = changed;
        Ok(())
    }

    /// Runs `append` for a partition while the transaction stays open. With `implicit` the partition need not have been
    /// added before: transaction protocol v2.
    pub(crate) fn append<T>(
        &self,
        producer: Producer<'_>,
        (partition, implicit): ((String, i32), bool),
        append: impl FnOnce() -> Answer<T>,
    ) -> Answer<T> {
        let handle = self.owned(producer)?;
        let mut transaction = handle.lock();
        // To a producer that sends records its epoch is wrong, not its fencing.
        check(&transaction, producer).map_err(|error| match error {
            ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
            error => error,
        })?;
        if implicit {
            self.add(&mut transaction, vec![partition])?;
        } else if transaction.state != TransactionState::Ongoing || !transaction.partitions.contains(&partition) {
            return Err(ResponseError::InvalidTxnState);
        }
        append()
    }

    /// Makes a group part of the transaction.
    pub(crate) fn add_group(&self, producer: Producer<'_>, group: &str) -> Answer<()> {
        let handle = self.owned(producer)?;
        let mut transaction = handle.lock();
        check(&transaction, producer)?;
        let mut changed = transaction.clone();
        Self::begin(&mut changed);
        changed.groups.insert(group.to_owned());
        self.write(&changed)?;
        *transaction = changed;
        Ok(())
    }

    /// Offsets that will be the group's when the transaction commits. With `implicit` the group need not have been
    /// added.
    pub(crate) fn commit_offsets(
        &self,
        producer: Producer<'_>,
        (group, implicit): (&str, bool),
        offsets: Vec<((String, i32), CommittedOffset)>,
    ) -> Answer<()> {
        let handle = self.owned(producer)?;
        let mut transaction = handle.lock();
        check(&transaction, producer)?;
        let added = transaction.state == TransactionState::Ongoing && transaction.groups.contains(group);
        if !added && !implicit {
            return Err(ResponseError::InvalidTxnState);
        }
        let mut changed = transaction.clone();
        Self::begin(&mut changed);
        changed.groups.insert(group.to_owned());
        let pending = changed.offsets.entry(group.to_owned()).or_default();
        let handle = self.groups.get_or_create(group);
        let mut group = handle.lock();
        let mut fresh = Vec::new();
        for (key, committed) in offsets {
            match pending.iter_mut().find(|(present, _)| *present == key) {
                Some((_, present)) => *present = committed,
                None => {
                    fresh.push(key.clone());
                    pending.push((key, committed));
                }
            }
        }
        self.write(&changed)?;
        fresh.iter().for_each(|key| group.offsets.add_pending(key));
        *transaction = changed;
        Ok(())
    }

    /// Ends the transaction. With `raise` the producer gets a new epoch for the next: transaction protocol v2. Gives
    /// its id and epoch, and the files to flush before it hears of it.
    pub(crate) fn end(
        &self,
        producer: Producer<'_>,
        (commit, raise): (bool, bool),
    ) -> Answer<(i64, i16, Vec<Arc<File>>)> {
        use TransactionState::{CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort, PrepareCommit};
        let handle = self.owned(producer)?;
        let mut transaction = handle.lock();
        let complete = if commit { CompleteCommit } else { CompleteAbort };
        let repeated = raise && transaction.last_epoch == Some(producer.epoch);
        if repeated && transaction.producer_id == producer.producer_id {
            self.complete_if_prepared(&mut transaction)?;
            // The first answer was lost.
            return match transaction.state == complete {
                true => Ok((transaction.producer_id, transaction.epoch, Vec::new())),
                false => Err(ResponseError::InvalidTxnState),
            };
        }
        check_producer(&transaction, producer)?;
        let mut files = Vec::new();
        match transaction.state {
            Ongoing => {
                transaction.last_epoch = raise.then_some(producer.epoch);
                transaction.epoch += i16::from(raise);
                files = self.end_now(&mut transaction, commit)?;
                if transaction.epoch > LAST_EPOCH {
                    self.raise_epoch(&mut transaction)?;
                    self.write(&transaction)?;
                }
            }
            PrepareCommit | PrepareAbort => return Err(ResponseError::ConcurrentTransactions),
            state if !raise && state == complete => {}
            // Nothing was sent, so there is nothing to undo; the producer wants its new epoch all the same.
            Empty | CompleteCommit | CompleteAbort if raise && !commit => {
                transaction.last_epoch = Some(producer.epoch);
                transaction.state = CompleteAbort;
                self.raise_epoch(&mut transaction)?;
                self.write(&transaction)?;
            }
            Empty | CompleteCommit | CompleteAbort => return Err(ResponseError::InvalidTxnState),
        }
        Ok((transaction.producer_id, transaction.epoch, files))
    }

    fn end_now(&self, transaction: &mut TransactionRecord, commit: bool) -> Answer<Vec<Arc<File>>> {
        let mut changed = transaction.clone();
        changed.state = if commit { TransactionState::PrepareCommit } else { TransactionState::PrepareAbort };
        changed.updated_ms = now_ms();
        self.write(&changed)?;
        *transaction = changed;
        self.complete(transaction)
    }

    fn complete_if_prepared(&self, transaction: &mut TransactionRecord) -> Answer<()> {
        if transaction.state.is_prepared() {
            self.complete(transaction)?;
        }
        Ok(())
    }

    /// Writes the markers and the offsets of a transaction whose end is decided. May be run again after an error.
    fn complete(&self, transaction: &mut TransactionRecord) -> Answer<Vec<Arc<File>>> {
        let commit = transaction.state == TransactionState::PrepareCommit;
        let marker = EndMarker {
            producer_id: transaction.producer_id,
            producer_epoch: transaction.epoch,
            commit,
            timestamp: now_ms(),
        };
        let mut files = Vec::new();
        while let Some(key) = transaction.partitions.first().cloned() {
            // A topic that was deleted in between needs no marker.
            if let Some(partition) = self.topics.partition(&key.0, key.1) {
                let again = ResponseError::ConcurrentTransactions;
                files.extend(partition.append_marker(&marker).or_else(|error| match error {
                    ResponseError::InvalidProducerEpoch => Ok(None),
                    _ => Err(again),
                })?);
            }
            transaction.partitions.remove(&key);
        }
        while let Some((id, offsets)) = transaction.offsets.pop_first() {
            let handle = self.groups.get_or_create(&id);
            let mut group = handle.lock();
            let keys: Vec<_> = offsets.iter().map(|(key, _)| key.clone()).collect();
            if commit && self.groups.commit(&id, &mut group, offsets.clone()).is_err() {
                transaction.offsets.insert(id, offsets);
                return Err(ResponseError::ConcurrentTransactions);
            }
            keys.iter().for_each(|key| group.offsets.end_pending(key));
        }
        transaction.groups.clear();
        transaction.state = if commit { TransactionState::CompleteCommit } else { TransactionState::CompleteAbort };
        self.write(transaction)?;
        Ok(files)
    }

    fn write(&self, transaction: &TransactionRecord) -> Answer<()> {
        self.journal
            .append(vec![Entry::Transaction(transaction.clone())])
            .map_err(|_| ResponseError::CoordinatorNotAvailable)
    }

    /// Ends what has been open for too long or was not ended to the end, and forgets ids that nobody uses.
    pub(crate) fn tick(&self, now_ms: i64) {
        for (id, handle) in self.all() {
            let mut transaction = handle.lock();
            let age = now_ms.saturating_sub(transaction.started_ms);
            let result = match transaction.state {
                TransactionState::Ongoing if age >= i64::from(transaction.timeout_ms) => {
                    tracing::info!(id, "a transaction has timed out and is aborted");
                    // The producer that comes back too late is fenced by the new epoch.
                    transaction.last_epoch = None;
                    transaction.epoch += 1;
                    self.end_now(&mut transaction, false).map(|_| ())
                }
                state if state.is_prepared() => self.complete(&mut transaction).map(|_| ()),
                _ => Ok(()),
            };
            if let Err(error) = result {
                tracing::warn!(id, %error, "a transaction cannot be ended now");
            }
            let idle = now_ms.saturating_sub(transaction.updated_ms) >= ID_EXPIRATION_MS;
            let resting = transaction.state != TransactionState::Ongoing && !transaction.state.is_prepared();
            if idle && resting && self.journal.append(vec![Entry::TransactionForgotten { id: id.clone() }]).is_ok() {
                self.by_id.lock().remove(&id);
            }
        }
    }

    fn all(&self) -> Vec<(String, Handle)> {
        self.by_id.lock().iter().map(|(id, handle)| (id.clone(), Arc::clone(handle))).collect()
    }

    /// What is known of an id.
    pub(crate) fn describe(&self, id: &str) -> Option<TransactionRecord> {
        self.get(id).map(|handle| handle.lock().clone())
    }

    /// What is known of all ids.
    pub(crate) fn list(&self) -> Vec<TransactionRecord> {
        self.all().into_iter().map(|(_, handle)| handle.lock().clone()).collect()
    }
}

fn check_producer(transaction: &TransactionRecord, producer: Producer<'_>) -> Answer<()> {
    if transaction.producer_id != producer.producer_id {
        return Err(ResponseError::InvalidProducerIdMapping);
    }
    if transaction.epoch != producer.epoch { Err(ResponseError::ProducerFenced) } else { Ok(()) }
}

/// Whether the producer may add to the transaction.
fn check(transaction: &TransactionRecord, producer: Producer<'_>) -> Answer<()> {
    check_producer(transaction, producer)?;
    if transaction.state.is_prepared() { Err(ResponseError::ConcurrentTransactions) } else { Ok(()) }
}
