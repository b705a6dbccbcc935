use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::{Cluster, Leader};

fn answer(topic_id: u128, leader: i32, epoch: i32) -> MetadataResponse {
    let partition = MetadataResponsePartition::default().with_leader_id(BrokerId(leader)).with_leader_epoch(epoch);
    let topic = MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_static_str("t"))))
        .with_topic_id(Uuid::from_u128(topic_id))
        .with_partitions(vec![partition]);
    let broker = MetadataResponseBroker::default().with_node_id(BrokerId(1)).with_port(9092);
    MetadataResponse::default().with_brokers(vec![broker]).with_topics(vec![topic])
}

#[test]
fn an_older_leader_does_not_replace_a_newer_one() {
    let mut cluster = Cluster::default();
    let check = |cluster: &Cluster, node, epoch| assert_eq!(cluster.leader("t", 0), Some(Leader { node, epoch }));
    cluster.update(answer(1, 1, 5));
    check(&cluster, 1, 5);
    cluster.update(answer(1, 2, 4));
    check(&cluster, 1, 5);
    cluster.update_leader("t", 0, Leader { node: 3, epoch: 6 });
    check(&cluster, 3, 6);
    cluster.update_leader("t", 0, Leader { node: 4, epoch: 6 });
    check(&cluster, 3, 6);
    // Another topic of the same name counts anew.
    cluster.update(answer(2, 2, 0));
    check(&cluster, 2, 0);
}

#[test]
fn unknown_topics_are_forgotten_and_others_told() {
    let mut cluster = Cluster::default();
    cluster.update(answer(1, 1, 5));
    let mut unknown = answer(1, 1, 5);
    unknown.topics[0].error_code = 3;
    assert!(cluster.update(unknown).topics.is_empty());
    assert!(cluster.topic("t").is_none());
    let mut forbidden = answer(1, 1, 5);
    forbidden.topics[0].error_code = 29;
    assert_eq!(cluster.update(forbidden).failed.len(), 1);
}
