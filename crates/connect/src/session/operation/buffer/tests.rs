//! The cap, the ids, and what may be asked for again.

use spark_connect_proto::execute_plan_response::{ArrowBatch, ResponseType};

use super::*;

fn response(bytes: usize) -> ExecutePlanResponse {
    let batch = ArrowBatch { data: vec![0; bytes].into(), ..ArrowBatch::default() };
    ExecutePlanResponse { response_type: Some(ResponseType::ArrowBatch(batch)), ..ExecutePlanResponse::default() }
}

#[test]
fn ids_lead_back_to_their_index() {
    let mut buffer = ResponseBuffer::new();
    buffer.push(response(1));
    buffer.push(response(1));
    let ids: Vec<_> = [0, 1].iter().map(|&index| buffer.take(index).unwrap().response_id).collect();
    assert_eq!(buffer.index_of(&ids[0]), Some(0));
    assert_eq!(buffer.index_of(&ids[1]), Some(1));
    assert_eq!(ResponseBuffer::new().index_of(&ids[0]), None, "another operation's id");
    assert_eq!(buffer.index_of("nonsense"), None);
}

#[test]
fn unsent_responses_stop_the_work_and_are_never_dropped() {
    let mut buffer = ResponseBuffer::new();
    buffer.push(response(UNSENT_BYTES_MAX));
    assert!(!buffer.has_room());
    buffer.release_until(0);
    assert_eq!(buffer.first_index(), 0);
    assert!(buffer.take(0).is_some());
    assert!(buffer.has_room());
}

#[test]
fn sent_responses_stay_until_released_or_too_much() {
    let mut buffer = ResponseBuffer::new();
    for index in 0..6 {
        buffer.push(response(1 << 20));
        assert!(buffer.take(index).is_some());
    }
    assert!(buffer.take(0).is_some(), "a reader that comes back gets it again");
    buffer.release_until(0);
    assert!(buffer.take(0).is_none());
    assert!(buffer.take(1).is_some());
    for index in 6..9 {
        buffer.push(response(1 << 20));
        assert!(buffer.take(index).is_some());
    }
    assert!(buffer.take(1).is_none(), "the oldest made room");
    assert!(buffer.take(8).is_some());
    assert!(buffer.bytes() < 8 << 20);
}

#[test]
fn a_few_responses_stay_however_large_they_are() {
    let mut buffer = ResponseBuffer::new();
    for index in 0..5 {
        buffer.push(response(8 << 20));
        assert!(buffer.take(index).is_some());
    }
    assert_eq!(buffer.first_index(), 2);
}
