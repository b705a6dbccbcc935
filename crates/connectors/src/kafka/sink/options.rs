//! The options of the sink: Spark's, the producer's, and ours about delivery.

use millstream_core::{Error, Options, Result};
use millstream_kafka::{ClientConfig, ProducerConfig};

use super::marker::Recovery;
use crate::kafka::errors::kafka_write_error;
use crate::kafka::options::{no_servers, say_ignored};

/// Which promise each record is written under.
const GUARANTEE: &str = "delivery.guarantee";
/// Where the marker of exactly-once lies, for queries whose rows name their topics.
const MARKER_TOPIC: &str = "delivery.marker.topic";
/// What to believe of a batch in doubt when the marker is lost.
const RECOVERY: &str = "delivery.recovery";

/// The options of the sink, parsed and checked.
#[derive(Debug, Clone)]
pub(crate) struct SinkOptions {
    /// The option `topic`, which wins over the column.
    pub(super) topic: Option<String>,
    pub(super) client: ClientConfig,
    pub(super) producer: ProducerConfig,
    /// For exactly-once.
    pub(super) exactly_once: Option<ExactlyOnceOptions>,
}

/// What exactly-once needs to know.
#[derive(Debug, Clone)]
pub(crate) struct ExactlyOnceOptions {
    /// The topic to whose first partition the marker belongs.
    pub(super) marker_topic: String,
    pub(super) recovery: Recovery,
    /// Whether a batch that takes longer than the transaction may is tried again with more time. Not where a person has
    /// said how long it may take.
    pub(super) lengthens_timeout: bool,
}

impl SinkOptions {
    pub(crate) fn parse(options: &Options) -> Result<Self> {
        for (name, what) in [("key.serializer", "keys"), ("value.serializer", "value")] {
            if options.contains(&format!("kafka.{name}")) {
                return Err(Error::illegal_argument(format!(
                    "Kafka option '{name}' is not supported as {what} are serialized with ByteArraySerializer."
                )));
            }
        }
        if options.contains("kafka.transactional.id") {
            return Err(Error::illegal_argument("Kafka option 'transactional.id' is not supported by the sink")
                .with_hint(format!(
                    "with '{GUARANTEE}' = 'exactly-once' the sink writes in transactions under its own ids"
                )));
        }
        if !options.contains("kafka.bootstrap.servers") {
            return Err(Error::illegal_argument(
                "Option 'kafka.bootstrap.servers' must be specified for configuring Kafka producer",
            )
            .with_hint(no_servers(options)));
        }
        let exactly_once = ExactlyOnceOptions::parse(options)?;
        let mut properties: Vec<_> =
            options.with_prefix("kafka.").map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        if exactly_once.is_some() {
            // The client then refuses what contradicts transactions; each producer gets an id of its own.
            properties.push(("transactional.id".to_owned(), "millstream"));
        }
        let properties = properties.iter().map(|(name, value)| (name.as_str(), *value));
        let (client, producer, ignored) = ProducerConfig::from_properties(properties).map_err(kafka_write_error)?;
        say_ignored(&ignored);
        Ok(Self { topic: options.get("topic").map(str::to_owned), client, producer, exactly_once })
    }
}

impl ExactlyOnceOptions {
    fn parse(options: &Options) -> Result<Option<Self>> {
        let recovery = match options.get(RECOVERY) {
            None => Recovery::Refuse,
            Some(text) => {
                one_of(RECOVERY, text, &[("committed", Recovery::Committed), ("aborted", Recovery::Aborted)])?
            }
        };
        let guarantee = options.get(GUARANTEE).unwrap_or("at-least-once");
        if !one_of(GUARANTEE, guarantee, &[("at-least-once", false), ("exactly-once", true)])? {
            return match [MARKER_TOPIC, RECOVERY].into_iter().find(|name| options.contains(name)) {
                None => Ok(None),
                Some(name) => Err(Error::illegal_argument(format!(
                    "option '{name}' means nothing without '{GUARANTEE}' = 'exactly-once'"
                ))),
            };
        }
        let topic = options.get(MARKER_TOPIC).or_else(|| options.get("topic"));
        let marker_topic = topic.map(str::to_owned).ok_or_else(|| {
            Error::illegal_argument(format!(
                "'{GUARANTEE}' = 'exactly-once' needs the option '{MARKER_TOPIC}' where rows name their topics"
            ))
            .with_hint("the topic's first partition is the name under which the newest batch is kept; nothing is written to it")
        })?;
        let lengthens_timeout = !options.contains("kafka.transaction.timeout.ms");
        Ok(Some(Self { marker_topic, recovery, lengthens_timeout }))
    }
}

/// The meaning of one of a few words, in any letter case.
fn one_of<T: Copy>(name: &str, text: &str, words: &[(&str, T)]) -> Result<T> {
    let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim()));
    found.map(|&(_, meaning)| meaning).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|&(word, _)| word).collect();
        Error::illegal_argument(format!("option '{name}' is '{text}', but must be {}", words.join(" or ")))
    })
}

#[cfg(test)]
mod tests;
