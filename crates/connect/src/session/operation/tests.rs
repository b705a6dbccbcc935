//! Readers that come, go, come back, and replace one another.

use futures::StreamExt;
use millstream_core::MemoryLedger;
use spark_connect_proto::execute_plan_response::ArrowBatch;

use super::*;

fn operation(reattachable: bool) -> Arc<Operation> {
    let info = OperationInfo {
        session_id: "s".into(),
        server_side_session_id: "server".into(),
        operation_id: "o".into(),
        tags: vec![],
        reattachable,
        stream_duration_max: STREAM_DURATION_MAX,
        pieces: Pieces::Whole,
        plan_hash: 0,
    };
    Arc::new(Operation::new(info, MemoryLedger::unlimited().reservation("a test")))
}

fn rows(count: i64) -> ResponseType {
    ResponseType::ArrowBatch(ArrowBatch { row_count: count, ..ArrowBatch::default() })
}

fn count(response: &ExecutePlanResponse) -> Option<i64> {
    match &response.response_type {
        Some(ResponseType::ArrowBatch(batch)) => Some(batch.row_count),
        _ => None,
    }
}

#[tokio::test]
async fn a_reader_that_was_cut_off_goes_on_after_the_last_response_it_saw() {
    let operation = operation(true);
    let sender = ResponseSender::new(Arc::clone(&operation));
    for index in 0..4 {
        sender.send(rows(index)).await.unwrap();
    }
    operation.close(Ok(()));
    let mut first = operation.attach(None).unwrap();
    let mut seen = vec![];
    let mut last = String::new();
    for _ in 0..2 {
        let response = first.next().await.unwrap().unwrap();
        seen.extend(count(&response));
        last = response.response_id;
    }
    // A third response is on the wire when the connection breaks.
    assert!(first.next().await.unwrap().is_ok());
    drop(first);
    let mut second = operation.attach(Some(&last)).unwrap();
    let mut completed = false;
    while let Some(response) = second.next().await {
        let response = response.unwrap();
        seen.extend(count(&response));
        completed = matches!(response.response_type, Some(ResponseType::ResultComplete(_)));
    }
    assert_eq!(seen, [0, 1, 2, 3]);
    assert!(completed, "the last response says that the result is complete");
}

#[tokio::test]
async fn a_second_reader_disconnects_the_first() {
    let operation = operation(true);
    let mut first = operation.attach(None).unwrap();
    let mut second = operation.attach(None).unwrap();
    let status = first.next().await.unwrap().unwrap_err();
    assert!(status.message().contains("INVALID_CURSOR.DISCONNECTED"), "{status}");
    assert!(first.next().await.is_none());
    ResponseSender::new(Arc::clone(&operation)).send(rows(7)).await.unwrap();
    assert_eq!(count(&second.next().await.unwrap().unwrap()), Some(7));
    drop(first);
    assert_eq!(operation.detached_for(), None, "the second reader is still there");
}

#[tokio::test]
async fn released_responses_are_gone() {
    let operation = operation(true);
    let sender = ResponseSender::new(Arc::clone(&operation));
    sender.send(rows(0)).await.unwrap();
    sender.send(rows(1)).await.unwrap();
    let mut reader = operation.attach(None).unwrap();
    let first = reader.next().await.unwrap().unwrap().response_id;
    operation.release_until(&first);
    assert!(operation.attach(None).is_err_and(|error| error.class() == Some("INVALID_CURSOR.POSITION_NOT_AVAILABLE")));
    assert!(operation.attach(Some("x")).is_err_and(|error| error.class() == Some("INVALID_CURSOR.POSITION_NOT_FOUND")));
    let mut again = operation.attach(Some(&first)).unwrap();
    assert_eq!(count(&again.next().await.unwrap().unwrap()), Some(1));
}

#[tokio::test]
async fn a_silent_stream_ends_without_an_error_and_the_work_goes_on() {
    let info = OperationInfo { stream_duration_max: Duration::from_millis(1), ..operation(true).info().clone() };
    let operation = Arc::new(Operation::new(info, MemoryLedger::unlimited().reservation("a test")));
    let mut reader = operation.attach(None).unwrap();
    assert!(reader.next().await.is_none());
    assert_eq!(operation.state(), OperationState::Running);
    assert_eq!(STREAM_DURATION_MAX, Duration::from_secs(120), "Spark's senderMaxStreamDuration");
}

#[tokio::test]
async fn a_full_buffer_holds_the_work_up_until_a_reader_takes_something() {
    let operation = operation(true);
    let sender = ResponseSender::new(Arc::clone(&operation));
    let big = || ResponseType::ArrowBatch(ArrowBatch { data: vec![0; 11 << 20].into(), ..ArrowBatch::default() });
    sender.send(big()).await.unwrap();
    let mut blocked = Box::pin(sender.send(big()));
    assert!(futures::poll!(&mut blocked).is_pending());
    let mut reader = operation.attach(None).unwrap();
    assert!(reader.next().await.unwrap().is_ok());
    blocked.await.unwrap();
}

#[tokio::test]
async fn cancelling_ends_reader_and_work() {
    let operation = operation(true);
    let mut reader = operation.attach(None).unwrap();
    assert!(operation.cancel(|error| crate::error::status(error, None)));
    assert!(!operation.cancel(|error| crate::error::status(error, None)), "only once");
    let status = reader.next().await.unwrap().unwrap_err();
    assert!(status.message().contains("OPERATION_CANCELED"), "{status}");
    operation.cancelled().await;
    let refused = ResponseSender::new(Arc::clone(&operation)).send(rows(1)).await;
    assert!(refused.is_err_and(|error| error.class() == Some("OPERATION_CANCELED")));
    assert_eq!(operation.state(), OperationState::Cancelled);
}

#[tokio::test]
async fn without_reattaching_the_work_ends_with_its_reader() {
    let operation = operation(false);
    drop(operation.attach(None).unwrap());
    assert_eq!(operation.state(), OperationState::Cancelled);
}

#[tokio::test]
async fn what_is_given_up_holds_nothing_and_says_so_to_its_reader() {
    let ledger = MemoryLedger::new(1 << 20);
    let operation = Arc::new(Operation::new(operation(true).info.clone(), ledger.reservation("a test")));
    let sender = ResponseSender::new(Arc::clone(&operation));
    assert_eq!(operation.unread_for(), None, "nothing waits");
    for index in 0..3 {
        sender.send(rows(index)).await.unwrap();
    }
    let mut reader = operation.attach(None).unwrap();
    assert_eq!(count(&reader.next().await.unwrap().unwrap()), Some(0));
    assert!(operation.unread_for().is_some() && ledger.used_bytes() > 0);
    operation.give_up(Status::resource_exhausted("given up"));
    assert_eq!(ledger.used_bytes(), 0);
    assert_eq!(reader.next().await.unwrap().unwrap_err().message(), "given up");
    assert!(sender.send(rows(3)).await.is_err());
}
