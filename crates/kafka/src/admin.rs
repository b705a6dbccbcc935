//! Topics as an administrator sees them: made, deleted, described.
//!
//! Requests go to the controller, which clusters with ZooKeeper insist on and all others name a broker for. What is
//! made or deleted shows with a delay in what brokers tell, so both wait until a broker tells it. Deliberately not
//! here: reassignments, ACLs, quotas, and the alteration of what there is.

use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest, MetadataRequest};
use kafka_protocol::protocol::{Request, StrBytes};
use uuid::Uuid;

use crate::address::Address;
use crate::client::{Client, METADATA_VERSIONS, topic_name};
use crate::connection::Connection;
use crate::error::{Error, ErrorKind, Place, Result, kind_of};
use crate::metadata::Topics;

/// From version 4 on, −1 leaves the number of partitions and replicas to the broker.
const CREATE_VERSIONS: (i16, i16) = (4, 7);
/// Version 6 names topics in another field.
const DELETE_VERSIONS: (i16, i16) = (1, 5);
const CONFIGS_VERSIONS: (i16, i16) = (1, 4);

/// The resource type of a topic, and the source of a setting that nobody has set.
const TOPIC_RESOURCE: i8 = 2;
const DEFAULT_SOURCE: i8 = 5;

/// How long between two looks at whether a topic shows.
const SHOWS_PAUSE: Duration = Duration::from_millis(10);

/// A topic to make.
#[derive(Debug, Clone, Default)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; `None` is the broker's `num.partitions`.
    pub partitions: Option<i32>,
    /// How many replicas of each; `None` is the broker's `default.replication.factor`.
    pub replication_factor: Option<i16>,
    /// Settings, such as `cleanup.policy`, with their values.
    pub configs: Vec<(String, String)>,
}

/// A topic with where its partitions are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; nil where brokers have none, before Kafka 2.8.
    pub id: Uuid,
    /// Whether it is one of Kafka's own.
    pub internal: bool,
    /// Its partitions, in their order.
    pub partitions: Vec<PartitionDescription>,
}

/// Where a partition is. Brokers are named by their id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Its number.
    pub partition: i32,
    /// Its leader, if it has one now.
    pub leader: Option<i32>,
    /// The brokers that hold it, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Those that have all that is acknowledged.
    pub isr: Vec<i32>,
}

/// A setting of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its name.
    pub name: String,
    /// Its value; `None` where it is a secret.
    pub value: Option<String>,
    /// Whether nobody has set it, neither for the topic nor for the brokers.
    pub is_default: bool,
}

impl Client {
    /// Tries each broker of the settings once. Operations wait for brokers for ever; who would rather know asks this
    /// first.
    ///
    /// # Errors
    /// Why the last of them could not be reached.
    pub async fn check_reachable(&self) -> Result<()> {
        let mut last = Error::config("bootstrap.servers", "", "no broker is named");
        for (host, port) in &self.config().bootstrap_servers {
            let address = Address { host: host.clone(), port: *port };
            match Connection::open(&address, self.config()).await {
                Ok(_) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Makes a topic, and returns when a broker shows it with a leader for each partition.
    ///
    /// # Errors
    /// What the controller refuses, with its reason: [`Error::Rejected`].
    pub async fn create_topic(&self, topic: &NewTopic) -> Result<()> {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let configs = topic
            .configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value))));
        let wanted = CreatableTopic::default()
            .with_name(topic_name(&topic.name))
            .with_num_partitions(topic.partitions.unwrap_or(-1))
            .with_replication_factor(topic.replication_factor.unwrap_or(-1))
            .with_configs(configs.collect());
        let request = CreateTopicsRequest::default().with_timeout_ms(self.timeout_ms()).with_topics(vec![wanted]);
        let name: Arc<str> = topic.name.as_str().into();
        let refusal = |response: &<CreateTopicsRequest as Request>::Response| {
            let answer = response.topics.first()?;
            Some((answer.error_code, answer.error_message.as_ref().map(ToString::to_string)))
        };
        self.change(&name, CREATE_VERSIONS, &request, (refusal, ResponseError::TopicAlreadyExists)).await?;
        let has_leaders = |topic: &TopicDescription| {
            !topic.partitions.is_empty() && topic.partitions.iter().all(|partition| partition.leader.is_some())
        };
        self.until(&name, |found| found.is_some_and(has_leaders)).await
    }

    /// Deletes a topic with all its records, and returns when a broker shows it no more.
    ///
    /// # Errors
    /// What the controller refuses, such as a topic that does not exist: [`Error::Rejected`].
    pub async fn delete_topic(&self, name: &str) -> Result<()> {
        let request =
            DeleteTopicsRequest::default().with_timeout_ms(self.timeout_ms()).with_topic_names(vec![topic_name(name)]);
        let name: Arc<str> = name.into();
        let refusal = |response: &<DeleteTopicsRequest as Request>::Response| {
            let answer = response.responses.first()?;
            Some((answer.error_code, answer.error_message.as_ref().map(ToString::to_string)))
        };
        self.change(&name, DELETE_VERSIONS, &request, (refusal, ResponseError::UnknownTopicOrPartition)).await?;
        self.until(&name, |found| found.is_none()).await
    }

    /// Topics and where their partitions are, by name. Those that do not exist are missing from the answer.
    ///
    /// # Errors
    /// What cannot be helped, such as a topic that the client may not see.
    pub async fn describe_topics(&self, topics: Topics<'_>) -> Result<Vec<TopicDescription>> {
        let mut failures = 0;
        loop {
            let response = self.request_metadata(topics, false).await?;
            let mut described = Vec::new();
            let mut problem = None;
            for topic in response.topics {
                let name: Arc<str> = topic.name.as_ref().map_or("", |name| name.0.as_str()).into();
                match ResponseError::try_from_code(topic.error_code) {
                    None => described.push(TopicDescription::of(name, &topic)),
                    Some(ResponseError::UnknownTopicOrPartition) => {}
                    Some(code) => problem = Some(Error::Broker { place: of_topic(&name), code }),
                }
            }
            let Some(error) = problem else {
                described.sort_by(|one, other| one.name.cmp(&other.name));
                return Ok(described);
            };
            if matches!(error.kind(), ErrorKind::Fatal | ErrorKind::Fenced) {
                return Err(error);
            }
            failures += 1;
            self.pause(failures, &error).await;
        }
    }

    /// The settings of topics, for each in the order of the names.
    ///
    /// # Errors
    /// What the broker refuses: [`Error::Rejected`].
    pub async fn describe_topic_configs(&self, names: &[Arc<str>]) -> Result<Vec<Vec<ConfigEntry>>> {
        let resource = |name: &Arc<str>| {
            DescribeConfigsResource::default()
                .with_resource_type(TOPIC_RESOURCE)
                .with_resource_name(StrBytes::from_string(name.to_string()))
                .with_configuration_keys(None)
        };
        let request = DescribeConfigsRequest::default().with_resources(names.iter().map(resource).collect());
        let response = self.call_any(CONFIGS_VERSIONS, &request).await?;
        let mut described = vec![Vec::new(); names.len()];
        for result in response.results {
            let Some(index) = names.iter().position(|name| **name == *result.resource_name) else { continue };
            if let Some(code) = ResponseError::try_from_code(result.error_code) {
                let reason = result.error_message.map(|message| message.to_string());
                return Err(rejected(of_topic(&names[index]), code, reason));
            }
            described[index].extend(result.configs.into_iter().map(|entry| ConfigEntry {
                name: entry.name.to_string(),
                value: entry.value.map(|value| value.to_string()),
                is_default: entry.config_source == DEFAULT_SOURCE,
            }));
        }
        Ok(described)
    }

    /// A change that the controller makes. An answer may get lost after the change was made: then the second try is
    /// refused with `done`, which is success.
    async fn change<R: Request>(
        &self,
        topic: &Arc<str>,
        versions: (i16, i16),
        request: &R,
        (refusal, done): (impl Fn(&R::Response) -> Option<(i16, Option<String>)>, ResponseError),
    ) -> Result<()> {
        let mut failures = 0;
        loop {
            let error = match self.call_controller(versions, request).await {
                Ok((address, response)) => {
                    let Some((code, reason)) = refusal(&response) else {
                        return Err(Error::malformed(&address.place(), "the answer names no topic"));
                    };
                    let Some(code) = ResponseError::try_from_code(code) else { return Ok(()) };
                    if failures > 0 && code == done {
                        return Ok(());
                    }
                    let place = Place { topic: Some(Arc::clone(topic)), ..address.place() };
                    // A topic that is not there will not come by waiting.
                    if code == done || matches!(kind_of(code), ErrorKind::Fatal | ErrorKind::Fenced) {
                        return Err(rejected(place, code, reason));
                    }
                    rejected(place, code, reason)
                }
                Err(error) if error.kind() == ErrorKind::Fatal => return Err(error),
                Err(error) => error,
            };
            failures += 1;
            self.pause(failures, &error).await;
        }
    }

    async fn call_controller<R: Request>(&self, versions: (i16, i16), request: &R) -> Result<(Address, R::Response)> {
        let nothing = MetadataRequest::default().with_topics(Some(Vec::new())).with_allow_auto_topic_creation(false);
        let response = self.call_any(METADATA_VERSIONS, &nothing).await?;
        let found = response.brokers.iter().find(|broker| broker.node_id == response.controller_id);
        let found = found.and_then(|broker| {
            let port = u16::try_from(broker.port).ok()?;
            Some(Address { host: broker.host.to_string(), port })
        });
        let address =
            found.ok_or_else(|| Error::Broker { place: Place::default(), code: ResponseError::NotController })?;
        let response = self.call(&address, versions, request).await?;
        Ok((address, response))
    }

    /// Waits until what a broker tells of a topic is as wanted.
    async fn until(&self, name: &Arc<str>, wanted: impl Fn(Option<&TopicDescription>) -> bool) -> Result<()> {
        loop {
            let described = self.describe_topics(Topics::Named(std::slice::from_ref(name))).await?;
            if wanted(described.first()) {
                return Ok(());
            }
            tokio::time::sleep(SHOWS_PAUSE).await;
        }
    }

    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.config().request_timeout.as_millis()).unwrap_or(i32::MAX)
    }
}

impl TopicDescription {
    fn of(name: Arc<str>, topic: &MetadataResponseTopic) -> Self {
        let mut partitions: Vec<_> = topic
            .partitions
            .iter()
            .map(|partition| PartitionDescription {
                partition: partition.partition_index,
                leader: Some(partition.leader_id.0).filter(|&leader| leader >= 0),
                replicas: partition.replica_nodes.iter().map(|node| node.0).collect(),
                isr: partition.isr_nodes.iter().map(|node| node.0).collect(),
            })
            .collect();
        partitions.sort_by_key(|partition| partition.partition);
        Self { name, id: topic.topic_id, internal: topic.is_internal, partitions }
    }
}

fn of_topic(name: &Arc<str>) -> Place {
    Place { topic: Some(Arc::clone(name)), ..Place::default() }
}

fn rejected(place: Place, code: ResponseError, reason: Option<String>) -> Error {
    match reason.filter(|reason| !reason.is_empty()) {
        Some(reason) => Error::Rejected { place, code, reason },
        None => Error::Broker { place, code },
    }
}
