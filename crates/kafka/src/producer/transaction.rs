//! Transactions: several partitions and consumer offsets, all or nothing.
//!
//! ```text
//! init_transactions ─► begin_transaction ─► append … ─► send_offsets ─► commit_transaction | abort_transaction
//!                              ▲                                                     │
//!                              └─────────────────────────────────────────────────────┘
//! ```
//!
//! Where the cluster has `transaction.version` 2 (KIP-890), a batch adds its partition to the transaction by itself and
//! each transaction ends with a new epoch, so that nothing late can slip into the next. Elsewhere the coordinator is
//! told of each partition first. A producer whose transactional id was taken over by a newer one is *fenced*:
//! everything it tries fails with an error of [`ErrorKind::Fenced`].

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, GroupId, InitProducerIdRequest,
    InitProducerIdResponse, ProducerId, TransactionalId, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::StrBytes;
use tokio::time::timeout;

use super::accumulator::State;
use super::batch::Identity;
use super::transaction_state::Status;
use super::{Producer, Shared};
use crate::client::{Client, CoordinatorKind, topic_name};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::metadata::TopicPartition;

const INIT_VERSIONS: (i16, i16) = (2, 5);
/// From here on an epoch can be raised by its owner.
const INIT_RAISE_FROM: i16 = 3;
/// Versions above are for brokers among themselves.
const ADD_PARTITIONS_VERSIONS: (i16, i16) = (1, 3);
const ADD_OFFSETS_VERSIONS: (i16, i16) = (1, 4);
/// The last versions before, and the first with, transaction protocol 2.
const END_V1: (i16, i16) = (1, 4);
const END_V2: (i16, i16) = (5, 5);
const OFFSETS_V1: (i16, i16) = (3, 4);
const OFFSETS_V2: (i16, i16) = (5, 5);

/// An offset that becomes part of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// Of which partition.
    pub of: TopicPartition,
    /// The offset.
    pub offset: i64,
    /// What is kept beside it.
    pub metadata: String,
}

impl Producer {
    /// Takes the transactional id: fences an older producer that has it, and settles what that left open.
    ///
    /// # Errors
    /// What cannot be helped, and no coordinator within `max.block.ms`.
    pub async fn init_transactions(&self) -> Result<()> {
        self.shared.state.lock().transaction.check("initialize transactions", Status::Uninitialized)?;
        let id = self.shared.transactional_id()?;
        let identity = self.in_time(self.shared.init_transactional(id, None)).await?;
        let address = self.in_time(self.shared.client.coordinator(CoordinatorKind::Transaction, id)).await?;
        let version = self.in_time(self.shared.client.transaction_version(&address)).await?;
        let mut state = self.shared.state.lock();
        state.identity = Some(identity);
        state.transaction.version = version;
        state.transaction.status = Status::Ready;
        Ok(())
    }

    /// Opens a transaction. Nothing is asked of the cluster yet.
    ///
    /// # Errors
    /// If one is open, or the producer is not ready for it.
    pub fn begin_transaction(&self) -> Result<()> {
        let mut state = self.shared.state.lock();
        if let Some(error) = &state.fatal {
            return Err(error.clone());
        }
        state.transaction.check("begin a transaction", Status::Ready)?;
        state.transaction.status = Status::Open;
        Ok(())
    }

    /// Makes offsets of a consumer group part of the transaction.
    ///
    /// # Errors
    /// What cannot be helped. The transaction must be aborted then.
    pub async fn send_offsets(&self, group: &str, offsets: &[OffsetToCommit]) -> Result<()> {
        let (identity, version) = self.shared.open_transaction("send offsets")?;
        let sent = self.in_time(self.shared.send_offsets((group, offsets), identity, version)).await;
        let mut state = self.shared.state.lock();
        // Part of it may have arrived even if it failed.
        state.transaction.started = true;
        note_failure(&mut state, sent)
    }

    /// Waits until all records are written, then ends the transaction well.
    ///
    /// # Errors
    /// The first delivery that failed; the transaction must be aborted then. A fenced producer. No answer within
    /// `max.block.ms`: then the outcome is open, and the same call may be made again.
    pub async fn commit_transaction(&self) -> Result<()> {
        self.shared.open_transaction("commit")?;
        self.flush().await?;
        let (identity, version) = self.shared.open_transaction("commit")?;
        self.end_transaction(identity, version, true).await
    }

    /// Ends the transaction so that nothing of it is seen by `read_committed` readers, and makes the producer ready for
    /// the next one.
    ///
    /// # Errors
    /// A fenced producer, and no answer within `max.block.ms`; the same call may be made again.
    pub async fn abort_transaction(&self) -> Result<()> {
        let (identity, version) = {
            let mut state = self.shared.state.lock();
            if let Some(error) = &state.fatal {
                return Err(error.clone());
            }
            if !matches!(state.transaction.status, Status::Open | Status::Aborting) {
                state.transaction.check("abort", Status::Open)?;
            }
            state.transaction.status = Status::Aborting;
            state.drop_queues(None);
            (state.identity, state.transaction.version)
        };
        let identity = identity.ok_or_else(uninitialized)?;
        self.quiet().await;
        self.end_transaction(identity, version, false).await?;
        if version < 2 {
            // Sequence numbers may have a gap where a batch was dropped. A new epoch lets them begin again.
            let id = self.shared.transactional_id()?;
            let identity = self.in_time(self.shared.init_transactional(id, Some(identity))).await?;
            self.shared.state.lock().identity = Some(identity);
        }
        Ok(())
    }

    async fn end_transaction(&self, identity: Identity, version: i16, committed: bool) -> Result<()> {
        let started = self.shared.state.lock().transaction.started;
        let ended =
            if started { self.in_time(self.shared.end(identity, version, committed)).await } else { Ok(identity) };
        let mut state = self.shared.state.lock();
        let identity = match ended {
            Ok(identity) => identity,
            Err(error) => return note_failure(&mut state, Err(error)),
        };
        state.identity = Some(identity);
        state.first_error = None;
        state.transaction.started = false;
        state.transaction.error = None;
        state.transaction.status = Status::Ready;
        for partition in state.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.in_transaction = false;
            partition.drains = false;
            partition.retry_at = None;
            // After an abort an epoch follows that begins at 0; a commit leaves nothing broken.
            partition.renumber = false;
        }
        Ok(())
    }

    /// Waits for `attempt` no longer than `max.block.ms`.
    async fn in_time<T>(&self, attempt: impl Future<Output = Result<T>>) -> Result<T> {
        let waited = self.shared.config.block_max;
        match timeout(waited, attempt).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { place: Place::default(), waited }),
        }
    }
}

impl Shared {
    fn transactional_id(&self) -> Result<&str> {
        self.config.transactional_id.as_deref().ok_or_else(|| Error::ProducerState {
            attempt: "use transactions",
            reason: "it has no transactional.id".to_owned(),
        })
    }

    /// Identity and protocol version of the open transaction.
    fn open_transaction(&self, attempt: &'static str) -> Result<(Identity, i16)> {
        let state = self.state.lock();
        if let Some(error) = &state.fatal {
            return Err(error.clone());
        }
        state.transaction.check(attempt, Status::Open)?;
        Ok((state.identity.ok_or_else(uninitialized)?, state.transaction.version))
    }

    /// Takes the transactional id, or raises the epoch of the identity that has it.
    async fn init_transactional(&self, id: &str, owned: Option<Identity>) -> Result<Identity> {
        let timeout_ms = i32::try_from(self.config.transaction_timeout.as_millis()).unwrap_or(i32::MAX);
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(transactional(id)))
            .with_transaction_timeout_ms(timeout_ms)
            .with_producer_id(ProducerId(owned.map_or(-1, |identity| identity.id)))
            .with_producer_epoch(owned.map_or(-1, |identity| identity.epoch));
        let versions = if owned.is_some() { (INIT_RAISE_FROM, INIT_VERSIONS.1) } else { INIT_VERSIONS };
        let whose = (CoordinatorKind::Transaction, id);
        let code_of = |response: &InitProducerIdResponse| ResponseError::try_from_code(response.error_code);
        let response = self.client.call_coordinator(whose, versions, &request, code_of).await?;
        Ok(Identity { id: response.producer_id.0, epoch: response.producer_epoch })
    }

    async fn send_offsets(
        &self,
        (group, offsets): (&str, &[OffsetToCommit]),
        identity: Identity,
        version: i16,
    ) -> Result<()> {
        let id = self.transactional_id()?;
        let group_id = GroupId(StrBytes::from_string(group.to_owned()));
        if version < 2 {
            let request = AddOffsetsToTxnRequest::default()
                .with_transactional_id(transactional(id))
                .with_producer_id(ProducerId(identity.id))
                .with_producer_epoch(identity.epoch)
                .with_group_id(group_id.clone());
            let whose = (CoordinatorKind::Transaction, id);
            self.client
                .call_coordinator(whose, ADD_OFFSETS_VERSIONS, &request, |response| {
                    ResponseError::try_from_code(response.error_code)
                })
                .await?;
        }
        let mut topics = BTreeMap::<&str, Vec<_>>::new();
        for OffsetToCommit { of, offset, metadata } in offsets {
            let partition = TxnOffsetCommitRequestPartition::default()
                .with_partition_index(of.partition)
                .with_committed_offset(*offset)
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(Some(StrBytes::from_string(metadata.clone())));
            topics.entry(&of.topic).or_default().push(partition);
        }
        let topics = topics.into_iter().map(|(name, partitions)| {
            TxnOffsetCommitRequestTopic::default().with_name(topic_name(name)).with_partitions(partitions)
        });
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(transactional(id))
            .with_group_id(group_id)
            .with_producer_id(ProducerId(identity.id))
            .with_producer_epoch(identity.epoch)
            .with_generation_id(-1)
            .with_topics(topics.collect());
        let versions = if version < 2 { OFFSETS_V1 } else { OFFSETS_V2 };
        self.client
            .call_coordinator((CoordinatorKind::Group, group), versions, &request, |response| {
                let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
                partitions.find_map(|partition| ResponseError::try_from_code(partition.error_code))
            })
            .await?;
        Ok(())
    }

    /// Ends the transaction; the identity for the next one.
    async fn end(&self, identity: Identity, version: i16, committed: bool) -> Result<Identity> {
        let id = self.transactional_id()?;
        let request = EndTxnRequest::default()
            .with_transactional_id(transactional(id))
            .with_producer_id(ProducerId(identity.id))
            .with_producer_epoch(identity.epoch)
            .with_committed(committed);
        let versions = if version < 2 { END_V1 } else { END_V2 };
        let response = self
            .client
            .call_coordinator((CoordinatorKind::Transaction, id), versions, &request, |response| {
                ResponseError::try_from_code(response.error_code)
            })
            .await?;
        let raised = Identity { id: response.producer_id.0, epoch: response.producer_epoch };
        Ok(if version >= 2 && raised.id >= 0 { raised } else { identity })
    }
}

/// Remembers that a request failed: for ever if the producer is fenced, else for the transaction.
fn note_failure<T>(state: &mut State, result: Result<T>) -> Result<T> {
    if let Err(error) = &result {
        match error.kind() {
            ErrorKind::Fenced => state.fail(error),
            ErrorKind::Fatal => state.transaction.fail(error),
            ErrorKind::Retry | ErrorKind::RefreshMetadata => {}
        }
    }
    result
}

/// Tells the coordinator of partitions that batches will go to.
pub(super) async fn add_partitions(shared: &Shared, partitions: &[(usize, usize)]) -> Result<()> {
    let (identity, topics) = {
        let state = shared.state.lock();
        let mut topics = BTreeMap::<&str, Vec<i32>>::new();
        for (topic, partition) in partitions {
            topics.entry(&state.topics[*topic].name).or_default().push(*partition as i32);
        }
        let topics: Vec<_> = topics
            .into_iter()
            .map(|(name, partitions)| {
                AddPartitionsToTxnTopic::default().with_name(topic_name(name)).with_partitions(partitions)
            })
            .collect();
        (state.identity.ok_or_else(uninitialized)?, topics)
    };
    let id = shared.transactional_id()?;
    let request = AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(transactional(id))
        .with_v3_and_below_producer_id(ProducerId(identity.id))
        .with_v3_and_below_producer_epoch(identity.epoch)
        .with_v3_and_below_topics(topics);
    let whose = (CoordinatorKind::Transaction, id);
    shared
        .client
        .call_coordinator(whose, ADD_PARTITIONS_VERSIONS, &request, |response| {
            let results = response.results_by_topic_v3_and_below.iter().flat_map(|topic| &topic.results_by_partition);
            let mut codes = results.filter_map(|result| ResponseError::try_from_code(result.partition_error_code));
            // Where one partition is refused, the others are told that nothing was tried.
            let first = codes.next()?;
            if first != ResponseError::OperationNotAttempted {
                return Some(first);
            }
            Some(codes.find(|code| *code != ResponseError::OperationNotAttempted).unwrap_or(first))
        })
        .await?;
    Ok(())
}

/// An identity for a producer without transactions; any broker gives one.
pub(super) async fn init_idempotent(client: &Client) -> Result<Identity> {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(i32::MAX)
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1);
    let mut failures = 0;
    loop {
        let response = client.call_any(INIT_VERSIONS, &request).await?;
        let Some(code) = ResponseError::try_from_code(response.error_code) else {
            return Ok(Identity { id: response.producer_id.0, epoch: response.producer_epoch });
        };
        let error = Error::Broker { place: Place::default(), code };
        if matches!(error.kind(), ErrorKind::Fatal | ErrorKind::Fenced) {
            return Err(error);
        }
        failures += 1;
        client.pause(failures, &error).await;
    }
}

fn transactional(id: &str) -> TransactionalId {
    TransactionalId(StrBytes::from_string(id.to_owned()))
}

fn uninitialized() -> Error {
    Error::ProducerState { attempt: "use transactions", reason: "init_transactions has not been called".to_owned() }
}
