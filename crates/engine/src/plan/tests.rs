//! The measured traces of Spark, batch for batch.

mod aggregates;
mod chained;
mod changes;
mod changes_join;
mod deduplicate;
mod golden;
mod joined_aggregates;
mod operators;
mod pins;
mod properties;
mod sessions;
mod sets;
mod stream_join;
mod top_rows;

use crate::functions::aggregates::{count, sum};
use crate::state::Overflow;
use datafusion::common::{Column, UnnestOptions};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::prelude::col;
use millstream_core::OutputMode;

use super::fixture::{MemoryRows, Row, Setting, StreamTest, window, with_watermark};

fn at(seconds: f64) -> Row {
    (seconds, Some("a"), Some(1))
}

fn windowed_sum(source: &MemoryRows, delay_s: i64) -> LogicalPlan {
    LogicalPlanBuilder::from(with_watermark(source.relation(), delay_s))
        .aggregate(vec![window(10, 10).alias("window")], vec![sum(col("v"), Overflow::Error).alias("s")])
        .unwrap()
        .build()
        .unwrap()
}

/// Each step: rows of one trigger, then the rows of every batch it causes.
async fn check_trace(plan: LogicalPlan, source: &MemoryRows, mode: OutputMode, trace: &[(&[Row], &[&[&str]])]) {
    for (cores, one_task) in [(1, false), (3, false), (3, true)] {
        source.tell_rows(one_task);
        let before = StreamTest::start(plan.clone(), Setting { cores, ..Setting::of(mode) }).await;
        let mut test = before.unwrap();
        // The rows of an earlier round are still in the source.
        let seen = test.pending().await;
        test = test.skip(seen);
        for (step, (rows, expected)) in trace.iter().enumerate() {
            source.add(rows);
            assert_eq!(test.run().await.unwrap(), *expected, "step {step} with {cores} cores, one task: {one_task}");
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

/// Windows of 10 s each 5 s: expected rows are arithmetic.
#[tokio::test]
async fn sliding_windows_count_a_row_in_each() {
    let source = MemoryRows::default();
    let windows = LogicalPlanBuilder::from(with_watermark(source.relation(), 10))
        .project(vec![window(10, 5).alias("window"), col("v")])
        .unwrap()
        .build()
        .unwrap();
    let windows = LogicalPlanBuilder::from(windows)
        .unnest_columns_with_options(vec![Column::from_name("window")], UnnestOptions::new().with_preserve_nulls(false))
        .unwrap();
    let plan = windows.aggregate(vec![col("window")], vec![sum(col("v"), Overflow::Error)]).unwrap().build().unwrap();
    let trace: &[(&[Row], &[&[&str]])] = &[
        (&[at(1.0), at(7.0)], &[&["[-5,5)|1", "[0,10)|2", "[5,15)|1"]]),
        (&[at(17.0)], &[&["[10,20)|1", "[15,25)|1"], &[]]),
        (&[at(4.0)], &[&["[0,10)|3"]]),
    ];
    check_trace(plan.clone(), &source, OutputMode::Update, trace).await;
    let source_rows = source;
    let trace: &[(&[Row], &[&[&str]])] = &[
        (&[at(1.0), at(7.0)], &[&[]]),
        (&[at(20.0)], &[&[], &["[-5,5)|1", "[0,10)|2"]]),
        (&[at(25.0)], &[&[], &["[5,15)|1"]]),
    ];
    check_trace(plan, &source_rows, OutputMode::Append, trace).await;
}

/// A bare timestamp is final when the watermark reaches it (spec: `ts <= watermark`).
#[tokio::test]
async fn groups_by_a_timestamp_expire_one_by_one() {
    let source = MemoryRows::default();
    let plan = LogicalPlanBuilder::from(with_watermark(source.relation(), 10))
        .aggregate(vec![col("ts")], vec![count(lit(1))])
        .unwrap()
        .build()
        .unwrap();
    let trace: &[(&[Row], &[&[&str]])] = &[
        (&[at(1.0), at(2.0), at(2.0)], &[&[]]),
        (&[at(11.0)], &[&[], &["1|1"]]),
        (&[at(1.0), at(2.0)], &[&[]]),
        (&[at(12.0)], &[&[], &["2|3"]]),
        (&[at(40.0)], &[&[], &["11|1", "12|1"]]),
    ];
    check_trace(plan, &source, OutputMode::Append, trace).await;
}

#[tokio::test]
async fn an_idle_input_holds_the_watermark_back() {
    let (busy, idle) = (MemoryRows::default(), MemoryRows::default());
    let union = LogicalPlanBuilder::from(with_watermark(busy.relation(), 10))
        .union(with_watermark(idle.relation(), 5))
        .unwrap();
    let plan = union.aggregate(vec![window(10, 10)], vec![count(lit(1))]).unwrap().build().unwrap();
    let mut test = StreamTest::start(plan, Setting::of(OutputMode::Append)).await.unwrap();
    busy.add(&[at(1.0), at(100.0)]);
    assert_eq!(test.run().await.unwrap(), [Vec::<String>::new()]);
    assert_eq!(test.watermark_ms(), 0);
    idle.add(&[at(20.0)]);
    assert_eq!(test.run().await.unwrap(), [vec![], vec!["[0,10)|1".to_owned()]]);
    assert_eq!(test.watermark_ms(), 15_000);
}

/// Total, updated, removed and dropped groups of each batch, as Spark 4.2 reported them for the same rows, one a batch.
#[tokio::test]
async fn the_progress_has_sparks_figures() {
    let append: &[(Row, [i64; 4])] = &[
        (at(1.0), [1, 1, 0, 0]),
        (at(19.0), [2, 1, 0, 0]),
        (at(5.0), [2, 1, 0, 0]),
        (at(20.0), [3, 1, 0, 0]),
        (at(9.0), [2, 1, 1, 0]),
        (at(10.0), [2, 1, 0, 0]),
        (at(29.0), [2, 1, 0, 0]),
        (at(30.0), [3, 1, 0, 0]),
    ];
    let update: &[(Row, [i64; 4])] = &[
        (at(1.0), [1, 1, 0, 0]),
        (at(20.0), [2, 1, 0, 0]),
        (at(31.0), [2, 1, 1, 0]),
        (at(2.0), [2, 0, 0, 1]),
        (at(32.0), [2, 1, 0, 0]),
    ];
    let complete: &[(Row, [i64; 4])] = &[(at(1.0), [1, 1, 0, 0]), (at(31.0), [2, 1, 0, 0]), (at(2.0), [2, 1, 0, 0])];
    for (mode, batches) in
        [(OutputMode::Append, append), (OutputMode::Update, update), (OutputMode::Complete, complete)]
    {
        let source = MemoryRows::default();
        let mut test = StreamTest::start(windowed_sum(&source, 10), Setting::of(mode)).await.unwrap();
        for (row, expected) in batches {
            source.add(&[*row]);
            let pending = test.pending().await;
            test.run_batch(pending, |_| Ok(())).await.unwrap();
            let progress = &test.progress[0];
            let figures = [
                progress.num_rows_total,
                progress.num_rows_updated,
                progress.num_rows_removed,
                progress.num_rows_dropped_by_watermark,
            ];
            assert_eq!(figures, *expected, "{mode} {row:?}");
            assert_eq!(progress.operator_name, "stateStoreSave");
            assert_eq!(progress.num_shuffle_partitions, 200);
            assert!(progress.memory_used_bytes > 0);
        }
    }
}
