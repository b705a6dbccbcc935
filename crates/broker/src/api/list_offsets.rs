//! ListOffsets and OffsetForLeaderEpoch: where a partition begins and ends, and where a time or an epoch lies in it.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};

use super::Call;
use crate::log::Log;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
/// The first offset on this node's disk: with one node, the first.
const EARLIEST_LOCAL: i64 = -4;
/// The last offset that was moved to remote storage, of which there is none.
const LATEST_TIERED: i64 = -5;
const READ_COMMITTED: i8 = 1;
const EPOCHS_FROM: i16 = 4;
/// The only leader there ever was.
const LEADER_EPOCH: i32 = 0;

pub(super) fn list_offsets(call: &Call<'_>, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let committed_only = request.isolation_level == READ_COMMITTED;
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let answer = ListOffsetsPartitionResponse::default()
                .with_partition_index(asked.partition_index)
                .with_timestamp(-1)
                .with_offset(-1)
                .with_leader_epoch(-1);
            let Some(partition) = call.shared.topics.partition(&topic.name, asked.partition_index) else {
                return answer.with_error_code(ResponseError::UnknownTopicOrPartition.code());
            };
            let log = partition.log();
            match find(&log, asked.timestamp, committed_only) {
                Ok(Some((offset, timestamp))) => {
                    let epoch = if call.version >= EPOCHS_FROM { LEADER_EPOCH } else { -1 };
                    answer.with_offset(offset).with_timestamp(timestamp).with_leader_epoch(epoch)
                }
                Ok(None) => answer,
                Err(error) => answer.with_error_code(error.code()),
            }
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse::default().with_name(topic.name).with_partitions(partitions)
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

/// Offset and timestamp.
fn find(log: &Log, timestamp: i64, committed_only: bool) -> Result<Option<(i64, i64)>, ResponseError> {
    let end = if committed_only { log.last_stable_offset() } else { log.next_offset() };
    let found = match timestamp {
        LATEST => return Ok(Some((end, -1))),
        EARLIEST | EARLIEST_LOCAL => return Ok(Some((log.start_offset(), -1))),
        LATEST_TIERED => return Ok(None),
        MAX_TIMESTAMP => log.offset_of_max_timestamp(),
        timestamp if timestamp >= 0 => log.offset_at(timestamp),
        _ => return Err(ResponseError::InvalidRequest),
    };
    let found = found.map_err(|error| {
        tracing::warn!(%error, "stored records cannot be read");
        ResponseError::KafkaStorageError
    })?;
    Ok(found.filter(|(offset, _)| *offset < end))
}

pub(super) fn offset_for_leader_epoch(
    call: &Call<'_>,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let answer =
                EpochEndOffset::default().with_partition(asked.partition).with_leader_epoch(-1).with_end_offset(-1);
            match call.shared.topics.partition(&topic.topic, asked.partition) {
                None => answer.with_error_code(ResponseError::UnknownTopicOrPartition.code()),
                Some(_) if asked.current_leader_epoch > LEADER_EPOCH => {
                    answer.with_error_code(ResponseError::UnknownLeaderEpoch.code())
                }
                Some(partition) if asked.leader_epoch >= LEADER_EPOCH => {
                    answer.with_leader_epoch(LEADER_EPOCH).with_end_offset(partition.log().next_offset())
                }
                Some(_) => answer,
            }
        });
        let partitions = partitions.collect();
        OffsetForLeaderTopicResult::default().with_topic(topic.topic).with_partitions(partitions)
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}
