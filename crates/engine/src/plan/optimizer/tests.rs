use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Join, LogicalPlanBuilder as Builder, lit};
use datafusion::prelude::col;
use millstream_core::{MemoryLedger, OutputMode};

use super::*;
use crate::functions::aggregates::count;
use crate::plan::fixture::{MemoryRows, Setting, StreamTest, with_watermark};
use crate::plan::incremental::session_state;
use crate::plan::stateful::stateful_as_nodes;
use crate::work::Work;

fn built(builder: Result<Builder>) -> LogicalPlan {
    builder.and_then(Builder::build).unwrap()
}

fn extracted(plan: LogicalPlan) -> LogicalPlan {
    let plan = stateful_as_nodes(plan, OutputMode::Update).unwrap();
    extract_filters_and_keys(plan, &session_state(1, &Work::uninterrupted(MemoryLedger::unlimited()))).unwrap()
}

fn find_join(plan: &LogicalPlan) -> Join {
    let mut found = None;
    plan.apply(|plan| {
        if let LogicalPlan::Join(join) = plan {
            found = Some(join.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    found.unwrap()
}

/// `FROM l, r WHERE l.k = r.k AND l.v > 1`
#[test]
fn a_comma_join_of_two_streams_has_its_keys() {
    let stream = |alias: &str| built(Builder::from(MemoryRows::default().relation()).alias(alias));
    let crossed = Builder::from(stream("l")).cross_join(stream("r")).unwrap();
    let plan = built(crossed.filter(col("l.k").eq(col("r.k")).and(col("l.v").gt(lit(1_i64)))));
    let session = session_state(1, &Work::uninterrupted(MemoryLedger::unlimited()));
    let join = find_join(&gather_join_conditions(plan, &session).unwrap());
    assert_eq!(join.on, [(col("l.k"), col("r.k"))]);
    assert_eq!(join.filter, None);
    let left = join.left.display_indent().to_string();
    assert!(left.contains("v > Int64(1)"), "{left}");
}

/// Rows that are left out move no watermark. What is above a node that keeps state by then stays there.
#[test]
fn a_filter_moves_below_a_watermark_of_another_column_and_below_no_state() {
    let condition = col("v").gt(lit(0_i64)).and(col("ts").is_not_null());
    let timed = built(Builder::from(with_watermark(MemoryRows::default().relation(), 1)).filter(condition));
    let counted = Builder::from(timed).aggregate(vec![col("k")], vec![count(lit(1)).alias("n")]);
    let plan = extracted(built(counted.and_then(|counts| counts.filter(col("k").eq(lit("a"))))));
    let lines: Vec<String> = plan.display_indent().to_string().lines().map(|line| line.trim().to_owned()).collect();
    let place = |part: &str| lines.iter().position(|line| line.contains(part)).unwrap();
    assert!(place("k = Utf8(\"a\")") < place("StatefulAggregate"), "{lines:#?}");
    assert!(place("StatefulAggregate") < place("ts IS NOT NULL"), "{lines:#?}");
    assert!(place("ts IS NOT NULL") < place("EventTimeWatermark"), "{lines:#?}");
    assert!(place("EventTimeWatermark") < place("v > Int64(0)"), "{lines:#?}");
}

/// As in Spark: groups that a condition on their keys leaves out are not kept. One on their values is asked of all.
#[tokio::test]
async fn a_condition_on_keys_leaves_out_their_state() {
    for (condition, kept) in [
        (col("k").eq(lit("a")), 1),
        (col("n").lt(lit(2_i64)).and(col("k").eq(lit("a"))), 1),
        (col("n").gt(lit(0_i64)), 2),
    ] {
        let source = MemoryRows::default();
        let counted = Builder::from(source.relation()).aggregate(vec![col("k")], vec![count(lit(1)).alias("n")]);
        let plan = built(counted.and_then(|counts| counts.filter(condition.clone())));
        let mut test = StreamTest::start(plan, Setting::of(OutputMode::Update)).await.unwrap();
        source.add(&[(1.0, Some("a"), None), (1.0, Some("b"), None)]);
        let given = test.run().await.unwrap();
        assert_eq!(given, [if kept == 1 { vec!["a|1"] } else { vec!["a|1", "b|1"] }], "{condition}");
        assert_eq!(test.progress[0].num_rows_total, kept, "{condition}");
    }
}
