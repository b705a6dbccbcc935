//! Set operations, `dropDuplicates` and limits over results that change: after every batch a sink holds the answer of a
//! batch query over all rows so far, computed in plain Rust.

use std::collections::BTreeMap;

use datafusion::common::Column;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder as Builder, lit};
use datafusion::prelude::col;
use millstream_core::{Error, OutputMode};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use super::properties::{block_on, budget};
use super::top_rows::{integrate, text};
use crate::functions::aggregates::count;
use crate::plan::fixture::{MemoryRows, Row, Setting, StreamTest};
use crate::plan::{DeduplicateNode, SetOperation, SetOperationNode};

type Key = Option<&'static str>;

/// What is asked of the rows, or of the counts of their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Query {
    /// The keys of even values, and those of odd ones.
    Sets(SetOperation, bool),
    /// How many keys have each count: of even values against odd ones.
    SetsOfCounts(SetOperation, bool),
    /// The first key with each count, and how many of them there are.
    FirstOfCounts,
    /// The same of counts of counts.
    FirstOfCountsOfCounts,
    /// Some counts, in the order of their keys.
    SomeCounts(u64, Option<u64>),
}

fn queries() -> impl Strategy<Value = Query> {
    let operation = || prop_oneof![Just(SetOperation::Except), Just(SetOperation::Intersect)];
    prop_oneof![
        (operation(), any::<bool>()).prop_map(|(operation, is_all)| Query::Sets(operation, is_all)),
        (operation(), any::<bool>()).prop_map(|(operation, is_all)| Query::SetsOfCounts(operation, is_all)),
        Just(Query::FirstOfCounts),
        Just(Query::FirstOfCountsOfCounts),
        (0_u64..3, proptest::option::of(0_u64..3)).prop_map(|(skip, rows)| Query::SomeCounts(skip, rows)),
    ]
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = prop_oneof![Just(None), Just(Some("a")), Just(Some("b")), Just(Some(""))];
    vec((Just(0.0), key, (0_i64..4).prop_map(Some)), 0..7)
}

fn of_side(source: &MemoryRows, odd: i64, is_counted: bool) -> LogicalPlan {
    let rows = Builder::from(source.relation()).filter((col("v") % lit(2_i64)).eq(lit(odd))).unwrap();
    let rows = match is_counted {
        true => rows
            .aggregate(vec![col("k")], vec![count(lit(1)).alias("n")])
            .and_then(|counts| counts.project(vec![col("n").alias("x")])),
        false => rows.project(vec![col("k").alias("x")]),
    };
    rows.and_then(Builder::build).unwrap()
}

fn plan(query: Query, source: &MemoryRows, is_counted: bool) -> LogicalPlan {
    let counts = || Builder::from(source.relation()).aggregate(vec![col("k")], vec![count(lit(1)).alias("n")]).unwrap();
    let first = |counts: Builder, key: &str| {
        let keys = vec![Column::new_unqualified(key)];
        Builder::from(DeduplicateNode::over(counts.build().unwrap(), keys, false).unwrap())
    };
    let plan = match query {
        Query::Sets(operation, is_all) => {
            let sides = [0, 1].map(|odd| of_side(source, odd, false));
            Builder::from(SetOperationNode::over(operation, is_all, sides).unwrap())
        }
        Query::SetsOfCounts(operation, is_all) => {
            let sides = [0, 1].map(|odd| of_side(source, odd, true));
            Builder::from(SetOperationNode::over(operation, is_all, sides).unwrap())
        }
        Query::FirstOfCounts => first(counts(), "n"),
        Query::FirstOfCountsOfCounts => {
            first(counts().aggregate(vec![col("n")], vec![count(lit(1)).alias("c")]).unwrap(), "c")
        }
        Query::SomeCounts(skip, rows) => {
            let (skip, rows) = (usize::try_from(skip).unwrap(), rows.map(|rows| usize::try_from(rows).unwrap()));
            counts().limit(skip, rows).unwrap()
        }
    };
    let plan = if is_counted {
        plan.aggregate(Vec::<datafusion::logical_expr::Expr>::new(), vec![count(lit(1))])
    } else {
        Ok(plan)
    };
    plan.and_then(Builder::build).unwrap()
}

fn counts(rows: &[Row], parity: Option<i64>) -> BTreeMap<Key, i64> {
    let mut counts = BTreeMap::new();
    for (_, key, value) in rows {
        if parity.is_none_or(|parity| value.unwrap() % 2 == parity) {
            *counts.entry(*key).or_default() += 1;
        }
    }
    counts
}

/// How often each text is there.
fn bag(values: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    values.fold(BTreeMap::new(), |mut bag, value| {
        *bag.entry(value).or_default() += 1;
        bag
    })
}

fn combined(operation: SetOperation, is_all: bool, sides: [BTreeMap<String, usize>; 2]) -> Vec<String> {
    let [left, right] = sides;
    let copies = |(value, left): (&String, &usize)| {
        let right = right.get(value).copied().unwrap_or_default();
        let copies = match (operation, is_all) {
            (SetOperation::Except, true) => left.saturating_sub(right),
            (SetOperation::Intersect, true) => (*left).min(right),
            (SetOperation::Except, false) => usize::from(right == 0),
            (SetOperation::Intersect, false) => usize::from(right > 0),
        };
        std::iter::repeat_n(value.clone(), copies)
    };
    left.iter().flat_map(copies).collect()
}

fn answer(query: Query, rows: &[Row]) -> Vec<String> {
    let first_of_each = |pairs: Vec<(String, i64)>| {
        let mut first = BTreeMap::new();
        for (name, count) in pairs {
            first.entry(count).or_insert(name);
        }
        first.into_iter().map(|(count, name)| format!("{name}|{count}")).collect::<Vec<_>>()
    };
    let pairs = || counts(rows, None).into_iter().map(|(key, count)| (text(key), count)).collect::<Vec<_>>();
    match query {
        Query::Sets(operation, is_all) => {
            let side = |odd: i64| {
                let rows = rows.iter().filter(move |row| row.2.unwrap() % 2 == odd);
                bag(rows.map(|row| text(row.1)))
            };
            combined(operation, is_all, [side(0), side(1)])
        }
        Query::SetsOfCounts(operation, is_all) => {
            let side = |odd: i64| bag(counts(rows, Some(odd)).values().map(ToString::to_string));
            combined(operation, is_all, [side(0), side(1)])
        }
        // Keys come in their order, NULL first.
        Query::FirstOfCounts => first_of_each(pairs()),
        Query::FirstOfCountsOfCounts => {
            let mut sizes: BTreeMap<i64, i64> = BTreeMap::new();
            pairs().iter().for_each(|(_, count)| *sizes.entry(*count).or_default() += 1);
            first_of_each(sizes.into_iter().map(|(count, keys)| (count.to_string(), keys)).collect())
        }
        Query::SomeCounts(skip, limit) => {
            let rows = pairs().into_iter().map(|(name, count)| format!("{name}|{count}"));
            let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap());
            rows.skip(usize::try_from(skip).unwrap()).take(limit).collect()
        }
    }
}

/// The places of the columns that name a row; without them each row names itself.
fn key(query: Query, is_counted: bool) -> Option<&'static [usize]> {
    match query {
        _ if is_counted => Some(&[]),
        Query::Sets(_, true) | Query::SetsOfCounts(_, true) => None,
        _ => Some(&[0]),
    }
}

async fn check(query: Query, batches: &[(Vec<Row>, bool)], mode: OutputMode, (is_counted, is_tight): (bool, bool)) {
    let source = MemoryRows::default();
    let (memory, _others) = budget(is_tight);
    let setting = Setting { memory, ..Setting::of(mode) };
    let mut test = StreamTest::start(plan(query, &source, is_counted), setting).await.unwrap();
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
        if given.is_empty() {
            continue;
        }
        match mode {
            OutputMode::Update => given.iter().for_each(|rows| integrate(key(query, is_counted), &mut held, rows)),
            _ => held = BTreeMap::from([(String::new(), given.concat())]),
        }
        let mut expected = answer(query, &all);
        if is_counted {
            expected = vec![expected.len().to_string()];
        }
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
        flags in any::<[bool; 3]>(),
    ) {
        let [is_complete, is_counted, is_tight] = flags;
        let is_set = matches!(query, Query::Sets(..) | Query::SetsOfCounts(..));
        // What Spark answers in complete mode has Spark's meaning.
        let mode = if is_complete && (is_set || is_counted) { OutputMode::Complete } else { OutputMode::Update };
        let is_counted = is_counted || query == Query::FirstOfCounts;
        block_on(check(query, &batches, mode, (is_counted, is_tight)));
    }
}

/// Rows are counted over all batches: some are skipped, and the others pass.
#[tokio::test]
async fn an_offset_counts_over_all_batches() {
    for mode in [OutputMode::Append, OutputMode::Update] {
        let source = MemoryRows::default();
        let plan = Builder::from(source.relation()).project(vec![col("v")]).unwrap().limit(2, Some(3)).unwrap();
        let mut test = StreamTest::start(plan.build().unwrap(), Setting::of(mode)).await.unwrap();
        let mut given = vec![];
        for rows in [vec![0], vec![1, 2], vec![3], vec![4, 5, 6], vec![7]] {
            source.add(&rows.iter().map(|value| (0.0, None, Some(*value))).collect::<Vec<Row>>());
            given.push(test.run().await.unwrap().concat().join(","));
        }
        assert_eq!(given, ["", "2", "3", "4", ""]);
    }
}

/// What was appended cannot be taken back, and strict mode refuses what Spark does.
#[tokio::test]
async fn set_operations_are_refused_where_nothing_can_be_taken_back() {
    let source = MemoryRows::default();
    let strict = Setting { is_strict: true, ..Setting::of(OutputMode::Update) };
    for setting in [Setting::of(OutputMode::Append), strict] {
        for (operation, message) in [
            (SetOperation::Except, "Except on a streaming DataFrame/Dataset on the right is not supported"),
            (SetOperation::Intersect, "Intersect of streaming DataFrames/Datasets is not supported"),
        ] {
            let plan = plan(Query::Sets(operation, false), &source, false);
            let error = StreamTest::start(plan, setting.clone()).await.unwrap_err();
            assert_eq!(error.message(), message);
        }
    }
}
