use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::{InitProducer, Producer, Transactions};
use crate::clock::now_ms;
use crate::group::Groups;
use crate::journal::{CommittedOffset, Journal, Snapshot, TransactionState};
use crate::log::tests::Draft;
use crate::log::{MemoryLimit, ValidBatch};
use crate::topic_config::TopicConfig;
use crate::topics::Topics;

const ID: &str = "payments";

struct Fixture {
    topics: Arc<Topics>,
    groups: Arc<Groups>,
    transactions: Transactions,
}

fn fixture(journal: Journal, snapshot: &Snapshot) -> Fixture {
    let journal = Arc::new(journal);
    let topics = Arc::new(Topics::new(Arc::clone(&journal), Arc::new(MemoryLimit::new(1 << 20)), None));
    let groups = Arc::new(Groups::new(Arc::clone(&journal), Duration::ZERO));
    if topics.get("t").is_none() {
        topics.create("t", 2, TopicConfig::default()).expect("a topic");
    }
    let transactions = Transactions::new(journal, Arc::clone(&topics), Arc::clone(&groups));
    groups.restore(snapshot);
    transactions.restore(snapshot);
    Fixture { topics, groups, transactions }
}

impl Fixture {
    fn new() -> Self {
        fixture(Journal::in_memory(), &Snapshot::default())
    }

    fn init(&self, present: Option<(i64, i16)>) -> Result<(i64, i16), ResponseError> {
        self.transactions.init_producer(&InitProducer { transactional_id: Some(ID), timeout_ms: 60_000, present })
    }

    fn start(&self) -> (i64, i16) {
        self.init(None).expect("an id")
    }

    /// Appends one record to partition 0 by protocol v2.
    fn append(&self, (producer_id, epoch): (i64, i16), sequence: i32) -> Result<(), ResponseError> {
        let producer = Producer { transactional_id: ID, producer_id, epoch };
        let draft = Draft { producer: (producer_id, epoch, sequence), transactional: true, ..Draft::of(1) };
        let partition = self.topics.partition("t", 0).expect("it is there");
        let batch = ValidBatch::new(draft.batch(), &TopicConfig::default(), now_ms())?;
        let append = || partition.append(batch, now_ms()).map(|_| ());
        self.transactions.append(producer, (("t".to_owned(), 0), true), append)
    }

    fn end(&self, (producer_id, epoch): (i64, i16), how: (bool, bool)) -> Result<(i64, i16), ResponseError> {
        let producer = Producer { transactional_id: ID, producer_id, epoch };
        self.transactions.end(producer, how).map(|(id, epoch, _)| (id, epoch))
    }

    fn state(&self) -> TransactionState {
        self.transactions.describe(ID).expect("it is known").state
    }

    fn stable_and_end(&self) -> (i64, i64) {
        let partition = self.topics.partition("t", 0).expect("it is there");
        let log = partition.log();
        (log.last_stable_offset(), log.next_offset())
    }
}

const COMMIT: bool = true;
const ABORT: bool = false;
const V1: bool = false;
const V2: bool = true;

fn offset(offset: i64) -> CommittedOffset {
    CommittedOffset { offset, leader_epoch: -1, metadata: String::new(), committed_ms: 0 }
}

#[test]
fn protocol_v1_keeps_the_epoch_and_v2_raises_it() {
    for (raise, next) in [(V1, 0), (V2, 1)] {
        let fixture = Fixture::new();
        let producer = fixture.start();
        fixture.append(producer, 0).expect("it is appended");
        assert_eq!(fixture.stable_and_end(), (0, 1));
        assert_eq!(fixture.end(producer, (COMMIT, raise)), Ok((producer.0, next)));
        assert_eq!(fixture.stable_and_end(), (2, 2), "a record and a marker");
        assert_eq!(fixture.state(), TransactionState::CompleteCommit);
    }
}

#[test]
fn the_same_end_may_come_twice_and_another_may_not() {
    let fixture = Fixture::new();
    let producer = fixture.start();
    fixture.append(producer, 0).expect("it is appended");
    let next = fixture.end(producer, (COMMIT, V2)).expect("it ends");
    assert_eq!(fixture.end(producer, (COMMIT, V2)), Ok(next));
    assert_eq!(fixture.end(producer, (ABORT, V2)), Err(ResponseError::InvalidTxnState));
    assert_eq!(fixture.stable_and_end(), (2, 2), "one marker");
    assert_eq!(fixture.end(next, (COMMIT, V2)), Err(ResponseError::InvalidTxnState), "nothing is open");
    assert_eq!(fixture.end(next, (ABORT, V2)), Ok((next.0, next.1 + 1)));
}

#[test]
fn a_new_instance_fences_the_old_one_and_aborts_what_it_left() {
    let fixture = Fixture::new();
    let old = fixture.start();
    fixture.append(old, 0).expect("it is appended");
    let new = fixture.start();
    assert!(new.0 == old.0 && new.1 > old.1);
    assert_eq!(fixture.stable_and_end(), (2, 2), "the transaction was aborted");
    assert_eq!(fixture.append(old, 1), Err(ResponseError::InvalidProducerEpoch));
    assert_eq!(fixture.end(old, (COMMIT, V1)), Err(ResponseError::ProducerFenced));
    assert_eq!(fixture.init(Some(old)), Err(ResponseError::ProducerFenced));
    assert_eq!(fixture.append(new, 0), Ok(()));
}

#[test]
fn a_producer_that_recovers_gets_the_next_epoch_once() {
    let fixture = Fixture::new();
    let producer = fixture.start();
    let raised = fixture.init(Some(producer)).expect("the next epoch");
    assert_eq!(raised, (producer.0, producer.1 + 1));
    assert_eq!(fixture.init(Some(producer)), Ok(raised), "the answer was lost");
}

#[test]
fn an_epoch_that_is_used_up_gives_another_producer_id() {
    let fixture = Fixture::new();
    let producer = fixture.start();
    let mut last = producer;
    while last.0 == producer.0 {
        assert!(last.1 < i16::MAX, "one is kept for fencing");
        last = fixture.init(Some(last)).expect("the next epoch");
    }
    assert_eq!(last.1, 0);
}

#[test]
fn what_takes_too_long_is_aborted() {
    let fixture = Fixture::new();
    let producer = fixture.start();
    fixture.append(producer, 0).expect("it is appended");
    fixture.transactions.tick(now_ms() + 59_000);
    assert_eq!(fixture.state(), TransactionState::Ongoing);
    fixture.transactions.tick(now_ms() + 61_000);
    assert_eq!(fixture.state(), TransactionState::CompleteAbort);
    assert_eq!(fixture.end(producer, (COMMIT, V2)), Err(ResponseError::ProducerFenced));
    let partition = fixture.topics.partition("t", 0).expect("it is there");
    assert_eq!(partition.log().producers().aborted(0, 2).count(), 1);
}

#[test]
fn offsets_are_the_groups_when_the_transaction_commits() {
    for (commit, expected) in [(COMMIT, Some(5)), (ABORT, None)] {
        let fixture = Fixture::new();
        let (producer_id, epoch) = fixture.start();
        let producer = Producer { transactional_id: ID, producer_id, epoch };
        let key = ("t".to_owned(), 1);
        let offsets = vec![(key.clone(), offset(5))];
        let added = fixture.transactions.commit_offsets(producer, ("g", false), offsets.clone());
        assert_eq!(added, Err(ResponseError::InvalidTxnState), "protocol v1 adds the group first");
        fixture.transactions.add_group(producer, "g").expect("it is added");
        fixture.transactions.commit_offsets(producer, ("g", false), offsets).expect("it is added");
        let group = fixture.groups.get("g").expect("it is there");
        assert!(group.lock().offsets.is_unstable(&key));
        fixture.end((producer_id, epoch), (commit, V1)).expect("it ends");
        assert!(!group.lock().offsets.is_unstable(&key));
        assert_eq!(group.lock().offsets.get(&key).map(|found| found.offset), expected);
    }
}

#[test]
fn protocol_v1_writes_only_to_what_was_added() {
    let fixture = Fixture::new();
    let (producer_id, epoch) = fixture.start();
    let producer = Producer { transactional_id: ID, producer_id, epoch };
    let append = |partition| fixture.transactions.append(producer, (("t".to_owned(), partition), false), || Ok(()));
    assert_eq!(append(0), Err(ResponseError::InvalidTxnState));
    fixture.transactions.add_partitions(producer, vec![("t".to_owned(), 0)]).expect("it is added");
    assert_eq!(append(0), Ok(()));
    assert_eq!(append(1), Err(ResponseError::InvalidTxnState));
}

#[test]
fn an_end_that_was_decided_is_carried_out_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, snapshot) = Journal::open(folder.path()).expect("it opens");
    let before = fixture(journal, &snapshot);
    let (producer_id, epoch) = before.start();
    let producer = Producer { transactional_id: ID, producer_id, epoch };
    let key = ("t".to_owned(), 0);
    before.transactions.commit_offsets(producer, ("g", true), vec![(key.clone(), offset(9))]).expect("it is added");
    drop(before);
    // The process died after the decision and before anything else.
    let (journal, mut snapshot) = Journal::open(folder.path()).expect("it opens");
    snapshot.transactions.get_mut(ID).expect("it is known").state = TransactionState::PrepareCommit;
    let after = fixture(journal, &snapshot);
    assert_eq!(after.state(), TransactionState::CompleteCommit);
    let group = after.groups.get("g").expect("it is there");
    assert_eq!(group.lock().offsets.get(&key).map(|found| found.offset), Some(9));
    assert_eq!(after.start().0, producer_id);
    let another = InitProducer { transactional_id: None, timeout_ms: 60_000, present: None };
    assert!(after.transactions.init_producer(&another).expect("an id").0 > producer_id, "ids are given once");
}
