use super::{ErrorKind, Place, code_name, kind_of};
use kafka_protocol::ResponseError;

/// What Kafka's protocol guide marks as retriable must never be fatal here.
#[test]
fn every_retriable_code_is_tried_again() {
    for code in -1..=133 {
        let Some(code) = ResponseError::try_from_code(code) else { continue };
        if code.is_retriable() {
            assert_ne!(kind_of(code), ErrorKind::Fatal, "{code:?}");
        }
    }
}

#[test]
fn codes_sort_as_java_treats_them_in_a_fetch() {
    let check = |code: i16, wanted: ErrorKind| {
        let code = ResponseError::try_from_code(code).expect("not zero");
        assert_eq!(kind_of(code), wanted, "{code:?}");
    };
    check(6, ErrorKind::RefreshMetadata); // NOT_LEADER_OR_FOLLOWER
    check(9, ErrorKind::RefreshMetadata); // REPLICA_NOT_AVAILABLE
    check(3, ErrorKind::RefreshMetadata); // UNKNOWN_TOPIC_OR_PARTITION
    check(74, ErrorKind::RefreshMetadata); // FENCED_LEADER_EPOCH
    check(100, ErrorKind::RefreshMetadata); // UNKNOWN_TOPIC_ID
    check(75, ErrorKind::Retry); // UNKNOWN_LEADER_EPOCH
    check(78, ErrorKind::Retry); // OFFSET_NOT_AVAILABLE
    check(56, ErrorKind::Retry); // KAFKA_STORAGE_ERROR
    check(1, ErrorKind::Fatal); // OFFSET_OUT_OF_RANGE
    check(29, ErrorKind::Fatal); // TOPIC_AUTHORIZATION_FAILED
    check(9999, ErrorKind::Fatal);
}

#[test]
fn names_and_places_read_well() {
    assert_eq!(code_name(ResponseError::NotLeaderOrFollower), "NOT_LEADER_OR_FOLLOWER");
    let place = Place::broker(&"b:9092".into()).with_partition(&"t".into(), 3).with_offset(7);
    assert_eq!(place.to_string(), "broker b:9092, topic 't', partition 3, offset 7");
}
