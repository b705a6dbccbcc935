//! The state machine; time passes by telling it a later one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Group, Groups, JoinAnswer, JoinRequest, State, SyncAnswer};
use crate::journal::{CommittedOffset, Journal};

const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(60);

fn group() -> Group {
    Group::new(Duration::ZERO)
}

fn request(member_id: &str) -> JoinRequest {
    JoinRequest {
        member_id: member_id.to_owned(),
        instance_id: None,
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        session_timeout: SESSION,
        rebalance_timeout: REBALANCE,
        protocol_type: "consumer".to_owned(),
        protocols: vec![("range".to_owned(), Bytes::from_static(b"topics"))],
        returns_with_id: true,
    }
}

fn code(error: ResponseError) -> i16 {
    error.code()
}

fn answer<T>(mut receiver: oneshot::Receiver<T>) -> Option<T> {
    receiver.try_recv().ok()
}

/// A new member asks for its id and comes back with it.
fn join_new(group: &mut Group) -> (String, oneshot::Receiver<JoinAnswer>) {
    join_for(group, SESSION)
}

fn join_for(group: &mut Group, session_timeout: Duration) -> (String, oneshot::Receiver<JoinAnswer>) {
    let refused = answer(group.join(request(""))).expect("at once");
    assert_eq!(refused.error, code(ResponseError::MemberIdRequired));
    let id = refused.member_id;
    let receiver = group.join(JoinRequest { session_timeout, ..request(&id) });
    (id, receiver)
}

/// The leader gives each its own name.
fn sync_all(group: &mut Group, ids: &[&str]) -> Vec<SyncAnswer> {
    let leader = group.leader.clone();
    let generation = group.generation;
    let plan: Vec<_> = ids.iter().map(|id| ((*id).to_owned(), Bytes::copy_from_slice(id.as_bytes()))).collect();
    let mut waiting: Vec<_> =
        ids.iter().filter(|id| **id != leader).map(|id| group.sync(id, (None, generation), Vec::new())).collect();
    waiting.push(group.sync(&leader, (None, generation), plan));
    waiting.into_iter().map(|receiver| answer(receiver).expect("the leader has assigned")).collect()
}

fn stable(group: &mut Group) -> String {
    let (id, joined) = join_new(group);
    assert_eq!(answer(joined).expect("it is alone").error, 0);
    sync_all(group, &[&id]);
    assert_eq!(group.state, State::Stable);
    id
}

#[test]
fn the_first_member_leads_and_is_assigned() {
    let mut group = group();
    let (id, joined) = join_new(&mut group);
    let joined = answer(joined).expect("it is alone");
    assert_eq!((joined.generation, joined.leader.as_str(), joined.protocol.as_str()), (1, id.as_str(), "range"));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(sync_all(&mut group, &[&id])[0].assignment, id.as_bytes());
    assert_eq!(group.heartbeat(&id, None, 1), Ok(()));
    assert_eq!(group.heartbeat(&id, None, 0), Err(ResponseError::IllegalGeneration));
    assert_eq!(group.heartbeat("stranger", None, 1), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_second_member_waits_until_the_first_has_joined_again() {
    let mut group = group();
    let first = stable(&mut group);
    let (second, mut waiting) = join_new(&mut group);
    assert!(waiting.try_recv().is_err());
    assert_eq!(group.heartbeat(&first, None, 1), Err(ResponseError::RebalanceInProgress));
    assert_eq!(
        answer(group.sync(&first, (None, 1), Vec::new())).expect("at once").error,
        code(ResponseError::RebalanceInProgress)
    );
    let again = answer(group.join(request(&first))).expect("all are there");
    assert_eq!((again.generation, again.members.len()), (2, 2), "the leader sees both");
    let waited = waiting.try_recv().expect("all are there");
    assert_eq!((waited.generation, waited.members.len()), (2, 0), "the other sees none");
    let assigned = sync_all(&mut group, &[&first, &second]);
    assert_eq!(assigned.iter().map(|one| one.error).collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn a_silent_member_is_removed_and_the_others_rebalance() {
    let mut group = group();
    let first = stable(&mut group);
    let (second, waiting) = join_for(&mut group, SESSION / 2);
    drop(group.join(request(&first)));
    drop(waiting);
    sync_all(&mut group, &[&first, &second]);
    group.tick(Instant::now());
    assert_eq!(group.members.len(), 2);
    group.tick(Instant::now() + SESSION / 2);
    assert_eq!(group.members.keys().collect::<Vec<_>>(), [&first]);
    assert_eq!(group.heartbeat(&first, None, 2), Err(ResponseError::RebalanceInProgress));
    assert_eq!(answer(group.join(request(&first))).expect("it is alone").generation, 3);
}

#[test]
fn a_rebalance_goes_on_without_those_who_do_not_join() {
    let mut group = group();
    // It lives, and does not join again.
    let (first, joined) = join_for(&mut group, REBALANCE * 2);
    drop(joined);
    sync_all(&mut group, &[&first]);
    let (second, mut waiting) = join_new(&mut group);
    group.tick(Instant::now() + REBALANCE / 2);
    assert!(waiting.try_recv().is_err());
    group.tick(Instant::now() + REBALANCE);
    let joined = waiting.try_recv().expect("the time is over");
    assert_eq!((joined.leader, joined.members.len()), (second, 1));
}

#[test]
fn leaving_makes_room_at_once() {
    let mut group = group();
    let id = stable(&mut group);
    assert_eq!(group.leave(&id, None), Ok(()));
    assert_eq!(group.leave(&id, None), Err(ResponseError::UnknownMemberId));
    assert_eq!((group.state, group.generation), (State::Empty, 2));
}

#[test]
fn a_static_member_comes_back_without_a_rebalance_and_fences_its_past() {
    let mut group = group();
    let named = |id: &str| JoinRequest { instance_id: Some("one".to_owned()), ..request(id) };
    let first = answer(group.join(named(""))).expect("no id is asked for").member_id;
    let generation = group.generation;
    sync_all(&mut group, &[&first]);
    let second = answer(group.join(named(""))).expect("nothing changes for the others");
    assert_eq!((second.generation, second.error), (generation, 0));
    assert_ne!(second.member_id, first);
    assert_eq!(group.state, State::Stable);
    let held = answer(group.sync(&second.member_id, (Some("one"), generation), Vec::new())).expect("at once");
    assert_eq!(held.assignment, first.as_bytes(), "it has what it had");
    assert_eq!(group.heartbeat(&first, Some("one"), generation), Err(ResponseError::FencedInstanceId));
    assert_eq!(group.leave("", Some("one")), Ok(()));
    assert_eq!(group.state, State::Empty);
}

#[test]
fn members_need_a_protocol_in_common_and_vote_for_it() {
    let mut group = group();
    let with = |id: &str, names: &[&str]| JoinRequest {
        protocols: names.iter().map(|name| ((*name).to_owned(), Bytes::new())).collect(),
        returns_with_id: false,
        ..request(id)
    };
    let mut first = group.join(with("", &["sticky", "range"]));
    let first_id = first.try_recv().expect("it is alone").member_id;
    let refused = answer(group.join(with("", &["roundrobin"]))).expect("at once");
    assert_eq!(refused.error, code(ResponseError::InconsistentGroupProtocol));
    let other_type = JoinRequest { protocol_type: "connect".to_owned(), ..with("", &["range"]) };
    assert_eq!(answer(group.join(other_type)).expect("at once").error, code(ResponseError::InconsistentGroupProtocol));
    let mut second = group.join(with("", &["range", "roundrobin"]));
    let again = answer(group.join(with(&first_id, &["sticky", "range"]))).expect("all are there");
    assert_eq!(again.protocol, "range");
    assert_eq!(second.try_recv().expect("all are there").protocol, "range");
}

#[test]
fn commits_are_for_members_of_the_generation() {
    let mut group = group();
    assert_eq!(group.check_commit("", None, -1), Ok(()), "nobody is a member");
    let id = stable(&mut group);
    assert_eq!(group.check_commit("", None, -1), Err(ResponseError::UnknownMemberId));
    assert_eq!(group.check_commit(&id, None, 1), Ok(()));
    assert_eq!(group.check_commit(&id, None, 0), Err(ResponseError::IllegalGeneration));
    assert_eq!(group.check_commit("stranger", None, 1), Err(ResponseError::UnknownMemberId));
    drop(group.join(request(&id)));
    assert_eq!(group.check_commit(&id, None, 2), Err(ResponseError::RebalanceInProgress), "it was not assigned yet");
}

#[test]
fn the_offsets_of_a_group_without_members_go_after_their_retention() {
    const RETENTION: i64 = 1000;
    let groups = Groups::new(Arc::new(Journal::in_memory()), Duration::ZERO);
    let commit = |id: &str, committed_ms| {
        let handle = groups.get_or_create(id);
        let committed = CommittedOffset { offset: 7, leader_epoch: 0, metadata: String::new(), committed_ms };
        let offsets = vec![(("t".to_owned(), 0), committed)];
        groups.commit(id, &mut handle.lock(), offsets).expect("it is written");
        handle
    };
    let ids = || groups.all().into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    let pass = |now_ms| {
        groups.expire_offsets(now_ms, RETENTION);
        groups.tick(Instant::now());
    };
    let member = {
        let handle = commit("with a member", 0);
        let mut group = handle.lock();
        stable(&mut group)
    };
    drop(commit("committed from outside", 500));
    pass(1400);
    assert_eq!(ids(), ["committed from outside", "with a member"]);
    pass(1500);
    assert_eq!(ids(), ["with a member"], "1000 ms after the commit");
    pass(90_000);
    assert_eq!(ids(), ["with a member"], "for as long as there are members");
    assert_eq!(groups.get("with a member").expect("it is there").lock().leave(&member, None), Ok(()));
    pass(100_000);
    pass(100_999);
    assert_eq!(ids(), ["with a member"], "the time counts from when it was seen without members");
    pass(101_000);
    assert_eq!(ids(), Vec::<String>::new());
}
