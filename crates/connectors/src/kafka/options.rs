//! The options of the Kafka source, Spark's names and errors (`KafkaSourceProvider`).
//!
//! Everything is checked when the source is opened, before anything is connected. Options that only tune Spark's own
//! consumers (`kafkaConsumer.pollTimeoutMs`, `fetchOffset.*`, `minPartitions`, `maxRecordsPerPartition`,
//! `groupIdPrefix`) are checked and have no meaning here, because ranges are not bound to tasks and offsets not to a
//! consumer.

use std::sync::Arc;
use std::time::Duration;

use millstream_core::error::SparkException;
use millstream_core::{Error, Options, Result, nearest, spark_error};
use millstream_java_regex::JavaRegex;
use millstream_kafka::{ClientConfig, TopicPartition, known_settings};
use tracing::{info, warn};

use super::errors::kafka_error;
use super::offsets::{PartitionMap, parse_partition_map, parse_partitions, text_of};

/// Whether the source is read as a stream or once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Streaming,
    Batch,
}

/// Which partitions are read (Spark: `ConsumerStrategy`).
#[derive(Debug, Clone)]
pub(crate) enum Strategy {
    Assign(Vec<TopicPartition>),
    Subscribe(Vec<Arc<str>>),
    SubscribePattern { text: String, regex: Arc<JavaRegex> },
}

/// Where to begin or end, before anybody was asked (Spark: `KafkaOffsetRangeLimit`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Position {
    Earliest,
    Latest,
    /// Offsets, −2 for earliest and −1 for latest.
    Offsets(PartitionMap),
    Timestamps(PartitionMap),
    Timestamp(i64),
}

/// All options, parsed.
#[derive(Debug, Clone)]
pub(crate) struct KafkaOptions {
    pub(crate) strategy: Strategy,
    pub(crate) starting: Position,
    pub(crate) ending: Position,
    /// `startingOffsetsByTimestampStrategy=latest`: a timestamp after the last record means latest, else it is an
    /// error.
    pub(crate) late_timestamp_is_latest: bool,
    pub(crate) fail_on_data_loss: bool,
    pub(crate) max_offsets_per_trigger: Option<i64>,
    pub(crate) min_offsets_per_trigger: Option<i64>,
    pub(crate) max_trigger_delay: Duration,
    pub(crate) include_headers: bool,
    pub(crate) group_id_is_set: bool,
    /// The group that is told what each batch has read (`commit.offsets`).
    pub(crate) told_group: Option<String>,
    pub(crate) client: ClientConfig,
}

/// The names of all options of source and sink, but for those of the client.
pub(crate) const NAMES: [&str; 26] = [
    "assign",
    "commit.offsets",
    "delivery.guarantee",
    "delivery.marker.topic",
    "delivery.recovery",
    "endingOffsets",
    "endingOffsetsByTimestamp",
    "endingTimestamp",
    "failOnDataLoss",
    "fetchOffset.numRetries",
    "fetchOffset.retryIntervalMs",
    "groupIdPrefix",
    "includeHeaders",
    "kafkaConsumer.pollTimeoutMs",
    "maxOffsetsPerTrigger",
    "maxRecordsPerPartition",
    "maxTriggerDelay",
    "minOffsetsPerTrigger",
    "minPartitions",
    "startingOffsets",
    "startingOffsetsByTimestamp",
    "startingOffsetsByTimestampStrategy",
    "startingTimestamp",
    "subscribe",
    "subscribePattern",
    "topic",
];

const STRATEGIES: [&str; 3] = ["subscribe", "subscribepattern", "assign"];

impl KafkaOptions {
    /// Parses and checks them.
    pub(crate) fn parse(options: &Options, mode: Mode) -> Result<Self> {
        let strategy = strategy(options)?;
        for name in ["minPartitions", "maxRecordsPerPartition"] {
            if options.get(name).is_some() && long(options, name)?.is_some_and(|value| value <= 0) {
                // Spark says one as written in its documentation and the other in lower case.
                let said = if name == "minPartitions" { name } else { "maxrecordsperpartition" };
                return Err(Error::illegal_argument(format!("{said} must be positive")));
            }
        }
        let client = client(options)?;
        let (starting, ending) = (position(options, &STARTING, mode)?, position(options, &ENDING, mode)?);
        check_positions(options, mode, &starting, &ending)?;
        let max_offsets_per_trigger = batch_limit(options, "maxOffsetsPerTrigger", mode)?;
        let min_offsets_per_trigger = batch_limit(options, "minOffsetsPerTrigger", mode)?;
        if let (Some(min), Some(max)) = (long(options, "minOffsetsPerTrigger")?, max_offsets_per_trigger)
            && min > max
        {
            return Err(Error::illegal_argument(format!(
                "The value of minOffsetPerTrigger({min}) is higher than the maxOffsetsPerTrigger({max})."
            )));
        }
        for name in ["kafkaConsumer.pollTimeoutMs", "fetchOffset.numRetries", "fetchOffset.retryIntervalMs"] {
            long(options, name)?;
        }
        Ok(Self {
            strategy,
            starting,
            ending,
            late_timestamp_is_latest: late_timestamps(options)?,
            fail_on_data_loss: truth(options, "failOnDataLoss", true)?,
            max_offsets_per_trigger,
            min_offsets_per_trigger,
            max_trigger_delay: if mode == Mode::Streaming { trigger_delay(options)? } else { Duration::ZERO },
            include_headers: truth(options, "includeHeaders", false)?,
            group_id_is_set: options.contains("kafka.group.id"),
            told_group: told_group(options)?,
            client,
        })
    }
}

/// Spark never commits offsets; where the user wants it, lag tools see how far the query is.
fn told_group(options: &Options) -> Result<Option<String>> {
    if !truth(options, "commit.offsets", false)? {
        return Ok(None);
    }
    let group = options.get("kafka.group.id").filter(|group| !group.is_empty()).map(str::to_owned);
    group.map(Some).ok_or_else(|| {
        Error::illegal_argument("option 'commit.offsets' needs 'kafka.group.id', the group to commit them for")
    })
}

fn strategy(options: &Options) -> Result<Strategy> {
    let given: Vec<_> = STRATEGIES.iter().filter_map(|name| Some((*name, options.get(name)?))).collect();
    let refuse = |what: &str| {
        let names = STRATEGIES.join(", ");
        Err(Error::illegal_argument(format!(
            "{what} of the following options {} be specified for Kafka source: {names}. See the docs for more details.",
            if what == "One" { "must" } else { "can" }
        )))
    };
    match given[..] {
        [] => {
            refuse("One").map_err(|error: Error| match meant(options, &["subscribe", "subscribePattern", "assign"]) {
                Some(hint) => error.with_hint(hint),
                None => error.with_hint("option 'subscribe' takes the names of topics, with commas between them"),
            })
        }
        [("assign", text)] => {
            let partitions = if text.trim_start().starts_with('{') { parse_partitions(text)? } else { Vec::new() };
            if partitions.is_empty() {
                return Err(Error::illegal_argument(format!(
                    "No topicpartitions to assign as specified value for option 'assign' is '{text}'"
                )));
            }
            Ok(Strategy::Assign(partitions))
        }
        [("subscribe", text)] => {
            let topics: Vec<_> =
                text.split(',').map(str::trim).filter(|topic| !topic.is_empty()).map(Arc::from).collect();
            if topics.is_empty() {
                return Err(Error::illegal_argument(format!(
                    "No topics to subscribe to as specified value for option 'subscribe' is '{text}'"
                )));
            }
            Ok(Strategy::Subscribe(topics))
        }
        [(_, text)] => {
            if text.trim().is_empty() {
                return Err(Error::illegal_argument(format!(
                    "Pattern to subscribe is empty as specified value for option 'subscribePattern' is '{text}'"
                )));
            }
            let regex = JavaRegex::new(text).map_err(|error| {
                let reason = error.message(text);
                Error::illegal_argument(format!("option 'subscribePattern' cannot be used: {reason}"))
            })?;
            Ok(Strategy::SubscribePattern { text: text.to_owned(), regex: Arc::new(regex) })
        }
        [_, _, ..] => refuse("Only one"),
    }
}

/// What to say of an option that is not there but stands among those given with a slip in its name.
pub(crate) fn meant(options: &Options, wanted: &[&str]) -> Option<String> {
    options.iter().find_map(|(name, _)| {
        let meant = nearest(name, wanted.iter().copied())?;
        Some(format!("option '{name}' means nothing here; did you mean '{meant}'?"))
    })
}

/// The names by which one end of the range is given.
struct PositionNames {
    timestamp: &'static str,
    by_timestamp: &'static str,
    offsets: &'static str,
}

const STARTING: PositionNames = PositionNames {
    timestamp: "startingTimestamp",
    by_timestamp: "startingOffsetsByTimestamp",
    offsets: "startingOffsets",
};
const ENDING: PositionNames =
    PositionNames { timestamp: "endingTimestamp", by_timestamp: "endingOffsetsByTimestamp", offsets: "endingOffsets" };

/// A time wins over times by partition, and these over offsets.
fn position(options: &Options, names: &PositionNames, mode: Mode) -> Result<Position> {
    if let Some(text) = options.get(names.timestamp) {
        return match text.trim().parse() {
            Ok(timestamp) => Ok(Position::Timestamp(timestamp)),
            Err(_) => Err(Error::illegal_argument(format!("Expected a single long value, got {text}"))
                .with_hint(format!("option '{}' is a time in milliseconds since 1970", names.timestamp))),
        };
    }
    if let Some(text) = options.get(names.by_timestamp) {
        return parse_partition_map(text).map(Position::Timestamps).ok_or_else(|| {
            Error::illegal_argument(format!(
                "Expected e.g. {{\"topicA\": {{\"0\": 123456789, \"1\": 123456789}},\n\"topicB\": {{\"0\": 123456789, \"1\": \
                 123456789}}}}, got {text}"
            ))
            .with_hint(format!("option '{}' has for each partition a time in milliseconds since 1970", names.by_timestamp))
        });
    }
    match options.get(names.offsets).map(|text| (text, text.trim().to_ascii_lowercase())) {
        Some((_, lower)) if lower == "earliest" => Ok(Position::Earliest),
        Some((_, lower)) if lower == "latest" => Ok(Position::Latest),
        Some((text, _)) => parse_partition_map(text).map(Position::Offsets).ok_or_else(|| {
            Error::illegal_argument(format!(
                "Expected e.g. {{\"topicA\":{{\"0\":23,\"1\":-1}},\"topicB\":{{\"0\":-2}}}}, got {text}"
            ))
            .with_hint(format!(
                "option '{}' is earliest, latest, or an offset for each partition (-2 is earliest, -1 latest)",
                names.offsets
            ))
        }),
        None if mode == Mode::Batch && names.offsets == STARTING.offsets => Ok(Position::Earliest),
        None => Ok(Position::Latest),
    }
}

fn check_positions(options: &Options, mode: Mode, starting: &Position, ending: &Position) -> Result<()> {
    let refuse = |message: String| Err(Error::illegal_argument(message));
    match mode {
        Mode::Streaming if options.contains(ENDING.offsets) => {
            refuse("ending offset not valid in streaming queries".into())
        }
        Mode::Streaming if options.contains(ENDING.by_timestamp) => {
            refuse("ending timestamp not valid in streaming queries".into())
        }
        Mode::Streaming => Ok(()),
        Mode::Batch => {
            for (position, name, wrong, word) in
                [(starting, "starting", Position::Latest, "latest"), (ending, "ending", Position::Earliest, "earliest")]
            {
                if *position == wrong {
                    return refuse(format!("{name} offset can't be {word} for batch queries on Kafka"));
                }
                let Position::Offsets(offsets) = position else { continue };
                let marker = if word == "latest" { -1 } else { -2 };
                if let Some((of, _)) = offsets.iter().find(|(_, offset)| **offset == marker) {
                    return refuse(format!(
                        "{name}Offsets for {} can't be {word} for batch queries on Kafka",
                        text_of(of)
                    ));
                }
            }
            check_order(starting, ending)
        }
    }
}

/// Where both ends are given by partition, the end may not lie before the start.
fn check_order(starting: &Position, ending: &Position) -> Result<()> {
    let (starts, ends, kind) = match (starting, ending) {
        (Position::Offsets(starts), Position::Offsets(ends)) => (starts, ends, "offset"),
        (Position::Timestamps(starts), Position::Timestamps(ends)) => (starts, ends, "timestamp"),
        _ => return Ok(()),
    };
    for (of, start) in starts {
        let Some(end) = ends.get(of).filter(|end| **end >= 0 && **end < *start) else { continue };
        return Err(spark_error!(
            "UNRESOLVED_START_OFFSET_GREATER_THAN_END_OFFSET",
            offsetType = kind,
            startOffset = start,
            endOffset = end,
            topic = of.topic,
            partition = of.partition,
        ));
    }
    Ok(())
}

/// Settings of the consumer, `kafka.` taken off, without those that Spark refuses.
fn client(options: &Options) -> Result<ClientConfig> {
    let refused = [
        ("auto.offset.reset", AUTO_OFFSET_RESET),
        (
            "key.deserializer",
            " as keys are deserialized as byte arrays with ByteArrayDeserializer. Use DataFrame operations to explicitly \
             deserialize the keys.",
        ),
        (
            "value.deserializer",
            " as values are deserialized as byte arrays with ByteArrayDeserializer. Use DataFrame operations to explicitly \
             deserialize the values.",
        ),
        ("enable.auto.commit", ""),
        ("interceptor.classes", ""),
    ];
    for (name, why) in refused {
        if options.contains(&format!("kafka.{name}")) {
            // Only the first of them begins with an empty line.
            let begin = if name == "auto.offset.reset" { "\n" } else { "" };
            return Err(Error::illegal_argument(format!("{begin}Kafka option '{name}' is not supported{why}")));
        }
    }
    if !options.contains("kafka.bootstrap.servers") {
        return Err(Error::illegal_argument(
            "Option 'kafka.bootstrap.servers' must be specified for configuring Kafka consumer",
        )
        .with_hint(no_servers(options)));
    }
    let properties: Vec<_> =
        options.with_prefix("kafka.").map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let properties = properties.iter().map(|(name, value)| (name.as_str(), *value));
    let (client, ignored) = ClientConfig::from_properties(properties).map_err(kafka_error)?;
    say_ignored(&ignored);
    Ok(client)
}

/// Tells of settings of the client that have no effect: aloud where one is most likely misspelt.
pub(crate) fn say_ignored(ignored: &[&str]) {
    let (slips, others): (Vec<&str>, Vec<&str>) = ignored.iter().partition(|name| misspelt_setting(name).is_some());
    for name in slips {
        warn!(
            option = format!("kafka.{name}"),
            did_you_mean = misspelt_setting(name).map(|meant| format!("kafka.{meant}")),
            "an unknown setting of Kafka's client has no effect"
        );
    }
    if !others.is_empty() {
        info!(settings = others.join(", "), "settings of Kafka's client that mean nothing here are ignored");
    }
}

/// The setting that was most likely meant, where another name was written.
fn misspelt_setting(name: &str) -> Option<&'static str> {
    nearest(name, known_settings()).filter(|meant| *meant != name)
}

/// What to do where no brokers are named.
pub(crate) fn no_servers(options: &Options) -> String {
    meant(options, &["kafka.bootstrap.servers"]).unwrap_or_else(|| {
        "it is HOST:PORT of a broker, such as 127.0.0.1:9092, or several with commas between".to_owned()
    })
}

const AUTO_OFFSET_RESET: &str = ".
Instead set the source option 'startingoffsets' to 'earliest' or 'latest'
to specify where to start. Structured Streaming manages which offsets are consumed
internally, rather than relying on the kafkaConsumer to do it. This will ensure that no
data is missed when new topics/partitions are dynamically subscribed. Note that
'startingoffsets' only applies when a new Streaming query is started, and
that resuming will always pick up from where the query left off. See the docs for more
details.
         ";

fn late_timestamps(options: &Options) -> Result<bool> {
    match options.get("startingOffsetsByTimestampStrategy").map(str::to_ascii_uppercase).as_deref() {
        None | Some("ERROR") => Ok(false),
        Some("LATEST") => Ok(true),
        Some(other) => Err(Error::invalid(format!("No value found for '{other}'"))
            .with_exception(SparkException::NoSuchElement)
            .with_hint("startingOffsetsByTimestampStrategy is error or latest")),
    }
}

/// A number with a unit of time; a bare one is milliseconds (Spark: `JavaUtils.timeStringAsMs`).
fn trigger_delay(options: &Options) -> Result<Duration> {
    let Some(text) = options.get("maxTriggerDelay") else { return Ok(Duration::from_secs(15 * 60)) };
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(lower.len());
    let (number, unit) = lower.split_at(digits);
    let unit_us = match unit.trim() {
        "us" => Some(1),
        "" | "ms" => Some(1_000),
        "s" => Some(1_000_000),
        "m" | "min" => Some(60_000_000),
        "h" => Some(3_600_000_000),
        "d" => Some(86_400_000_000),
        _ => None,
    };
    let delay_us = number.parse().ok().zip(unit_us).and_then(|(number, unit): (u64, u64)| number.checked_mul(unit));
    delay_us.map(Duration::from_micros).ok_or_else(|| {
        Error::illegal_argument(format!(
            "Time must be specified as seconds (s), milliseconds (ms), microseconds (us), minutes (m or min), hour (h), or \
             day (d). E.g. 50s, 100ms, or 250us.\nFailed to parse time string: {text}"
        ))
    })
}

/// How many records a batch has at the most, or at the least.
fn batch_limit(options: &Options, name: &str, mode: Mode) -> Result<Option<i64>> {
    let limit = streaming_long(options, name, mode)?;
    if let Some(limit @ ..0) = limit {
        // Spark takes it, reads backwards, and reports that offsets were lost.
        return Err(Error::illegal_argument(format!("Invalid value '{limit}' for '{name}': it must not be negative")));
    }
    Ok(limit)
}

/// An option that only streams look at; a batch read does not even check it.
fn streaming_long(options: &Options, name: &str, mode: Mode) -> Result<Option<i64>> {
    if mode == Mode::Streaming { long(options, name) } else { Ok(None) }
}

fn long(options: &Options, name: &str) -> Result<Option<i64>> {
    let Some(text) = options.get(name) else { return Ok(None) };
    text.trim()
        .parse()
        .map(Some)
        .map_err(|_| Error::number_format(text).with_hint(format!("option '{name}' must be a whole number")))
}

fn truth(options: &Options, name: &str, default: bool) -> Result<bool> {
    match options.get(name).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => {
            let text = options.get(name).unwrap_or_default();
            Err(Error::illegal_argument(format!("For input string: \"{text}\""))
                .with_hint(format!("option '{name}' must be true or false")))
        }
    }
}

#[cfg(test)]
mod tests;
