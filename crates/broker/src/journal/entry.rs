//! What an entry of the journal says: a change, and the forms in which offsets and transactions are kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A change. The newest one of a name counts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Entry {
    Cluster { id: String },
    Topic { name: String, id: Uuid, partitions: i32, config: BTreeMap<String, String> },
    TopicDeleted { name: String },
    LogStart { topic: Uuid, partition: i32, offset: i64 },
    ProducerIds { next: i64 },
    Transaction(TransactionRecord),
    TransactionForgotten { id: String },
    Offset { group: String, topic: String, partition: i32, committed: CommittedOffset },
    OffsetDeleted { group: String, topic: String, partition: i32 },
    GroupDeleted { group: String },
}

/// An offset that a group has committed for a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommittedOffset {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
    pub(crate) committed_ms: i64,
}

/// Where a transactional id is in its cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TransactionState {
    Empty,
    Ongoing,
    PrepareCommit,
    PrepareAbort,
    CompleteCommit,
    CompleteAbort,
}

impl TransactionState {
    pub(crate) const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    /// Kafka's name for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    pub(crate) fn is_prepared(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }
}

/// Topic and partition, and what is to be committed for them.
pub(crate) type PendingOffsets = Vec<((String, i32), CommittedOffset)>;

/// What is known of a transactional id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TransactionRecord {
    pub(crate) id: String,
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
    /// The epoch before, if it was raised at the producer's own wish: a request of it may come twice.
    pub(crate) last_epoch: Option<i16>,
    pub(crate) timeout_ms: i32,
    pub(crate) state: TransactionState,
    /// Topic and partition of what was written to, or may be.
    pub(crate) partitions: BTreeSet<(String, i32)>,
    /// The groups that offsets may be committed for.
    pub(crate) groups: BTreeSet<String>,
    /// By group: what the commit will set.
    pub(crate) offsets: BTreeMap<String, PendingOffsets>,
    pub(crate) started_ms: i64,
    pub(crate) updated_ms: i64,
}

impl TransactionRecord {
    pub(crate) fn new(id: &str, producer_id: i64) -> Self {
        Self {
            id: id.to_owned(),
            producer_id,
            epoch: -1,
            last_epoch: None,
            timeout_ms: 0,
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
            offsets: BTreeMap::new(),
            started_ms: -1,
            updated_ms: 0,
        }
    }
}
