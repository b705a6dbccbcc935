//! Joined aggregates of one stream are one aggregate, and give what they give where they are computed one by one.

use std::collections::BTreeMap;

use datafusion::common::JoinType;
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder as Builder, lit};
use datafusion::prelude::col;
use millstream_core::OutputMode;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use super::properties::block_on;
use crate::functions::aggregates::{count, max};
use crate::plan::fixture::{MemoryRows, Row, Setting, StreamTest, window, with_watermark};
use crate::plan::sink_schema;

/// Which rows one of the aggregates counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    All,
    Positive,
    Known,
}

impl Counted {
    fn filter(self) -> Option<Expr> {
        match self {
            Self::All => None,
            Self::Positive => Some(col("v").gt(lit(0_i64))),
            Self::Known => Some(col("v").is_not_null()),
        }
    }
}

/// Three aggregates, joined one after the other.
#[derive(Debug, Clone)]
struct Query {
    counted: [Counted; 3],
    /// Only groups of more rows than this are rows of the aggregate.
    least: [Option<i64>; 3],
    kinds: [JoinType; 2],
    /// NULL meets NULL.
    null_safe: bool,
}

fn queries() -> impl Strategy<Value = Query> {
    let counted = || prop_oneof![Just(Counted::All), Just(Counted::Positive), Just(Counted::Known)];
    let kind = || prop_oneof![Just(JoinType::Inner), Just(JoinType::Left), Just(JoinType::Right)];
    let least = || proptest::option::weighted(0.3, 0_i64..3);
    ([counted(), counted(), counted()], [least(), least(), least()], [kind(), kind()], any::<bool>())
        .prop_map(|(counted, least, kinds, null_safe)| Query { counted, least, kinds, null_safe })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = prop_oneof![Just(None), Just(Some("a")), Just(Some("b"))];
    let time = prop_oneof![Just(1.0), Just(2.0), Just(11.0)];
    vec((time, key, prop_oneof![Just(None), (-3_i64..4).prop_map(Some)]), 1..6)
}

/// An aggregate whose columns end in its number, as an analyzer calls those of a DataFrame that is joined with itself.
fn aggregate(events: &LogicalPlan, counted: Counted, number: usize) -> Builder {
    let named = |name: &str| format!("{name}#{number}");
    let renamed = [("ts", "ts"), ("k", "k"), ("v", "v")].map(|(from, to)| col(from).alias(named(to)));
    let mut rows = Builder::from(events.clone());
    if let Some(filter) = counted.filter() {
        rows = rows.filter(filter).unwrap();
    }
    let column = |name: &str| Expr::Column(datafusion::common::Column::from_name(named(name)));
    let keys = vec![window_of(column("ts")).alias(named("w")), column("k")];
    let distinct = count(column("v")).distinct().build().unwrap();
    let functions =
        vec![count(lit(1)).alias(named("n")), distinct.alias(named("d")), max(column("v")).alias(named("m"))];
    let shown = [column("k"), column("w"), column("n"), column("m"), (column("d") + lit(1_i64)).alias(named("d"))];
    rows.project(renamed).and_then(|rows| rows.aggregate(keys, functions)).and_then(|rows| rows.project(shown)).unwrap()
}

/// The window of ten seconds that a time lies in.
fn window_of(time: Expr) -> Expr {
    match window(10, 10) {
        Expr::ScalarFunction(mut call) => {
            call.args[0] = time;
            Expr::ScalarFunction(call)
        }
        other => panic!("a window is a call, not {other}"),
    }
}

fn plan(query: &Query, events: &LogicalPlan) -> LogicalPlan {
    let column = |name: String| Expr::Column(datafusion::common::Column::from_name(name));
    let side = |number: usize| {
        let groups = aggregate(events, query.counted[number], number);
        match query.least[number] {
            Some(least) => groups.filter(column(format!("n#{number}")).gt(lit(least))).unwrap(),
            None => groups,
        }
    };
    let mut joined = side(0);
    for number in 1..3 {
        let next = side(number).build().unwrap();
        let equal = ["k", "w"].map(|name| {
            let (left, right) = (column(format!("{name}#0")), column(format!("{name}#{number}")));
            if query.null_safe { is_not_distinct(left, right) } else { left.eq(right) }
        });
        joined = joined.join_on(next, query.kinds[number - 1], equal).unwrap();
    }
    joined.build().unwrap()
}

fn is_not_distinct(left: Expr, right: Expr) -> Expr {
    use datafusion::logical_expr::{BinaryExpr, Operator};
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), Operator::IsNotDistinctFrom, Box::new(right)))
}

/// What a sink in update mode holds after each batch, as lines.
async fn held(plan: &LogicalPlan, source: &MemoryRows, batches: &[Vec<Row>], fuses: bool) -> Vec<Vec<String>> {
    let setting = Setting { fuses, ..Setting::of(OutputMode::Update) };
    let schema = std::sync::Arc::new(plan.schema().as_arrow().clone());
    let conf = BTreeMap::from([(crate::plan::FUSE_JOINED_AGGREGATES.to_owned(), fuses.to_string())]);
    let columns = sink_schema(plan, &schema, OutputMode::Update, &conf).unwrap().fields().len();
    let mut test = StreamTest::start(plan.clone(), setting).await.unwrap();
    let is_fused = test.execution.explain(false).contains("joins of aggregates of one stream");
    assert_eq!(is_fused, fuses);
    let (mut held, mut after) = (BTreeMap::new(), vec![]);
    for rows in batches {
        source.add(rows);
        for row in test.run().await.unwrap().concat() {
            let (row, operation) = match columns > schema.fields().len() {
                true => row.rsplit_once('|').unwrap(),
                false => (row.as_str(), "upsert"),
            };
            // Keys and windows of all three: those that are there are equal.
            let columns: Vec<&str> = row.split('|').collect();
            let key = [0, 5, 10].map(|place| columns[place].to_owned() + columns[place + 1]);
            let key = key.into_iter().max().unwrap();
            match operation {
                "upsert" => drop(held.insert(key, row.to_owned())),
                _ => drop(held.remove(&key)),
            }
        }
        after.push(held.values().cloned().collect());
    }
    after
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn one_aggregate_gives_what_joined_ones_give(query in queries(), batches in vec(rows(), 1..5)) {
        block_on(async {
            // Where NULL keys meet, a row of a NULL key may stand for rows of no side; there is one name for both.
            let sources = [MemoryRows::default(), MemoryRows::default()];
            let mut results = vec![];
            for (source, fuses) in sources.iter().zip([true, false]) {
                let events = with_watermark(source.relation(), 1000);
                results.push(held(&plan(&query, &events), source, &batches, fuses).await);
            }
            assert_eq!(results[0], results[1], "{query:?} over {batches:?}");
        });
    }
}

/// What is not the same rows, the same keys or safe to be looked at stays joined.
#[tokio::test]
async fn what_is_not_plainly_the_same_stays_joined() {
    let source = MemoryRows::default();
    let query = Query { counted: [Counted::All; 3], least: [None; 3], kinds: [JoinType::Left; 2], null_safe: false };
    let fused = async |plan: LogicalPlan| {
        let test = StreamTest::start(plan, Setting::of(OutputMode::Update)).await.unwrap();
        test.execution.explain(false).contains("joins of aggregates of one stream: ")
    };
    let events = with_watermark(source.relation(), 10);
    assert!(fused(plan(&query, &events)).await);
    let column = |name: &str| Expr::Column(datafusion::common::Column::from_name(name));
    let joined = |right: Builder, on: Vec<Expr>| {
        aggregate(&events, Counted::All, 0)
            .join_on(right.build().unwrap(), JoinType::Left, on)
            .unwrap()
            .build()
            .unwrap()
    };
    let both = || vec![column("k#0").eq(column("k#1")), column("w#0").eq(column("w#1"))];
    // Another reader, another watermark, other keys, a part of the keys, a condition more.
    let other = MemoryRows::default();
    assert!(!fused(joined(aggregate(&with_watermark(other.relation(), 10), Counted::All, 1), both())).await);
    let later = with_watermark(source.relation(), 20);
    assert!(!fused(joined(aggregate(&later, Counted::All, 1), both())).await);
    let crossed = vec![column("k#0").eq(column("k#1"))];
    assert!(!fused(joined(aggregate(&events, Counted::All, 1), crossed)).await);
    let compared = both().into_iter().chain([column("n#0").gt(column("n#1"))]).collect();
    assert!(!fused(joined(aggregate(&events, Counted::All, 1), compared)).await);
    // A user's condition on groups may fail later.
    let having = aggregate(&events, Counted::All, 1).filter(column("n#1").lt(lit(3_i64))).unwrap();
    assert!(!fused(joined(having, both())).await);
    // One that a group meets for ever once it does is another thing.
    let many = aggregate(&events, Counted::All, 1).filter(column("n#1").gt(lit(3_i64))).unwrap();
    assert!(fused(joined(many, both())).await);
    let small = aggregate(&events, Counted::All, 1).filter(column("m#1").gt(lit(3_i64))).unwrap();
    assert!(!fused(joined(small, both())).await, "nothing is known of values but counts");
    // A filter that keeps rows from an expression which may fail.
    let safe = Builder::from(events.clone()).filter(col("v").not_eq(lit(0_i64))).unwrap().build().unwrap();
    assert!(fused(joined(aggregate(&safe, Counted::All, 1), both())).await);
    let quotients = Builder::from(safe)
        .project([col("ts"), col("k"), (lit(1_i64) / col("v")).alias("v")])
        .and_then(Builder::build)
        .unwrap();
    assert!(!fused(joined(aggregate(&quotients, Counted::All, 1), both())).await);
}
