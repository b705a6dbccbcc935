//! Making, naming, describing and deleting topics.

use std::fmt::Write as _;
use std::io::{IsTerminal, stdout};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millstream_core::{Error, Result};
use millstream_kafka::{
    Client, ConfigEntry, Error as KafkaError, NewTopic, OffsetSpec, ResponseError, TopicDescription, TopicPartition,
    Topics,
};
use serde_json::json;
use uuid::Uuid;

use super::args::{CreateArgs, DeleteArgs, DescribeArgs, Format, ListArgs};
use super::connection::{Failure, Settings, find_topic, no_topic, patiently};
use super::output;

/// `millstream topic create`
pub(super) async fn create(settings: &Settings, args: CreateArgs) -> Result<()> {
    let client = settings.client().await?;
    let topic = NewTopic {
        name: args.name,
        partitions: args.partitions,
        replication_factor: args.replication_factor,
        configs: args.configs,
    };
    match patiently(client.create_topic(&topic)).await {
        Ok(()) => Ok(()),
        Err(Failure::Refused(error)) if code_of(&error) == Some(ResponseError::TopicAlreadyExists) => {
            if args.if_not_exists {
                return Ok(());
            }
            let exists = Error::invalid(format!("cannot create topic '{}': it exists already", topic.name));
            Err(exists.with_hint("--if-not-exists makes that no failure"))
        }
        Err(failure) => Err(failure.into_error(format!("cannot create topic '{}'", topic.name))),
    }
}

/// `millstream topic delete`
pub(super) async fn delete(settings: &Settings, args: &DeleteArgs) -> Result<()> {
    let client = settings.client().await?;
    for name in &args.names {
        match patiently(client.delete_topic(name)).await {
            Ok(()) => {}
            Err(Failure::Refused(error)) if code_of(&error) == Some(ResponseError::UnknownTopicOrPartition) => {
                if !args.if_exists {
                    let missing = Error::not_found(format!("cannot delete topic '{name}': it does not exist"));
                    return Err(missing.with_hint("--if-exists makes that no failure"));
                }
            }
            Err(failure) => return Err(failure.into_error(format!("cannot delete topic '{name}'"))),
        }
    }
    Ok(())
}

fn code_of(error: &KafkaError) -> Option<ResponseError> {
    match error {
        KafkaError::Broker { code, .. } | KafkaError::Rejected { code, .. } => Some(*code),
        _ => None,
    }
}

/// `millstream topic list`: names alone for scripts, with sizes for people.
pub(super) async fn list(settings: &Settings, args: &ListArgs) -> Result<()> {
    let client = settings.client().await?;
    let topics = all_topics(&client, args.internal).await?;
    if !stdout().is_terminal() {
        return output::print(&topics.iter().map(|topic| format!("{}\n", topic.name)).collect::<String>());
    }
    let rows = topics
        .iter()
        .map(|topic| vec![topic.name.to_string(), topic.partitions.len().to_string(), replicas_of(topic).to_string()]);
    output::print(&table(&["TOPIC", "PARTITIONS", "REPLICAS"], rows, ""))
}

async fn all_topics(client: &Client, internal: bool) -> Result<Vec<TopicDescription>> {
    let topics = patiently(client.describe_topics(Topics::All)).await;
    let mut topics = topics.map_err(|failure| failure.into_error("cannot list the topics".to_owned()))?;
    topics.retain(|topic| internal || !topic.internal);
    Ok(topics)
}

fn replicas_of(topic: &TopicDescription) -> usize {
    topic.partitions.iter().map(|partition| partition.replicas.len()).max().unwrap_or(0)
}

/// `millstream topic describe`
pub(super) async fn describe(settings: &Settings, args: &DescribeArgs) -> Result<()> {
    let client = settings.client().await?;
    let mut topics = Vec::new();
    if args.names.is_empty() {
        topics = all_topics(&client, false).await?;
    }
    for name in &args.names {
        topics.push(find_topic(&client, name).await?.ok_or_else(|| no_topic(name))?);
    }
    let mut text = String::new();
    for described in details(&client, topics).await? {
        match args.format {
            Format::Text => text.push_str(&described.to_text()),
            Format::Json => text.push_str(&format!("{}\n", described.to_json())),
        }
    }
    output::print(&text)
}

/// All that is said of a topic.
struct Details {
    topic: TopicDescription,
    /// Those that are not the default.
    configs: Vec<ConfigEntry>,
    /// The first and the next offset of each partition, where it has a leader to ask.
    offsets: Vec<[Option<i64>; 2]>,
}

async fn details(client: &Client, topics: Vec<TopicDescription>) -> Result<Vec<Details>> {
    let attempt = |failure: Failure| failure.into_error("cannot describe the topics".to_owned());
    let names: Vec<Arc<str>> = topics.iter().map(|topic| Arc::clone(&topic.name)).collect();
    let configs = patiently(client.describe_topic_configs(&names)).await.map_err(attempt)?;
    let questions: Vec<_> = topics
        .iter()
        .flat_map(|topic| {
            let led = topic.partitions.iter().filter(|partition| partition.leader.is_some());
            led.map(|partition| TopicPartition::new(Arc::clone(&topic.name), partition.partition))
        })
        .flat_map(|of| [(of.clone(), OffsetSpec::Earliest), (of, OffsetSpec::Latest)])
        .collect();
    let mut answers = patiently(client.list_offsets(&questions)).await.map_err(attempt)?.into_iter();
    let described = topics.into_iter().zip(configs).map(|(topic, mut configs)| {
        let mut next = || answers.next().flatten();
        let offsets = topic.partitions.iter();
        let offsets = offsets.map(|it| if it.leader.is_some() { [next(), next()] } else { [None, None] }).collect();
        configs.retain(|config| !config.is_default && config.value.is_some());
        configs.sort_by(|one, other| one.name.cmp(&other.name));
        Details { topic, configs, offsets }
    });
    Ok(described.collect())
}

impl Details {
    fn to_text(&self) -> String {
        let count = |count: usize, of: &str| format!("{count} {of}{}", if count == 1 { "" } else { "s" });
        let partitions = count(self.topic.partitions.len(), "partition");
        let mut text = format!("{}: {partitions}, {}", self.topic.name, count(replicas_of(&self.topic), "replica"));
        if let Some(id) = id_of(&self.topic) {
            let _ = write!(text, ", id {id}");
        }
        text.push('\n');
        for config in &self.configs {
            let _ = writeln!(text, "  {}={}", config.name, config.value.as_deref().unwrap_or_default());
        }
        let or_dash = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
        let ids = |ids: &[i32]| {
            let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
            or_dash((!ids.is_empty()).then(|| ids.join(",")))
        };
        let rows = self.topic.partitions.iter().zip(&self.offsets).map(|(partition, [earliest, latest])| {
            vec![
                partition.partition.to_string(),
                or_dash(partition.leader.map(|leader| leader.to_string())),
                ids(&partition.replicas),
                ids(&partition.isr),
                or_dash(earliest.map(|offset| offset.to_string())),
                or_dash(latest.map(|offset| offset.to_string())),
            ]
        });
        text + &table(&["PARTITION", "LEADER", "REPLICAS", "ISR", "EARLIEST", "LATEST"], rows, "  ")
    }

    fn to_json(&self) -> serde_json::Value {
        let partitions = self.topic.partitions.iter().zip(&self.offsets).map(|(partition, [earliest, latest])| {
            json!({
                "partition": partition.partition, "leader": partition.leader, "replicas": partition.replicas,
                "isr": partition.isr, "earliest": earliest, "latest": latest,
            })
        });
        let configs = self.configs.iter().map(|config| (config.name.clone(), json!(config.value)));
        json!({
            "topic": &*self.topic.name,
            "id": id_of(&self.topic),
            "internal": self.topic.internal,
            "partitions": partitions.collect::<Vec<_>>(),
            "configs": configs.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// As Kafka's tools print ids.
fn id_of(topic: &TopicDescription) -> Option<String> {
    (topic.id != Uuid::nil()).then(|| URL_SAFE_NO_PAD.encode(topic.id.as_bytes()))
}

/// Columns of equal width under a header.
fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>, indent: &str) -> String {
    let mut all = vec![header.iter().map(ToString::to_string).collect::<Vec<_>>()];
    all.extend(rows);
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    for row in &all {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        text.push_str(indent);
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests;
