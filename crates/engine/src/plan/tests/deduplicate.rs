//! `dropDuplicates` over streams. The traces are Spark 4.2's for the same rows; of random rows a model in plain Rust
//! says what must come.

use std::collections::HashMap;

use crate::functions::aggregates::{count, sum};
use crate::state::Overflow;
use datafusion::common::Column;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder as Builder, lit};
use datafusion::prelude::col;
use millstream_core::progress::StateOperatorProgress;
use millstream_core::{Error, OutputMode};
use proptest::prelude::{ProptestConfig, any, proptest};

use super::properties::{batches, block_on, budget, snapshot, sorted_bytes};
use crate::plan::DeduplicateNode;
use crate::plan::fixture::{MemoryRows, Row, Setting, StreamTest, window, with_watermark};

fn deduplicate(input: LogicalPlan, keys: &[&str], within_watermark: bool) -> LogicalPlan {
    let keys = keys.iter().map(|key| Column::from_qualified_name(*key)).collect();
    DeduplicateNode::over(input, keys, within_watermark).unwrap()
}

fn of(builder: datafusion::error::Result<Builder>) -> LogicalPlan {
    builder.and_then(Builder::build).unwrap()
}

/// Total, updated, removed and dropped rows, and duplicates (none of an aggregate).
fn figures(progress: &StateOperatorProgress) -> Vec<i64> {
    let mut figures = vec![
        progress.num_rows_total,
        progress.num_rows_updated,
        progress.num_rows_removed,
        progress.num_rows_dropped_by_watermark,
    ];
    figures.extend(progress.custom_metrics.get("numDroppedDuplicateRows"));
    figures
}

type Batch<'a> = (&'a [Row], &'a [&'a str], &'a [&'a [i64]]);

/// Each batch: its rows, those that come out, and the figures of each operator in the order in which they are reported.
async fn check_trace(plan: impl Fn(&MemoryRows) -> LogicalPlan, mode: OutputMode, trace: &[Batch<'_>]) {
    for (cores, one_task) in [(1, false), (3, true)] {
        let source = MemoryRows::default();
        source.tell_rows(one_task);
        let mut test = StreamTest::start(plan(&source), Setting { cores, ..Setting::of(mode) }).await.unwrap();
        for (number, (rows, expected, expected_figures)) in trace.iter().enumerate() {
            source.add(rows);
            let pending = test.pending().await;
            assert_eq!(test.run_batch(pending, |_| Ok(())).await.unwrap(), *expected, "batch {number}");
            let found: Vec<_> = test.progress.iter().map(figures).collect();
            assert_eq!(found, *expected_figures, "batch {number}");
        }
    }
}

const A: Option<&str> = Some("a");
const B: Option<&str> = Some("b");
const C: Option<&str> = Some("c");

/// What was asked of Spark: five files, read one a batch, then a batch without data.
const FILES: [&[Row]; 6] = [
    &[(1.0, A, Some(1)), (2.0, B, Some(2)), (1.0, A, Some(3))],
    &[(30.0, A, Some(4)), (30.0, C, Some(5))],
    &[(5.0, Some("d"), Some(6)), (40.0, A, Some(7)), (35.0, Some("e"), Some(8))],
    &[(31.0, C, Some(9)), (2.0, B, Some(10))],
    &[(30.0, A, Some(11)), (100.0, Some("z"), Some(12))],
    &[],
];

#[tokio::test]
async fn without_event_time_every_key_is_kept() {
    let trace: &[Batch<'_>] = &[
        (FILES[0], &["1|a|1", "2|b|2"], &[&[2, 2, 0, 0, 1]]),
        (FILES[1], &["30|c|5"], &[&[3, 1, 0, 0, 1]]),
        (FILES[2], &["35|e|8", "5|d|6"], &[&[5, 2, 0, 0, 1]]),
        (FILES[3], &[], &[&[5, 0, 0, 0, 2]]),
        (FILES[4], &["100|z|12"], &[&[6, 1, 0, 0, 1]]),
    ];
    check_trace(|source| deduplicate(source.relation(), &["k"], false), OutputMode::Append, trace).await;
}

/// Event time that is not in the key forgets nothing, but rows are late by it, if anybody reads it.
#[tokio::test]
async fn rows_are_late_by_an_event_time_beside_the_key() {
    let all = |source: &MemoryRows| deduplicate(with_watermark(source.relation(), 10), &["k"], false);
    let trace: &[Batch<'_>] = &[
        (FILES[0], &["1|a|1", "2|b|2"], &[&[2, 2, 0, 0, 1]]),
        (FILES[1], &["30|c|5"], &[&[3, 1, 0, 0, 1]]),
        (FILES[2], &["35|e|8", "5|d|6"], &[&[5, 2, 0, 0, 1]]),
        (FILES[3], &[], &[&[5, 0, 0, 1, 1]]),
        (FILES[4], &["100|z|12"], &[&[6, 1, 0, 1, 0]]),
        (FILES[5], &[], &[&[6, 0, 0, 0, 0]]),
    ];
    check_trace(all, OutputMode::Append, trace).await;
    let trace: &[Batch<'_>] = &[
        (FILES[0], &["a|1", "b|2"], &[&[2, 2, 0, 0, 1]]),
        (FILES[1], &["c|5"], &[&[3, 1, 0, 0, 1]]),
        (FILES[2], &["d|6", "e|8"], &[&[5, 2, 0, 0, 1]]),
        (FILES[3], &[], &[&[5, 0, 0, 0, 2]]),
        (FILES[4], &["z|12"], &[&[6, 1, 0, 0, 1]]),
        (FILES[5], &[], &[&[6, 0, 0, 0, 0]]),
    ];
    let some = |source: &MemoryRows| of(Builder::from(all(source)).project(vec![col("k"), col("v")]));
    check_trace(some, OutputMode::Append, trace).await;
}

#[tokio::test]
async fn event_time_in_the_key_forgets_it() {
    let trace: &[Batch<'_>] = &[
        (FILES[0], &["1|a|1", "2|b|2"], &[&[2, 2, 0, 0, 1]]),
        (FILES[1], &["30|a|4", "30|c|5"], &[&[4, 2, 0, 0, 0]]),
        (FILES[2], &["35|e|8", "40|a|7", "5|d|6"], &[&[4, 3, 3, 0, 0]]),
        (FILES[3], &["31|c|9"], &[&[3, 1, 2, 1, 0]]),
        (FILES[4], &["100|z|12"], &[&[4, 1, 0, 1, 0]]),
        (FILES[5], &[], &[&[1, 0, 3, 0, 0]]),
    ];
    for mode in [OutputMode::Append, OutputMode::Update] {
        let plan = |source: &MemoryRows| deduplicate(with_watermark(source.relation(), 10), &["k", "ts"], false);
        check_trace(plan, mode, trace).await;
    }
}

#[tokio::test]
async fn within_the_watermark_a_key_ends_with_the_delay_of_its_row() {
    let plan = |source: &MemoryRows| deduplicate(with_watermark(source.relation(), 10), &["k"], true);
    let trace: &[Batch<'_>] = &[
        (FILES[0], &["1|a|1", "2|b|2"], &[&[2, 2, 0, 0, 1]]),
        (FILES[1], &["30|c|5"], &[&[3, 1, 0, 0, 1]]),
        (FILES[2], &["35|e|8", "5|d|6"], &[&[2, 2, 3, 0, 1]]),
        (FILES[3], &[], &[&[2, 0, 0, 1, 1]]),
        (FILES[4], &["100|z|12"], &[&[3, 1, 0, 1, 0]]),
        (FILES[5], &[], &[&[1, 0, 2, 0, 0]]),
    ];
    check_trace(plan, OutputMode::Append, trace).await;
    // That nobody reads event time changes nothing.
    let trace: &[Batch<'_>] = &[
        (FILES[0], &["a|1", "b|2"], &[&[2, 2, 0, 0, 1]]),
        (FILES[1], &["c|5"], &[&[3, 1, 0, 0, 1]]),
        (FILES[2], &["d|6", "e|8"], &[&[2, 2, 3, 0, 1]]),
        (FILES[3], &[], &[&[2, 0, 0, 1, 1]]),
        (FILES[4], &["z|12"], &[&[3, 1, 0, 1, 0]]),
        (FILES[5], &[], &[&[1, 0, 2, 0, 0]]),
    ];
    let some = |source: &MemoryRows| of(Builder::from(plan(source)).project(vec![col("k"), col("v")]));
    check_trace(some, OutputMode::Append, trace).await;
}

/// A row without event time is never late. Within a watermark its key ends as one of 1970.
#[tokio::test]
async fn rows_without_event_time() {
    const NONE: f64 = f64::NAN;
    let files: [&[Row]; 7] = [
        &[(1.0, A, Some(1)), (NONE, B, Some(2)), (NONE, B, Some(3))],
        &[(30.0, A, Some(4)), (NONE, B, Some(5))],
        &[(50.0, Some("d"), Some(6)), (NONE, B, Some(7))],
        &[(NONE, B, Some(8)), (NONE, B, Some(9))],
        &[(51.0, B, Some(10))],
        &[(200.0, Some("z"), Some(11))],
        &[],
    ];
    let within = |source: &MemoryRows| deduplicate(with_watermark(source.relation(), 10), &["k"], true);
    let trace: &[Batch<'_>] = &[
        (files[0], &["1|a|1", "NULL|b|2"], &[&[2, 2, 0, 0, 1]]),
        (files[1], &[], &[&[2, 0, 0, 0, 2]]),
        (files[2], &["50|d|6"], &[&[1, 1, 2, 0, 1]]),
        (files[3], &["NULL|b|8"], &[&[1, 1, 1, 0, 1]]),
        (files[4], &["51|b|10"], &[&[2, 1, 0, 0, 0]]),
        (files[5], &["200|z|11"], &[&[3, 1, 0, 0, 0]]),
        (files[6], &[], &[&[1, 0, 2, 0, 0]]),
    ];
    check_trace(within, OutputMode::Append, trace).await;
    let by_time = |source: &MemoryRows| deduplicate(with_watermark(source.relation(), 10), &["k", "ts"], false);
    let trace: &[Batch<'_>] = &[
        (files[0], &["1|a|1", "NULL|b|2"], &[&[2, 2, 0, 0, 1]]),
        (files[1], &["30|a|4"], &[&[3, 1, 0, 0, 1]]),
        (files[2], &["50|d|6"], &[&[3, 1, 1, 0, 1]]),
        (files[3], &[], &[&[2, 0, 1, 0, 2]]),
        (files[4], &["51|b|10"], &[&[3, 1, 0, 0, 0]]),
        (files[5], &["200|z|11"], &[&[4, 1, 0, 0, 0]]),
        (files[6], &[], &[&[2, 0, 2, 0, 0]]),
    ];
    check_trace(by_time, OutputMode::Append, trace).await;
}

/// Before an aggregate, in its three modes, and behind one.
#[tokio::test]
async fn beside_an_aggregate() {
    let sums =
        |input: LogicalPlan, keys| of(Builder::from(input).aggregate(keys, vec![sum(col("v"), Overflow::Error)]));
    let before = |source: &MemoryRows| {
        let input = deduplicate(with_watermark(source.relation(), 10), &["k", "ts"], false);
        sums(input, vec![window(10, 10).alias("window")])
    };
    let trace: &[Batch<'_>] = &[
        (FILES[0], &[], &[&[1, 1, 0, 0], &[2, 2, 0, 0, 1]]),
        (FILES[1], &[], &[&[2, 1, 0, 0], &[4, 2, 0, 0, 0]]),
        (FILES[2], &["[0,10)|9"], &[&[2, 3, 1, 0], &[4, 3, 3, 0, 0]]),
        (FILES[3], &[], &[&[2, 1, 0, 0], &[3, 1, 2, 1, 0]]),
        (FILES[4], &[], &[&[3, 1, 0, 0], &[4, 1, 0, 1, 0]]),
        (FILES[5], &["[30,40)|26", "[40,50)|7"], &[&[1, 0, 2, 0], &[1, 0, 3, 0, 0]]),
    ];
    check_trace(before, OutputMode::Append, trace).await;
    let behind = |source: &MemoryRows| {
        let windows = sums(with_watermark(source.relation(), 10), vec![window(10, 10).alias("window"), col("k")]);
        deduplicate(windows, &["k"], false)
    };
    let trace: &[Batch<'_>] = &[
        (FILES[0], &[], &[&[0, 0, 0, 0, 0], &[2, 2, 0, 0]]),
        (FILES[1], &[], &[&[0, 0, 0, 0, 0], &[4, 2, 0, 0]]),
        (FILES[2], &["[0,10)|a|4", "[0,10)|b|2", "[0,10)|d|6"], &[&[3, 3, 0, 0, 0], &[4, 3, 3, 0]]),
        (FILES[3], &[], &[&[3, 0, 0, 0, 0], &[4, 1, 0, 1]]),
        (FILES[4], &[], &[&[3, 0, 0, 0, 0], &[5, 2, 0, 0]]),
        (FILES[5], &["[30,40)|c|14", "[30,40)|e|8"], &[&[5, 2, 0, 0, 2], &[1, 0, 4, 0]]),
    ];
    check_trace(behind, OutputMode::Append, trace).await;
}

/// SQL's DISTINCT is an aggregate: in update mode a key comes again in every batch that has it.
#[tokio::test]
async fn distinct_in_sql_is_an_aggregate() {
    let plan = |source: &MemoryRows| {
        let keys = Builder::from(with_watermark(source.relation(), 10)).project(vec![col("k")]);
        of(keys.and_then(Builder::distinct))
    };
    let trace: &[Batch<'_>] = &[
        (FILES[0], &["a", "b"], &[&[2, 2, 0, 0]]),
        (FILES[1], &["a", "c"], &[&[3, 2, 0, 0]]),
        (FILES[2], &["a", "d", "e"], &[&[5, 3, 0, 0]]),
        (FILES[3], &["b", "c"], &[&[5, 2, 0, 0]]),
        (FILES[4], &["a", "z"], &[&[6, 2, 0, 0]]),
    ];
    check_trace(plan, OutputMode::Update, trace).await;
    let error = StreamTest::start(plan(&MemoryRows::default()), Setting::of(OutputMode::Append)).await.unwrap_err();
    assert_eq!(error.class(), Some("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"));
}

/// A batch without data is due whenever the watermark has moved, in complete mode too.
#[tokio::test]
async fn a_moved_watermark_wants_a_batch() {
    for mode in [OutputMode::Append, OutputMode::Complete] {
        let source = MemoryRows::default();
        let mut plan = deduplicate(with_watermark(source.relation(), 10), &["k"], false);
        if mode == OutputMode::Complete {
            plan = of(Builder::from(plan).aggregate(vec![col("k")], vec![count(lit(1))]));
        }
        let mut test = StreamTest::start(plan, Setting::of(mode)).await.unwrap();
        source.add(&[(30.0, A, None)]);
        assert_eq!(test.run().await.unwrap().len(), 2, "{mode}");
    }
}

#[tokio::test]
async fn what_spark_refuses() {
    use OutputMode::{Append, Complete};
    let rows = || MemoryRows::default().relation();
    let timed = || with_watermark(rows(), 10);
    let two = of(Builder::from(timed()).project(vec![col("k"), col("ts"), window(10, 10).alias("w")]));
    for (plan, mode, expected) in [
        (deduplicate(rows(), &["k"], true), Append, "without watermark"),
        (deduplicate(timed(), &["k"], true), Complete, "no streaming aggregations"),
        (deduplicate(timed(), &["k"], false), Complete, "no streaming aggregations"),
        (deduplicate(two, &["k"], false), Append, "More than one event time columns are available."),
    ] {
        let error = StreamTest::start(plan, Setting::of(mode)).await.unwrap_err();
        assert!(error.message().contains(expected), "{error}");
    }
}

/// Of many rows in many tasks each key passes once.
#[tokio::test]
async fn tasks_share_the_keys() {
    let source = MemoryRows::default();
    let plan = of(Builder::from(deduplicate(source.relation(), &["v"], false)).project(vec![col("v")]));
    let mut test = StreamTest::start(plan, Setting { cores: 4, ..Setting::of(OutputMode::Append) }).await.unwrap();
    for _ in 0..16 {
        source.add(&(0..2000).map(|value| (1.0, A, Some(value % 1000))).collect::<Vec<Row>>());
    }
    let mut expected: Vec<String> = (0..1000).map(|value| value.to_string()).collect();
    expected.sort();
    assert_eq!(test.run().await.unwrap(), [expected]);
    assert_eq!(figures(&test.progress[0]), [1000, 1000, 0, 0, 31_000]);
}

/// What must come out of a deduplication, after Spark's rules.
#[derive(Default)]
struct Model {
    /// By key: when it ends. All times in milliseconds.
    ends_ms: HashMap<String, i64>,
    late_ms: i64,
    watermark_ms: i64,
    newest_ms: i64,
}

impl Model {
    fn run(&mut self, rows: &[Row], delay_ms: i64, within: bool) -> (Vec<String>, Vec<i64>) {
        let (mut passed, mut late, mut duplicates) = (vec![], 0, 0);
        for (time, key, value) in rows {
            let time_ms = (time * 1000.0).round() as i64;
            self.newest_ms = self.newest_ms.max(time_ms);
            if time_ms <= self.late_ms {
                late += 1;
                continue;
            }
            let shown = |text: Option<String>| text.unwrap_or_else(|| "NULL".to_owned());
            let shown_key = shown(key.map(str::to_owned));
            let full_key = if within { shown_key.clone() } else { format!("{shown_key} {time}") };
            if self.ends_ms.contains_key(&full_key) {
                duplicates += 1;
                continue;
            }
            self.ends_ms.insert(full_key, if within { time_ms + delay_ms } else { time_ms });
            passed.push(format!("{time}|{shown_key}|{}", shown(value.map(|value| value.to_string()))));
        }
        let before = self.ends_ms.len();
        self.ends_ms.retain(|_, end_ms| *end_ms > self.watermark_ms);
        self.late_ms = self.watermark_ms;
        self.watermark_ms = self.watermark_ms.max(self.newest_ms - delay_ms);
        passed.sort();
        let (total, updated) = (self.ends_ms.len() as i64, passed.len() as i64);
        (passed, vec![total, updated, (before - self.ends_ms.len()) as i64, late, duplicates])
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Rows and figures are the model's, whatever fails and wherever state lies; and deltas and snapshots rebuild the
    /// state.
    #[test]
    fn any_rows_come_once(batches in batches(), within in any::<bool>(), delay_s in 0_i32..20, is_tight in any::<[bool; 3]>()) {
        block_on(async {
            let source = MemoryRows::default();
            let keys: &[&str] = if within { &["k"] } else { &["k", "ts"] };
            let plan = deduplicate(with_watermark(source.relation(), i64::from(delay_s)), keys, within);
            let budgets = is_tight.map(budget);
            let setting = |index: usize| {
                Setting { memory: budgets[index].0.clone(), cores: 1, ..Setting::of(OutputMode::Append) }
            };
            let mut test = StreamTest::start(plan.clone(), setting(0)).await.unwrap();
            let replayed = StreamTest::start(plan.clone(), setting(1)).await.unwrap();
            let mut model = Model::default();
            for (rows, fails) in batches {
                source.add(&rows);
                let pending = test.pending().await;
                if fails {
                    let failed = test.run_batch(pending.clone(), |_| Err(Error::unavailable("the sink is gone"))).await;
                    assert!(failed.is_err());
                }
                let (expected, expected_figures) = model.run(&rows, i64::from(delay_s) * 1000, within);
                assert_eq!(test.run_batch(pending, |_| Ok(())).await.unwrap(), expected);
                assert_eq!(figures(&test.progress[0]), expected_figures);
                for delta in test.deltas.drain(..) {
                    replayed.execution.operators()[0].stores()[0].apply(&delta).unwrap();
                }
                let parts = snapshot(&*test.execution.operators()[0].stores()[0]);
                let restored = StreamTest::start(plan.clone(), setting(2)).await.unwrap();
                parts.iter().for_each(|part| restored.execution.operators()[0].stores()[0].apply(part).unwrap());
                for other in [&replayed, &restored] {
                    let other = &other.execution.operators()[0];
                    assert_eq!(sorted_bytes(&snapshot(&*other.stores()[0])), sorted_bytes(&parts));
                    assert_eq!(other.progress().num_rows_total, expected_figures[0]);
                }
            }
        });
    }
}
