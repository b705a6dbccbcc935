//! Questions to the cluster: which partitions there are, and which offsets a position means (Spark:
//! `KafkaOffsetReader`).

use std::collections::BTreeSet;
use std::sync::Arc;

use millstream_core::error::SparkException;
use millstream_core::{Error, Result, nearest, spark_error};
use millstream_java_regex::JavaRegex;
use millstream_kafka::{Client, OffsetSpec, ResponseError, TopicPartition, Topics};

use super::errors::kafka_error;
use super::offsets::{PartitionMap, set_of, text_of};
use super::options::{KafkaOptions, Mode, Position, Strategy};
use super::pruning::Ranges;

/// Asks for one source.
#[derive(Debug, Clone)]
pub(crate) struct OffsetReader {
    pub(crate) client: Client,
    options: Arc<KafkaOptions>,
}

/// Which end of a range a position stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Starting,
    Ending,
}

/// Whether a topic's whole name matches a pattern, which has this text (`Matcher.matches`).
fn is_named(topic: &str, text: &str, regex: &JavaRegex) -> Result<bool> {
    regex.matches(topic).map_err(|error| {
        Error::illegal_argument(format!("option 'subscribePattern' is '{text}', given up at topic '{topic}': {error}"))
    })
}

impl OffsetReader {
    pub(crate) fn new(options: Arc<KafkaOptions>) -> Self {
        Self { client: Client::new(options.client.clone()), options }
    }

    /// The partitions that the options ask for and that exist.
    pub(crate) async fn partitions(&self) -> Result<BTreeSet<TopicPartition>> {
        let (topics, wanted) = match &self.options.strategy {
            Strategy::Subscribe(names) => (self.existing(names).await?, None),
            Strategy::Assign(partitions) => {
                let names: BTreeSet<_> = partitions.iter().map(|of| Arc::clone(&of.topic)).collect();
                (self.existing(&names.into_iter().collect::<Vec<_>>()).await?, Some(partitions))
            }
            Strategy::SubscribePattern { text, regex } => {
                let mut topics = Vec::new();
                for topic in self.client.metadata(Topics::All).await.map_err(kafka_error)? {
                    if !topic.internal && is_named(&topic.name, text, regex)? {
                        topics.push(topic);
                    }
                }
                (topics, None)
            }
        };
        let all = topics.iter().flat_map(|topic| {
            topic.partitions.keys().map(|&partition| TopicPartition::new(Arc::clone(&topic.name), partition))
        });
        Ok(match wanted {
            // Spark reads those that exist and is silent about the others.
            Some(wanted) => all.filter(|of| wanted.contains(of)).collect(),
            None => all.collect(),
        })
    }

    async fn existing(&self, names: &[Arc<str>]) -> Result<Vec<millstream_kafka::Topic>> {
        let topics = self.client.metadata(Topics::Named(names)).await.map_err(kafka_error)?;
        match names.iter().find(|name| topics.iter().all(|topic| topic.name != **name)) {
            None => Ok(topics),
            Some(missing) => Err(self.no_topic(missing).await),
        }
    }

    /// Java's error, with what may have been meant.
    async fn no_topic(&self, missing: &str) -> Error {
        // Who may not list topics still learns which one is missing.
        let all = self.client.metadata(Topics::All).await.unwrap_or_default();
        let names = all.iter().filter(|topic| !topic.internal).map(|topic| &*topic.name);
        let meant = nearest(missing, names).map(|name| format!("; did you mean '{name}'?")).unwrap_or_default();
        let hint =
            format!("topic '{missing}' does not exist{meant} ('millstream topic create {missing}' would make it)");
        Error::not_found(
            "org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this \
             topic-partition.",
        )
        .with_exception(SparkException::Spark)
        .with_hint(hint)
    }

    /// The first offset of each partition.
    pub(crate) async fn earliest(&self, partitions: impl IntoIterator<Item = TopicPartition>) -> Result<PartitionMap> {
        self.all_at(partitions, OffsetSpec::Earliest).await
    }

    /// The end of each partition.
    pub(crate) async fn latest(&self, partitions: impl IntoIterator<Item = TopicPartition>) -> Result<PartitionMap> {
        self.all_at(partitions, OffsetSpec::Latest).await
    }

    async fn all_at(
        &self,
        partitions: impl IntoIterator<Item = TopicPartition>,
        spec: OffsetSpec,
    ) -> Result<PartitionMap> {
        let positions: Vec<_> = partitions.into_iter().map(|of| (of, spec)).collect();
        let offsets = self.list(&positions).await?;
        Ok(positions.into_iter().zip(offsets).filter_map(|((of, _), offset)| Some((of, offset?))).collect())
    }

    async fn list(&self, positions: &[(TopicPartition, OffsetSpec)]) -> Result<Vec<Option<i64>>> {
        if positions.is_empty() {
            return Ok(Vec::new());
        }
        self.client.list_offsets(positions).await.map_err(kafka_error)
    }

    /// What a position of the options means now.
    pub(crate) async fn resolve(&self, end: End, mode: Mode) -> Result<PartitionMap> {
        let partitions = self.partitions().await?;
        let position = if end == End::Starting { &self.options.starting } else { &self.options.ending };
        match position {
            Position::Earliest => self.earliest(partitions).await,
            Position::Latest => self.latest(partitions).await,
            Position::Offsets(offsets) => {
                check_assigned(offsets, &partitions, (end, mode), false)?;
                self.resolve_offsets(offsets).await
            }
            Position::Timestamps(times) => {
                check_assigned(times, &partitions, (end, mode), true)?;
                self.resolve_times(times, end).await
            }
            Position::Timestamp(time) => {
                let times = partitions.into_iter().map(|of| (of, *time)).collect();
                self.resolve_times(&times, end).await
            }
        }
    }

    async fn resolve_offsets(&self, offsets: &PartitionMap) -> Result<PartitionMap> {
        let marked =
            |marker: i64| offsets.iter().filter(move |(_, offset)| **offset == marker).map(|(of, _)| of.clone());
        let mut resolved = offsets.clone();
        resolved.extend(self.earliest(marked(-2)).await?);
        resolved.extend(self.latest(marked(-1)).await?);
        Ok(resolved)
    }

    /// Lets each range begin with the first record of this time or later. A partition that has none has no range.
    pub(crate) async fn skip_before(&self, first_ms: i64, ranges: &mut Ranges) -> Result<()> {
        let positions: Vec<_> = ranges.keys().map(|of| (of.clone(), OffsetSpec::Timestamp(first_ms))).collect();
        let offsets = self.list(&positions).await?;
        for ((of, _), offset) in positions.iter().zip(offsets) {
            match (ranges.get_mut(of), offset) {
                (Some(range), Some(offset)) if offset < range.end => range.start = range.start.max(offset),
                _ => drop(ranges.remove(of)),
            }
        }
        Ok(())
    }

    async fn resolve_times(&self, times: &PartitionMap, end: End) -> Result<PartitionMap> {
        let positions: Vec<_> = times.iter().map(|(of, time)| (of.clone(), OffsetSpec::Timestamp(*time))).collect();
        let offsets = self.list(&positions).await?;
        let mut resolved = PartitionMap::new();
        let mut late = Vec::new();
        for ((of, time), offset) in times.iter().zip(offsets) {
            match offset {
                Some(offset) => drop(resolved.insert(of.clone(), offset)),
                None if end == End::Ending || self.options.late_timestamp_is_latest => late.push(of.clone()),
                None => {
                    return Err(Error::illegal_argument(format!(
                        "No offset matched from request of topic-partition {} and timestamp {time}.",
                        text_of(of)
                    )));
                }
            }
        }
        resolved.extend(self.latest(late).await?);
        Ok(resolved)
    }
}

/// Positions by partition must name exactly the partitions there are.
fn check_assigned(
    given: &PartitionMap,
    assigned: &BTreeSet<TopicPartition>,
    (end, mode): (End, Mode),
    by_time: bool,
) -> Result<()> {
    if given.keys().eq(assigned) {
        return Ok(());
    }
    let (specified, assigned) = (set_of(given.keys()), set_of(assigned));
    Err(match (by_time, mode) {
        (true, _) => spark_error!(
            "KAFKA_TIMESTAMP_OFFSET_DOES_NOT_MATCH_ASSIGNED",
            position = if end == End::Starting { "start" } else { "end" },
            specifiedPartitions = specified,
            assignedPartitions = assigned,
        ),
        (false, Mode::Streaming) => Error::illegal_argument(format!(
            "assertion failed: If startingOffsets contains specific offsets, you must specify all TopicPartitions.\nUse -1 \
             for latest, -2 for earliest, if you don't care.\nSpecified: {specified} Assigned: {assigned}"
        )),
        (false, Mode::Batch) => spark_error!(
            "KAFKA_START_OFFSET_DOES_NOT_MATCH_ASSIGNED",
            specifiedPartitions = specified,
            assignedPartitions = assigned,
        ),
    })
}

/// Whether the client says that a partition is not there.
pub(crate) fn is_missing(error: &millstream_kafka::Error) -> bool {
    matches!(
        error,
        millstream_kafka::Error::UnknownPartition { .. }
            | millstream_kafka::Error::Broker { code: ResponseError::UnknownTopicOrPartition, .. }
    )
}
