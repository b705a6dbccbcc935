//! Produce: batches go from the request into the log as they are.

use std::fs::File;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::{Call, text};
use crate::batch::BatchHeader;
use crate::clock::now_ms;
use crate::log::Appended;
use crate::partition::{Partition, flush};
use crate::topics::Topic;
use crate::transaction::Producer;

/// From this version on topics have ids instead of names.
const TOPIC_IDS_FROM: i16 = 13;
/// From this version on a partition becomes part of the transaction by being written to.
const IMPLICIT_PARTITIONS_FROM: i16 = 12;
const ZSTD_FROM: i16 = 7;

/// Appends all batches of the request; no answer for `acks=0`.
pub(super) async fn produce(call: &Call<'_>, request: ProduceRequest) -> Option<ProduceResponse> {
    let acks = request.acks;
    if !(-1..=1).contains(&acks) {
        return Some(refuse_all(request, ResponseError::InvalidRequiredAcks));
    }
    let transactional_id = request.transactional_id.map(|id| id.to_string());
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for data in request.topic_data {
        responses.push(produce_topic(call, transactional_id.as_deref(), data).await);
    }
    (acks != 0).then(|| ProduceResponse::default().with_responses(responses))
}

async fn produce_topic(
    call: &Call<'_>,
    transactional_id: Option<&str>,
    data: TopicProduceData,
) -> TopicProduceResponse {
    let topics = &call.shared.topics;
    let by_id = call.version >= TOPIC_IDS_FROM;
    let topic = if by_id { topics.get_by_id(data.topic_id) } else { topics.get(&data.name) };
    let unknown = if by_id { ResponseError::UnknownTopicId } else { ResponseError::UnknownTopicOrPartition };
    let answer = TopicProduceResponse::default().with_topic_id(data.topic_id);
    // The name is a slice of the frame; the frame shall belong to the batch alone.
    let name = data.name.to_string();
    drop(data.name);
    let mut partitions = Vec::with_capacity(data.partition_data.len());
    for PartitionProduceData { index, records, .. } in data.partition_data {
        let appended = match &topic {
            None => Err(unknown),
            Some(topic) => append(call, (topic, index), transactional_id, records).await,
        };
        partitions.push(answer_partition(index, appended));
    }
    answer.with_name(text(name).into()).with_partition_responses(partitions)
}

async fn append(
    call: &Call<'_>,
    (topic, index): (&Arc<Topic>, i32),
    transactional_id: Option<&str>,
    records: Option<Bytes>,
) -> Result<Appended, ResponseError> {
    let partition = topic.partition(index).ok_or(ResponseError::UnknownTopicOrPartition)?;
    let records = records.ok_or(ResponseError::InvalidRecord)?;
    // Where the request holds one batch, the batch keeps the frame's memory and is not copied.
    let batch = records.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    let header = BatchHeader::parse(&batch).ok_or(ResponseError::CorruptMessage)?;
    if header.codec() == 4 && call.version < ZSTD_FROM {
        return Err(ResponseError::UnsupportedCompressionType);
    }
    let appended = if header.is_transactional() {
        append_transactional(call, (topic, &partition), transactional_id, (batch, header))?
    } else {
        partition.append(batch, now_ms())?
    };
    flush_if_due(appended.flush.clone()).await?;
    Ok(appended)
}

fn append_transactional(
    call: &Call<'_>,
    (topic, partition): (&Topic, &Partition),
    transactional_id: Option<&str>,
    (batch, header): (BytesMut, BatchHeader),
) -> Result<Appended, ResponseError> {
    let transactional_id = transactional_id.ok_or(ResponseError::InvalidTxnState)?;
    let producer = Producer { transactional_id, producer_id: header.producer_id, epoch: header.producer_epoch };
    let key = (topic.name.clone(), partition.index);
    let implicit = call.version >= IMPLICIT_PARTITIONS_FROM;
    call.shared.transactions.append(producer, (key, implicit), || partition.append(batch, now_ms()))
}

/// Waits until the file is safe, where the topic asks for that.
pub(super) async fn flush_if_due(file: Option<Arc<File>>) -> Result<(), ResponseError> {
    match file {
        Some(file) => flush(file).await,
        None => Ok(()),
    }
}

fn answer_partition(index: i32, appended: Result<Appended, ResponseError>) -> PartitionProduceResponse {
    let answer = PartitionProduceResponse::default().with_index(index).with_log_append_time_ms(-1);
    match appended {
        Ok(appended) => answer
            .with_base_offset(appended.base_offset)
            .with_log_append_time_ms(appended.append_time)
            .with_log_start_offset(appended.start_offset),
        Err(error) => answer.with_error_code(error.code()).with_base_offset(-1).with_log_start_offset(-1),
    }
}

fn refuse_all(request: ProduceRequest, error: ResponseError) -> ProduceResponse {
    let topics = request.topic_data.into_iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|data| answer_partition(data.index, Err(error))).collect();
        let answer = TopicProduceResponse::default().with_topic_id(topic.topic_id).with_name(topic.name);
        answer.with_partition_responses(partitions)
    });
    ProduceResponse::default().with_responses(topics.collect())
}
