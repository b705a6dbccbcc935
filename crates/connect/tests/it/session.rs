//! The life of a session.

use millstream_core::MemoryLedger;
use spark_connect_proto::analyze_plan_request::{Analyze, SparkVersion};
use spark_connect_proto::analyze_plan_response::Result as Answer;
use spark_connect_proto::artifact_statuses_response::ArtifactStatus;
use spark_connect_proto::{
    AddArtifactsRequest, AnalyzePlanRequest, AnalyzePlanResponse, ArtifactStatusesRequest, CloneSessionRequest,
    ReleaseSessionRequest, UserContext, add_artifacts_request,
};
use tonic::Status;

use crate::client::{Client, user};

async fn version(client: &Client, observed: Option<&str>) -> Result<AnalyzePlanResponse, Status> {
    let request = AnalyzePlanRequest {
        session_id: client.session_id.clone(),
        user_context: user(),
        client_observed_server_side_session_id: observed.map(str::to_owned),
        analyze: Some(Analyze::SparkVersion(SparkVersion {})),
        ..AnalyzePlanRequest::default()
    };
    client.rpc.clone().analyze_plan(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn the_servers_id_of_a_session_is_stable_and_checked() {
    let client = Client::start().await;
    let first = version(&client, None).await.unwrap();
    let Some(Answer::SparkVersion(answer)) = first.result else { panic!("no version") };
    assert_eq!(answer.version, "4.2.0");
    let id = first.server_side_session_id;
    assert_eq!(version(&client, Some(&id)).await.unwrap().server_side_session_id, id);
    let other = version(&client.other_session(), None).await.unwrap();
    assert_ne!(other.server_side_session_id, id);
    let changed = version(&client, Some("another")).await.unwrap_err();
    assert!(changed.message().contains("INVALID_HANDLE.SESSION_CHANGED"), "{changed}");
    let lost = version(&client.other_session(), Some(&id)).await.unwrap_err();
    assert!(lost.message().contains("INVALID_HANDLE.SESSION_CHANGED"), "{lost}");
    let malformed = Client { session_id: "x".to_owned(), ..client.clone() };
    let refused = version(&malformed, None).await.unwrap_err();
    assert!(refused.message().contains("INVALID_HANDLE.FORMAT"), "{refused}");
}

#[tokio::test]
async fn a_released_session_stays_closed_unless_the_client_wants_to_come_back() {
    for (allow_reconnect, comes_back) in [(false, false), (true, true)] {
        let client = Client::start().await;
        version(&client, None).await.unwrap();
        let request = ReleaseSessionRequest {
            session_id: client.session_id.clone(),
            user_context: user(),
            allow_reconnect,
            ..ReleaseSessionRequest::default()
        };
        client.rpc.clone().release_session(request.clone()).await.unwrap();
        let again = client.rpc.clone().release_session(request).await;
        assert!(again.is_ok(), "releasing twice is fine");
        assert_eq!(version(&client, None).await.is_ok(), comes_back);
    }
}

#[tokio::test]
async fn a_clone_has_a_life_of_its_own() {
    let client = Client::start().await;
    version(&client, None).await.unwrap();
    let set = spark_connect_proto::config_request::Set {
        pairs: vec![spark_connect_proto::KeyValue { key: "spark.x".to_owned(), value: Some("1".to_owned()) }],
        silent: None,
    };
    let config = |client: &Client, op_type| spark_connect_proto::ConfigRequest {
        session_id: client.session_id.clone(),
        user_context: user(),
        operation: Some(spark_connect_proto::config_request::Operation { op_type: Some(op_type) }),
        ..spark_connect_proto::ConfigRequest::default()
    };
    use spark_connect_proto::config_request::operation::OpType;
    client.rpc.clone().config(config(&client, OpType::Set(set))).await.unwrap();
    let request = CloneSessionRequest {
        session_id: client.session_id.clone(),
        user_context: user(),
        ..CloneSessionRequest::default()
    };
    let cloned = client.rpc.clone().clone_session(request).await.unwrap().into_inner();
    assert_ne!(cloned.new_server_side_session_id, cloned.server_side_session_id);
    let copy = Client { session_id: cloned.new_session_id, ..client.clone() };
    let unset = spark_connect_proto::config_request::Unset { keys: vec!["spark.x".to_owned()] };
    let get = || spark_connect_proto::config_request::Get { keys: vec!["spark.x".to_owned()] };
    copy.rpc.clone().config(config(&copy, OpType::Get(get()))).await.unwrap();
    copy.rpc.clone().config(config(&copy, OpType::Unset(unset))).await.unwrap();
    client.rpc.clone().config(config(&client, OpType::Get(get()))).await.unwrap();
}

#[tokio::test]
async fn local_relations_can_be_uploaded_and_nothing_else() {
    use add_artifacts_request::{ArtifactChunk, Batch, BeginChunkedArtifact, Payload, SingleChunkArtifact};
    let client = Client::start().await;
    let request = |payload| AddArtifactsRequest {
        session_id: client.session_id.clone(),
        user_context: user(),
        payload: Some(payload),
        ..AddArtifactsRequest::default()
    };
    // CRC-32 of "123456789" is 0xCBF43926, the check value of the algorithm.
    let chunk = |data: &'static [u8], crc| ArtifactChunk { data: data.into(), crc };
    let single = |name: &str, crc| {
        let artifacts = vec![SingleChunkArtifact { name: name.to_owned(), data: Some(chunk(b"123456789", crc)) }];
        Payload::Batch(Batch { artifacts })
    };
    let begin = Payload::BeginChunk(BeginChunkedArtifact {
        name: "cache/chunked".to_owned(),
        total_bytes: 18,
        num_chunks: 2,
        initial_chunk: Some(chunk(b"123456789", 0xCBF4_3926)),
    });
    let rest = Payload::Chunk(chunk(b"123456789", 0xCBF4_3926));
    let requests: Vec<_> = [single("cache/good", 0xCBF4_3926), single("cache/bad", 1), begin, rest].map(request).into();
    let added = client.rpc.clone().add_artifacts(futures::stream::iter(requests)).await.unwrap().into_inner();
    let intact: Vec<_> =
        added.artifacts.iter().map(|artifact| (artifact.name.as_str(), artifact.is_crc_successful)).collect();
    assert_eq!(intact, [("cache/good", true), ("cache/bad", false), ("cache/chunked", true)]);
    let names = ["cache/good", "cache/bad", "cache/chunked", "cache/none"].map(str::to_owned);
    let asked = ArtifactStatusesRequest {
        session_id: client.session_id.clone(),
        user_context: user(),
        names: names.to_vec(),
        ..ArtifactStatusesRequest::default()
    };
    let statuses = client.rpc.clone().artifact_status(asked).await.unwrap().into_inner().statuses;
    let exists: Vec<_> =
        names.iter().map(|name| statuses.get(name) == Some(&ArtifactStatus { exists: true })).collect();
    assert_eq!(exists, [true, false, true, false]);
    let file = request(single("pyfiles/a.py", 0xCBF4_3926));
    let refused = client.rpc.clone().add_artifacts(futures::stream::iter([file])).await.unwrap_err();
    assert!(refused.message().starts_with("[UNSUPPORTED_FEATURE]"), "{refused}");
}

/// A user's name may have any length, and there may be any number of users.
#[tokio::test]
async fn sessions_and_the_names_of_their_users_are_counted_and_leave_with_them() {
    let memory = MemoryLedger::new(64 << 10);
    let client = Client::start_within(memory.clone()).await;
    let long = |letter: &str| Some(UserContext { user_id: letter.repeat(20 << 10), ..UserContext::default() });
    let ask = |letter: &str| AnalyzePlanRequest {
        session_id: client.session_id.clone(),
        user_context: long(letter),
        analyze: Some(Analyze::SparkVersion(SparkVersion {})),
        ..AnalyzePlanRequest::default()
    };
    client.rpc.clone().analyze_plan(ask("a")).await.unwrap();
    let refused = client.rpc.clone().analyze_plan(ask("b")).await.unwrap_err();
    assert!(refused.message().contains("UNABLE_TO_ACQUIRE_MEMORY"), "{refused}");
    assert!(refused.message().contains("a new session needs"), "{refused}");
    client.rpc.clone().analyze_plan(ask("a")).await.unwrap();
    let release = ReleaseSessionRequest {
        session_id: client.session_id.clone(),
        user_context: long("a"),
        ..ReleaseSessionRequest::default()
    };
    client.rpc.clone().release_session(release).await.unwrap();
    client.rpc.clone().analyze_plan(ask("b")).await.unwrap();
    let closed = client.rpc.clone().analyze_plan(ask("a")).await.unwrap_err();
    assert!(closed.message().contains("INVALID_HANDLE.SESSION_CLOSED"), "{closed}");
}
