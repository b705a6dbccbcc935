//! The table, held against the generated messages: what they write is walked to its last byte.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Encodable, StrBytes};
use uuid::Uuid;

use super::{Walker, is_sound, shape};
use crate::api::SERVED;

fn text() -> StrBytes {
    StrBytes::from_static_str("a name that is longer than its length")
}

/// Encodes in every served version; those that lack a field of the message are passed over.
fn check<M: Encodable>(key: ApiKey, message: &M) -> usize {
    let &(_, least, most) = SERVED.iter().find(|(served, _, _)| *served == key).expect("it is served");
    let mut checked = 0;
    for version in least..=most {
        let mut bytes = BytesMut::new();
        if message.encode(&mut bytes, version).is_err() {
            continue;
        }
        let (flexible_from, fields) = shape(key).expect("it has a shape");
        let mut walker = Walker { rest: &bytes, version, flexible: version >= flexible_from, elements: 0 };
        assert!(walker.structure(fields).is_some(), "{key:?} version {version}");
        assert!(walker.rest.is_empty(), "{key:?} version {version}: {} bytes are left", walker.rest.len());
        for cut in 0..bytes.len() {
            assert!(!is_sound(key, version, &bytes[..cut]), "{key:?} version {version} cut at {cut}");
        }
        checked += 1;
    }
    checked
}

macro_rules! check_defaults {
    ($($key:ident => $message:ty),+ $(,)?) => { vec![$((ApiKey::$key, check(ApiKey::$key, &<$message>::default()))),+] };
}

#[test]
fn empty_requests_of_every_kind_are_walked() {
    let checked = check_defaults! {
        Produce => ProduceRequest, Fetch => FetchRequest, ListOffsets => ListOffsetsRequest,
        Metadata => MetadataRequest, OffsetCommit => OffsetCommitRequest, OffsetFetch => OffsetFetchRequest,
        FindCoordinator => FindCoordinatorRequest, JoinGroup => JoinGroupRequest, Heartbeat => HeartbeatRequest,
        LeaveGroup => LeaveGroupRequest, SyncGroup => SyncGroupRequest, DescribeGroups => DescribeGroupsRequest,
        ListGroups => ListGroupsRequest, CreateTopics => CreateTopicsRequest, DeleteTopics => DeleteTopicsRequest,
        DeleteRecords => DeleteRecordsRequest, InitProducerId => InitProducerIdRequest,
        OffsetForLeaderEpoch => OffsetForLeaderEpochRequest, AddPartitionsToTxn => AddPartitionsToTxnRequest,
        AddOffsetsToTxn => AddOffsetsToTxnRequest, EndTxn => EndTxnRequest, WriteTxnMarkers => WriteTxnMarkersRequest,
        TxnOffsetCommit => TxnOffsetCommitRequest, DescribeConfigs => DescribeConfigsRequest,
        AlterConfigs => AlterConfigsRequest, DescribeLogDirs => DescribeLogDirsRequest,
        CreatePartitions => CreatePartitionsRequest, DeleteGroups => DeleteGroupsRequest,
        IncrementalAlterConfigs => IncrementalAlterConfigsRequest, OffsetDelete => OffsetDeleteRequest,
        ConsumerGroupHeartbeat => ConsumerGroupHeartbeatRequest,
        DescribeCluster => DescribeClusterRequest, DescribeProducers => DescribeProducersRequest,
        DescribeTransactions => DescribeTransactionsRequest, ListTransactions => ListTransactionsRequest,
        DescribeTopicPartitions => DescribeTopicPartitionsRequest,
    };
    for &(key, _, _) in SERVED.iter().filter(|(key, _, _)| *key != ApiKey::ApiVersions) {
        assert!(checked.iter().any(|&(other, versions)| other == key && versions > 0), "{key:?} was not checked");
    }
}

/// Requests with something in every array, so that the shapes of elements are held against the messages too.
#[test]
fn filled_requests_are_walked() {
    let name = || TopicName(text());
    let of = |versions: usize| assert!(versions > 0);
    let produce = produce_request::TopicProduceData::default().with_partition_data(vec![
        produce_request::PartitionProduceData::default().with_records(Some(Bytes::from_static(b"records"))),
    ]);
    of(check(ApiKey::Produce, &ProduceRequest::default().with_topic_data(vec![produce.clone().with_name(name())])));
    of(check(ApiKey::Produce, &ProduceRequest::default().with_topic_data(vec![produce.with_topic_id(Uuid::max())])));
    let fetch = FetchTopic::default().with_partitions(vec![FetchPartition::default(); 2]);
    let forgotten = ForgottenTopic::default().with_partitions(vec![1, 2]);
    of(check(ApiKey::Fetch, &FetchRequest::default().with_topics(vec![fetch.clone().with_topic(name())])));
    let by_id = FetchRequest::default()
        .with_topics(vec![fetch.with_topic_id(Uuid::max())])
        .with_forgotten_topics_data(vec![forgotten.with_topic_id(Uuid::max())])
        .with_rack_id(text());
    of(check(ApiKey::Fetch, &by_id));
    let offsets = list_offsets_request::ListOffsetsTopic::default()
        .with_name(name())
        .with_partitions(vec![list_offsets_request::ListOffsetsPartition::default(); 2]);
    of(check(ApiKey::ListOffsets, &ListOffsetsRequest::default().with_topics(vec![offsets])));
    let topic = metadata_request::MetadataRequestTopic::default().with_name(Some(name()));
    of(check(ApiKey::Metadata, &MetadataRequest::default().with_topics(Some(vec![topic]))));
    let topic = CreatableTopic::default()
        .with_name(name())
        .with_assignments(vec![CreatableReplicaAssignment::default().with_broker_ids(vec![1.into(); 3])])
        .with_configs(vec![CreatableTopicConfig::default().with_name(text()).with_value(Some(text()))]);
    of(check(ApiKey::CreateTopics, &CreateTopicsRequest::default().with_topics(vec![topic])));
    let state = delete_topics_request::DeleteTopicState::default().with_name(Some(name()));
    of(check(ApiKey::DeleteTopics, &DeleteTopicsRequest::default().with_topics(vec![state])));
    of(check(ApiKey::DeleteTopics, &DeleteTopicsRequest::default().with_topic_names(vec![name()])));
    let cursor = describe_topic_partitions_request::Cursor::default().with_topic_name(name());
    of(check(ApiKey::DescribeTopicPartitions, &DescribeTopicPartitionsRequest::default().with_cursor(Some(cursor))));
}

#[test]
fn filled_requests_to_coordinators_are_walked() {
    let name = || TopicName(text());
    let of = |versions: usize| assert!(versions > 0);
    let protocol = join_group_request::JoinGroupRequestProtocol::default().with_name(text());
    of(check(ApiKey::JoinGroup, &JoinGroupRequest::default().with_protocols(vec![protocol])));
    let plan = sync_group_request::SyncGroupRequestAssignment::default().with_assignment(Bytes::from_static(b"plan"));
    of(check(ApiKey::SyncGroup, &SyncGroupRequest::default().with_assignments(vec![plan])));
    let member = leave_group_request::MemberIdentity::default().with_member_id(text());
    of(check(ApiKey::LeaveGroup, &LeaveGroupRequest::default().with_members(vec![member])));
    let topic = offset_commit_request::OffsetCommitRequestTopic::default()
        .with_name(name())
        .with_partitions(vec![offset_commit_request::OffsetCommitRequestPartition::default(); 2]);
    of(check(ApiKey::OffsetCommit, &OffsetCommitRequest::default().with_topics(vec![topic])));
    let topic =
        offset_fetch_request::OffsetFetchRequestTopics::default().with_name(name()).with_partition_indexes(vec![1]);
    let group = offset_fetch_request::OffsetFetchRequestGroup::default().with_topics(Some(vec![topic]));
    of(check(ApiKey::OffsetFetch, &OffsetFetchRequest::default().with_groups(vec![group])));
    let topic = txn_offset_commit_request::TxnOffsetCommitRequestTopic::default()
        .with_name(name())
        .with_partitions(vec![txn_offset_commit_request::TxnOffsetCommitRequestPartition::default(); 2]);
    of(check(ApiKey::TxnOffsetCommit, &TxnOffsetCommitRequest::default().with_topics(vec![topic])));
    let topic =
        add_partitions_to_txn_request::AddPartitionsToTxnTopic::default().with_name(name()).with_partitions(vec![1]);
    of(check(ApiKey::AddPartitionsToTxn, &AddPartitionsToTxnRequest::default().with_v3_and_below_topics(vec![topic])));
    let marker = write_txn_markers_request::WritableTxnMarker::default().with_topics(vec![
        write_txn_markers_request::WritableTxnMarkerTopic::default().with_name(name()).with_partition_indexes(vec![1]),
    ]);
    of(check(ApiKey::WriteTxnMarkers, &WriteTxnMarkersRequest::default().with_markers(vec![marker])));
    let resource = incremental_alter_configs_request::AlterConfigsResource::default()
        .with_configs(vec![incremental_alter_configs_request::AlterableConfig::default().with_name(text())]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    of(check(ApiKey::IncrementalAlterConfigs, &request));
    let resource =
        describe_configs_request::DescribeConfigsResource::default().with_configuration_keys(Some(vec![text()]));
    of(check(ApiKey::DescribeConfigs, &DescribeConfigsRequest::default().with_resources(vec![resource])));
    let topic = delete_records_request::DeleteRecordsTopic::default()
        .with_partitions(vec![delete_records_request::DeleteRecordsPartition::default(); 2]);
    of(check(ApiKey::DeleteRecords, &DeleteRecordsRequest::default().with_topics(vec![topic])));
    let request =
        ListTransactionsRequest::default().with_state_filters(vec![text()]).with_producer_id_filters(vec![1.into()]);
    of(check(ApiKey::ListTransactions, &request));
}

#[test]
fn counts_beyond_the_bytes_are_refused() {
    // Metadata version 1: an array of names.
    assert!(!is_sound(ApiKey::Metadata, 1, &i32::MAX.to_be_bytes()));
    assert!(!is_sound(ApiKey::Metadata, 1, &[0, 0, 0, 2, 0, 1, b'a']));
    assert!(is_sound(ApiKey::Metadata, 1, &[0, 0, 0, 1, 0, 1, b'a']));
    // Version 9: a varint of 4 G elements.
    assert!(!is_sound(ApiKey::Metadata, 9, &[0xff, 0xff, 0xff, 0xff, 0x0f]));
    // As many names as are said, and too many.
    let mut many = vec![0; 4 + 2 * 300_000];
    many[..4].copy_from_slice(&300_000i32.to_be_bytes());
    assert!(!is_sound(ApiKey::Metadata, 1, &many));
}
