//! Deduplication through deaths, restarts and little memory: what comes out is what an undisturbed run gives.

use datafusion::common::Column;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, col};
use millstream_core::{MemoryLedger, Trigger};
use millstream_engine::FAIL_POINTS;
use millstream_engine::plan::{DeduplicateNode, EventTimeWatermarkNode};

use crate::script::{Bench, Step, check, relation, rows, values};

const DELAY_US: i64 = 10_000_000;

/// `select value` behind `dropDuplicates(keys)` or `dropDuplicatesWithinWatermark(keys)`.
fn deduplicated(keys: &[&str], within_watermark: bool) -> Bench {
    let mut bench = Bench::new();
    let keys = keys.iter().map(|key| Column::from_qualified_name(*key)).collect();
    let timed = EventTimeWatermarkNode::over(relation(&bench.stream), col("ts"), DELAY_US).unwrap();
    bench.plan = LogicalPlanBuilder::from(DeduplicateNode::over(timed, keys, within_watermark).unwrap())
        .project(vec![col("value")])
        .and_then(LogicalPlanBuilder::build)
        .unwrap();
    bench.trigger = Trigger::AvailableNow;
    bench
}

/// (value, event time), one a batch.
const ROWS: [(i64, i64); 11] =
    [(1, 1), (2, 2), (1, 3), (1, 30), (2, 31), (3, 5), (1, 40), (3, 60), (2, 61), (1, 62), (3, 63)];

/// What passes of them by Spark's rules. Within a watermark, 1 and 2 live until batch 4, where the watermark comes to
/// 20; 3 is late; in batch 8 the watermark comes to 50, and the 1 of batch 6 ends. With event time in the key only 3
/// does not pass.
fn passing(within_watermark: bool) -> Vec<(u64, Vec<Vec<i64>>)> {
    let mut batches: Vec<_> = (0..12).map(|id| (id, vec![])).collect();
    for (id, (value, _)) in ROWS.iter().enumerate() {
        if if within_watermark { [0, 1, 6, 7, 8, 9].contains(&id) } else { id != 5 } {
            batches[id].1 = vec![vec![*value]];
        }
    }
    batches
}

/// With a snapshot after every batch, or none. Memory is there in plenty, or state is on disk whenever it can.
#[tokio::test]
async fn a_death_at_any_step_changes_nothing() {
    let scarce = MemoryLedger::new(1_000_000_000);
    let mut others = scarce.reservation("others");
    others.resize(900_000_000).unwrap();
    for (keys, within) in [(&["value"][..], true), (&["value", "ts"], false)] {
        for place in FAIL_POINTS {
            for (count, is_scarce) in [(1, false), (3, true), (5, false), (6, true), (9, true), (11, false)] {
                let mut bench = deduplicated(keys, within);
                bench.stream.limit(1);
                bench.stream.add(ROWS);
                if is_scarce {
                    bench.memory = scarce.clone();
                    bench.conf.insert("millstream.checkpoint.snapshotBytes".into(), "1".into());
                }
                check(&bench, vec![Step::StartAndDie(place, count), Step::Start, Step::ExpectEnd]).await;
                assert_eq!(bench.sink.batches(), passing(within), "died at {place} for the {count}. time, {keys:?}");
            }
        }
    }
}

/// What a restart finds in the checkpoint are the keys of before, and those that have ended are not among them.
#[tokio::test]
async fn a_restart_knows_the_keys() {
    for snapshot_bytes in ["1", "4000000"] {
        let mut bench = deduplicated(&["value"], true);
        bench.conf.insert("millstream.checkpoint.snapshotBytes".into(), snapshot_bytes.into());
        check(
            &bench,
            vec![
                Step::Add(vec![(1, 1), (2, 2), (3, 25), (1, 26)]),
                Step::Start,
                Step::ExpectEnd,
                // The watermark is at 16: 1 and 2 ended at 11 and 12, and 3 lives.
                Step::Add(vec![(1, 27), (3, 28), (2, 29), (3, 9)]),
                Step::Start,
                Step::ExpectEnd,
                Step::ExpectProgress(|progress| {
                    let state = &progress.state_operators[0];
                    assert_eq!(state.operator_name, "dedupeWithinWatermark");
                    assert_eq!(state.num_rows_total, 3);
                }),
            ],
        )
        .await;
        let mut passed = bench.sink.rows();
        passed.sort();
        assert_eq!(passed, values([1, 1, 2, 2, 3]));
    }
}

#[tokio::test]
async fn other_keys_over_the_same_checkpoint_are_refused() {
    let first = deduplicated(&["value"], false);
    check(&first, vec![Step::Add(rows([1])), Step::Start, Step::ExpectEnd]).await;
    for (keys, within, class) in [
        (&["value", "ts"][..], false, "STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE"),
        (&["value"], true, "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA"),
    ] {
        let other = deduplicated(keys, within);
        let spec = millstream_engine::QuerySpec { checkpoint: first.spec().checkpoint, ..other.spec() };
        let query = other.manager(None).start(spec).await.unwrap();
        let error = query.await_termination(None).await.unwrap_err();
        assert!(error.to_spark_message().contains(class), "{error}");
    }
}

/// A deduplication of the stream by these columns, as `value`.
fn branch(bench: &Bench, keys: &[&str]) -> LogicalPlan {
    let keys = keys.iter().map(|key| Column::from_qualified_name(*key)).collect();
    let plan = LogicalPlanBuilder::from(DeduplicateNode::over(relation(&bench.stream), keys, false).unwrap());
    plan.project(vec![col("value")]).and_then(LogicalPlanBuilder::build).unwrap()
}

fn union(first: LogicalPlan, second: LogicalPlan) -> LogicalPlan {
    LogicalPlanBuilder::from(first).union(second).and_then(LogicalPlanBuilder::build).unwrap()
}

/// Each finds its state by what it means; by its number it would get that of the other.
#[tokio::test]
async fn an_operator_that_moved_in_the_plan_keeps_its_state() {
    for snapshots in [false, true] {
        let mut bench = Bench::new();
        bench.trigger = Trigger::AvailableNow;
        if snapshots {
            bench.conf.insert("millstream.checkpoint.snapshotBytes".into(), "1".into());
        }
        let plans = |bench: &Bench| {
            let (by_value, by_time) = (branch(bench, &["value"]), branch(bench, &["ts"]));
            [union(by_value.clone(), by_time.clone()), union(by_time, by_value)]
        };
        let [first, moved] = plans(&bench);
        bench.plan = first.clone();
        bench.stream.add(vec![(1, 10), (2, 10)]);
        check(&bench, vec![Step::Start, Step::ExpectEnd]).await;
        let mut seen = bench.sink.rows();
        seen.sort();
        assert_eq!(seen, values([1, 1, 2]), "both values, and the first row of the one time");
        // There and back, so that the numbers in the log are neither those of the newest plan nor of the first segment
        // alone.
        for (plan, row) in [(moved.clone(), (1, 20)), (first, (2, 30)), (moved, (3, 30))] {
            bench.plan = plan;
            bench.stream.add(vec![row]);
            let before = bench.sink.rows().len();
            check(&bench, vec![Step::Start, Step::ExpectEnd]).await;
            assert_eq!(bench.sink.rows()[before..], values([row.0]), "{row:?}: one is known, the other new");
        }
    }
}

#[tokio::test]
async fn an_operator_that_means_another_thing_is_refused_by_name() {
    let mut bench = Bench::new();
    bench.trigger = Trigger::AvailableNow;
    bench.plan = union(branch(&bench, &["value"]), branch(&bench, &["ts"]));
    bench.stream.add(vec![(1, 10)]);
    check(&bench, vec![Step::Start, Step::ExpectEnd]).await;
    bench.plan = branch(&bench, &["value"]);
    let refused = "hint: the checkpoint has the state of 'Deduplicate by [ts] over [memory-stream]', and the query has \
                   nothing instead; give it back what it had, or start it with a new checkpoint location";
    check(&bench, vec![Step::Start, Step::ExpectFailure(refused)]).await;
}
