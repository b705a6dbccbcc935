//! Metadata and DescribeTopicPartitions: which topics there are and that this node leads them. Asking for a topic makes
//! it, where that is allowed.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, MetadataRequest, MetadataResponse, TopicName,
};

use super::{Call, NODE, text, with_files};
use crate::topic_config::TopicConfig;
use crate::topics::Topic;

/// What is said of who may do what to those who did not ask.
const NOT_ASKED: i32 = i32::MIN;

/// Access control is not here, so everyone may do all that can be done: a bit for each of Kafka's operations.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operations {
    /// Read, write, create, delete, alter, describe, and describe and alter settings.
    Topic = 0b1101_1111_1000,
    /// Read, delete, describe.
    Group = 0b0001_0100_1000,
    /// Create, alter, describe, cluster action, describe and alter settings, idempotent write.
    Cluster = 0b1_1111_1010_0000,
}

impl Operations {
    pub(super) fn if_asked(self, asked: bool) -> i32 {
        if asked { self as i32 } else { NOT_ASKED }
    }
}

/// Answers at once, unless there is a topic to be made.
pub(super) async fn metadata(call: &Call<'_>, request: MetadataRequest) -> Result<MetadataResponse, String> {
    let topics = &call.shared.topics;
    let mut names = request.topics.iter().flatten().filter_map(|asked| asked.name.as_ref());
    if may_create(call, &request) && names.any(|name| topics.get(name).is_none()) {
        return with_files(call, move |call| answer(call, request)).await;
    }
    Ok(answer(call, request))
}

fn may_create(call: &Call<'_>, request: &MetadataRequest) -> bool {
    call.shared.config.auto_create_topics && (call.version < 4 || request.allow_auto_topic_creation)
}

fn answer(call: &Call<'_>, request: MetadataRequest) -> MetadataResponse {
    let shared = call.shared;
    let may_create = may_create(call, &request);
    // In version 0 an empty list means all topics.
    let asked = request.topics.filter(|topics| call.version > 0 || !topics.is_empty());
    let operations = Operations::Topic.if_asked(request.include_topic_authorized_operations);
    let topics = match asked {
        None => shared.topics.all().iter().map(|topic| describe(topic, operations)).collect(),
        Some(asked) => asked
            .into_iter()
            .map(|asked| {
                let found = match &asked.name {
                    Some(name) if asked.topic_id.is_nil() => get_or_create(call, name, may_create),
                    _ => shared.topics.get_by_id(asked.topic_id).ok_or(ResponseError::UnknownTopicId),
                };
                let missing = |error: ResponseError| {
                    let unknown = MetadataResponseTopic::default().with_error_code(error.code());
                    // Before version 12 a topic always has a name.
                    let name = asked.name.or_else(|| (call.version < 12).then(TopicName::default));
                    unknown.with_topic_id(asked.topic_id).with_name(name)
                };
                found.map_or_else(missing, |topic| describe(&topic, operations))
            })
            .collect(),
    };
    let (host, port) = &shared.advertised;
    let node = MetadataResponseBroker::default().with_node_id(NODE).with_host(text(host)).with_port(i32::from(*port));
    MetadataResponse::default()
        .with_brokers(vec![node])
        .with_cluster_id(Some(text(&shared.cluster_id)))
        .with_controller_id(NODE)
        .with_topics(topics)
        .with_cluster_authorized_operations(Operations::Cluster.if_asked(request.include_cluster_authorized_operations))
}

fn get_or_create(call: &Call<'_>, name: &str, may_create: bool) -> Result<Arc<Topic>, ResponseError> {
    let topics = &call.shared.topics;
    if let Some(topic) = topics.get(name) {
        return Ok(topic);
    }
    if !may_create {
        return Err(ResponseError::UnknownTopicOrPartition);
    }
    match topics.create(name, call.shared.config.default_partitions, TopicConfig::default()) {
        Ok(topic) => Ok(topic),
        // Someone else was faster.
        Err((ResponseError::TopicAlreadyExists, _)) => topics.get(name).ok_or(ResponseError::UnknownTopicOrPartition),
        Err((error, _)) => Err(error),
    }
}

fn describe(topic: &Topic, operations: i32) -> MetadataResponseTopic {
    let partition = |index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(NODE)
            .with_leader_epoch(0)
            .with_replica_nodes(vec![NODE])
            .with_isr_nodes(vec![NODE])
    };
    MetadataResponseTopic::default()
        .with_name(Some(text(&topic.name).into()))
        .with_topic_id(topic.id)
        .with_partitions((0..topic.partition_count()).map(partition).collect())
        .with_topic_authorized_operations(operations)
}

pub(super) fn describe_topic_partitions(
    call: &Call<'_>,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let mut names: Vec<String> = request.topics.iter().map(|topic| topic.name.to_string()).collect();
    if names.is_empty() {
        names = call.shared.topics.all().iter().map(|topic| topic.name.clone()).collect();
    }
    names.sort();
    let (from, mut first) = match &request.cursor {
        Some(cursor) => (cursor.topic_name.to_string(), cursor.partition_index.max(0)),
        None => (String::new(), 0),
    };
    let mut room = request.response_partition_limit.max(1);
    let mut answers = Vec::new();
    let mut next = None;
    for name in names.into_iter().filter(|name| *name >= from) {
        let start = if name == from { std::mem::take(&mut first) } else { 0 };
        if room == 0 {
            next = Some(Cursor::default().with_topic_name(text(name).into()).with_partition_index(start));
            break;
        }
        let Some(topic) = call.shared.topics.get(&name) else {
            let unknown = DescribeTopicPartitionsResponseTopic::default().with_name(Some(text(name).into()));
            answers.push(unknown.with_error_code(ResponseError::UnknownTopicOrPartition.code()));
            continue;
        };
        let end = topic.partition_count().min(start.saturating_add(room));
        room -= (end - start).max(0);
        answers.push(describe_partitions(&topic, start..end));
        if end < topic.partition_count() {
            next = Some(Cursor::default().with_topic_name(text(name).into()).with_partition_index(end));
            break;
        }
    }
    DescribeTopicPartitionsResponse::default().with_topics(answers).with_next_cursor(next)
}

fn describe_partitions(topic: &Topic, range: std::ops::Range<i32>) -> DescribeTopicPartitionsResponseTopic {
    let partition = |index| {
        DescribeTopicPartitionsResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(NODE)
            .with_leader_epoch(0)
            .with_replica_nodes(vec![NODE])
            .with_isr_nodes(vec![NODE])
            // Java's client cannot do with null here.
            .with_eligible_leader_replicas(Some(Vec::new()))
            .with_last_known_elr(Some(Vec::new()))
    };
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(text(&topic.name).into()))
        .with_topic_id(topic.id)
        .with_partitions(range.map(partition).collect())
        .with_topic_authorized_operations(Operations::Topic.if_asked(true))
}
