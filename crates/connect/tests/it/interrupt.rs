//! Interrupting what runs.

use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::get_status_request::OperationStatusRequest;
use spark_connect_proto::get_status_response::operation_status::OperationState;
use spark_connect_proto::interrupt_request::{Interrupt, InterruptType};
use spark_connect_proto::plan::OpType;
use spark_connect_proto::streaming_query_command::{AwaitTerminationCommand, Command as QueryCommand};
use spark_connect_proto::streaming_query_manager_command::{AwaitAnyTerminationCommand, Command as ManagerCommand};
use spark_connect_proto::{
    Command, ExecutePlanRequest, GetStatusRequest, InterruptRequest, StreamingQueryInstanceId,
    StreamingQueryManagerCommand, command,
};

use crate::client::{Client, user};
use crate::streaming::{ask, into_memory};

/// Waits for a query's end in a session without queries, which is for ever.
fn endless(client: &Client, tag: &str) -> ExecutePlanRequest {
    let wait = ManagerCommand::AwaitAnyTermination(AwaitAnyTerminationCommand { timeout_ms: None });
    let command =
        command::CommandType::StreamingQueryManagerCommand(StreamingQueryManagerCommand { command: Some(wait) });
    let mut request = client.request(OpType::Command(Command { command_type: Some(command) }));
    request.tags = vec![tag.to_owned()];
    request
}

pub(crate) async fn interrupt(client: &Client, kind: InterruptType, interrupt: Option<Interrupt>) -> Vec<String> {
    let request = InterruptRequest {
        session_id: client.session_id.clone(),
        user_context: user(),
        interrupt_type: kind.into(),
        interrupt,
        ..InterruptRequest::default()
    };
    client.rpc.clone().interrupt(request).await.unwrap().into_inner().interrupted_ids
}

async fn state(client: &Client, operation_id: &str) -> OperationState {
    let request = GetStatusRequest {
        session_id: client.session_id.clone(),
        user_context: user(),
        operation_status: Some(OperationStatusRequest {
            operation_ids: vec![operation_id.to_owned()],
            extensions: vec![],
        }),
        ..GetStatusRequest::default()
    };
    client.rpc.clone().get_status(request).await.unwrap().into_inner().operation_statuses[0].state()
}

#[tokio::test]
async fn by_operation_by_tag_and_all() {
    let client = Client::start().await;
    let mut running = vec![];
    for tag in ["a", "b", "c"] {
        let request = endless(&client, tag);
        let id = request.operation_id.clone().unwrap();
        running.push((id, client.execute(request).await.unwrap()));
    }
    let ids: Vec<_> = running.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!(state(&client, &ids[0]).await, OperationState::Running);
    let elsewhere = interrupt(&client.other_session(), InterruptType::All, None).await;
    assert!(elsewhere.is_empty(), "another session's operations are not touched");
    let by_id = Interrupt::OperationId(ids[0].clone());
    assert_eq!(interrupt(&client, InterruptType::OperationId, Some(by_id)).await, [ids[0].clone()]);
    let by_tag = Interrupt::OperationTag("b".to_owned());
    assert_eq!(interrupt(&client, InterruptType::Tag, Some(by_tag)).await, [ids[1].clone()]);
    assert_eq!(interrupt(&client, InterruptType::All, None).await, [ids[2].clone()]);
    for (id, mut stream) in running {
        let status = stream.message().await.unwrap_err();
        assert!(status.message().contains("[OPERATION_CANCELED]"), "{status}");
        assert_eq!(state(&client, &id).await, OperationState::Cancelled);
    }
    assert!(interrupt(&client, InterruptType::All, None).await.is_empty(), "nothing runs any more");
}

/// Starts a query of this name and tag; the operation that started it, and the query.
async fn start(client: &Client, name: &str) -> (String, StreamingQueryInstanceId) {
    let command = command::CommandType::WriteStreamOperationStart(into_memory(name));
    let mut request = client.request(OpType::Command(Command { command_type: Some(command) }));
    request.tags = vec![name.to_owned()];
    let operation_id = request.operation_id.clone().unwrap();
    let mut responses = client.execute(request).await.unwrap();
    let mut query = None;
    while let Some(response) = responses.message().await.unwrap() {
        if let Some(ResponseType::WriteStreamOperationStartResult(result)) = response.response_type {
            query = result.query_id;
        }
    }
    (operation_id, query.unwrap())
}

/// As in Spark, the ids are those of the operations that started the queries.
#[tokio::test]
async fn streaming_queries_are_stopped_by_their_tag_and_with_all() {
    let client = Client::start().await;
    let (a, by_tag) = start(&client, "a").await;
    let (b, with_all) = start(&client, "b").await;
    let elsewhere = interrupt(&client.other_session(), InterruptType::All, None).await;
    assert!(elsewhere.is_empty(), "another session's queries are not touched");
    assert!(interrupt(&client, InterruptType::OperationId, Some(Interrupt::OperationId(a.clone()))).await.is_empty());
    // Nobody waits for the end of a query but who asks for it, and until then it is one that runs.
    assert_eq!(interrupt(&client, InterruptType::Tag, Some(Interrupt::OperationTag("a".to_owned()))).await, [a]);
    ended(&client, &by_tag).await;
    assert_eq!(interrupt(&client, InterruptType::All, None).await, [b]);
    ended(&client, &with_all).await;
    assert!(interrupt(&client, InterruptType::All, None).await.is_empty(), "nothing runs any more");
}

async fn ended(client: &Client, query: &StreamingQueryInstanceId) {
    let wait = QueryCommand::AwaitTermination(AwaitTerminationCommand { timeout_ms: None });
    ask(client, query, wait).await.unwrap();
}
