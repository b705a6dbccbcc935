//! The cluster of one: who is in it, who coordinates (always this node), and where the logs lie.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{
    DescribeClusterRequest, DescribeClusterResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
    FindCoordinatorRequest, FindCoordinatorResponse,
};

use super::metadata::Operations;
use super::{Call, NODE, text};

/// From this version on several coordinators are asked for at once.
const SEVERAL_FROM: i16 = 4;
/// Groups and transactions; share groups are not served.
const KEY_TYPES: std::ops::RangeInclusive<i8> = 0..=1;

pub(super) fn describe_cluster(call: &Call<'_>, request: DescribeClusterRequest) -> DescribeClusterResponse {
    let (host, port) = &call.shared.advertised;
    let node = DescribeClusterBroker::default().with_broker_id(NODE).with_host(text(host)).with_port(i32::from(*port));
    DescribeClusterResponse::default()
        .with_endpoint_type(request.endpoint_type)
        .with_cluster_id(text(&call.shared.cluster_id))
        .with_controller_id(NODE)
        .with_brokers(vec![node])
        .with_cluster_authorized_operations(Operations::Cluster.if_asked(request.include_cluster_authorized_operations))
}

pub(super) fn find_coordinator(call: &Call<'_>, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    let (host, port) = &call.shared.advertised;
    let (host, port) = (text(host), i32::from(*port));
    let error = if KEY_TYPES.contains(&request.key_type) { 0 } else { ResponseError::InvalidRequest.code() };
    if call.version < SEVERAL_FROM {
        return FindCoordinatorResponse::default()
            .with_error_code(error)
            .with_node_id(NODE)
            .with_host(host)
            .with_port(port);
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| {
        let coordinator = Coordinator::default().with_key(key).with_error_code(error);
        coordinator.with_node_id(NODE).with_host(host.clone()).with_port(port)
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}

pub(super) fn describe_log_dirs(call: &Call<'_>, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let asked = |name: &str, partition: i32| {
        request.topics.as_ref().is_none_or(|topics| {
            topics.iter().any(|topic| topic.topic.as_str() == name && topic.partitions.contains(&partition))
        })
    };
    let mut topics = Vec::new();
    for topic in call.shared.topics.all() {
        let partitions = topic.partitions().into_iter().filter(|partition| asked(&topic.name, partition.index));
        let described = partitions.map(|partition| {
            let size = i64::try_from(partition.log().bytes()).unwrap_or(i64::MAX);
            DescribeLogDirsPartition::default().with_partition_index(partition.index).with_partition_size(size)
        });
        let described: Vec<_> = described.collect();
        if !described.is_empty() {
            let name = text(&topic.name).into();
            topics.push(DescribeLogDirsTopic::default().with_name(name).with_partitions(described));
        }
    }
    let folder = call.shared.config.data.as_ref().map_or("memory".to_owned(), |data| data.display().to_string());
    let result = DescribeLogDirsResult::default().with_log_dir(text(folder)).with_topics(topics);
    DescribeLogDirsResponse::default().with_results(vec![result.with_total_bytes(-1).with_usable_bytes(-1)])
}
