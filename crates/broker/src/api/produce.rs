//! Produce: batches are checked, and go from the request into the log as they are.

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
use crate::log::{Appended, ValidBatch};
use crate::partition::{Partition, flush};
use crate::topic_config::TopicConfig;
use crate::topics::Topic;
use crate::transaction::Producer;

/// From this version on topics have ids instead of names.
const TOPIC_IDS_FROM: i16 = 13;
/// From this version on a partition becomes part of the transaction by being written to.
const IMPLICIT_PARTITIONS_FROM: i16 = 12;
const ZSTD_FROM: i16 = 7;
/// The number of the codec.
const ZSTD: i16 = 4;

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
    let header = BatchHeader::parse(&batch);
    if header.is_some_and(|header| header.is_transactional()) && transactional_id.is_none() {
        return Err(ResponseError::TransactionalIdAuthorizationFailed);
    }
    if header.is_some_and(|header| header.codec() == ZSTD) && call.version < ZSTD_FROM {
        return Err(ResponseError::UnsupportedCompressionType);
    }
    let is_packed = header.is_some_and(|header| header.codec() != 0);
    let batch = validate(call, topic.config(), (batch, is_packed)).await?;
    let appended = match transactional_id {
        Some(id) if batch.header.is_transactional() => append_transactional(call, (topic, &partition), id, batch)?,
        _ => partition.append(batch, now_ms())?,
    };
    flush_if_due(appended.flush.clone()).await?;
    Ok(appended)
}

/// Checks a batch. A compressed one may grow to any size, so it is unpacked off the threads that serve connections, and
/// only a few are at a time.
async fn validate(
    call: &Call<'_>,
    config: Arc<TopicConfig>,
    (batch, is_packed): (BytesMut, bool),
) -> Result<ValidBatch, ResponseError> {
    if !is_packed {
        return ValidBatch::new(batch, &config, now_ms());
    }
    let permit = Arc::clone(&call.shared.unpack_room).acquire_owned().await;
    let permit = permit.map_err(|_| ResponseError::UnknownServerError)?;
    let checked = tokio::task::spawn_blocking(move || {
        let checked = ValidBatch::new(batch, &config, now_ms());
        drop(permit);
        checked
    });
    checked.await.map_err(|_| ResponseError::UnknownServerError)?
}

fn append_transactional(
    call: &Call<'_>,
    (topic, partition): (&Topic, &Partition),
    transactional_id: &str,
    batch: ValidBatch,
) -> Result<Appended, ResponseError> {
    let header = &batch.header;
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
