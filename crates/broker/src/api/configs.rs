//! Describes and alters settings. A topic's can be altered; the broker's are shown, and are what it was started with.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as IncrementalResponse;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};

use super::{Call, NODE, text};
use crate::topic_config::{Kind, SETTINGS, Setting, TopicConfig, setting};
use crate::topics::{Refused, Topic};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

const SOURCE_TOPIC: i8 = 1;
const SOURCE_STATIC_BROKER: i8 = 4;
const SOURCE_DEFAULT: i8 = 5;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// Where the value of a topic's setting comes from.
pub(super) fn source_of(config: &TopicConfig, setting: &Setting) -> i8 {
    if config.set.contains_key(setting.name) { SOURCE_TOPIC } else { SOURCE_DEFAULT }
}

pub(super) fn describe_configs(call: &Call<'_>, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let results = request.resources.into_iter().map(|resource| {
        let described = match resource.resource_type {
            TOPIC => describe_topic(call, &resource, request.include_synonyms),
            BROKER => describe_broker(call, &resource),
            other => Err((ResponseError::InvalidRequest, format!("resources of type {other} are not served"))),
        };
        let answer = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name);
        match described {
            Ok(configs) => answer.with_configs(configs),
            Err((error, message)) => answer.with_error_code(error.code()).with_error_message(Some(text(message))),
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn is_asked(resource: &DescribeConfigsResource, name: &str) -> bool {
    resource.configuration_keys.as_ref().is_none_or(|keys| keys.iter().any(|key| key.as_str() == name))
}

fn describe_topic(
    call: &Call<'_>,
    resource: &DescribeConfigsResource,
    synonyms: bool,
) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    let config = find(call, &resource.resource_name)?.config();
    let describe = |setting: &Setting| {
        let source = source_of(&config, setting);
        let synonym = |value: &str, source| {
            DescribeConfigsSynonym::default()
                .with_name(text(setting.name))
                .with_value(Some(text(value)))
                .with_source(source)
        };
        let mut all = Vec::new();
        if synonyms && source == SOURCE_TOPIC {
            all.push(synonym(config.value(setting), SOURCE_TOPIC));
        }
        if synonyms {
            all.push(synonym(setting.default, SOURCE_DEFAULT));
        }
        DescribeConfigsResourceResult::default()
            .with_name(text(setting.name))
            .with_value(Some(text(config.value(setting))))
            .with_config_source(source)
            .with_synonyms(all)
            .with_config_type(setting.kind as i8)
    };
    Ok(SETTINGS.iter().filter(|setting| is_asked(resource, setting.name)).map(describe).collect())
}

fn describe_broker(
    call: &Call<'_>,
    resource: &DescribeConfigsResource,
) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    let name = resource.resource_name.as_str();
    if !name.is_empty() && name != NODE.0.to_string() {
        let message = format!("Unexpected broker id, expected {} or empty string, but received {name}", NODE.0);
        return Err((ResponseError::InvalidRequest, message));
    }
    let config = &call.shared.config;
    let settings = [
        ("auto.create.topics.enable", config.auto_create_topics.to_string(), Kind::Boolean),
        ("broker.id", NODE.0.to_string(), Kind::Int),
        ("default.replication.factor", "1".to_owned(), Kind::Int),
        ("group.initial.rebalance.delay.ms", config.group_initial_rebalance_delay_ms.to_string(), Kind::Int),
        ("log.dirs", config.data.as_ref().map(|data| data.display().to_string()).unwrap_or_default(), Kind::String),
        ("max.connections", config.max_connections.to_string(), Kind::Int),
        ("message.max.bytes", setting("max.message.bytes").map_or("", |one| one.default).to_owned(), Kind::Int),
        ("node.id", NODE.0.to_string(), Kind::Int),
        ("num.partitions", config.default_partitions.to_string(), Kind::Int),
        ("offsets.topic.replication.factor", "1".to_owned(), Kind::Int),
        ("socket.request.max.bytes", config.request_memory.to_string(), Kind::Int),
        ("transaction.state.log.replication.factor", "1".to_owned(), Kind::Int),
    ];
    let describe = |(name, value, kind): (&'static str, String, Kind)| {
        DescribeConfigsResourceResult::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
            .with_read_only(true)
            .with_config_source(SOURCE_STATIC_BROKER)
            .with_config_type(kind as i8)
    };
    Ok(settings.into_iter().filter(|(name, _, _)| is_asked(resource, name)).map(describe).collect())
}

pub(super) fn alter_configs(call: &Call<'_>, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let responses = request.resources.into_iter().map(|resource| {
        // What is not named goes back to its default.
        let changes =
            resource.configs.iter().map(|one| (one.name.to_string(), SET, one.value.as_ref().map(|v| v.to_string())));
        let changes: Vec<Change> = changes.collect();
        let altered = alter(call, (resource.resource_type, &resource.resource_name), &changes, Start::Defaults)
            .and_then(|(topic, config)| apply(call, request.validate_only, &topic, config));
        let answer = AlterConfigsResourceResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name);
        match altered {
            Ok(()) => answer,
            Err((error, message)) => answer.with_error_code(error.code()).with_error_message(Some(text(message))),
        }
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

pub(super) fn incremental_alter_configs(
    call: &Call<'_>,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let responses = request.resources.into_iter().map(|resource| {
        let changes = resource
            .configs
            .iter()
            .map(|one| (one.name.to_string(), one.config_operation, one.value.as_ref().map(|v| v.to_string())));
        let changes: Vec<Change> = changes.collect();
        let altered = alter(call, (resource.resource_type, &resource.resource_name), &changes, Start::Present)
            .and_then(|(topic, config)| apply(call, request.validate_only, &topic, config));
        let answer = IncrementalResponse::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name);
        match altered {
            Ok(()) => answer,
            Err((error, message)) => answer.with_error_code(error.code()).with_error_message(Some(text(message))),
        }
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

/// Name, operation and value.
type Change = (String, i8, Option<String>);

/// What changes are applied to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Defaults,
    Present,
}

fn alter(
    call: &Call<'_>,
    (kind, name): (i8, &str),
    changes: &[Change],
    start: Start,
) -> Result<(std::sync::Arc<Topic>, TopicConfig), Refused> {
    if kind != TOPIC {
        let message = "only the settings of topics can be altered; the broker's are those it was started with";
        return Err((ResponseError::InvalidRequest, message.to_owned()));
    }
    let topic = find(call, name)?;
    let mut set = if start == Start::Present { topic.config().set.clone() } else { BTreeMap::new() };
    for change in changes {
        change_setting(&mut set, change).map_err(|message| (ResponseError::InvalidConfig, message))?;
    }
    let config = TopicConfig::new(set).map_err(|message| (ResponseError::InvalidConfig, message))?;
    Ok((topic, config))
}

fn apply(call: &Call<'_>, only_check: bool, topic: &Topic, config: TopicConfig) -> Result<(), Refused> {
    if only_check {
        return Ok(());
    }
    call.shared.topics.set_config(topic, config).map_err(|error| (error, "the journal cannot be written".to_owned()))
}

fn change_setting(set: &mut BTreeMap<String, String>, (name, operation, value): &Change) -> Result<(), String> {
    if *operation == DELETE {
        setting(name).ok_or_else(|| format!("Unknown topic config name: {name}"))?;
        set.remove(name);
        return Ok(());
    }
    let value = value.clone().ok_or_else(|| format!("Null value not supported for topic configs: {name}"))?;
    if *operation == SET {
        set.insert(name.clone(), value);
        return Ok(());
    }
    let list = setting(name).filter(|setting| setting.kind == Kind::List);
    let list = list.ok_or_else(|| format!("Config value append is not allowed for config key: {name}"))?;
    let present = set.get(name).map_or(list.default, String::as_str).to_owned();
    let mut items: Vec<&str> = present.split(',').filter(|item| !item.is_empty()).collect();
    for item in value.split(',') {
        items.retain(|present| *present != item);
        if *operation == APPEND {
            items.push(item);
        } else if *operation != SUBTRACT {
            return Err(format!("there is no operation {operation}"));
        }
    }
    set.insert(name.clone(), items.join(","));
    Ok(())
}

fn find(call: &Call<'_>, name: &str) -> Result<std::sync::Arc<Topic>, Refused> {
    let unknown = || (ResponseError::UnknownTopicOrPartition, format!("The topic '{name}' does not exist."));
    call.shared.topics.get(name).ok_or_else(unknown)
}
