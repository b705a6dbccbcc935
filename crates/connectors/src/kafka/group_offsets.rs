//! What a group is told of a query's progress, in Kafka's terms.

use std::sync::Arc;

use millstream_kafka::{ClientConfig, OffsetToCommit, TopicPartition};

/// The brokers to begin with, as one text. Who names other brokers of the same cluster is taken for another one, and
/// then offsets follow the batch instead of being part of it.
pub(super) fn system_of(config: &ClientConfig) -> String {
    let mut servers: Vec<_> = config.bootstrap_servers.iter().map(|(host, port)| format!("{host}:{port}")).collect();
    servers.sort();
    servers.join(",")
}

/// Offsets as the client commits them.
pub(super) fn to_commit(offsets: &[(Arc<str>, i32, i64)]) -> Vec<OffsetToCommit> {
    let commit = |(topic, partition, offset): &(Arc<str>, i32, i64)| OffsetToCommit {
        of: TopicPartition::new(Arc::clone(topic), *partition),
        offset: *offset,
        metadata: String::new(),
    };
    offsets.iter().map(commit).collect()
}
