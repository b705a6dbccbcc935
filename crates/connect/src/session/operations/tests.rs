//! Which operations are given up when memory is short.

use futures::StreamExt;
use spark_connect_proto::execute_plan_response::{ArrowBatch, ResponseType};

use super::*;
use crate::session::operation::{ResponseSender, ResponseStream, STREAM_DURATION_MAX};
use crate::to_proto::pieces::Pieces;

/// A running operation with one response of 1,000 bytes, and its reader.
async fn with_a_response(operations: &Operations, id: &str) -> (Arc<Operation>, ResponseStream) {
    let info = OperationInfo {
        session_id: "s".into(),
        server_side_session_id: "server".into(),
        operation_id: id.into(),
        tags: vec![],
        reattachable: true,
        stream_duration_max: STREAM_DURATION_MAX,
        pieces: Pieces::Whole,
        plan_hash: 0,
    };
    let Started::New(operation) = operations.start(info).unwrap() else { panic!("{id} is known") };
    let reader = operation.attach(None).unwrap();
    let batch = ArrowBatch { data: vec![0; 1000].into(), ..ArrowBatch::default() };
    ResponseSender::new(Arc::clone(&operation)).send(ResponseType::ArrowBatch(batch)).await.unwrap();
    (operation, reader)
}

fn longest(operations: &Operations, patience: Patience) -> Option<String> {
    operations.longest_unread(patience).map(|(_, operation)| operation.info().operation_id.clone())
}

#[tokio::test]
async fn clients_that_went_away_give_back_what_they_held() {
    let ledger = MemoryLedger::new(1 << 20);
    let operations = Operations::new(ledger.clone());
    let (_, _slow) = with_a_response(&operations, "slow").await;
    let (gone, reader) = with_a_response(&operations, "gone").await;
    let (_, mut reading) = with_a_response(&operations, "reading").await;
    drop(reader);
    reading.next().await.unwrap().unwrap();
    let only_gone = Patience { gone: Duration::ZERO, slow: Duration::MAX };
    assert_eq!(longest(&operations, only_gone).as_deref(), Some("gone"));
    let before = ledger.used_bytes();
    operations.give_up(&gone);
    assert!(ledger.used_bytes() <= before - 1000, "{} of {before} bytes are still held", ledger.used_bytes());
    let error = operations.get("gone").unwrap_err();
    assert_eq!(error.class(), Some("INVALID_HANDLE.OPERATION_ABANDONED"));
    assert_eq!(longest(&operations, only_gone), None);
    let slow_too = Patience { slow: Duration::ZERO, ..only_gone };
    assert_eq!(longest(&operations, slow_too).as_deref(), Some("slow"), "and not the one that has read everything");
}
