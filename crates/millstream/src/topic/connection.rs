//! From arguments to a client of a cluster that answers, and from the client's errors to what a person is told.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use millstream_core::{Error, ErrorKind, Result, nearest};
use millstream_kafka::{
    Client, ClientConfig, Error as KafkaError, Producer, ProducerConfig, ResponseError, TopicDescription, Topics,
    Unlimited, known_settings,
};
use tracing::warn;

use super::args::ConnectionArgs;
use super::properties;

/// Where `millstream broker` and Apache Kafka listen unless they are told otherwise.
const DEFAULT_BOOTSTRAP: &str = "localhost:9092";
/// How long a cluster that was reached may take over one answer. Java's `default.api.timeout.ms`.
const PATIENCE: Duration = Duration::from_secs(60);

/// The settings of the connection under the names of Java's client.
#[derive(Debug)]
pub(crate) struct Settings {
    properties: BTreeMap<String, String>,
}

impl Settings {
    pub(crate) fn new(args: &ConnectionArgs) -> Result<Self> {
        let mut all = BTreeMap::new();
        if let Some(path) = &args.properties_file {
            let unusable = |reason: String| Error::invalid(format!("cannot read '{}': {reason}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
            let parsed = properties::parse(&text);
            all.extend(parsed.map_err(|line| unusable(format!("line {line} has a broken \\u escape")))?);
        }
        all.extend(args.properties.iter().cloned());
        // A variable that is set to nothing is not set.
        if let Some(bootstrap) = args.bootstrap.as_ref().filter(|bootstrap| !bootstrap.is_empty()) {
            all.insert("bootstrap.servers".to_owned(), bootstrap.clone());
        }
        all.entry("bootstrap.servers".to_owned()).or_insert_with(|| DEFAULT_BOOTSTRAP.to_owned());
        Ok(Self { properties: all })
    }

    /// Sets one as if the user had.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut properties = self.properties.clone();
        properties.insert(name.to_owned(), value.to_owned());
        Self { properties }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.properties.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A client of the cluster, which answers.
    pub(crate) async fn client(&self) -> Result<Client> {
        let (config, ignored) = ClientConfig::from_properties(self.pairs()).map_err(unusable)?;
        say_ignored(&ignored);
        self.reach(Client::new(config)).await
    }

    /// A producer to the cluster, which answers.
    pub(crate) async fn producer(&self) -> Result<(Client, Producer)> {
        let (client, config, ignored) = ProducerConfig::from_properties(self.pairs()).map_err(unusable)?;
        say_ignored(&ignored);
        let client = self.reach(Client::new(client)).await?;
        let producer = client.producer(config, Arc::new(Unlimited));
        Ok((client, producer))
    }

    async fn reach(&self, client: Client) -> Result<Client> {
        let servers = self.get("bootstrap.servers").unwrap_or_default();
        match client.check_reachable().await {
            Ok(()) => Ok(client),
            Err(error) => {
                let hint = match &error {
                    KafkaError::Tls { .. } | KafkaError::Authentication { .. } => {
                        "security.protocol, ssl.* and sasl.* are set by --property or --properties"
                    }
                    _ => "--bootstrap names other brokers; 'millstream broker' is one",
                };
                Err(failed(format!("cannot reach Kafka at {servers}"), error).with_hint(hint))
            }
        }
    }
}

fn say_ignored(names: &[&str]) {
    if !names.is_empty() {
        let meant = names.iter().find_map(|name| nearest(name, known_settings()).filter(|meant| meant != name));
        warn!(properties = names.join(", "), did_you_mean = meant, "properties without a meaning here");
    }
}

fn unusable(error: KafkaError) -> Error {
    Error::invalid(error.to_string())
}

/// The topic, if there is one of this name.
pub(super) async fn find_topic(client: &Client, name: &str) -> Result<Option<TopicDescription>> {
    let names = [name.into()];
    let described = patiently(client.describe_topics(Topics::Named(&names))).await;
    Ok(described.map_err(|error| error.into_error(format!("cannot look up topic '{name}'")))?.pop())
}

/// What a person is told of a topic that is not there.
pub(super) fn no_topic(name: &str) -> Error {
    Error::not_found(format!("topic '{name}' does not exist"))
        .with_hint(format!("'millstream topic create {name}' makes it; 'millstream topic list' names those there are"))
}

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Failure {
    Refused(KafkaError),
    TookTooLong,
}

impl Failure {
    pub(super) fn into_error(self, attempt: String) -> Error {
        match self {
            Self::Refused(error) => failed(attempt, error),
            Self::TookTooLong => {
                Error::unavailable(format!("{attempt}: the cluster took longer than {} s", PATIENCE.as_secs()))
            }
        }
    }
}

/// Waits for an answer as long as is reasonable.
pub(super) async fn patiently<T>(work: impl Future<Output = millstream_kafka::Result<T>>) -> Result<T, Failure> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done.map_err(Failure::Refused),
        Err(_) => Err(Failure::TookTooLong),
    }
}

/// The client's error behind what was attempted.
pub(crate) fn failed(attempt: String, error: KafkaError) -> Error {
    Error::new(kind_of(&error), attempt).with_source(error)
}

fn kind_of(error: &KafkaError) -> ErrorKind {
    match error {
        KafkaError::Broker { code, .. } | KafkaError::Rejected { code, .. } => match code {
            ResponseError::UnknownTopicOrPartition => ErrorKind::NotFound,
            ResponseError::InvalidTopicException
            | ResponseError::InvalidPartitions
            | ResponseError::InvalidReplicationFactor
            | ResponseError::InvalidConfig
            | ResponseError::InvalidRequest
            | ResponseError::PolicyViolation
            | ResponseError::TopicAlreadyExists => ErrorKind::Invalid,
            ResponseError::MessageTooLarge | ResponseError::InvalidRecord | ResponseError::InvalidTimestamp => {
                ErrorKind::Data
            }
            _ => ErrorKind::Unavailable,
        },
        KafkaError::Config { .. } | KafkaError::OffsetOutOfRange { .. } => ErrorKind::Invalid,
        KafkaError::UnknownPartition { .. } | KafkaError::NotPresent { .. } => ErrorKind::NotFound,
        KafkaError::Malformed { .. }
        | KafkaError::Checksum { .. }
        | KafkaError::MessageFormat { .. }
        | KafkaError::RecordTooLarge { .. } => ErrorKind::Data,
        _ => ErrorKind::Unavailable,
    }
}
