//! Offsets of partitions: Spark's JSON for them, and the arithmetic on them that decides how much a batch reads.

use std::collections::BTreeMap;
use std::time::Duration;

use millstream_core::{Error, Offset, OffsetRange, Result};
use millstream_kafka::TopicPartition;
use serde_json::{Map, Value};

/// A number for each partition, in the order in which Spark writes them.
pub(crate) type PartitionMap = BTreeMap<TopicPartition, i64>;

/// `{"topic":{"0":23,"1":-1}}`; `None` where it is not of that form.
pub(crate) fn parse_partition_map(text: &str) -> Option<PartitionMap> {
    from_json(&serde_json::from_str(text).ok()?)
}

fn from_json(json: &Value) -> Option<PartitionMap> {
    let mut map = PartitionMap::new();
    for (topic, partitions) in json.as_object()? {
        for (partition, offset) in partitions.as_object()? {
            map.insert(TopicPartition::new(topic.as_str(), partition.parse().ok()?), offset.as_i64()?);
        }
    }
    Some(map)
}

/// `{"topicA":[0,1]}`, the form of the option `assign`.
pub(crate) fn parse_partitions(text: &str) -> Result<Vec<TopicPartition>> {
    let parse = || {
        let json: Value = serde_json::from_str(text).ok()?;
        let mut partitions = Vec::new();
        for (topic, numbers) in json.as_object()? {
            for number in numbers.as_array()? {
                partitions.push(TopicPartition::new(topic.as_str(), i32::try_from(number.as_i64()?).ok()?));
            }
        }
        Some(partitions)
    };
    let refuse = || Error::illegal_argument(format!("Expected e.g. {{\"topicA\":[0,1],\"topicB\":[0,1]}}, got {text}"));
    parse().ok_or_else(refuse)
}

/// The offset as the log keeps it.
pub(crate) fn to_offset(map: &PartitionMap) -> Offset {
    let mut topics = Map::new();
    for (of, offset) in map {
        let partitions = topics.entry(&*of.topic).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(partitions) = partitions {
            partitions.insert(of.partition.to_string(), Value::from(*offset));
        }
    }
    Offset::new(Value::Object(topics))
}

/// The offset as the log kept it.
pub(crate) fn from_offset(offset: &Offset) -> Result<PartitionMap> {
    from_json(offset.json()).ok_or_else(|| {
        Error::data(format!("'{offset}' is not an offset of Kafka, which would be {{\"topic\":{{\"0\":1}}}}"))
    })
}

/// How many offsets a range has; `None` where a partition begins that the start does not know. Asked for each batch, so
/// nothing is copied.
pub(crate) fn offsets_between(range: &OffsetRange) -> Option<u64> {
    let mut count = 0;
    for (topic, partitions) in range.end.json().as_object()? {
        let starts = range.start.json().get(topic)?;
        for (partition, end) in partitions.as_object()? {
            let start = starts.get(partition)?.as_i64()?;
            count += u64::try_from(end.as_i64()? - start).unwrap_or(0);
        }
    }
    Some(count)
}

/// A partition as Java and Spark's messages write it.
pub(crate) fn text_of(of: &TopicPartition) -> String {
    format!("{}-{}", of.topic, of.partition)
}

/// Several of them, as Scala prints a Set.
pub(crate) fn set_of<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> String {
    let texts: Vec<_> = partitions.into_iter().map(text_of).collect();
    format!("Set({})", texts.join(", "))
}

/// Spark's `rateLimit`: shares `limit` out over partitions in proportion to what each has to give, at least one row
/// each. `start` knows every partition of `until`, new ones with their first offset.
pub(crate) fn rate_limit(limit: i64, start: &PartitionMap, until: &PartitionMap) -> PartitionMap {
    let size = |of: &TopicPartition, end: i64| start.get(of).map(|begin| end - begin).filter(|&size| size > 0);
    let total: i64 = until.iter().filter_map(|(of, &end)| size(of, end)).sum();
    if total < 1 {
        return until.clone();
    }
    let limited = until.iter().map(|(of, &end)| {
        let Some(size) = size(of, end) else { return (of.clone(), end) };
        let share = limit as f64 * (size as f64 / total as f64);
        let share = if share < 1.0 { share.ceil() } else { share.floor() };
        (of.clone(), end.min((end - size).saturating_add(share as i64)))
    });
    limited.collect()
}

/// Spark's `delayBatch`: whether a batch waits until there are at least this many rows, or the delay is over.
pub(crate) fn is_delayed(
    least: i64,
    start: &PartitionMap,
    latest: &PartitionMap,
    (waited, longest): (Duration, Duration),
) -> bool {
    let new: i64 = latest.iter().map(|(of, end)| end - start.get(of).copied().unwrap_or(0)).sum();
    waited < longest && new < least
}

/// The source's `metrics` in the progress: how far the batch's end is behind the newest offsets.
pub(crate) fn behind_latest(end: &PartitionMap, latest: &PartitionMap) -> BTreeMap<String, String> {
    let behind: Vec<i64> = latest.iter().filter_map(|(of, latest)| Some(latest - end.get(of)?)).collect();
    let (Some(min), Some(max)) = (behind.iter().min(), behind.iter().max()) else { return BTreeMap::new() };
    let average = behind.iter().sum::<i64>() as f64 / behind.len() as f64;
    [("minOffsetsBehindLatest", min.to_string()), ("maxOffsetsBehindLatest", max.to_string())]
        .into_iter()
        .chain([("avgOffsetsBehindLatest", format!("{average:?}"))])
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

#[cfg(test)]
mod tests;
