//! Traces that were taken of Spark 4.2, a row or two a batch: what comes out of the batch and of the batches without
//! data that follow, where the watermark stands then, and how many rows were late.
//!
//! Windows of 10 s and a delay of 10 s, unless a test says something else.

use datafusion::common::{JoinType, ScalarValue};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder as Builder, lit};
use datafusion::prelude::col;
use millstream_core::OutputMode::{self, Append, Complete, Update};

use super::windowed_sum;
use crate::functions::aggregates::sum;
use crate::plan::fixture::{MemoryRows, Row, Setting, StreamTest, session_window, with_watermark};
use crate::state::Overflow;

/// What a batch and those without data behind it gave.
#[derive(Debug, PartialEq)]
struct Gave {
    rows: Vec<String>,
    watermark_s: f64,
    late: i64,
}

fn gave(rows: &[&str], watermark_s: f64, late: i64) -> Gave {
    Gave { rows: rows.iter().map(|row| (*row).to_owned()).collect(), watermark_s, late }
}

/// Runs the batch that is due, and those without data that it causes.
async fn next(test: &mut StreamTest) -> Gave {
    let ranges = test.pending().await;
    let mut rows = test.run_batch(ranges, |_| Ok(())).await.unwrap();
    let late = test.progress.iter().map(|operator| operator.num_rows_dropped_by_watermark).sum();
    rows.extend(test.run().await.unwrap().concat());
    Gave { rows, watermark_s: test.watermark_ms() as f64 / 1000.0, late }
}

async fn check(plan: LogicalPlan, source: &MemoryRows, mode: OutputMode, trace: Vec<(Vec<Row>, Gave)>) {
    let mut test = StreamTest::start(plan, Setting::of(mode)).await.unwrap();
    for (step, (rows, expected)) in trace.into_iter().enumerate() {
        source.add(&rows);
        assert_eq!(next(&mut test).await, expected, "step {step}");
    }
}

fn at(second: f64, value: i64) -> Vec<Row> {
    vec![(second, Some("a"), Some(value))]
}

/// The watermark of Spark begins at 1970, so that it cannot be before.
#[tokio::test]
async fn a_window_is_given_once_the_watermark_is_at_its_end() {
    let source = MemoryRows::default();
    let trace = vec![
        (at(1.0, 1), gave(&[], 0.0, 0)),
        (at(19.999, 1), gave(&[], 9.999, 0)),
        // Its window ends at 10, a millisecond after the watermark.
        (at(5.0, 7), gave(&[], 9.999, 0)),
        (at(20.0, 1), gave(&["[0,10)|8"], 10.0, 0)),
        (at(9.9, 100), gave(&[], 10.0, 1)),
        (at(10.0, 5), gave(&[], 10.0, 0)),
        (at(29.9, 1), gave(&[], 19.9, 0)),
        (at(30.0, 1), gave(&["[10,20)|6"], 20.0, 0)),
    ];
    check(windowed_sum(&source, 10), &source, Append, trace).await;
}

#[tokio::test]
async fn in_update_mode_a_window_is_given_when_it_changes_and_not_when_it_ends() {
    let source = MemoryRows::default();
    let trace = vec![
        (at(1.0, 1), gave(&["[0,10)|1"], 0.0, 0)),
        (at(20.0, 1), gave(&["[20,30)|1"], 10.0, 0)),
        (at(9.9, 1), gave(&[], 10.0, 1)),
        (at(31.0, 1), gave(&["[30,40)|1"], 21.0, 0)),
    ];
    check(windowed_sum(&source, 10), &source, Update, trace).await;
}

#[tokio::test]
async fn in_complete_mode_nothing_is_late() {
    let source = MemoryRows::default();
    let trace = vec![
        (at(1.0, 1), gave(&["[0,10)|1"], 0.0, 0)),
        (at(31.0, 1), gave(&["[0,10)|1", "[30,40)|1"], 21.0, 0)),
        (at(2.0, 100), gave(&["[0,10)|101", "[30,40)|1"], 21.0, 0)),
    ];
    check(windowed_sum(&source, 10), &source, Complete, trace).await;
}

/// The row that moves the watermark does not make late what comes with it.
#[tokio::test]
async fn a_row_is_late_only_by_a_watermark_from_before_its_batch() {
    let source = MemoryRows::default();
    let together = [at(1.0, 1), at(50.0, 1), at(2.0, 2)].concat();
    let trace = vec![(together, gave(&["[0,10)|3"], 40.0, 0)), (at(3.0, 100), gave(&[], 40.0, 1))];
    check(windowed_sum(&source, 10), &source, Append, trace).await;
}

#[tokio::test]
async fn sessions_of_several_batches_are_one() {
    let source = MemoryRows::default();
    let plan = Builder::from(with_watermark(source.relation(), 10))
        .aggregate(vec![session_window(5), col("k")], vec![sum(col("v"), Overflow::Error)])
        .and_then(Builder::build);
    let trace = vec![
        ([at(1.0, 1), at(4.0, 1)].concat(), gave(&[], 0.0, 0)),
        (at(8.0, 1), gave(&[], 0.0, 0)),
        (at(30.0, 1), gave(&["[1,13)|a|3"], 20.0, 0)),
    ];
    check(plan.unwrap(), &source, Append, trace).await;
}

/// Rows of the right side meet those of the left one that are up to ten seconds older; both sides may be 5 s late.
/// Which rows come, step by step: of the left or of the right side, when and with which key.
async fn check_join(kind: JoinType, expected: [Gave; 7]) {
    let (left, right) = (MemoryRows::default(), MemoryRows::default());
    let side = |rows: &MemoryRows, name: &str| {
        let timed = Builder::from(with_watermark(rows.relation(), 5)).alias(name);
        timed.and_then(Builder::build).unwrap()
    };
    let ten_seconds = lit(ScalarValue::new_interval_mdn(0, 0, 10_000_000_000));
    let near = col("r.ts").gt_eq(col("l.ts")).and(col("r.ts").lt_eq(col("l.ts") + ten_seconds));
    let columns = vec![col("l.ts"), col("l.k"), col("r.ts"), col("r.k")];
    let plan = Builder::from(side(&left, "l"))
        .join(side(&right, "r"), kind, (vec!["l.k"], vec!["r.k"]), Some(near))
        .and_then(|joined| joined.project(columns))
        .and_then(Builder::build);
    let mut test = StreamTest::start(plan.unwrap(), Setting::of(Append)).await.unwrap();
    let row = |second: f64, key: &'static str| vec![(second, Some(key), Some(1))];
    let steps = [
        (row(1.0, "a"), vec![]),
        (vec![], row(5.0, "a")),
        (row(2.0, "b"), vec![]),
        (row(40.0, "c"), vec![]),
        (vec![], row(30.0, "z")),
        (vec![], row(41.0, "z")),
        (row(3.0, "a"), vec![]),
    ];
    for (step, ((of_left, of_right), expected)) in steps.into_iter().zip(expected).enumerate() {
        for (source, rows) in [(&left, of_left), (&right, of_right)] {
            if !rows.is_empty() {
                source.add(&rows);
            }
        }
        assert_eq!(next(&mut test).await, expected, "{kind} join, step {step}");
    }
}

/// The first watermarks are before 1970.
const BEFORE: f64 = 0.0;

#[tokio::test]
async fn an_inner_join_gives_pairs_and_drops_late_rows() {
    let pair = gave(&["1|a|5|a"], BEFORE, 0);
    let nothing = |watermark_s| gave(&[], watermark_s, 0);
    let late = gave(&[], 35.0, 1);
    let expected = [nothing(BEFORE), pair, nothing(BEFORE), nothing(BEFORE), nothing(25.0), nothing(35.0), late];
    check_join(JoinType::Inner, expected).await;
}

#[tokio::test]
async fn a_left_join_gives_a_lone_row_when_both_sides_have_passed_its_time() {
    let pair = gave(&["1|a|5|a"], BEFORE, 0);
    let nothing = |watermark_s| gave(&[], watermark_s, 0);
    let (lone, late) = (gave(&["2|b|NULL|NULL"], 25.0, 0), gave(&[], 35.0, 1));
    let expected = [nothing(BEFORE), pair, nothing(BEFORE), nothing(BEFORE), lone, nothing(35.0), late];
    check_join(JoinType::Left, expected).await;
}

#[tokio::test]
async fn a_full_join_gives_lone_rows_of_both_sides() {
    let pair = gave(&["1|a|5|a"], BEFORE, 0);
    let nothing = |watermark_s| gave(&[], watermark_s, 0);
    let (left, right) = (gave(&["2|b|NULL|NULL"], 25.0, 0), gave(&["NULL|NULL|30|z"], 35.0, 0));
    let expected = [nothing(BEFORE), pair, nothing(BEFORE), nothing(BEFORE), left, right, gave(&[], 35.0, 1)];
    check_join(JoinType::Full, expected).await;
}
