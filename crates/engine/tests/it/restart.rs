//! Stops, restarts and deaths: the answer is the same as if nothing had happened.

use millstream_core::{ErrorKind, MemoryLedger, Trigger};
use millstream_engine::{FAIL_POINTS, PlantedFault};

use crate::script::{Bench, Step, check, rows, values};

#[tokio::test]
async fn a_restart_goes_on_where_the_query_stopped() {
    let bench = Bench::new();
    check(
        &bench,
        vec![
            Step::Add(rows([1])),
            Step::Start,
            Step::Process,
            Step::Stop,
            Step::Add(rows([2])),
            Step::Start,
            Step::Process,
            Step::Stop,
            Step::Start,
            Step::Add(rows([3])),
            Step::Process,
            Step::ExpectBatches(vec![(0, values([1])), (1, values([2])), (2, values([3]))]),
        ],
    )
    .await;
    assert_eq!(bench.sink.writes(), [0, 1, 2]);
    assert_eq!(bench.stream.committed().last(), Some(&3));
}

#[tokio::test]
async fn the_query_keeps_its_id_and_each_run_has_its_own() {
    let bench = Bench::new();
    let first = bench.manager(None).start(bench.spec()).await.unwrap();
    first.stop().await.unwrap();
    let second = bench.manager(None).start(bench.spec()).await.unwrap();
    assert_eq!(first.id(), second.id());
    assert_ne!(first.run_id(), second.run_id());
    second.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_start_on_a_checkpoint_stops_the_first() {
    let bench = Bench::new();
    let manager = bench.manager(None);
    let first = manager.start(bench.spec()).await.unwrap();
    let second = manager.start(bench.spec()).await.unwrap();
    assert!(!first.is_active());
    assert!(first.exception().is_none());
    assert!(second.is_active());
    // Another process, which cannot stop the first, is refused. Two engines stand for two processes.
    let error = bench.manager(None).start(bench.spec()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    second.stop().await.unwrap();
}

/// Dies at every place of the loop, in the first, second and third batch, and is started again.
#[tokio::test]
async fn a_death_at_any_step_changes_nothing() {
    for knows_newest in [false, true] {
        for place in FAIL_POINTS {
            for count in 1..=3 {
                let mut bench = Bench::new();
                bench.sink.knows_newest = knows_newest;
                bench.trigger = Trigger::AvailableNow;
                bench.stream.limit(2);
                bench.stream.add(rows(0..6));
                check(&bench, vec![Step::StartAndDie(place, count), Step::Start, Step::ExpectEnd]).await;
                assert_eq!(bench.sink.rows(), values(0..6), "died at {place} for the {count}. time");
                if knows_newest {
                    // A sink that knows what it has is never given a batch twice.
                    assert_eq!(bench.sink.writes(), [0, 1, 2], "died at {place} for the {count}. time");
                }
            }
        }
    }
}

/// The tests above would see what they look for: a death in the second batch shows each fault that can be planted.
#[tokio::test]
async fn a_death_shows_what_is_done_wrong() {
    let bench = |fault, bench: Bench| {
        let mut bench = Bench { planted_fault: Some(fault), trigger: Trigger::AvailableNow, ..bench };
        bench.sink.knows_newest = fault != PlantedFault::StateEarly;
        bench.stream.limit(2);
        bench.stream.add(rows(0..6));
        bench
    };
    let death = || vec![Step::StartAndDie("after_add_batch", 2), Step::Start];

    let ignored = bench(PlantedFault::MarkerIgnored, Bench::new());
    check(&ignored, death().into_iter().chain([Step::ExpectEnd]).collect()).await;
    assert_eq!(ignored.sink.writes(), [0, 1, 1, 2]);

    let late = bench(PlantedFault::OffsetsLate, Bench::new());
    check(&late, death().into_iter().chain([Step::ExpectFailure("it is older than the sink")]).collect()).await;

    let early = bench(PlantedFault::StateEarly, Bench::counting());
    check(&early, death().into_iter().chain([Step::ExpectEnd]).collect()).await;
    let mut newest: Vec<_> = early.sink.rows().into_iter().rev().take(2).collect();
    newest.sort();
    assert_eq!(newest, [[0, 4], [1, 4]], "three of each, and those of the second batch twice");
}

/// The same with a snapshot after every batch, so that the log is taken up again from the middle. Memory is either
/// there in plenty, or nearly all of it is held by others, so that state is on disk whenever it can.
#[tokio::test]
async fn a_death_around_a_snapshot_counts_nothing_twice() {
    let (plenty, scarce) = (MemoryLedger::unlimited(), MemoryLedger::new(1_000_000_000));
    let mut others = scarce.reservation("others");
    others.resize(900_000_000).unwrap();
    for place in FAIL_POINTS {
        for (count, memory) in
            [1, 2, 3, 1, 2, 3].into_iter().zip([&plenty, &plenty, &plenty, &scarce, &scarce, &scarce])
        {
            let mut bench = Bench::counting();
            bench.memory = memory.clone();
            bench.trigger = Trigger::AvailableNow;
            bench.conf.insert("millstream.checkpoint.snapshotBytes".into(), "1".into());
            bench.conf.insert("spark.sql.streaming.minBatchesToRetain".into(), "1".into());
            bench.stream.limit(1);
            bench.stream.add(rows(1..=6));
            check(
                &bench,
                vec![
                    Step::StartAndDie(place, count),
                    Step::Start,
                    Step::ExpectEnd,
                    Step::Add(rows([7, 8])),
                    Step::Start,
                    Step::ExpectEnd,
                ],
            )
            .await;
            let newest: Vec<_> = bench.sink.rows().into_iter().rev().take(2).collect();
            assert_eq!(newest, [[0, 4], [1, 4]], "died at {place} for the {count}. time");
            assert!(bench.folder().join("millstream").read_dir().unwrap().count() < 12, "old segments stay");
        }
    }
}

/// The same with segments of the log of a batch each, of which the old ones go.
#[tokio::test]
async fn a_death_around_a_new_segment_changes_nothing() {
    for place in FAIL_POINTS {
        for count in 1..=3 {
            let mut bench = Bench::new();
            bench.trigger = Trigger::AvailableNow;
            bench.conf.insert("millstream.checkpoint.segmentBytes".into(), "1".into());
            bench.conf.insert("spark.sql.streaming.minBatchesToRetain".into(), "1".into());
            bench.stream.limit(1);
            bench.stream.add(rows(0..6));
            check(&bench, vec![Step::StartAndDie(place, count), Step::Start, Step::ExpectEnd]).await;
            assert_eq!(bench.sink.rows(), values(0..6), "died at {place} for the {count}. time");
            assert!(bench.folder().join("millstream").read_dir().unwrap().count() < 6, "old segments stay");
        }
    }
}

/// The same with state: every death must leave each number counted once.
#[tokio::test]
async fn a_death_at_any_step_counts_nothing_twice() {
    for place in FAIL_POINTS {
        for count in 1..=3 {
            let mut bench = Bench::counting();
            bench.trigger = Trigger::AvailableNow;
            bench.stream.limit(3);
            bench.stream.add(rows([1, 2, 3, 4, 5, 6, 7]));
            check(
                &bench,
                vec![
                    Step::StartAndDie(place, count),
                    Step::Start,
                    Step::ExpectEnd,
                    Step::ExpectBatches(vec![
                        (0, vec![vec![0, 1], vec![1, 2]]),
                        (1, vec![vec![0, 3], vec![1, 3]]),
                        (2, vec![vec![1, 4]]),
                    ]),
                ],
            )
            .await;
        }
    }
}
