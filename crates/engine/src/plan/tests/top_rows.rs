//! The first rows of each key in update mode, and below aggregates: after every batch a sink holds the answer of a
//! batch query over all rows so far, computed in plain Rust.

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use datafusion::functions_window::expr_fn::{dense_rank, rank, row_number};
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder as Builder, SortExpr, WindowFrame, cast, lit};
use datafusion::prelude::col;
use millstream_core::{Error, OutputMode};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use super::properties::{block_on, budget, snapshot};
use crate::functions::aggregates::{count, sum};
use crate::operators::Numbering;
use crate::plan::fixture::{MemoryRows, Row, Setting, StreamTest, window, with_watermark};
use crate::state::Overflow;

/// What is numbered, how, and what is above.
#[derive(Debug, Clone)]
struct Query {
    numbering: Numbering,
    by_key: bool,
    is_descending: bool,
    nulls_first: bool,
    first: i64,
    more: i64,
    shows_number: bool,
    /// The number shows as the type of integer that SQL gives it.
    is_cast: bool,
    /// Not the rows are numbered, but their counts by `k` and `v % 3`.
    of_counts: bool,
    /// The rows are counted by their number.
    is_counted: bool,
}

fn queries() -> impl Strategy<Value = Query> {
    let numbering = prop_oneof![Just(Numbering::RowNumber), Just(Numbering::Rank), Just(Numbering::DenseRank)];
    (numbering, any::<[bool; 7]>(), 1_i64..3, 0_i64..3).prop_map(|(numbering, flags, first, more)| {
        let [by_key, is_descending, nulls_first, shows_number, is_cast, of_counts, is_counted] = flags;
        Query {
            numbering,
            by_key,
            is_descending,
            nulls_first,
            first,
            more,
            shows_number,
            is_cast,
            of_counts,
            is_counted,
        }
    })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = prop_oneof![Just(None), Just(Some("a")), Just(Some("b")), Just(Some(""))];
    let value = prop_oneof![Just(None), (-4_i64..5).prop_map(Some)];
    vec((Just(0.0), key, value), 0..9)
}

pub(super) fn over(function: Expr, keys: Vec<Expr>, order: Vec<SortExpr>) -> Expr {
    let Expr::WindowFunction(call) = function else { panic!("{function} is no window function") };
    let params = WindowFunctionParams {
        args: vec![],
        partition_by: keys,
        order_by: order,
        window_frame: WindowFrame::new(Some(false)),
        filter: None,
        null_treatment: None,
        distinct: false,
    };
    Expr::WindowFunction(Box::new(WindowFunction { fun: call.fun, params }))
}

fn plan(query: &Query, source: &MemoryRows) -> LogicalPlan {
    let plan = Builder::from(source.relation());
    let plan = match query.of_counts {
        true => plan
            .aggregate(vec![col("k"), (col("v") % lit(3_i64)).alias("r")], vec![count(lit(1)).alias("n")])
            .and_then(|plan| plan.project(vec![col("k"), col("r"), col("n").alias("v")])),
        false => plan.project(vec![col("k"), lit(0_i64).alias("r"), col("v")]),
    };
    // The order is total for numbers that are each used once.
    let mut order = vec![(col("v") + lit(0_i64)).sort(!query.is_descending, query.nulls_first)];
    if query.numbering == Numbering::RowNumber {
        order.extend([col("k").sort(true, true), col("r").sort(true, true)]);
    }
    let function = match query.numbering {
        Numbering::RowNumber => row_number(),
        Numbering::Rank => rank(),
        Numbering::DenseRank => dense_rank(),
    };
    let keys = if query.by_key { vec![col("k")] } else { vec![] };
    let passes = col("number").gt_eq(lit(query.first)).and(col("number").lt_eq(lit(query.first + query.more)));
    let mut columns = vec![col("k"), col("r"), col("v")];
    let number = if query.is_cast { cast(col("number"), DataType::Int32).alias("number") } else { col("number") };
    columns.extend(query.shows_number.then_some(number));
    let plan = plan
        .and_then(|plan| plan.window([over(function, keys, order).alias("number")]))
        .and_then(|plan| plan.filter(passes))
        .unwrap();
    let plan = match query.is_counted {
        true => plan.aggregate(vec![col("number")], vec![count(lit(1)), sum(col("v"), Overflow::Error)]),
        false => plan.project(columns),
    };
    plan.and_then(Builder::build).unwrap()
}

pub(super) fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

type Given = (Option<&'static str>, Option<i64>, Option<i64>);

/// The rows that are numbered.
fn input(query: &Query, rows: &[Row]) -> Vec<Given> {
    if !query.of_counts {
        return rows.iter().map(|(_, key, value)| (*key, Some(0), *value)).collect();
    }
    let mut counts: BTreeMap<(Option<&'static str>, Option<i64>), i64> = BTreeMap::new();
    for (_, key, value) in rows {
        *counts.entry((*key, value.map(|value| value % 3))).or_default() += 1;
    }
    counts.into_iter().map(|((key, remainder), count)| (key, remainder, Some(count))).collect()
}

/// The rows that pass, with their numbers.
fn numbered(query: &Query, rows: &[Row]) -> Vec<(Given, i64)> {
    // Bytes that compare as the order does: NULL at its end, and the value turned over where it descends.
    let order = |(_, _, value): &Given| match value {
        Some(value) => (1, if query.is_descending { -value } else { *value }),
        None => (if query.nulls_first { 0 } else { 2 }, 0),
    };
    let mut groups: BTreeMap<Option<Option<&'static str>>, Vec<Given>> = BTreeMap::new();
    for row in input(query, rows) {
        groups.entry(query.by_key.then_some(row.0)).or_default().push(row);
    }
    let mut passing = vec![];
    for mut group in groups.into_values() {
        group.sort_by_key(|row| (order(row), row.0, row.1));
        for (place, row) in group.iter().enumerate() {
            let before = group.iter().filter(|other| order(other) < order(row));
            let number = match query.numbering {
                Numbering::RowNumber => place + 1,
                Numbering::Rank => before.count() + 1,
                Numbering::DenseRank => before.map(order).collect::<std::collections::BTreeSet<_>>().len() + 1,
            };
            let number = i64::try_from(number).unwrap();
            if number >= query.first && number <= query.first + query.more {
                passing.push((*row, number));
            }
        }
    }
    passing
}

fn answer(query: &Query, rows: &[Row]) -> Vec<String> {
    let passing = numbered(query, rows);
    if query.is_counted {
        let mut counts: BTreeMap<i64, (i64, Option<i64>)> = BTreeMap::new();
        for ((_, _, value), number) in passing {
            let (rows, sum) = counts.entry(number).or_default();
            *rows += 1;
            *sum = value.map(|value| sum.unwrap_or(0) + value).or(*sum);
        }
        return counts.iter().map(|(number, (rows, sum))| format!("{number}|{rows}|{}", text(*sum))).collect();
    }
    let line = |((key, remainder, value), number): (Given, i64)| {
        let row = format!("{}|{}|{}", text(key), text(remainder), text(value));
        if query.shows_number { format!("{row}|{number}") } else { row }
    };
    passing.into_iter().map(line).collect()
}

/// The places of the columns that name a row; without them each row names itself.
fn key(query: &Query) -> Option<&'static [usize]> {
    match query {
        Query { is_counted: true, .. } => Some(&[0]),
        Query { of_counts: true, .. } => Some(&[0, 1]),
        Query { shows_number: false, .. } => None,
        Query { numbering: Numbering::RowNumber, by_key: true, .. } => Some(&[0, 3]),
        Query { numbering: Numbering::RowNumber, by_key: false, .. } => Some(&[3]),
        _ => None,
    }
}

/// What a sink in update mode holds, as a list of the rows with each key.
pub(super) fn integrate(key: Option<&[usize]>, held: &mut BTreeMap<String, Vec<String>>, rows: &[String]) {
    for row in rows {
        // A result without a key has one row, which never goes.
        let (row, operation) = row.rsplit_once('|').filter(|_| key != Some(&[])).unwrap_or((row, "upsert"));
        let values: Vec<&str> = row.split('|').collect();
        let name =
            key.map_or_else(|| row.to_owned(), |key| key.iter().map(|&at| values[at]).collect::<Vec<_>>().join("|"));
        let of_key = held.entry(name).or_default();
        match (operation, key) {
            ("upsert", Some(_)) => *of_key = vec![row.to_owned()],
            ("upsert", None) => of_key.push(row.to_owned()),
            ("delete", _) => assert_eq!(of_key.pop().as_deref(), Some(row), "what is deleted is what was there"),
            (other, _) => panic!("{other} is nothing that becomes of a key"),
        }
    }
}

async fn check(query: &Query, batches: &[(Vec<Row>, bool)], (mode, is_tight): (OutputMode, bool)) {
    let source = MemoryRows::default();
    let (memory, _others) = budget(is_tight);
    let setting = Setting { memory, ..Setting::of(mode) };
    let mut test = StreamTest::start(plan(query, &source), setting).await.unwrap();
    let (mut all, mut held) = (vec![], BTreeMap::new());
    for (rows, fails_first) in batches {
        source.add(rows);
        all.extend(rows.iter().copied());
        if *fails_first {
            let ranges = test.pending().await;
            let failed = test.run_batch(ranges, |_| Err(Error::unavailable("meddled"))).await;
            assert_eq!(failed.unwrap_err().message(), "meddled");
        }
        let given = test.run().await.unwrap();
        match mode {
            OutputMode::Update => given.iter().for_each(|rows| integrate(key(query), &mut held, rows)),
            _ if given.is_empty() => {}
            _ => held = BTreeMap::from([(String::new(), given.concat())]),
        }
        let mut expected = answer(query, &all);
        expected.sort();
        let mut found: Vec<String> = held.values().flatten().cloned().collect();
        found.sort();
        assert_eq!(found, expected, "{query:?} in {mode} mode over {all:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    /// Whatever the batches are, and whichever of them fail at first.
    #[test]
    fn what_a_sink_holds_is_the_answer_of_a_batch(
        query in queries(),
        batches in vec((rows(), any::<bool>()), 1..6),
        is_complete in any::<bool>(),
        is_tight in any::<bool>(),
    ) {
        let mode = if is_complete && query.is_counted { OutputMode::Complete } else { OutputMode::Update };
        block_on(check(&query, &batches, (mode, is_tight)));
    }
}

fn first_of(keys: Vec<Expr>, last: i64, input: LogicalPlan) -> LogicalPlan {
    Builder::from(input)
        .window([over(row_number(), keys, vec![col("v").sort(false, false)]).alias("number")])
        .and_then(|plan| plan.filter(col("number").lt_eq(lit(last))))
        .and_then(Builder::build)
        .unwrap()
}

/// Of rows that stay only those are kept that show; rows behind them cost nothing.
#[tokio::test]
async fn the_state_of_rows_that_stay_holds_what_shows() {
    let source = MemoryRows::default();
    let plan = first_of(vec![col("k")], 2, source.relation());
    let mut test = StreamTest::start(plan, Setting::of(OutputMode::Update)).await.unwrap();
    for start in [0, 500] {
        source.add(&(start..start + 500).map(|value| (0.0, Some("a"), Some(value))).collect::<Vec<_>>());
        test.run().await.unwrap();
        assert_eq!(test.progress[0].num_rows_total, 2);
    }
    let before = snapshot(&*test.execution.operators()[0].stores()[0]);
    source.add(&[(0.0, Some("a"), Some(3)), (0.0, Some("a"), None)]);
    assert_eq!(test.run().await.unwrap(), [Vec::<String>::new()]);
    assert_eq!(snapshot(&*test.execution.operators()[0].stores()[0]), before);
}

/// A key that carries event time goes with the watermark, and rows that come later are late.
#[tokio::test]
async fn the_watermark_forgets_the_first_rows_of_a_window() {
    let source = MemoryRows::default();
    let windowed = Builder::from(with_watermark(source.relation(), 0))
        .project(vec![window(10, 10).alias("w"), col("v")])
        .and_then(Builder::build)
        .unwrap();
    let plan = first_of(vec![col("w")], 1, windowed);
    let mut test = StreamTest::start(plan, Setting::of(OutputMode::Update)).await.unwrap();
    let row = |seconds: f64, value: i64| -> Row { (seconds, None, Some(value)) };
    source.add(&[row(1.0, 5), row(2.0, 7)]);
    assert_eq!(test.run().await.unwrap(), [vec!["[0,10)|7|1|upsert".to_owned()], vec![]]);
    source.add(&[row(21.0, 1)]);
    assert_eq!(test.run().await.unwrap(), [vec!["[20,30)|1|1|upsert".to_owned()], vec![]]);
    assert_eq!(test.progress[0].num_rows_total, 1);
    source.add(&[row(3.0, 9)]);
    assert_eq!(test.run().await.unwrap(), [Vec::<String>::new()]);
    assert_eq!(test.progress[0].num_rows_dropped_by_watermark, 1);
}

/// What has no bound is refused in Spark's words, and all of it in strict mode.
#[tokio::test]
async fn numbers_without_a_bound_are_refused() {
    let source = MemoryRows::default();
    let numbers = over(row_number(), vec![col("k")], vec![col("v").sort(true, true)]).alias("number");
    let unbounded = Builder::from(source.relation()).window([numbers]).unwrap();
    let from_below = unbounded.clone().filter(col("number").gt(lit(2_i64))).unwrap().build().unwrap();
    let other = unbounded.clone().filter(col("v").lt(lit(2_i64))).unwrap().build().unwrap();
    let bounded = first_of(vec![col("k")], 1, source.relation());
    let strict = Setting { is_strict: true, ..Setting::of(OutputMode::Update) };
    let append = Setting::of(OutputMode::Append);
    let update = || Setting::of(OutputMode::Update);
    let cases = [
        (unbounded.build().unwrap(), update()),
        (from_below, update()),
        (other, update()),
        (bounded.clone(), strict),
        (bounded, append),
    ];
    for (plan, setting) in cases {
        let error = StreamTest::start(plan, setting).await.unwrap_err();
        assert_eq!(error.class(), Some("NON_TIME_WINDOW_NOT_SUPPORTED_IN_STREAMING"));
    }
}
