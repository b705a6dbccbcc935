//! The one error of the client, and the table that sorts every Kafka error code by what helps against it.
//!
//! Errors say where they happened: broker, topic, partition, offset, as far as each is known.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError;

use crate::wire::Malformed;

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What helps against an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The same request again, after a while.
    Retry,
    /// Fresh metadata, then the request again, perhaps to another broker.
    RefreshMetadata,
    /// Nothing that the client could do by itself.
    Fatal,
    /// Nothing: a newer producer with the same transactional id has taken over, or the transaction was ended for this
    /// one.
    Fenced,
}

/// Where something happened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The broker as `host:port`.
    pub broker: Option<Arc<str>>,
    /// The topic.
    pub topic: Option<Arc<str>>,
    /// The partition.
    pub partition: Option<i32>,
    /// The offset that was asked for or read.
    pub offset: Option<i64>,
}

/// What went wrong. Clones are cheap.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A setting has a value that cannot be used.
    #[error("setting '{name}' is '{value}': {reason}")]
    Config {
        /// The setting, by Java's name.
        name: String,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The connection could not be made, or broke.
    #[error("cannot talk to {place}: {source}")]
    Connection {
        /// Which broker.
        place: Place,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The two sides could not agree on TLS, or one did not trust the other.
    #[error("no TLS connection to {place}: {reason}")]
    Tls {
        /// Which broker.
        place: Place,
        /// What to mend.
        reason: String,
    },
    /// The broker did not accept who the client is, or could not prove who it is itself.
    #[error("{place} does not accept the client by {mechanism}: {reason}")]
    Authentication {
        /// Which broker.
        place: Place,
        /// The SASL mechanism.
        mechanism: &'static str,
        /// What the broker said.
        reason: String,
    },
    /// A broker did not answer in time.
    #[error("no answer from {place} within {waited:?}")]
    Timeout {
        /// Which broker.
        place: Place,
        /// How long it had.
        waited: Duration,
    },
    /// No broker has answered since the client was made: most likely the addresses are wrong.
    #[error("no broker of '{servers}' answered within {:.1} s: {last}", .waited.as_secs_f64())]
    Unreachable {
        /// The partition that was to be read or written, where it is known.
        place: Place,
        /// The brokers of the settings, as `bootstrap.servers` has them.
        servers: String,
        /// How long was waited.
        waited: Duration,
        /// Why the last try failed.
        last: Arc<Error>,
    },
    /// Bytes that are not what the protocol says.
    #[error("malformed data from {place}: {reason}")]
    Malformed {
        /// Where the bytes came from.
        place: Place,
        /// What is wrong with them.
        reason: String,
    },
    /// The records of a batch, unpacked, are larger than the memory that there is for them.
    #[error("no room for the unpacked records of {place}: they need {bytes} bytes more")]
    NoRoom {
        /// Where the batch is.
        place: Place,
        /// What was asked for last.
        bytes: usize,
    },
    /// A record batch whose checksum does not match its content.
    #[error("corrupt record batch from {place}: checksum is {actual:#010x}, should be {expected:#010x}")]
    Checksum {
        /// Where the batch came from.
        place: Place,
        /// The checksum in the batch.
        expected: u32,
        /// The checksum of the batch.
        actual: u32,
    },
    /// A message format from before Kafka 0.11.
    #[error("message format v{magic} at {place} is not supported; brokers since Kafka 4.0 convert it to v2")]
    MessageFormat {
        /// Where the batch came from.
        place: Place,
        /// Its magic byte.
        magic: i8,
    },
    /// The broker is too old or too new for a request.
    #[error("{place} supports {api} in versions {min} to {max}, none of which this client knows")]
    UnsupportedVersion {
        /// Which broker.
        place: Place,
        /// Which request.
        api: String,
        /// The lowest version it supports.
        min: i16,
        /// The highest version it supports.
        max: i16,
    },
    /// A broker answered with an error code.
    #[error("{} ({}) from {place}", code_name(*.code), .code.code())]
    Broker {
        /// Which broker, for which partition.
        place: Place,
        /// The code.
        code: ResponseError,
    },
    /// The position asked for is not, or no longer, in the partition.
    #[error("offset is out of range at {place}: the partition holds {earliest} to {latest}")]
    OffsetOutOfRange {
        /// The partition and the offset asked for.
        place: Place,
        /// The first offset there is.
        earliest: i64,
        /// The next offset to be written, or the last stable one.
        latest: i64,
    },
    /// The partition's log was cut behind records that had been read already.
    #[error(
        "{place}: the log was cut back to offset {end_offset} of leader epoch {epoch}; records were lost by the cluster"
    )]
    LogTruncated {
        /// The partition and the position that lies beyond the cut.
        place: Place,
        /// The last leader epoch that both sides know.
        epoch: i32,
        /// Where that epoch ends on the broker.
        end_offset: i64,
    },
    /// The topic was deleted and another one of the same name created.
    #[error("{place}: the topic was deleted and created again")]
    TopicRecreated {
        /// The topic.
        place: Place,
    },
    /// Records that could not be delivered within `delivery.timeout.ms`. They may or may not be in the log.
    #[error(
        "{records} record(s) for {place} expired: {waited:?} have passed since they were given to the producer{}",
        .last.as_ref().map_or_else(String::new, |last| format!("; the last try failed: {last}"))
    )]
    DeliveryTimeout {
        /// The partition.
        place: Place,
        /// How many records.
        records: usize,
        /// How long they had.
        waited: Duration,
        /// Why the last try failed, if there was one.
        last: Option<Arc<Error>>,
    },
    /// A record that is larger than a setting allows.
    #[error("a record for {place} takes {bytes} bytes, which is more than '{setting}' = {max}")]
    RecordTooLarge {
        /// The topic.
        place: Place,
        /// The record's size when it is serialized.
        bytes: usize,
        /// The setting, by Java's name.
        setting: &'static str,
        /// Its value.
        max: usize,
    },
    /// A broker refused records and said why.
    #[error("{} ({}) from {place}: {reason}", code_name(*.code), .code.code())]
    Rejected {
        /// Which broker, for which partition.
        place: Place,
        /// The code.
        code: ResponseError,
        /// The broker's words.
        reason: String,
    },
    /// A topic or partition to write to did not come into being within `max.block.ms`.
    #[error("{place} is not present in the cluster's metadata after {waited:?}")]
    NotPresent {
        /// The topic or partition.
        place: Place,
        /// How long was waited.
        waited: Duration,
    },
    /// The producer's buffer stayed full for `max.block.ms`.
    #[error("{bytes} bytes of the producer's buffer were not free within {waited:?}")]
    BufferFull {
        /// What was asked for.
        bytes: usize,
        /// How long was waited.
        waited: Duration,
    },
    /// A call that does not fit to what was called before, or to a failure that was reported before.
    #[error("the producer cannot {attempt}: {reason}")]
    ProducerState {
        /// What was asked for.
        attempt: &'static str,
        /// Why not.
        reason: String,
    },
    /// No broker knows the topic or partition.
    #[error("{place} does not exist")]
    UnknownPartition {
        /// The partition.
        place: Place,
    },
}

impl Error {
    /// What helps against it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Connection { .. } | Self::Timeout { .. } => ErrorKind::RefreshMetadata,
            Self::Broker { code, .. } | Self::Rejected { code, .. } => kind_of(*code),
            Self::Config { .. }
            | Self::Tls { .. }
            | Self::Authentication { .. }
            | Self::Unreachable { .. }
            | Self::Malformed { .. }
            | Self::NoRoom { .. }
            | Self::Checksum { .. }
            | Self::MessageFormat { .. }
            | Self::UnsupportedVersion { .. }
            | Self::OffsetOutOfRange { .. }
            | Self::LogTruncated { .. }
            | Self::TopicRecreated { .. }
            | Self::DeliveryTimeout { .. }
            | Self::RecordTooLarge { .. }
            | Self::NotPresent { .. }
            | Self::BufferFull { .. }
            | Self::ProducerState { .. }
            | Self::UnknownPartition { .. } => ErrorKind::Fatal,
        }
    }

    /// Where it happened.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Config { .. } | Self::BufferFull { .. } | Self::ProducerState { .. } => None,
            Self::Connection { place, .. }
            | Self::Tls { place, .. }
            | Self::Authentication { place, .. }
            | Self::Timeout { place, .. }
            | Self::Unreachable { place, .. }
            | Self::Malformed { place, .. }
            | Self::NoRoom { place, .. }
            | Self::Checksum { place, .. }
            | Self::MessageFormat { place, .. }
            | Self::UnsupportedVersion { place, .. }
            | Self::Broker { place, .. }
            | Self::OffsetOutOfRange { place, .. }
            | Self::LogTruncated { place, .. }
            | Self::TopicRecreated { place }
            | Self::DeliveryTimeout { place, .. }
            | Self::RecordTooLarge { place, .. }
            | Self::Rejected { place, .. }
            | Self::NotPresent { place, .. }
            | Self::UnknownPartition { place } => Some(place),
        }
    }

    pub(crate) fn config(name: &str, value: &str, reason: impl Into<String>) -> Self {
        Self::Config { name: name.to_owned(), value: value.to_owned(), reason: reason.into() }
    }

    pub(crate) fn connection(place: &Place, source: io::Error) -> Self {
        Self::Connection { place: place.clone(), source: Arc::new(source) }
    }

    pub(crate) fn malformed(place: &Place, reason: impl fmt::Display) -> Self {
        Self::Malformed { place: place.clone(), reason: reason.to_string() }
    }
}

impl Place {
    /// A broker alone.
    pub(crate) fn broker(broker: &Arc<str>) -> Self {
        Self { broker: Some(Arc::clone(broker)), ..Self::default() }
    }

    /// The same place with a topic and a partition.
    pub(crate) fn with_partition(mut self, topic: &Arc<str>, partition: i32) -> Self {
        self.topic = Some(Arc::clone(topic));
        self.partition = Some(partition);
        self
    }

    /// The same place with an offset.
    pub(crate) fn with_offset(mut self, offset: i64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// The error of a primitive read here.
    pub(crate) fn malformed(&self) -> impl Fn(Malformed) -> Error + '_ {
        |reason| Error::malformed(self, reason)
    }
}

impl fmt::Display for Place {
    /// `broker b, topic t, partition p, offset o`, as far as known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut part = |f: &mut fmt::Formatter<'_>, name: &str, value: &dyn fmt::Display| {
            write!(f, "{separator}{name} {value}")?;
            separator = ", ";
            Ok(())
        };
        if let Some(broker) = &self.broker {
            part(f, "broker", broker)?;
        }
        if let Some(topic) = &self.topic {
            part(f, "topic", &format_args!("'{topic}'"))?;
        }
        if let Some(partition) = &self.partition {
            part(f, "partition", partition)?;
        }
        if let Some(offset) = &self.offset {
            part(f, "offset", offset)?;
        }
        Ok(())
    }
}

/// The code's name as Kafka's documentation spells it: `NOT_LEADER_OR_FOLLOWER`.
fn code_name(code: ResponseError) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// The table of all error codes. The match has no default arm, so a code that a later protocol adds does not compile
/// until it is sorted. Codes of requests that this client does not send are fatal.
#[rustfmt::skip]
pub(crate) fn kind_of(code: ResponseError) -> ErrorKind {
    use ResponseError as E;
    match code {
        E::CorruptMessage | E::RequestTimedOut | E::CoordinatorLoadInProgress | E::NotEnoughReplicas
        | E::NotEnoughReplicasAfterAppend | E::ConcurrentTransactions | E::KafkaStorageError
        | E::FetchSessionIdNotFound | E::InvalidFetchSessionEpoch | E::UnknownLeaderEpoch | E::OffsetNotAvailable
        | E::UnstableOffsetCommit | E::ThrottlingQuotaExceeded | E::FetchSessionTopicIdError
        | E::PreferredLeaderNotAvailable | E::EligibleLeadersNotAvailable | E::ElectionNotNeeded
        | E::ShareSessionNotFound | E::InvalidShareSessionEpoch | E::ShareSessionLimitReached
        // Java retries a Fetch that failed for a reason the broker does not know.
        | E::UnknownServerError => ErrorKind::Retry,

        E::UnknownTopicOrPartition | E::LeaderNotAvailable | E::NotLeaderOrFollower | E::BrokerNotAvailable
        | E::ReplicaNotAvailable | E::NetworkException | E::CoordinatorNotAvailable | E::NotCoordinator
        | E::NotController | E::ListenerNotFound | E::FencedLeaderEpoch | E::UnknownTopicId | E::InconsistentTopicId
        | E::NewLeaderElected | E::RebootstrapRequired => ErrorKind::RefreshMetadata,

        // Idempotence without transactions knows no other producer; there the sender sorts the second one by itself.
        E::ProducerFenced | E::InvalidProducerEpoch => ErrorKind::Fenced,

        E::OffsetOutOfRange | E::InvalidFetchSize | E::MessageTooLarge | E::StaleControllerEpoch
        | E::OffsetMetadataTooLarge | E::InvalidTopicException | E::RecordListTooLarge | E::InvalidRequiredAcks
        | E::IllegalGeneration | E::InconsistentGroupProtocol | E::InvalidGroupId | E::UnknownMemberId
        | E::InvalidSessionTimeout | E::RebalanceInProgress | E::InvalidCommitOffsetSize | E::TopicAuthorizationFailed
        | E::GroupAuthorizationFailed | E::ClusterAuthorizationFailed | E::InvalidTimestamp
        | E::UnsupportedSaslMechanism | E::IllegalSaslState | E::UnsupportedVersion | E::TopicAlreadyExists
        | E::InvalidPartitions | E::InvalidReplicationFactor | E::InvalidReplicaAssignment | E::InvalidConfig
        | E::InvalidRequest | E::UnsupportedForMessageFormat | E::PolicyViolation | E::OutOfOrderSequenceNumber
        | E::DuplicateSequenceNumber | E::InvalidTxnState | E::InvalidProducerIdMapping
        | E::InvalidTransactionTimeout | E::TransactionCoordinatorFenced | E::TransactionalIdAuthorizationFailed
        | E::SecurityDisabled | E::OperationNotAttempted | E::LogDirNotFound | E::SaslAuthenticationFailed
        | E::UnknownProducerId | E::ReassignmentInProgress | E::DelegationTokenAuthDisabled
        | E::DelegationTokenNotFound | E::DelegationTokenOwnerMismatch | E::DelegationTokenRequestNotAllowed
        | E::DelegationTokenAuthorizationFailed | E::DelegationTokenExpired | E::InvalidPrincipalType
        | E::NonEmptyGroup | E::GroupIdNotFound | E::TopicDeletionDisabled | E::UnsupportedCompressionType
        | E::StaleBrokerEpoch | E::MemberIdRequired | E::GroupMaxSizeReached | E::FencedInstanceId
        | E::NoReassignmentInProgress | E::GroupSubscribedToTopic | E::InvalidRecord
        | E::ResourceNotFound | E::DuplicateResource | E::UnacceptableCredential | E::InconsistentVoterSet
        | E::InvalidUpdateVersion | E::FeatureUpdateFailed | E::PrincipalDeserializationFailure | E::SnapshotNotFound
        | E::PositionOutOfRange | E::DuplicateBrokerRegistration | E::BrokerIdNotRegistered
        | E::InconsistentClusterId | E::TransactionalIdNotFound | E::IneligibleReplica
        | E::OffsetMovedToTieredStorage | E::FencedMemberEpoch | E::UnreleasedInstanceId | E::UnsupportedAssignor
        | E::StaleMemberEpoch | E::MismatchedEndpointType | E::UnsupportedEndpointType | E::UnknownControllerId
        | E::UnknownSubscriptionId | E::TelemetryTooLarge | E::InvalidRegistration | E::TransactionAbortable
        | E::InvalidRecordState | E::FencedStateEpoch | E::InvalidVoterKey | E::DuplicateVoter | E::VoterNotFound
        | E::InvalidRegularExpression | E::StreamsInvalidTopology | E::StreamsInvalidTopologyEpoch
        | E::StreamsTopologyFenced | E::Unknown(_) => ErrorKind::Fatal,
    }
}

#[cfg(test)]
mod tests;
