//! The `Config` call.

use spark_connect_proto::config_request::operation::OpType;
use spark_connect_proto::config_request::{
    Get, GetAll, GetOption, GetWithDefault, IsModifiable, Operation, Set, Unset,
};
use spark_connect_proto::{ConfigRequest, KeyValue};
use tonic::Status;

use crate::client::{Client, user};

async fn config(client: &Client, operation: OpType) -> Result<Vec<(String, Option<String>)>, Status> {
    let request = ConfigRequest {
        session_id: client.session_id.clone(),
        user_context: user(),
        operation: Some(Operation { op_type: Some(operation) }),
        ..ConfigRequest::default()
    };
    let response = client.rpc.clone().config(request).await?.into_inner();
    assert_eq!(response.session_id, client.session_id);
    Ok(response.pairs.into_iter().map(|pair| (pair.key, pair.value)).collect())
}

fn pairs(pairs: &[(&str, Option<&str>)]) -> Vec<KeyValue> {
    pairs.iter().map(|(key, value)| KeyValue { key: (*key).to_owned(), value: value.map(str::to_owned) }).collect()
}

fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn seen(answer: &[(String, Option<String>)]) -> Vec<(&str, Option<&str>)> {
    answer.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect()
}

#[tokio::test]
async fn all_seven_operations() {
    let client = Client::start().await;
    let set = Set { pairs: pairs(&[("spark.x.a", Some("1")), ("spark.x.b", Some("2"))]), silent: None };
    assert!(config(&client, OpType::Set(set)).await.unwrap().is_empty());
    let get = Get { keys: keys(&["spark.x.b", "spark.sql.shuffle.partitions"]) };
    let answer = config(&client, OpType::Get(get)).await.unwrap();
    assert_eq!(seen(&answer), [("spark.x.b", Some("2")), ("spark.sql.shuffle.partitions", Some("200"))]);
    let get =
        GetWithDefault { pairs: pairs(&[("spark.x.a", Some("9")), ("spark.x.c", Some("9")), ("spark.x.d", None)]) };
    let answer = config(&client, OpType::GetWithDefault(get)).await.unwrap();
    assert_eq!(seen(&answer), [("spark.x.a", Some("1")), ("spark.x.c", Some("9")), ("spark.x.d", None)]);
    let get = GetOption { keys: keys(&["spark.x.a", "spark.x.c"]) };
    let answer = config(&client, OpType::GetOption(get)).await.unwrap();
    assert_eq!(seen(&answer), [("spark.x.a", Some("1")), ("spark.x.c", None)]);
    let answer = config(&client, OpType::GetAll(GetAll { prefix: Some("spark.x.".to_owned()) })).await.unwrap();
    assert_eq!(seen(&answer), [("a", Some("1")), ("b", Some("2"))]);
    assert!(config(&client, OpType::Unset(Unset { keys: keys(&["spark.x.a"]) })).await.unwrap().is_empty());
    let missing = config(&client, OpType::Get(Get { keys: keys(&["spark.x.a"]) })).await.unwrap_err();
    assert!(missing.message().starts_with("[SQL_CONF_NOT_FOUND]"), "{missing}");
    let asked = IsModifiable { keys: keys(&["spark.sql.ansi.enabled", "spark.sql.warehouse.dir"]) };
    let answer = config(&client, OpType::IsModifiable(asked)).await.unwrap();
    assert_eq!(seen(&answer), [("spark.sql.ansi.enabled", Some("true")), ("spark.sql.warehouse.dir", Some("false"))]);
}

#[tokio::test]
async fn a_builder_may_hold_settings_of_a_cluster() {
    let client = Client::start().await;
    let of_cluster = || pairs(&[("spark.jars.packages", Some("x")), ("spark.x", Some("1"))]);
    let loud = config(&client, OpType::Set(Set { pairs: of_cluster(), silent: None })).await.unwrap_err();
    assert!(loud.message().starts_with("[CANNOT_MODIFY_CONFIG]"), "{loud}");
    config(&client, OpType::Set(Set { pairs: of_cluster(), silent: Some(true) })).await.unwrap();
    let answer = config(&client, OpType::Get(Get { keys: keys(&["spark.x"]) })).await.unwrap();
    assert_eq!(seen(&answer), [("spark.x", Some("1"))]);
}

#[tokio::test]
async fn sessions_do_not_see_one_another() {
    let client = Client::start().await;
    let set = Set { pairs: pairs(&[("spark.x", Some("1"))]), silent: None };
    config(&client, OpType::Set(set)).await.unwrap();
    let other = config(&client.other_session(), OpType::Get(Get { keys: keys(&["spark.x"]) })).await;
    assert!(other.is_err());
}
