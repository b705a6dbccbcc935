use datafusion::common::{Column, JoinType, ScalarValue};
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlanBuilder as Builder, lit};
use datafusion::prelude::col;
use millstream_core::OutputMode::{Append, Complete, Update};

use super::*;
use crate::functions::aggregates::{count, max};
use crate::plan::DeduplicateNode;
use crate::plan::fixture::{MemoryRows, Setting, StreamTest, session_window, window, with_watermark};

#[tokio::test]
async fn edges_are_said_in_words() {
    let rows = with_watermark(MemoryRows::default().relation(), 1);
    let counted =
        Builder::from(rows).aggregate(vec![window(10, 10).alias("w"), col("k")], vec![count(lit(1)).alias("n")]);
    let plan = counted.and_then(Builder::build).unwrap();
    for (mode, rows) in [(Append, "append-only"), (Update, "updates"), (Complete, "whole")] {
        let test = StreamTest::start(plan.clone(), Setting::of(mode)).await.unwrap();
        let explained = test.execution.explain(false);
        let (_, operators) = explained.split_once("== Streaming Operators ==\n").unwrap();
        let expected = [
            format!("sink in {mode} mode: {rows} by [w, k] with event time [w]"),
            format!(
                "StatefulAggregate 0: takes append-only with event time [__key_0], gives {rows} by [w, k] with event time [w]"
            ),
            "EventTimeWatermark: takes append-only, gives append-only with event time [ts]".to_owned(),
        ];
        assert_eq!(operators.lines().collect::<Vec<_>>(), expected);
    }
}

/// What the operators of a query keep for ever, from the sink downward.
async fn kept(plan: LogicalPlan, mode: OutputMode) -> Vec<String> {
    let test = StreamTest::start(plan, Setting::of(mode)).await.unwrap();
    let kept = test.execution.unbounded_state();
    let explained = test.execution.explain(false);
    assert_eq!(explained.matches(" for ever").count(), kept.len(), "{explained}");
    kept
}

fn build(builder: Result<Builder>) -> LogicalPlan {
    builder.and_then(Builder::build).unwrap()
}

#[tokio::test]
async fn groups_whose_keys_never_end_are_kept_for_ever() {
    let counted = |input: LogicalPlan, keys: Vec<Expr>, function: Expr| {
        build(Builder::from(input).aggregate(keys, vec![function.alias("n")]))
    };
    let (plain, timed) = (MemoryRows::default().relation(), with_watermark(MemoryRows::default().relation(), 1));
    let distinct = || count(col("v")).distinct().build().unwrap();
    for (plan, mode, expected) in [
        (
            counted(plain.clone(), vec![col("k")], count(lit(1))),
            Update,
            vec!["StatefulAggregate 0 keeps groups by [k]"],
        ),
        (counted(plain.clone(), vec![col("k")], count(lit(1))), Complete, vec![]),
        (counted(plain.clone(), vec![], count(lit(1))), Update, vec![]),
        (counted(plain.clone(), vec![], distinct()), Update, vec!["StatefulAggregate 0 keeps distinct values"]),
        // A window alone bounds nothing: the watermark does.
        (
            counted(plain.clone(), vec![window(10, 10).alias("w")], count(lit(1))),
            Update,
            vec!["StatefulAggregate 0 keeps groups by [w]"],
        ),
        (counted(timed.clone(), vec![window(10, 10).alias("w"), col("k")], count(lit(1))), Update, vec![]),
        (counted(timed.clone(), vec![window(10, 10).alias("w")], count(lit(1))), Append, vec![]),
        (
            counted(timed.clone(), vec![col("k")], count(lit(1))),
            Update,
            vec!["StatefulAggregate 0 keeps groups by [k]"],
        ),
        (
            counted(plain.clone(), vec![session_window(5).alias("s"), col("k")], count(lit(1))),
            Update,
            vec!["SessionWindowAggregate 0 keeps sessions by [s, k]"],
        ),
        (counted(timed.clone(), vec![session_window(5).alias("s"), col("k")], count(lit(1))), Append, vec![]),
        (
            counted(
                counted(timed, vec![window(10, 10).alias("w"), col("k")], count(lit(1))),
                vec![col("k")],
                count(lit(1)),
            ),
            Update,
            vec!["StatefulAggregate 1 keeps groups by [k]"],
        ),
    ] {
        assert_eq!(kept(plan.clone(), mode).await, expected, "{mode}: {plan}");
    }
}

#[tokio::test]
async fn keys_and_first_rows_that_never_end_are_kept_for_ever() {
    let (plain, timed) = (MemoryRows::default().relation(), with_watermark(MemoryRows::default().relation(), 1));
    let deduplicated = |input: LogicalPlan, keys: &[&str], within: bool| {
        let keys = keys.iter().map(|key| Column::from_qualified_name(*key)).collect();
        DeduplicateNode::over(input, keys, within).unwrap()
    };
    let first = |input: LogicalPlan| {
        build(Builder::from(input).sort(vec![col("v").sort(true, true)]).and_then(|sorted| sorted.limit(0, Some(2))))
    };
    let counted = build(Builder::from(plain.clone()).aggregate(vec![col("k")], vec![count(lit(1)).alias("v")]));
    for (plan, mode, expected) in [
        (deduplicated(plain.clone(), &["k", "v"], false), Append, vec!["Deduplicate 0 keeps keys [k, v]"]),
        (deduplicated(timed.clone(), &["k"], false), Append, vec!["Deduplicate 0 keeps keys [k]"]),
        (deduplicated(timed.clone(), &["k", "ts"], false), Append, vec![]),
        (deduplicated(timed, &["k"], true), Append, vec![]),
        (build(Builder::from(plain.clone()).limit(0, Some(3))), Append, vec![]),
        (first(plain), Update, vec![]),
        (first(counted), Update, vec!["TopRows 1 keeps rows", "StatefulAggregate 0 keeps groups by [k]"]),
    ] {
        assert_eq!(kept(plan.clone(), mode).await, expected, "{mode}: {plan}");
    }
}

#[tokio::test]
async fn rows_of_a_join_that_never_end_are_kept_for_ever() {
    let joined = |left: LogicalPlan, right: LogicalPlan, condition: Option<Expr>| {
        let [left, right] = [(left, "l"), (right, "r")].map(|(side, name)| build(Builder::from(side).alias(name)));
        build(Builder::from(left).join(right, JoinType::Inner, (vec!["l.k"], vec!["r.k"]), condition))
    };
    let plain = || MemoryRows::default().relation();
    let timed = || with_watermark(MemoryRows::default().relation(), 1);
    let after = || col("r.ts").gt_eq(col("l.ts"));
    let seconds = lit(ScalarValue::new_interval_mdn(0, 0, 10_000_000_000));
    let between = after().and(col("r.ts").lt_eq(col("l.ts") + seconds));
    let total =
        |input: LogicalPlan| build(Builder::from(input).aggregate(Vec::<Expr>::new(), vec![max(col("k")).alias("k")]));
    let counted = |input: LogicalPlan| build(Builder::from(input).aggregate(vec![col("k")], vec![count(lit(1))]));
    for (plan, expected) in [
        (joined(plain(), plain(), None), vec!["StreamJoin 0 keeps rows of both sides"]),
        (joined(timed(), timed(), None), vec!["StreamJoin 0 keeps rows of both sides"]),
        (joined(timed(), timed(), Some(after())), vec!["StreamJoin 0 keeps rows of the left side"]),
        (joined(timed(), timed(), Some(between)), vec![]),
        (joined(total(plain()), total(plain()), None), vec![]),
        (
            joined(counted(plain()), total(plain()), None),
            vec!["StreamJoin 2 keeps rows of the left side", "StatefulAggregate 0 keeps groups by [k]"],
        ),
    ] {
        assert_eq!(kept(plan.clone(), Update).await, expected, "{plan}");
    }
}
