//! When batches run, how many, and what they say of themselves.

use std::time::Duration;

use millstream_core::Trigger;
use millstream_testing::ManualClock;

use crate::script::{Bench, Step, check, rows, values};

#[tokio::test]
async fn the_default_trigger_takes_what_is_at_hand() {
    let bench = Bench::new();
    check(
        &bench,
        vec![
            Step::Start,
            Step::Add(rows([1, 2])),
            Step::Process,
            Step::Add(rows([3])),
            Step::Process,
            Step::ExpectBatches(vec![(0, values([1, 2])), (1, values([3]))]),
            Step::ExpectProgress(|progress| {
                assert_eq!(progress.batch_id, 1);
                assert_eq!(progress.num_input_rows(), 1);
                assert_eq!(progress.sink.num_output_rows, 1);
                assert_eq!(progress.sources[0].start_offset, 2);
                assert_eq!(progress.sources[0].end_offset, 3);
                let phases: Vec<_> = progress.duration_ms.keys().copied().collect();
                assert_eq!(
                    phases,
                    [
                        "addBatch",
                        "commitOffsets",
                        "getBatch",
                        "latestOffset",
                        "queryPlanning",
                        "triggerExecution",
                        "walCommit"
                    ]
                );
            }),
            Step::Stop,
        ],
    )
    .await;
}

#[tokio::test]
async fn a_sink_with_a_pace_gets_one_batch_in_that_time() {
    let mut bench = Bench::new();
    bench.sink.pace = Duration::from_millis(100);
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    bench.stream.add(rows([1]));
    written(&bench, 1).await;
    bench.stream.add(rows([2]));
    bench.clock.advance(Duration::from_millis(99));
    settled().await;
    assert_eq!(bench.sink.writes(), [0]);
    bench.clock.advance(Duration::from_millis(1));
    written(&bench, 2).await;
    query.stop().await.unwrap();
}

#[tokio::test]
async fn a_sink_with_nothing_to_write_is_refreshed_each_day() {
    const HOUR: Duration = Duration::from_secs(3600);
    for trigger in [Trigger::Default, Trigger::ProcessingTime(Duration::from_secs(10))] {
        let mut bench = Bench::new();
        bench.trigger = trigger;
        bench.sink.is_exactly_once = true;
        bench.stream.add(rows([1]));
        let query = bench.manager(None).start(bench.spec()).await.unwrap();
        written(&bench, 1).await;
        let after = async |hours| {
            for _ in 0..hours {
                settled().await;
                bench.clock.advance(HOUR);
            }
            settled().await;
            bench.sink.refreshes()
        };
        assert_eq!(after(23).await, 0, "{trigger:?}: not a day after a batch");
        assert_eq!(after(1).await, 1, "{trigger:?}: a day after a batch");
        assert_eq!(after(48).await, 3, "{trigger:?}: two more days");
        query.stop().await.unwrap();
    }
}

#[tokio::test]
async fn processing_time_fires_at_multiples_of_the_interval() {
    let mut bench = Bench::new();
    bench.trigger = Trigger::ProcessingTime(Duration::from_secs(10));
    bench.clock.advance(Duration::from_secs(3));
    bench.stream.add(rows([1]));
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    written(&bench, 1).await;
    bench.stream.add(rows([2]));
    bench.clock.advance(Duration::from_millis(6_999));
    settled().await;
    assert_eq!(bench.sink.writes(), [0], "fired before the tenth second");
    assert_eq!(query.status().message, "Waiting for next trigger");
    bench.clock.advance(Duration::from_millis(1));
    written(&bench, 2).await;
    settled().await;
    // 2026-01-01T00:00:10Z
    assert_eq!(query.last_progress().unwrap().timestamp, "2026-01-01T00:00:10.000Z");
    assert_eq!(ManualClock::START_MS % 10_000, 0);
    query.stop().await.unwrap();
}

#[tokio::test]
async fn available_now_reads_what_is_there_in_batches_and_ends() {
    let mut bench = Bench::new();
    bench.trigger = Trigger::AvailableNow;
    bench.stream.limit(2);
    bench.stream.add(rows(0..5));
    check(
        &bench,
        vec![
            Step::Start,
            Step::ExpectEnd,
            Step::ExpectBatches(vec![(0, values([0, 1])), (1, values([2, 3])), (2, values([4]))]),
        ],
    )
    .await;
}

#[tokio::test]
async fn once_reads_everything_in_one_batch() {
    let mut bench = Bench::new();
    bench.trigger = Trigger::Once;
    bench.stream.limit(2);
    bench.stream.add(rows(0..5));
    check(&bench, vec![Step::Start, Step::ExpectEnd, Step::ExpectBatches(vec![(0, values(0..5))])]).await;
}

#[tokio::test]
async fn progress_is_kept_for_the_newest_batches() {
    let mut bench = Bench::new();
    bench.trigger = Trigger::AvailableNow;
    bench.conf.insert("spark.sql.streaming.numRecentProgressUpdates".into(), "3".into());
    bench.stream.limit(1);
    bench.stream.add(rows(0..5));
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    assert!(query.await_termination(None).await.unwrap());
    let kept: Vec<_> = query.recent_progress().iter().map(|progress| progress.batch_id).collect();
    assert_eq!(kept, [2, 3, 4]);
    assert_eq!(query.status().message, "Stopped");
}

/// Waits until the sink has seen this many writes.
async fn written(bench: &Bench, count: usize) {
    let waiting = async {
        while bench.sink.writes().len() < count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap();
}

/// Lets every task that can run do so.
async fn settled() {
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
}
