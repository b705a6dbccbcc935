//! What is known of the cluster: brokers, topics, who leads which partition.
//!
//! Answers of several brokers come in any order, so a leader of an older epoch never replaces one of a newer epoch,
//! unless the topic is another one by its id.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{MetadataResponse, metadata_response::MetadataResponseTopic};
use uuid::Uuid;

use crate::address::Address;

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: i32,
}

impl TopicPartition {
    /// A partition by topic and number.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

/// Which topics one wants to know about.
#[derive(Debug, Clone, Copy)]
pub enum Topics<'a> {
    /// All that the client may see.
    All,
    /// These. Those that do not exist are missing from the answer.
    Named(&'a [Arc<str>]),
}

/// A topic as the cluster describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: Arc<str>,
    /// Its id, which a topic of the same name created later does not share; nil before Kafka 2.8's metadata version.
    pub id: Uuid,
    /// Whether it is one of Kafka's own, such as `__consumer_offsets`.
    pub internal: bool,
    /// Its partitions' leaders by partition number.
    pub partitions: BTreeMap<i32, Leader>,
}

/// Who leads a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leader {
    /// The broker's id, −1 while there is none.
    pub node: i32,
    /// Counts the elections.
    pub epoch: i32,
}

/// The cluster as far as it is known.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    brokers: HashMap<i32, Address>,
    topics: HashMap<Arc<str>, Topic>,
}

/// What one answer says.
pub(crate) struct Described {
    pub(crate) topics: Vec<Topic>,
    /// Topics whose code is neither success nor "unknown".
    pub(crate) failed: Vec<(Arc<str>, ResponseError)>,
}

impl Cluster {
    pub(crate) fn broker(&self, node: i32) -> Option<&Address> {
        self.brokers.get(&node)
    }

    pub(crate) fn brokers(&self) -> impl Iterator<Item = &Address> {
        self.brokers.values()
    }

    pub(crate) fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    pub(crate) fn leader(&self, topic: &str, partition: i32) -> Option<Leader> {
        self.topics.get(topic)?.partitions.get(&partition).copied().filter(|leader| leader.node >= 0)
    }

    /// Forgets what is known of a topic.
    pub(crate) fn forget(&mut self, topic: &str) {
        self.topics.remove(topic);
    }

    /// Takes in a leader that a broker named in passing.
    pub(crate) fn update_leader(&mut self, topic: &str, partition: i32, newer: Leader) {
        let known = self.topics.get_mut(topic).and_then(|topic| topic.partitions.get_mut(&partition));
        if let Some(known) = known.filter(|known| known.epoch < newer.epoch) {
            *known = newer;
        }
    }

    /// Takes in an answer.
    pub(crate) fn update(&mut self, response: MetadataResponse) -> Described {
        if !response.brokers.is_empty() {
            self.brokers = response
                .brokers
                .into_iter()
                .filter_map(|broker| {
                    let port = u16::try_from(broker.port).ok()?;
                    Some((broker.node_id.0, Address { host: broker.host.to_string(), port }))
                })
                .collect();
        }
        let mut described = Described { topics: Vec::new(), failed: Vec::new() };
        for topic in response.topics {
            let Some(name) = topic.name.as_ref().map(|name| Arc::<str>::from(name.0.as_str())) else { continue };
            match ResponseError::try_from_code(topic.error_code) {
                None => {
                    let topic = self.merged(name, topic);
                    self.topics.insert(Arc::clone(&topic.name), topic.clone());
                    described.topics.push(topic);
                }
                Some(ResponseError::UnknownTopicOrPartition) => self.forget(&name),
                Some(code) => described.failed.push((name, code)),
            }
        }
        described
    }

    fn merged(&self, name: Arc<str>, topic: MetadataResponseTopic) -> Topic {
        let known = self.topics.get(&name).filter(|known| known.id == topic.topic_id);
        let leaders = topic.partitions.iter().map(|partition| {
            let told = Leader { node: partition.leader_id.0, epoch: partition.leader_epoch };
            let known = known.and_then(|known| known.partitions.get(&partition.partition_index));
            let newest = known.copied().filter(|known| known.epoch > told.epoch).unwrap_or(told);
            (partition.partition_index, newest)
        });
        Topic { name, id: topic.topic_id, internal: topic.is_internal, partitions: leaders.collect() }
    }
}

#[cfg(test)]
mod tests;
