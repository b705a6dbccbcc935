//! Queries whose checkpoint lies on an object store: they die, and the store fails, and the answer stays the same.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use millstream_connectors::checkpoint::{CheckpointDisks, ObjectStoreDisk, S3Settings};
use millstream_core::{Clock, ErrorKind, MemoryLedger, SystemClock, Trigger};
use millstream_engine::{FAIL_POINTS, LocalDisk};
use millstream_test_servers::{Conditions, S3Fault, S3Server};
use millstream_testing::ManualClock;
use object_store::ObjectStore;
use object_store::memory::InMemory;

use crate::script::{Bench, Step, check, rows};

const LEASE: Duration = Duration::from_secs(10);

/// A store that outlives its clients.
pub(crate) enum Store {
    Memory(Arc<dyn ObjectStore>),
    Server(S3Server),
}

impl Store {
    pub(crate) fn memory() -> Self {
        Self::Memory(Arc::new(InMemory::new()))
    }

    pub(crate) fn server() -> Self {
        Self::Server(S3Server::start(&["bucket"]))
    }
}

/// A process's disk on the store, by the machine's clock.
pub(crate) fn disk(store: &Store) -> Arc<dyn millstream_core::Disk> {
    on(store, Arc::new(SystemClock::new(|duration| Box::pin(tokio::time::sleep(duration)))))
}

fn on(store: &Store, clock: Arc<dyn Clock>) -> Arc<dyn millstream_core::Disk> {
    match store {
        Store::Memory(store) => Arc::new(ObjectStoreDisk::new(Arc::clone(store), clock, LEASE)),
        Store::Server(server) => {
            let settings: S3Settings = server.environment().into_iter().collect();
            Arc::new(CheckpointDisks::new(Arc::new(LocalDisk), clock, settings))
        }
    }
}

/// Counts numbers by their parity, with a snapshot after every batch, one number a batch.
fn counting(store: &Store) -> Bench {
    let clock = ManualClock::new();
    let mut bench = Bench::counting();
    bench.disk = on(store, clock.clone());
    bench.lease_clock = Some(clock);
    bench.location = Some("s3://bucket/query".into());
    bench.trigger = Trigger::AvailableNow;
    bench.conf.insert("millstream.checkpoint.snapshotBytes".into(), "1".into());
    bench.conf.insert("spark.sql.streaming.minBatchesToRetain".into(), "1".into());
    bench.stream.limit(1);
    bench.stream.add(rows(1..=4));
    bench
}

/// The newest counts, of this many numbers.
fn assert_counted(bench: &Bench, numbers: i64, what: &str) {
    let newest: BTreeSet<_> = bench.sink.rows().into_iter().rev().take(2).collect();
    assert_eq!(newest, BTreeSet::from([vec![0, numbers / 2], vec![1, numbers - numbers / 2]]), "{what}");
}

/// Nearly all memory is held by others half of the time, so that state is on the machine's disk whenever it can.
#[tokio::test]
async fn a_death_at_any_step_changes_nothing_on_an_object_store() {
    let (plenty, scarce) = (MemoryLedger::unlimited(), MemoryLedger::new(1_000_000_000));
    let mut others = scarce.reservation("others");
    others.resize(900_000_000).unwrap();
    for place in FAIL_POINTS {
        for (count, memory) in [(1, &plenty), (2, &scarce), (3, &plenty)] {
            let mut bench = counting(&Store::memory());
            bench.memory = memory.clone();
            let again = vec![Step::Add(rows([5, 6])), Step::Start, Step::ExpectEnd];
            let steps = [Step::StartAndDie(place, count), Step::Start, Step::ExpectEnd].into_iter().chain(again);
            check(&bench, steps.collect()).await;
            assert_counted(&bench, 6, &format!("died at {place} for the {count}. time"));
            let files = bench.disk.list(&bench.folder().join("millstream")).await.unwrap();
            assert!(files.len() < 12, "old segments stay: {files:?}");
        }
    }
}

/// A life with a death in it.
fn life() -> Vec<Step> {
    let again = [Step::Start, Step::ExpectEnd, Step::Add(rows([5, 6])), Step::Start, Step::ExpectEnd];
    [Step::StartAndDie("after_add_batch", 2)].into_iter().chain(again).collect()
}

/// What is asked of the store in such a life: each method with the beginning of a name, up to its first number.
async fn kinds() -> BTreeSet<String> {
    let store = Store::server();
    let bench = counting(&store);
    check(&bench, life()).await;
    assert_counted(&bench, 6, "undisturbed");
    let Store::Server(server) = store else { unreachable!() };
    let kind = |line: String| line.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default().to_owned();
    server.requests().into_iter().map(kind).collect()
}

#[tokio::test]
async fn a_request_that_fails_once_changes_nothing() {
    let kinds = kinds().await;
    for kind in
        ["GET bucket/query/metadata", "LIST bucket/query/offsets/", "DELETE bucket", "PUT bucket/query/millstream/lock"]
    {
        assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
    }
    for kind in &kinds {
        for fault in [S3Fault::Dropped, S3Fault::AnswerLost] {
            let store = Store::server();
            let bench = counting(&store);
            let Store::Server(server) = &store else { unreachable!() };
            server.fail(kind, 0, fault);
            check(&bench, life()).await;
            assert_counted(&bench, 6, &format!("{kind} {fault:?}"));
            assert!(server.has_failed(), "{kind} {fault:?} never came");
        }
    }
}

#[tokio::test]
async fn a_store_that_refuses_stops_the_query_which_then_goes_on() {
    let store = Store::server();
    let bench = Bench { trigger: Trigger::Default, ..counting(&store) };
    let Store::Server(server) = &store else { unreachable!() };
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    query.process_all_available().await.unwrap();
    server.set_conditions(Conditions::Refused);
    bench.stream.add(rows([5, 6]));
    let error = query.await_termination(None).await.unwrap_err();
    let text = error.to_spark_message();
    for part in ["checkpoint file 's3://bucket/query/millstream/log-", "NotImplemented", "use a store with conditional"]
    {
        assert!(text.contains(part), "{text}");
    }
    server.set_conditions(Conditions::Kept);
    check(&bench, vec![Step::Start, Step::Process]).await;
    assert_counted(&bench, 6, "after the store was mended");
}

/// The lock aside, which time alone renews, and Spark's files, which have theirs.
#[tokio::test]
async fn a_batch_costs_two_writes_at_the_most() {
    let store = Store::server();
    let mut bench = Bench { trigger: Trigger::Default, ..counting(&store) };
    bench.conf.clear();
    let Store::Server(server) = &store else { unreachable!() };
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    query.process_all_available().await.unwrap();
    server.requests();
    bench.stream.add(rows(5..=14));
    query.process_all_available().await.unwrap();
    let requests = server.requests();
    let appends = requests.iter().filter(|line| line.starts_with("PUT bucket/query/millstream/log-")).count();
    let others = |line: &&String| line.contains(" bucket/query/millstream/");
    assert_eq!(appends, requests.iter().filter(others).count(), "{requests:?}");
    assert!((10..=20).contains(&appends), "ten batches: {requests:?}");
    query.stop().await.unwrap();
}

#[tokio::test]
async fn two_processes_do_not_share_a_bucket_folder() {
    let store = Store::memory();
    let (first, second) = (counting(&store), counting(&store));
    let first = Bench { trigger: Trigger::Default, ..first };
    let query = first.manager(None).start(first.spec()).await.unwrap();
    let clock = first.lease_clock.as_ref().unwrap();
    let other = second.lease_clock.as_ref().unwrap();
    let (step, manager) = (Duration::from_secs(1), second.manager(None));
    // Time passes for both alike.
    let start = Box::pin(manager.start(second.spec()));
    let refused = clock.pass_while(step, other.pass_while(step, start)).await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_spark_message().contains("stop the other query"), "{error:?}");
    query.stop().await.unwrap();
    // What was stopped is free at once: no time passes.
    let now = other.monotonic();
    let query = manager.start(second.spec()).await.unwrap();
    assert_eq!(other.monotonic(), now);
    query.stop().await.unwrap();
}

/// The first process is stopped, its clock with it, and goes on when the second has long taken over.
#[tokio::test]
async fn a_query_that_was_taken_over_ends_and_writes_nothing() {
    let store = Store::memory();
    let [first, second] = [(); 2].map(|()| Bench { trigger: Trigger::Default, ..counting(&store) });
    let query = first.manager(None).start(first.spec()).await.unwrap();
    query.process_all_available().await.unwrap();
    let rows_before = first.sink.rows();
    second.stream.add(rows([5, 6]));
    check(&second, vec![Step::Start, Step::Process, Step::Stop]).await;
    assert_counted(&second, 6, "after the takeover");
    first.stream.add(rows([5, 6]));
    let error = query.await_termination(None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let text = error.to_spark_message();
    for part in ["another process has taken over this checkpoint", "leave the query to that process, or end it"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(first.sink.rows(), rows_before);
    check(&second, vec![Step::Add(rows([7, 8])), Step::Start, Step::Process]).await;
    assert_counted(&second, 8, "after the first has ended");
}

/// A refused start holds nothing.
#[tokio::test]
async fn a_start_that_is_refused_lets_go() {
    let store = Store::memory();
    let bench = counting(&store);
    check(&bench, vec![Step::Start, Step::ExpectEnd]).await;
    let mut other = counting(&store);
    other.plan = Bench::new().plan;
    let query = other.manager(None).start(other.spec()).await.unwrap();
    query.await_termination(None).await.unwrap_err();
    let third = counting(&store);
    third.manager(None).start(third.spec()).await.unwrap().stop().await.unwrap();
    assert_eq!(third.lease_clock.as_ref().unwrap().monotonic(), Duration::ZERO);
}
