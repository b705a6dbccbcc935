use datafusion::functions_aggregate::expr_fn::{avg, count, max, min, sum};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::prelude::col;
use millstream_core::OutputMode;

use super::fixture::{MemoryRows, Row, Setting, StreamTest, window, with_watermark};

fn at(seconds: f64) -> Row {
    (seconds, Some("a"), Some(1))
}

fn windowed_sum(source: &MemoryRows, delay_s: i64) -> LogicalPlan {
    LogicalPlanBuilder::from(with_watermark(source.relation(), delay_s))
        .aggregate(vec![window(10, 10).alias("window")], vec![sum(col("v")).alias("s")])
        .unwrap()
        .build()
        .unwrap()
}

/// Each step: rows of one trigger, then the rows of every batch it causes.
async fn check_trace(plan: LogicalPlan, source: &MemoryRows, mode: OutputMode, trace: &[(&[Row], &[&[&str]])]) {
    for cores in [1, 3] {
        let before = StreamTest::start(plan.clone(), Setting { cores, ..Setting::of(mode) }).await;
        let mut test = before.unwrap();
        // The rows of an earlier round are still in the source.
        let seen = test.pending().await;
        test = test.skip(seen);
        for (step, (rows, expected)) in trace.iter().enumerate() {
            source.add(rows);
            assert_eq!(test.run().await.unwrap(), *expected, "step {step} with {cores} cores");
        }
    }
}

#[tokio::test]
async fn append_emits_windows_when_the_watermark_passes_their_end() {
    let source = MemoryRows::default();
    let trace: &[(&[Row], &[&[&str]])] = &[
        (&[at(1.0)], &[&[]]),
        (&[at(19.999)], &[&[], &[]]),
        (&[(5.0, Some("a"), Some(7))], &[&[]]),
        (&[at(20.0)], &[&[], &["[0,10)|8"]]),
        (&[at(9.9)], &[&[]]),
        (&[(10.0, Some("a"), Some(5))], &[&[]]),
        (&[at(29.9)], &[&[], &[]]),
        (&[at(30.0)], &[&[], &["[10,20)|6"]]),
    ];
    check_trace(windowed_sum(&source, 10), &source, OutputMode::Append, trace).await;
}

#[tokio::test]
async fn update_emits_changed_windows_and_drops_late_rows() {
    let source = MemoryRows::default();
    let trace: &[(&[Row], &[&[&str]])] = &[
        (&[at(1.0)], &[&["[0,10)|1"]]),
        (&[at(20.0)], &[&["[20,30)|1"], &[]]),
        (&[at(9.9)], &[&[]]),
        (&[at(31.0)], &[&["[30,40)|1"], &[]]),
    ];
    check_trace(windowed_sum(&source, 10), &source, OutputMode::Update, trace).await;
}

#[tokio::test]
async fn complete_keeps_everything_and_no_row_is_late() {
    let source = MemoryRows::default();
    let trace: &[(&[Row], &[&[&str]])] = &[
        (&[at(1.0)], &[&["[0,10)|1"]]),
        (&[at(31.0)], &[&["[0,10)|1", "[30,40)|1"]]),
        (&[(2.0, Some("a"), Some(100))], &[&["[0,10)|101", "[30,40)|1"]]),
    ];
    check_trace(windowed_sum(&source, 10), &source, OutputMode::Complete, trace).await;
}

#[tokio::test]
async fn a_late_row_in_the_batch_that_moves_the_watermark_counts() {
    let source = MemoryRows::default();
    let trace: &[(&[Row], &[&[&str]])] =
        &[(&[at(1.0), at(50.0), (2.0, Some("a"), Some(2))], &[&[], &["[0,10)|3"]]), (&[at(3.0)], &[&[]])];
    check_trace(windowed_sum(&source, 10), &source, OutputMode::Append, trace).await;
}
