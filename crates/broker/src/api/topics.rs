//! Makes and removes topics.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse};
use uuid::Uuid;

use super::configs::source_of;
use super::{Call, NODE, text};
use crate::topic_config::{SETTINGS, TopicConfig};
use crate::topics::Refused;

/// From this version on topics may be named by id.
const TOPIC_IDS_FROM: i16 = 6;

pub(super) fn create_topics(call: &Call<'_>, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let only_check = request.validate_only;
    let twice = |name: &str| request.topics.iter().filter(|topic| topic.name.as_str() == name).count() > 1;
    let results = request.topics.iter().map(|topic| {
        let answer = CreatableTopicResult::default().with_name(topic.name.clone());
        let created = if twice(&topic.name) {
            Err((ResponseError::InvalidRequest, "Duplicate topic name.".to_owned()))
        } else {
            create(call, topic, only_check)
        };
        match created {
            Ok((id, partitions, config)) => answer
                .with_topic_id(id)
                .with_num_partitions(partitions)
                .with_replication_factor(1)
                .with_configs(Some(configs(&config))),
            Err((error, message)) => answer
                .with_error_code(error.code())
                .with_error_message(Some(text(message)))
                .with_num_partitions(-1)
                .with_replication_factor(-1),
        }
    });
    CreateTopicsResponse::default().with_topics(results.collect())
}

fn create(call: &Call<'_>, topic: &CreatableTopic, only_check: bool) -> Result<(Uuid, i32, TopicConfig), Refused> {
    let shared = call.shared;
    let partitions = match topic.num_partitions {
        _ if !topic.assignments.is_empty() => assigned(topic)?,
        -1 => shared.config.default_partitions,
        partitions => partitions,
    };
    if topic.assignments.is_empty() && !matches!(topic.replication_factor, -1 | 1) {
        let factor = topic.replication_factor;
        let message = format!("Replication factor: {factor} larger than available brokers: 1.");
        return Err((ResponseError::InvalidReplicationFactor, message));
    }
    let mut set = BTreeMap::new();
    for config in &topic.configs {
        let Some(value) = &config.value else {
            let message = format!("Null value not supported for topic configs: {}", config.name);
            return Err((ResponseError::InvalidConfig, message));
        };
        set.insert(config.name.to_string(), value.to_string());
    }
    let config = TopicConfig::new(set).map_err(|message| (ResponseError::InvalidConfig, message))?;
    if only_check {
        shared.topics.check_new(&topic.name, partitions, &config)?;
        return Ok((Uuid::nil(), partitions, config));
    }
    let made = shared.topics.create(&topic.name, partitions, config.clone())?;
    Ok((made.id, partitions, config))
}

/// How many partitions are assigned by hand; all must be to this node.
fn assigned(topic: &CreatableTopic) -> Result<i32, Refused> {
    let mut indexes: Vec<i32> = topic.assignments.iter().map(|one| one.partition_index).collect();
    indexes.sort_unstable();
    let count = topic.assignments.len() as i32;
    let here = topic.assignments.iter().all(|one| one.broker_ids == [NODE]);
    if here && indexes.into_iter().eq(0..count) && matches!(topic.num_partitions, -1) {
        return Ok(count);
    }
    let message = "every partition, from 0 on, can only be assigned to node 1".to_owned();
    Err((ResponseError::InvalidReplicaAssignment, message))
}

fn configs(config: &TopicConfig) -> Vec<CreatableTopicConfigs> {
    let describe = |setting| {
        CreatableTopicConfigs::default()
            .with_name(text(setting_name(setting)))
            .with_value(Some(text(config.value(setting))))
            .with_config_source(source_of(config, setting))
    };
    SETTINGS.iter().map(describe).collect()
}

fn setting_name(setting: &crate::topic_config::Setting) -> &'static str {
    setting.name
}

pub(super) fn delete_topics(call: &Call<'_>, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let topics = &call.shared.topics;
    let asked: Vec<(Option<String>, Uuid)> = if call.version >= TOPIC_IDS_FROM {
        let state = request.topics.into_iter();
        state.map(|topic| (topic.name.map(|name| name.to_string()), topic.topic_id)).collect()
    } else {
        request.topic_names.into_iter().map(|name| (Some(name.to_string()), Uuid::nil())).collect()
    };
    let results = asked.into_iter().map(|(name, id)| {
        let name = name.or_else(|| topics.get_by_id(id).map(|topic| topic.name.clone()));
        let answer = DeletableTopicResult::default().with_topic_id(id);
        let Some(name) = name else {
            return answer.with_error_code(ResponseError::UnknownTopicId.code());
        };
        let answer = answer.with_name(Some(text(&name).into()));
        match topics.delete(&name) {
            Ok(topic) => {
                call.shared.groups.forget_topic(&name);
                answer.with_topic_id(topic.id)
            }
            Err(error) => answer.with_error_code(error.code()),
        }
    });
    DeleteTopicsResponse::default().with_responses(results.collect())
}
