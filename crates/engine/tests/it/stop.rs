//! How a query is stopped.

use std::time::Duration;

use millstream_core::Trigger;
use millstream_engine::SyncPolicy;

use crate::script::{Bench, rows, values};

/// Lets every task that can run do so.
async fn settled() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_batch_that_never_ends_is_given_up_in_time_and_runs_again() {
    let bench = Bench::new();
    bench.stream.hang(true);
    bench.stream.add(rows([1, 2]));
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    // The disk is read on other threads meanwhile.
    let is_processing = async {
        while query.status().message != "Processing new data" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), is_processing).await.unwrap();
    settled().await;
    let stopping = query.stop();
    tokio::pin!(stopping);
    assert!(futures::poll!(&mut stopping).is_pending());
    settled().await;
    bench.clock.advance(Duration::from_secs(3));
    settled().await;
    assert!(query.is_active(), "a running batch has some time to end");
    bench.clock.advance(Duration::from_secs(1));
    stopping.await.unwrap();
    assert!(query.exception().is_none());
    assert!(bench.sink.writes().is_empty());

    bench.stream.hang(false);
    bench.stream.add(rows([3]));
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    query.process_all_available().await.unwrap();
    assert_eq!(bench.sink.batches(), [(0, values([1, 2])), (1, values([3]))]);
    query.stop().await.unwrap();
}

#[tokio::test]
async fn stop_timeout_is_honoured_as_in_spark() {
    let mut bench = Bench::new();
    bench.conf.insert("spark.sql.streaming.stopTimeout".into(), "1000".into());
    bench.stream.hang(true);
    bench.stream.add(rows([1]));
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    settled().await;
    let stopping = query.stop();
    tokio::pin!(stopping);
    assert!(futures::poll!(&mut stopping).is_pending());
    bench.clock.advance(Duration::from_secs(1));
    let error = stopping.await.unwrap_err();
    let (id, run_id) = (query.id(), query.run_id());
    assert!(
        error.message().starts_with(&format!(
            "Stream Execution thread for stream [id = {id}, runId = {run_id}] failed to stop within 1000 milliseconds \
             (specified by spark.sql.streaming.stopTimeout)."
        )),
        "{error:?}"
    );
}

#[tokio::test]
async fn waiting_for_the_end_gives_up_after_its_timeout() {
    let bench = Bench::new();
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    let waiting = query.await_termination(Some(Duration::from_secs(2)));
    tokio::pin!(waiting);
    assert!(futures::poll!(&mut waiting).is_pending());
    bench.clock.advance(Duration::from_secs(2));
    assert!(!waiting.await.unwrap());
    query.stop().await.unwrap();
    assert!(query.await_termination(Some(Duration::from_secs(2))).await.unwrap());
}

#[tokio::test]
async fn nothing_of_a_query_waits_for_a_time_after_its_end() {
    for sync in [SyncPolicy::Never, SyncPolicy::Every(Duration::from_secs(60)), SyncPolicy::Always] {
        for trigger in [Trigger::Default, Trigger::AvailableNow] {
            let bench = Bench { sync, trigger, ..Bench::new() };
            bench.stream.add(rows([1]));
            let query = bench.manager(None).start(bench.spec()).await.unwrap();
            query.process_all_available().await.unwrap();
            query.stop().await.unwrap();
            // A task that is told to end does so when it has its turn.
            while bench.clock.sleepers() > 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}
