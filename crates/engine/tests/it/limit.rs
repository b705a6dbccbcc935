//! A limit through deaths and restarts: as many rows as an undisturbed run gives, and no more.

use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use millstream_core::Trigger;
use millstream_engine::FAIL_POINTS;

use crate::script::{Bench, Step, check, project_value, rows, values};

fn limited(most: usize) -> Bench {
    let mut bench = Bench::new();
    bench.plan = limit(project_value(&bench.stream), most);
    bench.trigger = Trigger::AvailableNow;
    bench
}

fn limit(plan: LogicalPlan, most: usize) -> LogicalPlan {
    LogicalPlanBuilder::from(plan).limit(0, Some(most)).and_then(LogicalPlanBuilder::build).unwrap()
}

/// With a snapshot after every batch, or none.
#[tokio::test]
async fn a_death_at_any_step_changes_nothing() {
    for place in FAIL_POINTS {
        for (times, snapshot_bytes) in [(1, "4000000"), (2, "1"), (3, "4000000"), (4, "1")] {
            let mut bench = limited(5);
            bench.stream.limit(2);
            bench.stream.add(rows(1..=8));
            bench.conf.insert("millstream.checkpoint.snapshotBytes".into(), snapshot_bytes.into());
            check(&bench, vec![Step::StartAndDie(place, times), Step::Start, Step::ExpectEnd]).await;
            let expected = [(0, values([1, 2])), (1, values([3, 4])), (2, values([5])), (3, vec![])];
            assert_eq!(bench.sink.batches(), expected, "died at {place} for the {times}. time");
        }
    }
}

#[tokio::test]
async fn a_smaller_limit_over_the_same_checkpoint_passes_no_more() {
    let mut bench = limited(5);
    bench.stream.add(rows(1..=4));
    check(&bench, vec![Step::Start, Step::ExpectEnd]).await;
    for (most, expected) in [(2, vec![1, 2, 3, 4]), (6, vec![1, 2, 3, 4, 7, 8])] {
        bench.plan = limit(project_value(&bench.stream), most);
        bench.stream.add(rows(if most == 2 { 5..=6 } else { 7..=9 }));
        check(&bench, vec![Step::Start, Step::ExpectEnd]).await;
        assert_eq!(bench.sink.rows(), values(expected), "limit {most}");
    }
}
