use kafka_protocol::ResponseError;

use super::{FetchSessions, Resolved, Told, TopicKey, Wanted};

fn key() -> TopicKey {
    TopicKey::Name("t".to_owned())
}

fn wanted(partition: i32, offset: i64) -> Wanted {
    Wanted { topic: key(), partition, offset, max_bytes: 100, told: None }
}

fn offsets(resolved: &Resolved) -> Vec<(i32, i64)> {
    resolved.partitions.iter().map(|one| (one.partition, one.offset)).collect()
}

#[test]
fn a_session_remembers_what_is_wanted() {
    let sessions = FetchSessions::default();
    let full = sessions.resolve((0, 0), vec![wanted(0, 5), wanted(1, 6)], &[]).expect("a session");
    assert!(full.session_id != 0 && !full.incremental);
    let id = full.session_id;
    let next = sessions.resolve((id, 1), vec![wanted(1, 7), wanted(2, 0)], &[(key(), 0)]).expect("the session goes on");
    assert!(next.incremental);
    assert_eq!(offsets(&next), [(1, 7), (2, 0)]);
    assert_eq!(offsets(&sessions.resolve((id, 2), Vec::new(), &[]).expect("it goes on")), [(1, 7), (2, 0)]);
}

#[test]
fn what_was_told_is_remembered_and_everyone_gets_a_turn() {
    let sessions = FetchSessions::default();
    let id = sessions.resolve((0, 0), vec![wanted(0, 0), wanted(1, 0)], &[]).expect("a session").session_id;
    sessions.told(id, &[Told { topic: key(), partition: 0, offsets: (9, 9, 0), brought: true }]);
    let next = sessions.resolve((id, 1), Vec::new(), &[]).expect("it goes on");
    let told: Vec<_> = next.partitions.iter().map(|one| (one.partition, one.told)).collect();
    assert_eq!(told, [(1, None), (0, Some((9, 9, 0)))], "partition 0 brought records, so 1 is first now");
}

#[test]
fn a_session_that_is_not_known_or_out_of_step_is_refused() {
    let sessions = FetchSessions::default();
    let id = sessions.resolve((0, 0), vec![wanted(0, 0)], &[]).expect("a session").session_id;
    let resolve = |session| sessions.resolve(session, Vec::new(), &[]).err();
    assert_eq!(resolve((id, 2)), Some(ResponseError::InvalidFetchSessionEpoch));
    assert_eq!(resolve((id + 1, 1)), Some(ResponseError::FetchSessionIdNotFound));
    assert_eq!(resolve((id, -1)), None, "the client ends it");
    assert_eq!(resolve((id, 1)), Some(ResponseError::FetchSessionIdNotFound));
}

#[test]
fn there_are_no_more_sessions_than_the_limit() {
    let sessions = FetchSessions::default();
    let open = || sessions.resolve((0, 0), vec![wanted(0, 0)], &[]).expect("an answer").session_id;
    assert!((0..super::SESSIONS_MAX).all(|_| open() != 0));
    assert_eq!(open(), 0, "it is served without one");
}
