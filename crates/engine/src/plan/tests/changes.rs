//! Aggregates of aggregates in update and complete mode: after every batch the result is that of a batch over all rows
//! so far, computed in plain Rust.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions_aggregate::expr_fn::bit_xor;
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder as Builder, lit};
use datafusion::prelude::col;
use millstream_core::{Error, OutputMode};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use super::properties::{block_on, budget, snapshot};
use crate::functions::aggregates::{avg, count, max, min, sum};
use crate::plan::fixture::{MemoryRows, Row, Setting, StreamTest, window, with_watermark};
use crate::plan::{STRICT_SPARK, sink_schema};
use crate::state::Overflow;

/// What the second aggregate groups by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outer {
    Count,
    Parity,
    Key,
    Nothing,
}

/// An aggregate of an aggregate, with what stands between and above.
#[derive(Debug, Clone)]
struct Query {
    /// The first aggregate groups by `v % 3` as well as by `k`.
    by_remainder: bool,
    /// Each group goes on twice.
    twice: bool,
    /// Only groups with more rows than this go on.
    filter: Option<i64>,
    outer: Outer,
    /// Only groups of more than so many groups are shown.
    having: Option<i64>,
    /// A third aggregate counts the groups of the second by their number of groups.
    third: bool,
}

fn queries() -> impl Strategy<Value = Query> {
    let outer = prop_oneof![Just(Outer::Count), Just(Outer::Parity), Just(Outer::Key), Just(Outer::Nothing)];
    let at_most = || proptest::option::of(0_i64..3);
    (any::<(bool, bool, bool)>(), at_most(), outer, at_most()).prop_map(|(flags, filter, outer, having)| {
        let (by_remainder, twice, third) = flags;
        Query { by_remainder, twice, filter, outer, having, third }
    })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = prop_oneof![Just(None), Just(Some("a")), Just(Some("b")), Just(Some("")), Just(Some("c"))];
    let value = prop_oneof![Just(None), (-9_i64..10).prop_map(Some)];
    vec((Just(0.0), key, value), 1..12)
}

fn distinct(function: Expr) -> Expr {
    function.distinct().build().unwrap()
}

fn plan(query: &Query, source: &MemoryRows) -> LogicalPlan {
    let mut keys = vec![col("k")];
    keys.extend(query.by_remainder.then(|| (col("v") % lit(3_i64)).alias("r")));
    let first = vec![
        count(lit(1)).alias("n"),
        sum(col("v"), Overflow::Error).alias("s"),
        max(col("v")).alias("m"),
        distinct(count(col("v"))).alias("d"),
    ];
    let mut plan = Builder::from(source.relation()).aggregate(keys, first).unwrap();
    if let Some(least) = query.filter {
        plan = plan.filter(col("n").gt(lit(least))).unwrap();
    }
    let keys: Vec<Expr> = match query.outer {
        Outer::Count => vec![col("n")],
        Outer::Parity => vec![(col("n") % lit(2_i64)).alias("p")],
        Outer::Key => vec![col("k")],
        Outer::Nothing => vec![],
    };
    let positive = count(lit(1)).filter(col("m").gt(lit(0_i64))).build().unwrap();
    let second = vec![
        count(lit(1)).alias("c"),
        sum(col("n"), Overflow::Error).alias("t"),
        min(col("m")).alias("lo"),
        max(col("m")).alias("hi"),
        max(col("k")).alias("last"),
        avg(col("s"), Overflow::Error).alias("a"),
        bit_xor(col("n")).alias("x"),
        positive.alias("positive"),
        sum(col("d"), Overflow::Error).alias("ds"),
        distinct(count(col("m"))).alias("dm"),
        sum(col("n"), Overflow::Error).distinct().filter(col("m").gt(lit(0_i64))).build().unwrap().alias("dn"),
    ];
    let mut columns = vec![col("n"), col("s"), col("m"), col("k"), col("d")];
    if query.twice {
        let copies =
            ScalarValue::new_list(&[ScalarValue::from(0_i64), ScalarValue::from(1_i64)], &DataType::Int64, true);
        columns.push(Expr::Literal(ScalarValue::List(copies), None).alias("copy"));
        plan = plan.project(columns).and_then(|plan| plan.unnest_column("copy")).unwrap();
    } else {
        plan = plan.project(columns).unwrap();
    }
    plan = plan.aggregate(keys, second).unwrap();
    if let Some(least) = query.having {
        plan = plan.filter(col("c").gt(lit(least))).unwrap();
    }
    if query.third {
        let third = vec![count(lit(1)).alias("groups"), max(col("hi")).alias("highest")];
        plan = plan.aggregate(vec![col("c")], third).unwrap();
    }
    plan.build().unwrap()
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

/// What the first aggregate gives of a group.
#[derive(Debug, Clone)]
struct First {
    key: Option<&'static str>,
    count: i64,
    sum: Option<i64>,
    most: Option<i64>,
    distinct: i64,
}

fn first(query: &Query, rows: &[Row]) -> Vec<First> {
    type Key = (Option<&'static str>, Option<i64>);
    let mut groups: BTreeMap<Key, Vec<Option<i64>>> = BTreeMap::new();
    for (_, key, value) in rows {
        let remainder = value.filter(|_| query.by_remainder).map(|value| value % 3);
        groups.entry((*key, remainder)).or_default().push(*value);
    }
    let group = |((key, _), values): (Key, Vec<Option<i64>>)| {
        let known: Vec<i64> = values.iter().flatten().copied().collect();
        let sum = (!known.is_empty()).then(|| known.iter().sum());
        let distinct = known.iter().collect::<BTreeSet<_>>().len() as i64;
        First { key, count: values.len() as i64, sum, most: known.iter().max().copied(), distinct }
    };
    let groups = groups.into_iter().map(group).filter(|group| query.filter.is_none_or(|least| group.count > least));
    groups.flat_map(|group| std::iter::repeat_n(group, if query.twice { 2 } else { 1 })).collect()
}

/// The answer of a batch, by the text of its key.
fn answer(query: &Query, rows: &[Row]) -> BTreeMap<String, String> {
    let mut groups: BTreeMap<String, Vec<First>> = BTreeMap::new();
    if query.outer == Outer::Nothing {
        groups.insert(String::new(), vec![]);
    }
    for row in first(query, rows) {
        let key = match query.outer {
            Outer::Count => row.count.to_string(),
            Outer::Parity => (row.count % 2).to_string(),
            Outer::Key => text(row.key),
            Outer::Nothing => String::new(),
        };
        groups.entry(key).or_default().push(row);
    }
    groups.retain(|_, rows| query.having.is_none_or(|least| rows.len() as i64 > least));
    let highest = |rows: &[First]| rows.iter().filter_map(|row| row.most).max();
    if query.third {
        let mut by_size: BTreeMap<usize, (i64, Option<i64>)> = BTreeMap::new();
        for rows in groups.values() {
            let (groups, most) = by_size.entry(rows.len()).or_default();
            *groups += 1;
            *most = (*most).max(highest(rows));
        }
        let line = |(size, (groups, most))| (format!("{size}"), format!("{size}|{groups}|{}", text(most)));
        return by_size.into_iter().map(line).collect();
    }
    groups.into_iter().map(|(key, rows)| (key.clone(), second(query, &key, &rows))).collect()
}

/// What the second aggregate gives of a group.
fn second(query: &Query, key: &str, rows: &[First]) -> String {
    let sums: Vec<i64> = rows.iter().filter_map(|row| row.sum).collect();
    let mean = (!sums.is_empty()).then(|| format!("{:?}", sums.iter().sum::<i64>() as f64 / sums.len() as f64));
    let total = (!rows.is_empty()).then(|| rows.iter().map(|row| row.count).sum::<i64>());
    let xor = rows.iter().map(|row| row.count).reduce(|left, right| left ^ right);
    let positive: BTreeSet<i64> = rows.iter().filter(|row| row.most > Some(0)).map(|row| row.count).collect();
    let values = [
        rows.len().to_string(),
        text(total),
        text(rows.iter().filter_map(|row| row.most).min()),
        text(rows.iter().filter_map(|row| row.most).max()),
        text(rows.iter().filter_map(|row| row.key).max()),
        text(mean),
        text(xor),
        rows.iter().filter(|row| row.most > Some(0)).count().to_string(),
        text((!rows.is_empty()).then(|| rows.iter().map(|row| row.distinct).sum::<i64>())),
        rows.iter().filter_map(|row| row.most).collect::<BTreeSet<_>>().len().to_string(),
        text(positive.iter().copied().reduce(|sum, count| sum + count)),
    ];
    if query.outer == Outer::Nothing { values.join("|") } else { format!("{key}|{}", values.join("|")) }
}

/// What a sink in update mode holds.
fn integrate(query: &Query, held: &mut BTreeMap<String, String>, rows: &[String]) {
    let has_key = query.outer != Outer::Nothing || query.third;
    for row in rows {
        // The one row of a result without a key is always there, unless it is filtered.
        let is_told = has_key || query.having.is_some();
        let (row, operation) = if is_told { row.rsplit_once('|').unwrap() } else { (row.as_str(), "upsert") };
        let key = if has_key { row.split('|').next().unwrap() } else { "" };
        match operation {
            "upsert" => drop(held.insert(key.to_owned(), row.to_owned())),
            "delete" => assert!(held.remove(key).is_some(), "{key} is deleted, but was not there"),
            other => panic!("{other} is nothing that becomes of a key"),
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
            OutputMode::Update => given.iter().for_each(|rows| integrate(query, &mut held, rows)),
            _ => held = given.concat().into_iter().map(|row| (row.clone(), row)).collect(),
        }
        let mut expected: Vec<String> = answer(query, &all).into_values().collect();
        expected.sort();
        let mut found: Vec<String> = held.values().cloned().collect();
        found.sort();
        assert_eq!(found, expected, "{query:?} in {mode} mode over {all:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever the batches are, and whichever of them fail at first.
    #[test]
    fn what_a_sink_holds_is_the_answer_of_a_batch(
        query in queries(),
        batches in vec((rows(), any::<bool>()), 1..6),
        is_update in any::<bool>(),
        is_tight in any::<bool>(),
    ) {
        let mode = if is_update { OutputMode::Update } else { OutputMode::Complete };
        block_on(check(&query, &batches, (mode, is_tight)));
    }
}

/// The key of the counts is not among what the user shows; it says nevertheless which row takes the place of which.
#[tokio::test]
async fn a_key_that_does_not_show_still_names_its_row() {
    let source = MemoryRows::default();
    let plan = Builder::from(source.relation())
        .aggregate(vec![col("k")], vec![count(lit(1)).alias("n")])
        .and_then(|plan| plan.aggregate(vec![col("n")], vec![count(lit(1)).alias("keys"), max(col("k")).alias("last")]))
        .and_then(|plan| plan.project(vec![col("last"), (col("keys") + lit(0_i64)).alias("keys")]))
        .and_then(Builder::build)
        .unwrap();
    let mut test = StreamTest::start(plan, Setting::of(OutputMode::Update)).await.unwrap();
    let rows = |keys: &[&'static str]| keys.iter().map(|key| (0.0, Some(*key), None)).collect::<Vec<Row>>();
    source.add(&rows(&["a", "b"]));
    assert_eq!(test.run().await.unwrap(), [["b|2|upsert"]]);
    source.add(&rows(&["b"]));
    assert_eq!(test.run().await.unwrap(), [["a|1|upsert", "b|1|upsert"]]);
    // The last key with one row has two now: the row that said so goes, as it was.
    source.add(&rows(&["a"]));
    assert_eq!(test.run().await.unwrap(), [["a|1|delete", "b|2|upsert"]]);
    // Every key as before: nothing is written for the counts that only gave one key for another.
    source.add(&rows(&["a", "c"]));
    assert_eq!(test.run().await.unwrap(), [["a|1|upsert", "b|1|upsert", "c|1|upsert"]]);
}

/// A sink that appends is refused as in Spark, and so is everything in strict mode.
#[tokio::test]
async fn what_cannot_be_taken_back_is_refused() {
    let source = MemoryRows::default();
    let counts = || Builder::from(source.relation()).aggregate(vec![col("k")], vec![count(lit(1)).alias("n")]).unwrap();
    let of_counts = |plan: Builder| plan.aggregate(vec![col("n")], vec![count(lit(1))]).unwrap().build().unwrap();
    let error = StreamTest::start(of_counts(counts()), Setting::of(OutputMode::Append)).await.unwrap_err();
    assert_eq!(error.class(), Some("STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"));
    for mode in [OutputMode::Update, OutputMode::Complete] {
        let sorted = of_counts(counts().sort([col("n").sort(true, true)]).unwrap());
        assert!(StreamTest::start(sorted, Setting::of(mode)).await.is_err(), "a sort below in {mode} mode");
        let strict = Setting { is_strict: true, ..Setting::of(mode) };
        let error = StreamTest::start(of_counts(counts()), strict).await.unwrap_err();
        assert!(error.message().starts_with("Detected pattern of possible 'correctness' issue"), "{error}");
    }
}

/// The values go with their window: of each state that holds one window with one value the size is the same.
#[tokio::test]
async fn distinct_values_are_forgotten_with_their_group() {
    let source = MemoryRows::default();
    let plan = Builder::from(with_watermark(source.relation(), 0))
        .aggregate(vec![window(10, 10)], vec![distinct(count(col("v"))), distinct(sum(col("v"), Overflow::Error))])
        .and_then(Builder::build)
        .unwrap();
    let mut test = StreamTest::start(plan, Setting::of(OutputMode::Append)).await.unwrap();
    let bytes = |test: &StreamTest| snapshot(&*test.execution.operators()[0].stores()[1]).concat().len();
    assert_eq!(test.execution.operators()[0].stores().len(), 2, "both functions share the values");
    source.add(&[(1.0, None, Some(5)), (2.0, None, Some(5)), (3.0, None, Some(7)), (4.0, None, None)]);
    assert_eq!(test.run().await.unwrap(), [Vec::<String>::new(), vec![]]);
    let of_three_values = bytes(&test);
    source.add(&[(5.0, None, Some(7)), (6.0, None, Some(8))]);
    assert_eq!(test.run().await.unwrap(), [Vec::<String>::new(), vec![]]);
    source.add(&[(30.0, None, None)]);
    assert_eq!(test.run().await.unwrap(), [vec![], vec!["[0,10)|3|20".to_owned()]]);
    let of_one_value = bytes(&test);
    assert!(of_one_value < of_three_values, "{of_one_value} and {of_three_values} bytes");
    source.add(&[(60.0, None, None)]);
    assert_eq!(test.run().await.unwrap(), [vec![], vec!["[30,40)|0|NULL".to_owned()]]);
    source.add(&[(61.0, None, Some(1))]);
    assert_eq!(test.run().await.unwrap(), [Vec::<String>::new(), vec![]]);
    source.add(&[(90.0, Some("a"), None)]);
    assert_eq!(test.run().await.unwrap(), [vec![], vec!["[60,70)|1|1".to_owned()]]);
    assert_eq!(bytes(&test), of_one_value);
}

/// What the watermark forgets is not taken back: the counts of windows that are over stay in the counts of counts.
#[tokio::test]
async fn what_is_forgotten_stays_counted_above() {
    let source = MemoryRows::default();
    let plan = Builder::from(with_watermark(source.relation(), 10))
        .aggregate(vec![window(10, 10).alias("w"), col("k")], vec![count(lit(1)).alias("n")])
        .and_then(|plan| plan.aggregate(vec![col("n")], vec![count(lit(1))]))
        .and_then(Builder::build)
        .unwrap();
    let mut test = StreamTest::start(plan, Setting::of(OutputMode::Update)).await.unwrap();
    let row = |seconds: f64, key: &'static str| -> Row { (seconds, Some(key), None) };
    source.add(&[row(1.0, "a"), row(2.0, "a"), row(3.0, "b")]);
    assert_eq!(test.run().await.unwrap(), [["1|1|upsert", "2|1|upsert"]]);
    // The batch without data that follows forgets the first window, and gives nothing for it.
    source.add(&[row(30.0, "a")]);
    assert_eq!(test.run().await.unwrap(), [vec!["1|2|upsert".to_owned()], vec![]]);
    let totals = |test: &StreamTest| test.progress.iter().map(|progress| progress.num_rows_total).collect::<Vec<_>>();
    assert_eq!(totals(&test), [2, 1], "the upper one has two counts, the lower one window");
    source.add(&[row(4.0, "b")]);
    assert_eq!(test.run().await.unwrap(), [Vec::<String>::new()], "the row is late");
    source.add(&[row(31.0, "a")]);
    assert_eq!(test.run().await.unwrap(), [vec!["1|1|upsert".to_owned(), "2|2|upsert".to_owned()], vec![]]);
}

/// A sink is told before the query starts which columns it gets.
#[tokio::test]
async fn a_sink_knows_beforehand_whether_keys_may_go() {
    let source = MemoryRows::default();
    let counts = || Builder::from(source.relation()).aggregate(vec![col("k")], vec![count(lit(1)).alias("n")]).unwrap();
    let of_counts = counts().aggregate(vec![col("n")], vec![count(lit(1)).alias("keys")]).unwrap().build().unwrap();
    let strict = BTreeMap::from([(STRICT_SPARK.to_owned(), "true".to_owned())]);
    let columns = |plan: &LogicalPlan, mode, conf: &BTreeMap<String, String>| {
        let schema = Arc::new(plan.schema().as_arrow().clone());
        let schema = sink_schema(plan, &schema, mode, conf).unwrap();
        schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>()
    };
    let usual = BTreeMap::new();
    assert_eq!(columns(&of_counts, OutputMode::Update, &usual), ["n", "keys", "_op"]);
    assert_eq!(columns(&of_counts, OutputMode::Complete, &usual), ["n", "keys"]);
    assert_eq!(columns(&of_counts, OutputMode::Update, &strict), ["n", "keys"]);
    assert_eq!(columns(&counts().build().unwrap(), OutputMode::Update, &usual), ["k", "n"]);
    let test = StreamTest::start(of_counts, Setting::of(OutputMode::Update)).await.unwrap();
    let schema = test.execution.schema();
    assert_eq!(schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["n", "keys", "_op"]);
}
