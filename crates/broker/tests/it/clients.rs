//! What stock clients do, with the answers that Apache Kafka gives them.

use millstream_broker::Broker;
use millstream_test_servers::{JavaClient, Kafka, PythonClients, require_or_skip};

use crate::{assert_ok, file, in_memory};

async fn python(broker: &Broker, program: &str) {
    let mut command = PythonClients::command(&file("python").join(program));
    command.arg(broker.address().to_string());
    assert_ok(command).await;
}

async fn java(broker: &Broker, program: &str) {
    let mut command = JavaClient::command(&file("java").join(program));
    command.arg(broker.address().to_string());
    assert_ok(command).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn confluent_kafka_produces_consumes_and_administers() {
    require_or_skip!(PythonClients::available());
    python(&in_memory().await, "confluent.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_python_produces_consumes_and_administers() {
    require_or_skip!(PythonClients::available());
    python(&in_memory().await, "kafka_python.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aiokafka_produces_consumes_and_copies_in_transactions() {
    require_or_skip!(PythonClients::available());
    python(&in_memory().await, "aiokafka_pipeline.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_share_a_group_and_one_takes_over() {
    require_or_skip!(PythonClients::available());
    python(&in_memory().await, "group.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_java_client_administers() {
    require_or_skip!(Kafka::available());
    java(&in_memory().await, "Administer.java").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_java_client_reads_in_groups_and_writes_in_transactions() {
    require_or_skip!(Kafka::available());
    java(&in_memory().await, "Transact.java").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_of_kip_848_hears_that_its_protocol_is_not_served() {
    require_or_skip!(PythonClients::available());
    python(&in_memory().await, "kip_848.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_can_be_killed_in_the_middle() {
    require_or_skip!(PythonClients::available());
    python(&in_memory().await, "killed_consumer.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelines_can_be_killed_in_their_transactions() {
    require_or_skip!(PythonClients::available());
    python(&in_memory().await, "killed_pipeline.py").await;
}
