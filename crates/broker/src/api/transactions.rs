//! Transactions: producer ids, what belongs to a transaction, and how it ends.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::describe_transactions_response::{TopicData, TransactionState as Described};
use kafka_protocol::messages::list_transactions_response::TransactionState as Listed;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    DescribeTransactionsRequest, DescribeTransactionsResponse, EndTxnRequest, EndTxnResponse, InitProducerIdRequest,
    InitProducerIdResponse, ListTransactionsRequest, ListTransactionsResponse, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};

use super::offsets::committed;
use super::produce::flush_if_due;
use super::{Call, code, text};
use crate::batch::EndMarker;
use crate::clock::now_ms;
use crate::journal::{TransactionRecord, TransactionState};
use crate::transaction::{InitProducer, Producer};

/// From these versions on the client speaks transaction protocol v2 (KIP-890): an end raises the epoch, and groups
/// become part of the transaction by being committed to.
const END_RAISES_EPOCH_FROM: i16 = 5;
const IMPLICIT_GROUPS_FROM: i16 = 5;

/// Clients of these versions know only the older name of the error.
fn known_to(call: &Call<'_>, fenced_from: i16, error: ResponseError) -> ResponseError {
    match error {
        ResponseError::ProducerFenced if call.version < fenced_from => ResponseError::InvalidProducerEpoch,
        error => error,
    }
}

pub(super) fn init_producer_id(call: &Call<'_>, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let present = (request.producer_id.0, request.producer_epoch);
    let given = call.shared.transactions.init_producer(&InitProducer {
        transactional_id: request.transactional_id.as_deref().map(|id| id.as_str()),
        timeout_ms: request.transaction_timeout_ms,
        present: Some(present).filter(|(id, _)| call.version >= 3 && *id >= 0),
    });
    match given {
        Ok((id, epoch)) => InitProducerIdResponse::default().with_producer_id(id.into()).with_producer_epoch(epoch),
        Err(error) => InitProducerIdResponse::default()
            .with_error_code(known_to(call, 4, error).code())
            .with_producer_id((-1).into())
            .with_producer_epoch(-1),
    }
}

pub(super) fn add_partitions_to_txn(call: &Call<'_>, request: AddPartitionsToTxnRequest) -> AddPartitionsToTxnResponse {
    let all = || {
        let topics = request.v3_and_below_topics.iter();
        topics.flat_map(|topic| topic.partitions.iter().map(move |&partition| (topic.name.to_string(), partition)))
    };
    let missing = |(topic, partition): &(String, i32)| call.shared.topics.partition(topic, *partition).is_none();
    let any_missing = all().any(|one| missing(&one));
    let producer = Producer {
        transactional_id: &request.v3_and_below_transactional_id,
        producer_id: request.v3_and_below_producer_id.0,
        epoch: request.v3_and_below_producer_epoch,
    };
    let added = match any_missing {
        true => Err(ResponseError::OperationNotAttempted),
        false => call.shared.transactions.add_partitions(producer, all().collect()),
    };
    let added = added.map_err(|error| known_to(call, 2, error));
    let results = request.v3_and_below_topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|&partition| {
            let unknown = missing(&(topic.name.to_string(), partition));
            let code = if unknown { ResponseError::UnknownTopicOrPartition.code() } else { code(&added) };
            AddPartitionsToTxnPartitionResult::default().with_partition_index(partition).with_partition_error_code(code)
        });
        let partitions = partitions.collect();
        AddPartitionsToTxnTopicResult::default().with_name(topic.name.clone()).with_results_by_partition(partitions)
    });
    AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results.collect())
}

pub(super) fn add_offsets_to_txn(call: &Call<'_>, request: AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse {
    let producer = Producer {
        transactional_id: &request.transactional_id,
        producer_id: request.producer_id.0,
        epoch: request.producer_epoch,
    };
    let added = call.shared.transactions.add_group(producer, &request.group_id);
    AddOffsetsToTxnResponse::default().with_error_code(code(&added.map_err(|error| known_to(call, 2, error))))
}

pub(super) fn txn_offset_commit(call: &Call<'_>, request: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let mut good = Vec::new();
    let mut topics = Vec::new();
    for topic in &request.topics {
        let mut partitions = Vec::new();
        for one in &topic.partitions {
            let key = (topic.name.as_str(), one.partition_index);
            let value = (one.committed_offset, one.committed_leader_epoch, one.committed_metadata.as_deref());
            let checked = committed(call, key, value);
            let answer = TxnOffsetCommitResponsePartition::default().with_partition_index(one.partition_index);
            partitions.push(answer.with_error_code(code(&checked)));
            good.extend(checked.map(|committed| ((key.0.to_owned(), key.1), committed)));
        }
        topics.push(TxnOffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions));
    }
    let member = call.shared.groups.get_or_create(&request.group_id).lock().check_transactional_commit(
        &request.member_id,
        request.group_instance_id.as_deref(),
        request.generation_id,
    );
    let producer = Producer {
        transactional_id: &request.transactional_id,
        producer_id: request.producer_id.0,
        epoch: request.producer_epoch,
    };
    let implicit = call.version >= IMPLICIT_GROUPS_FROM;
    let written =
        member.and_then(|()| call.shared.transactions.commit_offsets(producer, (&request.group_id, implicit), good));
    if let Err(error) = written {
        // Clients know fencing here by the epoch's error.
        let error = known_to(call, i16::MAX, error);
        for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.error_code = error.code();
        }
    }
    TxnOffsetCommitResponse::default().with_topics(topics)
}

pub(super) async fn end_txn(call: &Call<'_>, request: EndTxnRequest) -> EndTxnResponse {
    let producer = Producer {
        transactional_id: &request.transactional_id,
        producer_id: request.producer_id.0,
        epoch: request.producer_epoch,
    };
    let raise = call.version >= END_RAISES_EPOCH_FROM;
    let ended = call.shared.transactions.end(producer, (request.committed, raise));
    let refuse = |error: ResponseError| {
        let error = known_to(call, 2, error);
        EndTxnResponse::default().with_error_code(error.code()).with_producer_id((-1).into()).with_producer_epoch(-1)
    };
    match ended {
        Ok((id, epoch, files)) => {
            for file in files {
                if let Err(error) = flush_if_due(Some(file)).await {
                    return refuse(error);
                }
            }
            EndTxnResponse::default().with_producer_id(id.into()).with_producer_epoch(epoch)
        }
        Err(error) => refuse(error),
    }
}

/// An administrator ends what hangs.
pub(super) fn write_txn_markers(call: &Call<'_>, request: WriteTxnMarkersRequest) -> WriteTxnMarkersResponse {
    let markers = request.markers.into_iter().map(|asked| {
        let marker = EndMarker {
            producer_id: asked.producer_id.0,
            producer_epoch: asked.producer_epoch,
            commit: asked.transaction_result,
            timestamp: now_ms(),
        };
        let topics = asked.topics.into_iter().map(|topic| {
            let partitions = topic.partition_indexes.iter().map(|&index| {
                let partition = call.shared.topics.partition(&topic.name, index);
                let partition = partition.ok_or(ResponseError::UnknownTopicOrPartition);
                let written = partition.and_then(|partition| {
                    let open = partition.log().producers().has_open(marker.producer_id);
                    if open { partition.append_marker(&marker).map(|_| ()) } else { Ok(()) }
                });
                WritableTxnMarkerPartitionResult::default().with_partition_index(index).with_error_code(code(&written))
            });
            let partitions = partitions.collect();
            WritableTxnMarkerTopicResult::default().with_name(topic.name).with_partitions(partitions)
        });
        let topics = topics.collect();
        WritableTxnMarkerResult::default().with_producer_id(asked.producer_id).with_topics(topics)
    });
    WriteTxnMarkersResponse::default().with_markers(markers.collect())
}

pub(super) fn describe_transactions(
    call: &Call<'_>,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let states = request.transactional_ids.into_iter().map(|id| match call.shared.transactions.describe(&id) {
        Some(found) => describe(&found).with_transactional_id(id),
        None => {
            let unknown = Described::default().with_producer_id((-1).into()).with_producer_epoch(-1);
            unknown.with_transactional_id(id).with_error_code(ResponseError::TransactionalIdNotFound.code())
        }
    });
    DescribeTransactionsResponse::default().with_transaction_states(states.collect())
}

fn describe(found: &TransactionRecord) -> Described {
    let mut topics: Vec<TopicData> = Vec::new();
    for (topic, partition) in &found.partitions {
        match topics.last_mut() {
            Some(last) if last.topic.as_str() == topic => last.partitions.push(*partition),
            _ => topics.push(TopicData::default().with_topic(text(topic).into()).with_partitions(vec![*partition])),
        }
    }
    let ongoing = found.state == TransactionState::Ongoing;
    Described::default()
        .with_transaction_state(text(found.state.name()))
        .with_transaction_timeout_ms(found.timeout_ms)
        .with_transaction_start_time_ms(if ongoing { found.started_ms } else { -1 })
        .with_producer_id(found.producer_id.into())
        .with_producer_epoch(found.epoch)
        .with_topics(topics)
}

pub(super) fn list_transactions(call: &Call<'_>, request: ListTransactionsRequest) -> ListTransactionsResponse {
    let known = |name: &str| TransactionState::ALL.iter().any(|state| state.name() == name);
    let unknown = request.state_filters.iter().filter(|name| !known(name)).cloned().collect();
    let now = now_ms();
    let passes = |found: &TransactionRecord| {
        let state = request.state_filters.iter().any(|name| name.as_str() == found.state.name());
        let producer = request.producer_id_filters.iter().any(|id| id.0 == found.producer_id);
        let running = found.state == TransactionState::Ongoing && now - found.started_ms >= request.duration_filter;
        (request.state_filters.is_empty() || state)
            && (request.producer_id_filters.is_empty() || producer)
            && (call.version < 1 || request.duration_filter < 0 || running)
    };
    let listed = call.shared.transactions.list().into_iter().filter(passes).map(|found| {
        Listed::default()
            .with_transactional_id(text(found.id).into())
            .with_producer_id(found.producer_id.into())
            .with_transaction_state(text(found.state.name()))
    });
    ListTransactionsResponse::default().with_unknown_state_filters(unknown).with_transaction_states(listed.collect())
}
