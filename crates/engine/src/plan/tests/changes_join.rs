//! Joins of which a side takes rows back: after every batch the result is that of a nested loop over all rows so far.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder as Builder, lit};
use datafusion::prelude::col;
use millstream_core::{Error, OutputMode};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use super::properties::{block_on, budget};
use crate::functions::aggregates::{count, max, sum};
use crate::plan::fixture::{MemoryRows, Row, Setting, StreamTest, window, with_watermark};
use crate::plan::sink_schema;
use crate::state::Overflow;

/// A join of what two aggregates give, or an aggregate and a stream whose rows stay.
#[derive(Debug, Clone, Copy)]
struct Query {
    kind: JoinType,
    /// Several rows of the left side have one key: it groups by `v % 3` too.
    by_remainder: bool,
    /// The right side is the stream as it is.
    right_stays: bool,
    /// Only rows with fewer on the right than on the left meet.
    compares: bool,
    /// Only rows with more than this on the left, and on the right, meet.
    own: [Option<i64>; 2],
    /// An aggregate stands above.
    is_counted: bool,
}

fn queries() -> impl Strategy<Value = Query> {
    let kind = prop_oneof![
        Just(JoinType::Inner),
        Just(JoinType::Left),
        Just(JoinType::Right),
        Just(JoinType::Full),
        Just(JoinType::LeftSemi),
        Just(JoinType::LeftAnti)
    ];
    let own = || proptest::option::weighted(0.3, 0_i64..3);
    (kind, any::<(bool, bool, bool, bool)>(), (own(), own())).prop_map(|(kind, flags, own)| {
        let (by_remainder, right_stays, compares, is_counted) = flags;
        Query { kind, by_remainder, right_stays, compares, own: own.into(), is_counted }
    })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = prop_oneof![Just(None), Just(Some("a")), Just(Some("b")), Just(Some("")), Just(Some("c"))];
    let value = prop_oneof![Just(None), (-9_i64..10).prop_map(Some)];
    vec((Just(0.0), key, value), 0..8)
}

fn plan(query: &Query, sources: [&MemoryRows; 2]) -> LogicalPlan {
    let [left, right] = sources.map(|source| Builder::from(source.relation()));
    let remainder = if query.by_remainder { col("v") % lit(3_i64) } else { lit(0_i64) };
    let left = left.project(vec![col("k").alias("lk"), remainder.alias("lr"), col("v")]).and_then(|plan| {
        plan.aggregate(vec![col("lk"), col("lr")], vec![count(lit(1)).alias("ln"), max(col("v")).alias("lm")])
    });
    let right = match query.right_stays {
        true => right.project(vec![col("k").alias("rk"), col("v").alias("rn")]),
        false => right
            .project(vec![col("k").alias("rk"), col("v")])
            .and_then(|plan| plan.aggregate(vec![col("rk")], vec![count(lit(1)).alias("rn")])),
    };
    let mut condition = col("lk").eq(col("rk"));
    if query.compares {
        condition = condition.and(col("rn").lt(col("ln")));
    }
    for (least, column) in query.own.iter().zip(["ln", "rn"]) {
        if let Some(least) = least {
            condition = condition.and(col(column).gt(lit(*least)));
        }
    }
    let joined = left.and_then(|left| left.join_on(right?.build()?, query.kind, [condition])).unwrap();
    let joined = match query.is_counted {
        false => joined,
        true => {
            let functions = vec![count(lit(1)).alias("c"), sum(col("ln"), Overflow::Error), max(col("lm"))];
            joined.aggregate(vec![col("lk")], functions).unwrap()
        }
    };
    joined.build().unwrap()
}

/// A row of the left side: key, remainder, number of rows, greatest value.
type Left = (Option<&'static str>, Option<i64>, i64, Option<i64>);

/// A row of the right side: key, and number of rows or value.
type Right = (Option<&'static str>, Option<i64>);

fn left_rows(query: &Query, rows: &[Row]) -> Vec<Left> {
    type Key = (Option<&'static str>, Option<i64>);
    let mut groups: BTreeMap<Key, (i64, Option<i64>)> = BTreeMap::new();
    for (_, key, value) in rows {
        let remainder = if query.by_remainder { value.map(|value| value % 3) } else { Some(0) };
        let (count, most) = groups.entry((*key, remainder)).or_default();
        *count += 1;
        *most = (*most).max(*value);
    }
    groups.into_iter().map(|((key, remainder), (count, most))| (key, remainder, count, most)).collect()
}

fn right_rows(query: &Query, rows: &[Row]) -> Vec<Right> {
    if query.right_stays {
        return rows.iter().map(|(_, key, value)| (*key, *value)).collect();
    }
    let mut groups: BTreeMap<Option<&'static str>, i64> = BTreeMap::new();
    rows.iter().for_each(|(_, key, _)| *groups.entry(*key).or_default() += 1);
    groups.into_iter().map(|(key, count)| (key, Some(count))).collect()
}

fn meet(query: &Query, left: &Left, right: &Right) -> bool {
    let compares = !query.compares || right.1.is_some_and(|right| right < left.2);
    let is_more = |value: Option<i64>, least: Option<i64>| least.is_none_or(|least| value > Some(least));
    let own = is_more(Some(left.2), query.own[0]) && is_more(right.1, query.own[1]);
    left.0.is_some() && left.0 == right.0 && compares && own
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

/// The rows of the join, as pairs of which one may be missing.
fn joined(query: &Query, left: &[Left], right: &[Right]) -> Vec<(Option<Left>, Option<Right>)> {
    let mut pairs = vec![];
    for row in left {
        let met: Vec<_> = right.iter().filter(|right| meet(query, row, right)).collect();
        match query.kind {
            JoinType::LeftSemi => pairs.extend((!met.is_empty()).then_some((Some(*row), None))),
            JoinType::LeftAnti => pairs.extend(met.is_empty().then_some((Some(*row), None))),
            JoinType::Left | JoinType::Full if met.is_empty() => pairs.push((Some(*row), None)),
            _ => pairs.extend(met.into_iter().map(|right| (Some(*row), Some(*right)))),
        }
    }
    if matches!(query.kind, JoinType::Right | JoinType::Full) {
        let lone = right.iter().filter(|right| !left.iter().any(|left| meet(query, left, right)));
        pairs.extend(lone.map(|right| (None, Some(*right))));
    }
    pairs
}

/// The answer of a batch, as lines.
fn answer(query: &Query, rows: [&[Row]; 2]) -> Vec<String> {
    let pairs = joined(query, &left_rows(query, rows[0]), &right_rows(query, rows[1]));
    let mut lines: Vec<String> = if query.is_counted {
        let mut groups: BTreeMap<Option<&str>, Vec<Option<Left>>> = BTreeMap::new();
        pairs.into_iter().for_each(|(left, _)| groups.entry(left.and_then(|left| left.0)).or_default().push(left));
        let line = |(key, rows): (Option<&str>, Vec<Option<Left>>)| {
            let known = || rows.iter().flatten();
            let total = (known().count() > 0).then(|| known().map(|left| left.2).sum::<i64>());
            format!("{}|{}|{}|{}", text(key), rows.len(), text(total), text(known().filter_map(|left| left.3).max()))
        };
        groups.into_iter().map(line).collect()
    } else {
        let line = |(left, right): (Option<Left>, Option<Right>)| {
            let (key, remainder, count, most) =
                left.map_or((None, None, None, None), |(a, b, c, d)| (a, b, Some(c), d));
            let line = format!("{}|{}|{}|{}", text(key), text(remainder), text(count), text(most));
            match query.kind {
                JoinType::LeftSemi | JoinType::LeftAnti => line,
                _ => format!(
                    "{line}|{}|{}",
                    text(right.and_then(|right| right.0)),
                    text(right.and_then(|right| right.1))
                ),
            }
        };
        pairs.into_iter().map(line).collect()
    };
    lines.sort();
    lines
}

/// The part of a line that names its row: what names the rows of both sides, or of the left one where each of them
/// meets one row at the most. Rows that stay have no name, so each is its own; and so is each of a full outer join,
/// which may have a row of either side whose name is NULL.
fn key(query: &Query, row: &str) -> Option<String> {
    let columns: Vec<&str> = row.split('|').collect();
    if query.is_counted {
        return Some(columns[0].to_owned());
    }
    match query.kind {
        JoinType::LeftSemi | JoinType::LeftAnti => Some(columns[..2].join("|")),
        _ if query.right_stays || query.kind == JoinType::Full => None,
        JoinType::Inner | JoinType::Left => Some(columns[..2].join("|")),
        _ => Some(format!("{}|{}|{}", columns[0], columns[1], columns[4])),
    }
}

/// Whether a sink in update mode is told of keys that go.
fn tells_deletes(plan: &LogicalPlan) -> bool {
    let schema = Arc::new(plan.schema().as_arrow().clone());
    sink_schema(plan, &schema, OutputMode::Update, &BTreeMap::new()).unwrap().fields().len() > schema.fields().len()
}

/// What a sink in update mode holds: rows by their key, how often each is there.
fn integrate(query: &Query, tells_deletes: bool, held: &mut BTreeMap<String, Vec<String>>, rows: &[String]) {
    for row in rows {
        let (row, operation) = if tells_deletes { row.rsplit_once('|').unwrap() } else { (row.as_str(), "upsert") };
        let key = key(query, row);
        let there = held.entry(key.clone().unwrap_or_else(|| row.to_owned())).or_default();
        match (operation, key.is_some()) {
            ("upsert", true) => *there = vec![row.to_owned()],
            ("upsert", false) => there.push(row.to_owned()),
            ("delete", _) => assert!(there.pop().is_some(), "{row} is deleted, but was not there"),
            other => panic!("{other:?} is nothing that becomes of a key"),
        }
    }
}

async fn check(query: &Query, batches: &[([Vec<Row>; 2], bool)], (mode, is_tight): (OutputMode, bool)) {
    let sources = [MemoryRows::default(), MemoryRows::default()];
    let (memory, _others) = budget(is_tight);
    let setting = Setting { memory, ..Setting::of(mode) };
    let plan = plan(query, sources.each_ref());
    let tells_deletes = tells_deletes(&plan);
    let mut test = StreamTest::start(plan, setting).await.unwrap();
    let (mut all, mut held) = ([vec![], vec![]], BTreeMap::new());
    for (rows, fails_first) in batches {
        for side in 0..2 {
            sources[side].add(&rows[side]);
            all[side].extend(rows[side].iter().copied());
        }
        if *fails_first {
            let ranges = test.pending().await;
            let failed = test.run_batch(ranges, |_| Err(Error::unavailable("meddled"))).await;
            assert_eq!(failed.unwrap_err().message(), "meddled");
        }
        let given = test.run().await.unwrap();
        match mode {
            OutputMode::Update => given.iter().for_each(|rows| integrate(query, tells_deletes, &mut held, rows)),
            // Without new rows there is no batch, and the sink keeps what it has.
            _ => {
                if let Some(rows) = given.last() {
                    held = rows.iter().map(|row| (row.clone(), vec![row.clone()])).collect();
                }
            }
        }
        let mut found: Vec<String> = held.values().flatten().cloned().collect();
        found.sort();
        assert_eq!(found, answer(query, [&all[0], &all[1]]), "{query:?} in {mode} mode over {all:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Whatever the batches are, and whichever of them fail at first.
    #[test]
    fn what_a_sink_holds_is_the_answer_of_a_nested_loop(
        query in queries(),
        batches in vec(((rows(), rows()), any::<bool>()), 1..6),
        is_update in any::<bool>(),
        is_tight in any::<bool>(),
    ) {
        let mode = if is_update || !query.is_counted { OutputMode::Update } else { OutputMode::Complete };
        let batches: Vec<_> = batches.into_iter().map(|((left, right), fails)| ([left, right], fails)).collect();
        block_on(check(&query, &batches, (mode, is_tight)));
    }
}

/// A key goes where a row that has met others may meet none any more; what always has a row needs no word for it.
#[test]
fn keys_that_stay_are_told_from_keys_that_may_go() {
    let plain = Query {
        kind: JoinType::Left,
        by_remainder: false,
        right_stays: false,
        compares: false,
        own: [None, None],
        is_counted: false,
    };
    let tells = |query: &Query| {
        let sources = [MemoryRows::default(), MemoryRows::default()];
        tells_deletes(&plan(query, sources.each_ref()))
    };
    assert!(!tells(&plain));
    assert!(!tells(&Query { kind: JoinType::LeftSemi, ..plain }));
    assert!(!tells(&Query { compares: true, own: [Some(1), Some(1)], ..plain }), "the left side keeps its rows");
    for kind in [JoinType::Full, JoinType::LeftAnti] {
        assert!(tells(&Query { kind, ..plain }), "{kind}");
    }
    for kind in [JoinType::Inner, JoinType::LeftSemi] {
        assert!(tells(&Query { kind, compares: true, ..plain }), "{kind}");
        assert!(tells(&Query { kind, own: [Some(1), None], ..plain }), "{kind}");
    }
    assert!(tells(&Query { is_counted: true, ..plain }));
    assert!(
        tells(&Query { right_stays: true, ..plain }),
        "several rows of the right side are there for one of the left"
    );
}

/// Counts and sums of each key and window, joined on both: a row a window and key.
fn windows(sources: [&MemoryRows; 2], kind: JoinType) -> LogicalPlan {
    let [left, right] = sources.map(|source| with_watermark(source.relation(), 10));
    let left = Builder::from(left)
        .aggregate(vec![window(10, 10).alias("lw"), col("k").alias("lk")], vec![count(lit(1)).alias("n")])
        .and_then(Builder::build)
        .unwrap();
    let right = Builder::from(right)
        .aggregate(vec![window(10, 10).alias("rw"), col("k").alias("rk")], vec![max(col("v")).alias("m")])
        .and_then(Builder::build)
        .unwrap();
    let on = [col("lw").eq(col("rw")), col("lk").eq(col("rk"))];
    Builder::from(left).join_on(right, kind, on).and_then(Builder::build).unwrap()
}

/// What the watermark has passed changes no more, so the join forgets it when the aggregates do, and takes nothing
/// back.
#[tokio::test]
async fn rows_are_forgotten_with_their_window() {
    for kind in [JoinType::Left, JoinType::Inner, JoinType::Full] {
        let sources = [MemoryRows::default(), MemoryRows::default()];
        let mut test =
            StreamTest::start(windows(sources.each_ref(), kind), Setting::of(OutputMode::Update)).await.unwrap();
        let add = |rows: &[Row]| sources.iter().for_each(|source| source.add(rows));
        let rows_total = |test: &StreamTest| test.execution.operators()[2].progress().num_rows_total;
        add(&[(1.0, Some("a"), Some(3)), (2.0, Some("b"), Some(5))]);
        let given = test.run().await.unwrap().concat();
        assert_eq!(given.iter().filter(|row| row.contains("|a|1|")).count(), 1, "{kind}: {given:?}");
        assert_eq!(rows_total(&test), 4, "{kind}: two rows on each side");
        add(&[(3.0, Some("a"), Some(9)), (11.0, Some("a"), Some(1))]);
        test.run().await.unwrap();
        assert_eq!(rows_total(&test), 6, "{kind}");
        // The watermark is at 30 then: both windows are over.
        add(&[(40.0, Some("a"), None)]);
        let given = test.run().await.unwrap().concat();
        assert_eq!(given.len(), 1, "{kind}: nothing is taken back: {given:?}");
        assert_eq!(rows_total(&test), 2, "{kind}");
        // Late for the aggregates, so the join never hears of it.
        add(&[(4.0, Some("a"), Some(100))]);
        assert_eq!(test.run().await.unwrap().concat(), Vec::<String>::new(), "{kind}");
    }
}

/// Keys above the average of all: a join without anything equal, which Spark refuses of streams.
#[tokio::test]
async fn a_join_without_keys_compares_all_rows() {
    let source = MemoryRows::default();
    let other = MemoryRows::default();
    let counts = Builder::from(source.relation()).aggregate(vec![col("k")], vec![count(lit(1)).alias("n")]).unwrap();
    let total = Builder::from(other.relation())
        .aggregate(Vec::<datafusion::prelude::Expr>::new(), vec![count(lit(1)).alias("t")]);
    let plan = counts
        .join_on(total.unwrap().build().unwrap(), JoinType::Inner, [(col("n") * lit(2_i64)).gt(col("t"))])
        .and_then(Builder::build)
        .unwrap();
    let mut test = StreamTest::start(plan, Setting::of(OutputMode::Update)).await.unwrap();
    let mut run = async |rows: &[Row]| {
        source.add(rows);
        other.add(rows);
        test.run().await.unwrap().concat()
    };
    assert_eq!(run(&[(0.0, Some("a"), None), (0.0, Some("a"), None), (0.0, Some("b"), None)]).await, ["a|2|3|upsert"]);
    assert_eq!(run(&[(0.0, Some("b"), None)]).await, ["a|2|3|delete"]);
    assert_eq!(run(&[(0.0, Some("b"), None), (0.0, Some("b"), None)]).await, ["b|4|6|upsert"]);
    assert_eq!(run(&[(0.0, Some("b"), None)]).await, ["b|5|7|upsert"]);
}

/// What these joins refuse, and that strict mode refuses all of them in Spark's words.
#[tokio::test]
async fn what_spark_refuses_is_refused_in_strict_mode() {
    let query = Query {
        kind: JoinType::Inner,
        by_remainder: false,
        right_stays: false,
        compares: false,
        own: [None, None],
        is_counted: false,
    };
    let sources = [MemoryRows::default(), MemoryRows::default()];
    let plan = plan(&query, sources.each_ref());
    let strict = Setting { is_strict: true, ..Setting::of(OutputMode::Update) };
    let error = StreamTest::start(plan.clone(), strict).await.unwrap_err();
    assert!(error.message().starts_with("Detected pattern of possible 'correctness' issue"), "{error}");
    // Nothing above gives the whole result.
    let error = StreamTest::start(plan, Setting::of(OutputMode::Complete)).await.unwrap_err();
    assert!(error.message().contains("complete output mode of a result that comes as changes"), "{error}");
}
