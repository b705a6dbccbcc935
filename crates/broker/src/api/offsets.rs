//! Offsets of groups: committing, fetching and deleting them.

use bytes::{Buf, Bytes};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    ConsumerProtocolSubscription, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse,
};
use kafka_protocol::protocol::Decodable;

use super::{Call, code, text};
use crate::clock::now_ms;
use crate::group::Group;
use crate::journal::CommittedOffset;

/// From this version on several groups are asked for at once.
const SEVERAL_FROM: i16 = 8;
/// Kafka's default of `offset.metadata.max.bytes`.
const METADATA_MAX: usize = 4096;

/// What a client wants to commit for a partition; the error is told to it.
pub(super) fn committed(
    call: &Call<'_>,
    (topic, partition): (&str, i32),
    (offset, leader_epoch, metadata): (i64, i32, Option<&str>),
) -> Result<CommittedOffset, ResponseError> {
    if call.shared.topics.partition(topic, partition).is_none() {
        return Err(ResponseError::UnknownTopicOrPartition);
    }
    let metadata = metadata.unwrap_or_default();
    if metadata.len() > METADATA_MAX {
        return Err(ResponseError::OffsetMetadataTooLarge);
    }
    Ok(CommittedOffset { offset, leader_epoch, metadata: metadata.to_owned(), committed_ms: now_ms() })
}

pub(super) fn offset_commit(call: &Call<'_>, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let mut good = Vec::new();
    let mut topics = Vec::new();
    for topic in &request.topics {
        let mut partitions = Vec::new();
        for one in &topic.partitions {
            let key = (topic.name.as_str(), one.partition_index);
            let value = (one.committed_offset, one.committed_leader_epoch, one.committed_metadata.as_deref());
            let checked = committed(call, key, value);
            let answer = OffsetCommitResponsePartition::default().with_partition_index(one.partition_index);
            partitions.push(answer.with_error_code(code(&checked)));
            good.extend(checked.map(|committed| ((key.0.to_owned(), key.1), committed)));
        }
        topics.push(OffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions));
    }
    let written = if request.group_id.is_empty() && call.version >= 9 {
        Err(ResponseError::InvalidGroupId)
    } else {
        let handle = call.shared.groups.get_or_create(&request.group_id);
        let mut group = handle.lock();
        let (instance_id, generation) = (request.group_instance_id.as_deref(), request.generation_id_or_member_epoch);
        let checked = group.check_commit(&request.member_id, instance_id, generation);
        checked.and_then(|()| call.shared.groups.commit(&request.group_id, &mut group, good))
    };
    if let Err(error) = written {
        for partition in topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            partition.error_code = error.code();
        }
    }
    OffsetCommitResponse::default().with_topics(topics)
}

/// What is told of a partition: offset, epoch, metadata, error.
type Fetched = (i64, i32, String, i16);

pub(super) fn offset_fetch(call: &Call<'_>, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let stable = request.require_stable;
    if call.version >= SEVERAL_FROM {
        let groups = request.groups.into_iter().map(|asked| {
            let topics = asked.topics.map(|topics| {
                topics.into_iter().map(|topic| (topic.name.to_string(), topic.partition_indexes)).collect()
            });
            let topics = fetch_group(call, &asked.group_id, topics, stable).into_iter().map(|(name, partitions)| {
                let answer = |(index, (offset, epoch, metadata, error)): (i32, Fetched)| {
                    OffsetFetchResponsePartitions::default()
                        .with_partition_index(index)
                        .with_committed_offset(offset)
                        .with_committed_leader_epoch(epoch)
                        .with_metadata(Some(text(metadata)))
                        .with_error_code(error)
                };
                let partitions = partitions.into_iter().map(answer).collect();
                OffsetFetchResponseTopics::default().with_name(text(name).into()).with_partitions(partitions)
            });
            let topics = topics.collect();
            OffsetFetchResponseGroup::default().with_group_id(asked.group_id).with_topics(topics)
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let topics = request
        .topics
        .map(|topics| topics.into_iter().map(|topic| (topic.name.to_string(), topic.partition_indexes)).collect());
    let topics = fetch_group(call, &request.group_id, topics, stable).into_iter().map(|(name, partitions)| {
        let answer = |(index, (offset, epoch, metadata, error)): (i32, Fetched)| {
            OffsetFetchResponsePartition::default()
                .with_partition_index(index)
                .with_committed_offset(offset)
                .with_committed_leader_epoch(epoch)
                .with_metadata(Some(text(metadata)))
                .with_error_code(error)
        };
        let partitions = partitions.into_iter().map(answer).collect();
        OffsetFetchResponseTopic::default().with_name(text(name).into()).with_partitions(partitions)
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

type Asked = Vec<(String, Vec<i32>)>;

fn fetch_group(call: &Call<'_>, id: &str, topics: Option<Asked>, stable: bool) -> Vec<(String, Vec<(i32, Fetched)>)> {
    let group = call.shared.groups.get(id);
    let group = group.as_ref().map(|group| group.lock());
    let asked = topics.unwrap_or_else(|| group.as_ref().map(|group| all_partitions(group)).unwrap_or_default());
    let fetch = |name: &str, index: i32| -> Fetched {
        let key = (name.to_owned(), index);
        let none = (-1, -1, String::new(), 0);
        let Some(group) = &group else { return none };
        if stable && group.offsets.is_unstable(&key) {
            return (-1, -1, String::new(), ResponseError::UnstableOffsetCommit.code());
        }
        group.offsets.get(&key).map_or(none, |found| (found.offset, found.leader_epoch, found.metadata.clone(), 0))
    };
    let of_topic = |(name, indexes): (String, Vec<i32>)| {
        let partitions = indexes.into_iter().map(|index| (index, fetch(&name, index))).collect();
        (name, partitions)
    };
    asked.into_iter().map(of_topic).collect()
}

fn all_partitions(group: &Group) -> Asked {
    let mut all: Asked = Vec::new();
    for ((topic, partition), _) in group.offsets.iter() {
        match all.last_mut() {
            Some((last, partitions)) if last == topic => partitions.push(*partition),
            _ => all.push((topic.clone(), vec![*partition])),
        }
    }
    all
}

pub(super) fn offset_delete(call: &Call<'_>, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let Some(handle) = call.shared.groups.get(&request.group_id) else {
        return OffsetDeleteResponse::default().with_error_code(ResponseError::GroupIdNotFound.code());
    };
    let mut group = handle.lock();
    let topics = request.topics.into_iter().map(|topic| {
        let used = is_subscribed(&group, &topic.name);
        let partitions = topic.partitions.iter().map(|one| {
            let key = (topic.name.to_string(), one.partition_index);
            let deleted = match used {
                true => Err(ResponseError::GroupSubscribedToTopic),
                false => call.shared.groups.delete_offset(&request.group_id, &mut group, &key),
            };
            let answer = OffsetDeleteResponsePartition::default().with_partition_index(one.partition_index);
            answer.with_error_code(code(&deleted))
        });
        let partitions = partitions.collect();
        OffsetDeleteResponseTopic::default().with_name(topic.name).with_partitions(partitions)
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}

/// Whether a member of the group reads the topic.
fn is_subscribed(group: &Group, topic: &str) -> bool {
    group.members.values().any(|member| {
        let subscription = subscription(group.metadata(member));
        subscription.is_none_or(|one| one.topics.iter().any(|subscribed| subscribed.as_str() == topic))
    })
}

/// What a member of a consumer group sent when it joined.
fn subscription(mut metadata: Bytes) -> Option<ConsumerProtocolSubscription> {
    let version = (metadata.len() >= 2).then(|| metadata.get_i16())?;
    ConsumerProtocolSubscription::decode(&mut metadata, version.clamp(0, 3)).ok()
}
