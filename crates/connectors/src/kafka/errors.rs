//! Spark's error conditions of the Kafka source (`KafkaExceptions`), and the client's errors as ours.

use millstream_core::error::SparkException;
use millstream_core::{Error, ErrorKind, spark_error};
use millstream_kafka::TopicPartition;

use super::offsets::{set_of, text_of};

/// The mend where a query reads another topic than its checkpoint, the most usual reason for partitions that are gone.
const OTHER_TOPIC: &str = "the checkpoint has their offsets; a query that is to read another topic needs another \
                           checkpointLocation";

/// Why rows may be missing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DataLoss<'a> {
    AddedPartitionDoesNotStartFromZero { of: &'a TopicPartition, start: i64 },
    CouldNotReadRange { of: &'a TopicPartition, start: i64, end: i64 },
    PartitionsDeleted { of: &'a [TopicPartition], group_id_is_set: bool },
    OffsetChanged { of: &'a TopicPartition, from: i64, to: i64 },
}

impl DataLoss<'_> {
    /// The error that ends a query with `failOnDataLoss=true`.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::AddedPartitionDoesNotStartFromZero { of, start } => spark_error!(
                "KAFKA_DATA_LOSS.ADDED_PARTITION_DOES_NOT_START_FROM_OFFSET_ZERO",
                topicPartition = text_of(of),
                startOffset = start,
            ),
            Self::CouldNotReadRange { of, start, end } => spark_error!(
                "KAFKA_DATA_LOSS.COULD_NOT_READ_OFFSET_RANGE",
                startOffset = start,
                endOffset = end,
                topicPartition = text_of(of),
                // Nothing is read as a member of a consumer group.
                groupId = "null",
            ),
            Self::PartitionsDeleted { of, group_id_is_set: false } => {
                spark_error!("KAFKA_DATA_LOSS.PARTITIONS_DELETED", partitions = set_of(of)).with_hint(OTHER_TOPIC)
            }
            Self::PartitionsDeleted { of, group_id_is_set: true } => spark_error!(
                "KAFKA_DATA_LOSS.PARTITIONS_DELETED_AND_GROUP_ID_CONFIG_PRESENT",
                partitions = set_of(of),
                groupIdConfig = "group.id",
            ),
            Self::OffsetChanged { of, from, to } => spark_error!(
                "KAFKA_DATA_LOSS.PARTITION_OFFSET_CHANGED",
                topicPartition = text_of(of),
                prevOffset = from,
                newOffset = to,
            ),
        }
    }
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
        Kafka::NoRoom { .. } => {
            return spark_error!("UNABLE_TO_ACQUIRE_MEMORY": error.to_string())
                .with_hint("give the engine more with --memory; a batch of Kafka's is unpacked as a whole")
                .with_source(error);
        }
        Kafka::Unreachable { .. } => {
            return of_client(ErrorKind::Unavailable, attempt, error).with_hint(
                "check the option 'kafka.bootstrap.servers' and that the broker runs ('millstream broker' is one); \
                 'kafka.default.api.timeout.ms' says how long is waited",
            );
        }
    };
    of_client(kind, attempt, error)
}

fn of_client(kind: ErrorKind, attempt: &str, error: millstream_kafka::Error) -> Error {
    Error::new(kind, format!("cannot {attempt} Kafka: {error}"))
        .with_exception(SparkException::Spark)
        .with_source(error)
}
