//! ListOffsets: where a partition begins, ends, or stood at a time.
//!
//! Each question goes to the partition's leader; a leader that is none any more, or not there, is looked up anew.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::ListOffsetsPartitionResponse;
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest};

use crate::address::Address;
use crate::client::{Client, topic_name};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::metadata::{TopicPartition, Topics};

const VERSIONS: (i16, i16) = (4, 10);
/// A topic that was created a moment ago may not have reached every broker, so it is looked for this often.
const UNKNOWN_TRIES_MAX: u32 = 5;

/// Questions by their number, for one request to a leader; the number beside the leader tells its requests apart.
type Requests = BTreeMap<(Address, usize), Vec<usize>>;

/// A position in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first record there is.
    Earliest,
    /// The next record to come; under `read_committed` the first that belongs to an open transaction.
    Latest,
    /// The first record with this timestamp, in milliseconds, or a later one.
    Timestamp(i64),
}

impl OffsetSpec {
    /// The number by which the protocol asks for it.
    fn timestamp(self) -> i64 {
        match self {
            Self::Earliest => -2,
            Self::Latest => -1,
            Self::Timestamp(milliseconds) => milliseconds,
        }
    }
}

impl Client {
    /// The offsets of these positions, in their order; `None` where no record is as late as the timestamp.
    ///
    /// # Errors
    /// [`Error::UnknownPartition`] and what cannot be helped. Missing leaders and brokers are waited for.
    pub async fn list_offsets(&self, positions: &[(TopicPartition, OffsetSpec)]) -> Result<Vec<Option<i64>>> {
        let mut offsets = vec![None; positions.len()];
        let mut open: Vec<usize> = (0..positions.len()).collect();
        let (mut failures, mut unknown) = (0, 0);
        loop {
            let (by_leader, mut retry) = self.by_leader(positions, &open);
            let mut problem = None;
            for ((address, _), indices) in by_leader {
                let answers = match self.ask_leader(&address, positions, &indices).await {
                    Ok(answers) => answers,
                    Err(error) => indices.iter().map(|&index| (index, Err(error.clone()))).collect(),
                };
                for (index, answer) in answers {
                    match answer {
                        Ok(offset) => offsets[index] = offset,
                        Err(error) if error.kind() == ErrorKind::Fatal => return Err(error),
                        Err(error) => {
                            retry.push(index);
                            problem = Some(error);
                        }
                    }
                }
            }
            let Some(&first) = retry.first() else { return Ok(offsets) };
            open = retry;
            // The first time round a leader is simply not known yet.
            if failures > 0 || problem.is_some() {
                let no_leader =
                    || Error::Broker { place: positions[first].0.place(), code: ResponseError::LeaderNotAvailable };
                self.pause(failures, &problem.unwrap_or_else(no_leader)).await;
            }
            failures += 1;
            if let Some(place) = self.refresh_leaders(positions, &open).await? {
                unknown += 1;
                if unknown >= UNKNOWN_TRIES_MAX {
                    return Err(Error::UnknownPartition { place });
                }
            }
        }
    }

    /// Sorts open questions by the leader to ask, and those without a known leader. One request may ask about a
    /// partition only once.
    fn by_leader(&self, positions: &[(TopicPartition, OffsetSpec)], open: &[usize]) -> (Requests, Vec<usize>) {
        let (mut by_leader, mut homeless) = (Requests::new(), Vec::new());
        let mut asked = HashMap::<&TopicPartition, usize>::new();
        self.with_cluster(|cluster| {
            for &index in open {
                let of = &positions[index].0;
                let leader = cluster.leader(&of.topic, of.partition);
                match leader.and_then(|leader| cluster.broker(leader.node)) {
                    Some(address) => {
                        let round = asked.entry(of).and_modify(|round| *round += 1).or_insert(0);
                        by_leader.entry((address.clone(), *round)).or_default().push(index);
                    }
                    None => homeless.push(index),
                }
            }
        });
        (by_leader, homeless)
    }

    /// Looks up the topics of open questions; gives a partition that does not exist, if there is one.
    async fn refresh_leaders(
        &self,
        positions: &[(TopicPartition, OffsetSpec)],
        open: &[usize],
    ) -> Result<Option<Place>> {
        let mut names: Vec<Arc<str>> = open.iter().map(|&index| Arc::clone(&positions[index].0.topic)).collect();
        names.sort();
        names.dedup();
        let topics = self.metadata(Topics::Named(&names)).await?;
        let exists = |of: &TopicPartition| {
            topics.iter().any(|topic| topic.name == of.topic && topic.partitions.contains_key(&of.partition))
        };
        Ok(open.iter().map(|&index| &positions[index].0).find(|of| !exists(of)).map(TopicPartition::place))
    }

    async fn ask_leader(
        &self,
        address: &Address,
        positions: &[(TopicPartition, OffsetSpec)],
        indices: &[usize],
    ) -> Result<Vec<(usize, Result<Option<i64>>)>> {
        let mut topics = BTreeMap::<&str, Vec<ListOffsetsPartition>>::new();
        let mut sought = HashMap::new();
        for &index in indices {
            let (of, spec) = &positions[index];
            let epoch = self.with_cluster(|cluster| cluster.leader(&of.topic, of.partition)).map_or(-1, |it| it.epoch);
            let question = ListOffsetsPartition::default()
                .with_partition_index(of.partition)
                .with_current_leader_epoch(epoch)
                .with_timestamp(spec.timestamp());
            topics.entry(&of.topic).or_default().push(question);
            sought.insert((&*of.topic, of.partition), index);
        }
        let topics = topics
            .into_iter()
            .map(|(name, partitions)| {
                ListOffsetsTopic::default().with_name(topic_name(name)).with_partitions(partitions)
            })
            .collect();
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_isolation_level(self.config().isolation_level as i8)
            .with_topics(topics);
        let response = self.call(address, VERSIONS, &request).await?;
        let mut answers = Vec::with_capacity(indices.len());
        for topic in &response.topics {
            for answer in &topic.partitions {
                if let Some(index) = sought.remove(&(topic.name.0.as_str(), answer.partition_index)) {
                    answers.push((index, offset_of(answer, address, &positions[index].0)));
                }
            }
        }
        answers.extend(sought.into_values().map(|index| {
            let place = positions[index].0.place();
            (index, Err(Error::Broker { place, code: ResponseError::UnknownTopicOrPartition }))
        }));
        Ok(answers)
    }
}

fn offset_of(answer: &ListOffsetsPartitionResponse, address: &Address, of: &TopicPartition) -> Result<Option<i64>> {
    match ResponseError::try_from_code(answer.error_code) {
        None => Ok(Some(answer.offset).filter(|&offset| offset >= 0)),
        Some(code) => Err(Error::Broker { place: address.place().with_partition(&of.topic, of.partition), code }),
    }
}

impl TopicPartition {
    pub(crate) fn place(&self) -> Place {
        Place::default().with_partition(&self.topic, self.partition)
    }
}
