//! Adds partitions, deletes records, and shows who produces.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, DeleteRecordsRequest, DeleteRecordsResponse,
    DescribeProducersRequest, DescribeProducersResponse,
};

use super::{Call, NODE, text};
use crate::journal::Entry;
use crate::topics::Refused;

pub(super) fn create_partitions(call: &Call<'_>, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let results = request.topics.iter().map(|asked| {
        let answer = CreatePartitionsTopicResult::default().with_name(asked.name.clone());
        match grow(call, asked, request.validate_only) {
            Ok(()) => answer,
            Err((error, message)) => answer.with_error_code(error.code()).with_error_message(Some(text(message))),
        }
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}

fn grow(call: &Call<'_>, asked: &CreatePartitionsTopic, only_check: bool) -> Result<(), Refused> {
    let topics = &call.shared.topics;
    let unknown =
        || (ResponseError::UnknownTopicOrPartition, "This server does not host this topic-partition.".to_owned());
    let topic = topics.get(&asked.name).ok_or_else(unknown)?;
    topics.check_growth(&topic, asked.count)?;
    if let Some(assignments) = &asked.assignments {
        let more = (asked.count - topic.partition_count()) as usize;
        if assignments.len() != more || assignments.iter().any(|one| one.broker_ids != [NODE]) {
            let message = "each new partition can only be assigned to node 1".to_owned();
            return Err((ResponseError::InvalidReplicaAssignment, message));
        }
    }
    if only_check { Ok(()) } else { topics.grow(&topic, asked.count) }
}

pub(super) fn delete_records(call: &Call<'_>, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let deleted = delete_before(call, &topic.name, (asked.partition_index, asked.offset));
            DeleteRecordsPartitionResult::default()
                .with_partition_index(asked.partition_index)
                .with_low_watermark(*deleted.as_ref().unwrap_or(&-1))
                .with_error_code(super::code(&deleted))
        });
        let partitions = partitions.collect();
        DeleteRecordsTopicResult::default().with_name(topic.name).with_partitions(partitions)
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

fn delete_before(call: &Call<'_>, name: &str, (index, before): (i32, i64)) -> Result<i64, ResponseError> {
    let topic = call.shared.topics.get(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
    let partition = topic.partition(index).ok_or(ResponseError::UnknownTopicOrPartition)?;
    if !topic.config().delete {
        // As Kafka: a topic that is only compacted keeps the newest of every key.
        return Err(ResponseError::PolicyViolation);
    }
    let mut log = partition.log();
    let offset = if before == -1 { log.next_offset() } else { before };
    if offset < 0 || offset > log.next_offset() {
        return Err(ResponseError::OffsetOutOfRange);
    }
    let offset = offset.max(log.start_offset());
    call.shared.journal.append(vec![Entry::LogStart { topic: topic.id, partition: index, offset }])?;
    log.delete_records(offset)
}

pub(super) fn describe_producers(call: &Call<'_>, request: DescribeProducersRequest) -> DescribeProducersResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|&index| {
            let answer = PartitionResponse::default().with_partition_index(index);
            match call.shared.topics.partition(&topic.name, index) {
                None => answer.with_error_code(ResponseError::UnknownTopicOrPartition.code()),
                Some(partition) => {
                    let log = partition.log();
                    let active = log.producers().iter().map(|(id, producer)| {
                        ProducerState::default()
                            .with_producer_id(id.into())
                            .with_producer_epoch(i32::from(producer.epoch))
                            .with_last_sequence(producer.last_sequence)
                            .with_last_timestamp(producer.last_timestamp)
                            .with_coordinator_epoch(0)
                            .with_current_txn_start_offset(producer.transaction_start.unwrap_or(-1))
                    });
                    answer.with_active_producers(active.collect())
                }
            }
        });
        let partitions = partitions.collect();
        TopicResponse::default().with_name(topic.name).with_partitions(partitions)
    });
    DescribeProducersResponse::default().with_topics(topics.collect())
}
