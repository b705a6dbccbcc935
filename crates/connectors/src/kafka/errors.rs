//! Spark's error conditions of the Kafka source (`KafkaExceptions`), and the client's errors as ours.

use millstream_core::error::SparkException;
use millstream_core::{Error, ErrorKind};
use millstream_kafka::TopicPartition;

use super::offsets::{set_of, text_of};

/// Why rows may be missing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DataLoss<'a> {
    AddedPartitionDoesNotStartFromZero { of: &'a TopicPartition, start: i64 },
    CouldNotReadRange { of: &'a TopicPartition, start: i64, end: i64 },
    PartitionsDeleted { of: &'a [TopicPartition], group_id_is_set: bool },
    OffsetChanged { of: &'a TopicPartition, from: i64, to: i64 },
}

impl DataLoss<'_> {
    fn class(self) -> &'static str {
        match self {
            Self::AddedPartitionDoesNotStartFromZero { .. } => "ADDED_PARTITION_DOES_NOT_START_FROM_OFFSET_ZERO",
            Self::CouldNotReadRange { .. } => "COULD_NOT_READ_OFFSET_RANGE",
            Self::PartitionsDeleted { group_id_is_set: false, .. } => "PARTITIONS_DELETED",
            Self::PartitionsDeleted { group_id_is_set: true, .. } => "PARTITIONS_DELETED_AND_GROUP_ID_CONFIG_PRESENT",
            Self::OffsetChanged { .. } => "PARTITION_OFFSET_CHANGED",
        }
    }

    /// What happened, in Spark's words.
    pub(crate) fn reason(self) -> String {
        match self {
            Self::AddedPartitionDoesNotStartFromZero { of, start } => {
                format!("Added partition {} starts from {start} instead of 0.", text_of(of))
            }
            Self::CouldNotReadRange { of, start, end } => {
                format!(
                    "Could not read records in offset [{start}, {end}) for topic partition {}\nwith consumer group null.",
                    text_of(of)
                )
            }
            Self::PartitionsDeleted { of, group_id_is_set } => {
                let deleted = format!("Partitions {} have been deleted.", set_of(of));
                if group_id_is_set { format!("{deleted}\n{GROUP_ID_WARNING}") } else { deleted }
            }
            Self::OffsetChanged { of, from, to } => format!(
                "Partition {} offset was changed from {from} to {to}.\nThis could be either 1) a user error that the start \
                 offset is set beyond available offset when starting query, or 2) the kafka topic-partition is deleted and \
                 re-created.",
                text_of(of)
            ),
        }
    }

    /// The error that ends a query with `failOnDataLoss=true`.
    pub(crate) fn into_error(self) -> Error {
        let message = format!("{DATA_LOSS}{}", self.reason());
        Error::data(message)
            .with_class(format!("KAFKA_DATA_LOSS.{}", self.class()), SparkException::Spark)
            .with_sql_state("22000")
    }
}

const DATA_LOSS: &str = "\
Some data may have been lost because they are not available in Kafka any more;
either the data was aged out by Kafka or the topic may have been deleted before all the data in the
topic was processed.
If you don't want your streaming query to fail on such cases, set the source option failOnDataLoss to false.
Reason: ";

const GROUP_ID_WARNING: &str = "\
Kafka option 'kafka.group.id' has been set on this query, it is
not recommended to set this option. This option is unsafe to use since multiple concurrent
queries or sources using the same group id will interfere with each other as they are part
of the same consumer group. Restarted queries may also suffer interference from the
previous run having the same group id. The user should have only one query per group id,
and/or set the option 'kafka.session.timeout.ms' to be very small so that the Kafka
consumers from the previous query are marked dead by the Kafka group coordinator before the
restarted query starts running.";

/// A condition of Spark's without a SQLSTATE.
pub(crate) fn condition(class: &str, message: String) -> Error {
    Error::invalid(message).with_class(class, SparkException::Spark)
}

/// An error of the client while it read, by what the user can do about it.
pub(crate) fn kafka_error(error: millstream_kafka::Error) -> Error {
    sorted("read from", error)
}

/// The same while it wrote.
pub(crate) fn kafka_write_error(error: millstream_kafka::Error) -> Error {
    sorted("write to", error)
}

fn sorted(attempt: &str, error: millstream_kafka::Error) -> Error {
    use millstream_kafka::{Error as Kafka, ErrorKind as Help};
    let kind = match &error {
        Kafka::Config { .. } => return Error::illegal_argument(error.to_string()).with_source(error),
        Kafka::Malformed { .. } | Kafka::Checksum { .. } | Kafka::MessageFormat { .. } => ErrorKind::Data,
        Kafka::RecordTooLarge { .. } | Kafka::Rejected { .. } => ErrorKind::Data,
        Kafka::UnsupportedVersion { .. } => ErrorKind::Unsupported,
        Kafka::UnknownPartition { .. } | Kafka::NotPresent { .. } => ErrorKind::NotFound,
        Kafka::OffsetOutOfRange { .. } | Kafka::LogTruncated { .. } | Kafka::TopicRecreated { .. } => ErrorKind::Data,
        Kafka::Broker { .. } if error.kind() == Help::Fenced => ErrorKind::Conflict,
        Kafka::ProducerState { .. } | Kafka::Tls { .. } | Kafka::Authentication { .. } => ErrorKind::Invalid,
        Kafka::DeliveryTimeout { .. } | Kafka::BufferFull { .. } => ErrorKind::Unavailable,
        Kafka::Connection { .. } | Kafka::Timeout { .. } | Kafka::Broker { .. } => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("cannot {attempt} Kafka: {error}"))
        .with_exception(SparkException::Spark)
        .with_source(error)
}
