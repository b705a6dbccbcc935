//! What a consumer group has committed, and committing for it, without being one of its members.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{GroupId, OffsetCommitRequest, OffsetFetchRequest};
use kafka_protocol::protocol::StrBytes;

use crate::client::{Client, CoordinatorKind, topic_name};
use crate::error::Result;
use crate::metadata::TopicPartition;
use crate::producer::OffsetToCommit;

/// Offsets of open transactions can be waited for since version 7; version 8 asks in another form for the same.
const FETCH_VERSIONS: (i16, i16) = (7, 7);

/// Version 10 names topics by id.
const COMMIT_VERSIONS: (i16, i16) = (7, 9);

/// An offset as a group keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset.
    pub offset: i64,
    /// What was committed beside it.
    pub metadata: String,
}

impl Client {
    /// Commits offsets for a group that has no members now.
    ///
    /// # Errors
    /// What cannot be helped, such as a group with members, which commit by themselves.
    pub async fn commit_offsets(&self, group: &str, offsets: &[OffsetToCommit]) -> Result<()> {
        let mut topics = BTreeMap::<&str, Vec<_>>::new();
        for OffsetToCommit { of, offset, metadata } in offsets {
            let partition = OffsetCommitRequestPartition::default()
                .with_partition_index(of.partition)
                .with_committed_offset(*offset)
                .with_committed_leader_epoch(-1)
                .with_committed_metadata(Some(StrBytes::from_string(metadata.clone())));
            topics.entry(&of.topic).or_default().push(partition);
        }
        let topics = topics.into_iter().map(|(name, partitions)| {
            OffsetCommitRequestTopic::default().with_name(topic_name(name)).with_partitions(partitions)
        });
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(StrBytes::from_string(group.to_owned())))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(topics.collect());
        self.call_coordinator((CoordinatorKind::Group, group), COMMIT_VERSIONS, &request, |response| {
            let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.find_map(|partition| ResponseError::try_from_code(partition.error_code))
        })
        .await?;
        Ok(())
    }

    /// What a group has committed for a partition; `None` if nothing, or if it has expired. A `stable` one waits for
    /// the end of transactions that may change it.
    ///
    /// # Errors
    /// What cannot be helped, such as a group that the client may not read.
    pub async fn committed_offset(
        &self,
        group: &str,
        of: &TopicPartition,
        stable: bool,
    ) -> Result<Option<CommittedOffset>> {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(topic_name(&of.topic))
            .with_partition_indexes(vec![of.partition]);
        let request = OffsetFetchRequest::default()
            .with_group_id(GroupId(StrBytes::from_string(group.to_owned())))
            .with_topics(Some(vec![topic]))
            .with_require_stable(stable);
        let response = self
            .call_coordinator((CoordinatorKind::Group, group), FETCH_VERSIONS, &request, |response| {
                let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
                let mut codes = std::iter::once(response.error_code).chain(partitions.map(|it| it.error_code));
                codes.find_map(ResponseError::try_from_code)
            })
            .await?;
        let partition = response.topics.into_iter().flat_map(|topic| topic.partitions).next();
        Ok(partition.filter(|partition| partition.committed_offset >= 0).map(|partition| CommittedOffset {
            offset: partition.committed_offset,
            metadata: partition.metadata.map(|text| text.to_string()).unwrap_or_default(),
        }))
    }
}
