//! Windows and watermarks through the whole engine. The batches are those that Spark 4.2 gave for the same rows, one a
//! batch: it drops rows by the watermark of the batch before, and evicts by its own.

use datafusion::logical_expr::{LogicalPlanBuilder, col};
use millstream_core::{OutputMode, Trigger};
use millstream_engine::FAIL_POINTS;
use millstream_engine::functions::aggregates::sum;
use millstream_engine::plan::EventTimeWatermarkNode;
use millstream_engine::state::Overflow;

use crate::script::{Bench, Step, check, relation};
use crate::window::window;

const SECOND_US: i64 = 1_000_000;

/// `sum(value)` by windows of 10 s with a delay of 10 s, one row a batch.
fn windowed_sums(mode: OutputMode) -> Bench {
    let mut bench = Bench::new();
    let timed = EventTimeWatermarkNode::over(relation(&bench.stream), col("ts"), 10 * SECOND_US).unwrap();
    bench.plan = LogicalPlanBuilder::from(timed)
        .aggregate(vec![window(10, 10)], vec![sum(col("value"), Overflow::Error)])
        .and_then(LogicalPlanBuilder::build)
        .unwrap();
    bench.output_mode = mode;
    bench.trigger = Trigger::AvailableNow;
    bench.stream.limit(1);
    bench
}

/// (value, event time)
const ROWS: [(i64, i64); 8] = [(1, 1), (1, 19), (7, 5), (1, 20), (100, 9), (5, 10), (1, 29), (1, 30)];

fn append_batches() -> Vec<(u64, Vec<Vec<i64>>)> {
    // The row at 9 comes in the batch that evicts its window, and was in time by the watermark before.
    let mut batches: Vec<_> = (0..9).map(|id| (id, vec![])).collect();
    batches[4].1 = vec![vec![0, 10, 108]];
    batches[8].1 = vec![vec![10, 20, 6]];
    batches
}

#[tokio::test]
async fn append_mode_emits_a_window_once() {
    let bench = windowed_sums(OutputMode::Append);
    bench.stream.add(ROWS);
    check(&bench, vec![Step::Start, Step::ExpectEnd, Step::ExpectBatches(append_batches())]).await;
}

#[tokio::test]
async fn update_mode_emits_what_changed_and_drops_what_is_late() {
    let bench = windowed_sums(OutputMode::Update);
    bench.stream.add([(1, 1), (1, 20), (1, 31), (100, 2), (3, 32)]);
    let expected = vec![
        (0, vec![vec![0, 10, 1]]),
        (1, vec![vec![20, 30, 1]]),
        (2, vec![vec![30, 40, 1]]),
        (3, vec![]),
        (4, vec![vec![30, 40, 4]]),
        // The watermark came to 22 with the last row.
        (5, vec![]),
    ];
    check(&bench, vec![Step::Start, Step::ExpectEnd, Step::ExpectBatches(expected)]).await;
}

/// The batches are those of a run that nobody stops: the late row comes in the second batch after the start, which
/// drops rows by the watermark that the first one began with.
#[tokio::test]
async fn a_stop_between_batches_keeps_the_watermark() {
    let bench = windowed_sums(OutputMode::Update);
    let steps = vec![
        Step::Add(vec![(1, 1), (1, 20), (1, 31)]),
        Step::Start,
        Step::ExpectEnd,
        Step::Add(vec![(3, 32), (100, 2)]),
        Step::Start,
        Step::ExpectEnd,
        Step::ExpectBatches(vec![
            (0, vec![vec![0, 10, 1]]),
            (1, vec![vec![20, 30, 1]]),
            (2, vec![vec![30, 40, 1]]),
            // The watermark came to 21 with the row before.
            (3, vec![]),
            (4, vec![vec![30, 40, 4]]),
            (5, vec![]),
        ]),
    ];
    check(&bench, steps).await;
}

#[tokio::test]
async fn complete_mode_drops_nothing_and_needs_no_batch_without_data() {
    let bench = windowed_sums(OutputMode::Complete);
    bench.stream.add([(1, 1), (1, 31), (100, 2)]);
    let expected = vec![
        (0, vec![vec![0, 10, 1]]),
        (1, vec![vec![0, 10, 1], vec![30, 40, 1]]),
        (2, vec![vec![0, 10, 101], vec![30, 40, 1]]),
    ];
    check(&bench, vec![Step::Start, Step::ExpectEnd, Step::ExpectBatches(expected)]).await;
}

/// State, watermark and late rows are the same after a death at any step of any batch.
#[tokio::test]
async fn a_death_at_any_step_loses_no_window() {
    for place in FAIL_POINTS {
        for count in [1, 2, 4, 5, 8, 9] {
            let bench = windowed_sums(OutputMode::Append);
            bench.stream.add(ROWS);
            check(&bench, vec![Step::StartAndDie(place, count), Step::Start, Step::ExpectEnd]).await;
            assert_eq!(bench.sink.batches(), append_batches(), "died at {place} for the {count}. time");
        }
    }
}
