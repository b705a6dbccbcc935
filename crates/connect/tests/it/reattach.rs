//! A client that is cut off in the middle of a result loses nothing.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use spark_connect_proto::plan::OpType;
use spark_connect_proto::release_execute_request::{Release, ReleaseAll, ReleaseUntil};
use spark_connect_proto::{ExecutePlanRequest, ReleaseExecuteRequest, ReleaseExecuteResponse};

use millstream_core::MemoryLedger;

use crate::client::{Client, batches, collect, is_complete, range, relation, user};

/// More than the buffer of an operation holds (8 bytes a row), so that the work has to wait for the reader.
const ROWS: i64 = 4_000_000;

async fn release(client: &Client, operation_id: &str, release: Release) -> ReleaseExecuteResponse {
    let request = ReleaseExecuteRequest {
        session_id: client.session_id.clone(),
        user_context: user(),
        operation_id: operation_id.to_owned(),
        release: Some(release),
        ..ReleaseExecuteRequest::default()
    };
    client.rpc.clone().release_execute(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn every_row_arrives_once_when_the_connection_breaks_after_every_response() {
    let mut client = Client::start().await;
    let request = client.request(OpType::Root(relation(range(ROWS))));
    let operation_id = request.operation_id.clone().unwrap();
    let mut stream = client.execute(request).await.unwrap();
    let mut all = vec![];
    loop {
        let Some(response) = stream.message().await.unwrap() else { break };
        let last = response.response_id.clone();
        all.push(response);
        if is_complete(&all) {
            break;
        }
        if all.len() % 3 == 0 {
            let until = ReleaseUntil { response_id: last.clone() };
            release(&client, &operation_id, Release::ReleaseUntil(until)).await;
        }
        drop(stream);
        // One connection that has ended too many streams early is given up by HTTP/2 itself.
        client = client.connected_again().await;
        stream = client.reattach(&operation_id, Some(last)).await.unwrap();
    }
    assert!(is_complete(&all));
    let ids = batches(&all).into_iter().flat_map(|rows| rows.column(0).as_primitive::<Int64Type>().values().to_vec());
    assert!(ids.eq(0..ROWS));
    let released = release(&client, &operation_id, Release::ReleaseAll(ReleaseAll {})).await;
    assert_eq!(released.operation_id.as_deref(), Some(operation_id.as_str()));
    let again = release(&client, &operation_id, Release::ReleaseAll(ReleaseAll {})).await;
    assert_eq!(again.operation_id, None, "a second release finds nothing, and is no error");
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_the_same_operation() {
    let client = Client::start().await;
    let request = client.request(OpType::Root(relation(range(3))));
    let first = collect(client.execute(request.clone()).await.unwrap()).await.unwrap();
    let second = collect(client.execute(request.clone()).await.unwrap()).await.unwrap();
    let ids = |all: &[spark_connect_proto::ExecutePlanResponse]| -> Vec<_> {
        all.iter().map(|response| response.response_id.clone()).collect()
    };
    assert_eq!(ids(&first), ids(&second));
    let mut other = client.request(OpType::Root(relation(range(4))));
    other.operation_id = request.operation_id;
    let refused = client.execute(other).await.unwrap_err();
    assert!(refused.message().contains("INVALID_HANDLE.OPERATION_ALREADY_EXISTS"), "{refused}");
}

#[tokio::test]
async fn what_cannot_be_read_again_has_sparks_classes() {
    let client = Client::start().await;
    client.run(range(1)).await.unwrap();
    let unknown = client.reattach("00112233-4455-6677-8899-aabbccddeeff", None).await.unwrap_err();
    assert!(unknown.message().contains("INVALID_HANDLE.OPERATION_NOT_FOUND"), "{unknown}");
    let nobody = client.other_session().reattach("00112233-4455-6677-8899-aabbccddeeff", None).await.unwrap_err();
    assert!(nobody.message().contains("INVALID_HANDLE.SESSION_NOT_FOUND"), "{nobody}");
    let request = client.request(OpType::Root(relation(range(3))));
    let operation_id = request.operation_id.clone().unwrap();
    let all = collect(client.execute(request).await.unwrap()).await.unwrap();
    let until = ReleaseUntil { response_id: all[0].response_id.clone() };
    release(&client, &operation_id, Release::ReleaseUntil(until)).await;
    let gone = client.reattach(&operation_id, None).await.unwrap_err();
    assert!(gone.message().contains("INVALID_CURSOR.POSITION_NOT_AVAILABLE"), "{gone}");
}

#[tokio::test]
async fn an_operation_that_is_not_reattachable_ends_without_a_last_word() {
    let client = Client::start().await;
    let mut request = client.request(OpType::Root(relation(range(3))));
    request.request_options.clear();
    let all = collect(client.execute(request).await.unwrap()).await.unwrap();
    assert!(!is_complete(&all));
    assert_eq!(batches(&all).iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 3);
}

/// Clients that vanish one after the other.
const VANISHING: usize = 40;

/// A request of which nothing is kept for a client that comes back.
fn read_once(client: &Client, rows: i64) -> ExecutePlanRequest {
    let request = client.request(OpType::Root(relation(range(rows))));
    ExecutePlanRequest { request_options: Vec::new(), ..request }
}

#[tokio::test]
async fn clients_that_vanish_in_the_middle_of_a_result_leave_neither_memory_nor_tasks() {
    let memory = MemoryLedger::new(256 << 20);
    let client = Client::start_within(memory.clone()).await;
    collect(client.execute(read_once(&client, 1)).await.unwrap()).await.unwrap();
    let (bytes, tasks) = (memory.used_bytes(), client.threads.batch.tasks());
    for _ in 0..VANISHING {
        let vanishing = client.connected_again().await;
        let mut rows = vanishing.execute(read_once(&vanishing, 100_000_000)).await.unwrap();
        assert!(rows.message().await.unwrap().is_some(), "the result has begun");
    }
    while memory.used_bytes() > bytes || client.threads.batch.tasks() > tasks {
        collect(client.execute(read_once(&client, 1)).await.unwrap()).await.unwrap();
    }
}
