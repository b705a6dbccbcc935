//! The table of edges, and what a plan that nobody knows gets.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{Column, DFSchemaRef, UnnestOptions};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::{
    Extension, JoinType, LogicalPlanBuilder as Builder, UserDefinedLogicalNodeCore, cast, lit,
};
use datafusion::prelude::col;
use millstream_core::ErrorKind;

use super::*;
use crate::functions::aggregates::count;
use crate::plan::DeduplicateNode;
use crate::plan::fixture::{MemoryRows, Setting, StreamTest, window, with_watermark};
use crate::plan::stateful::number_watermarks;

fn rows() -> LogicalPlan {
    MemoryRows::default().relation()
}

fn timed() -> Builder {
    Builder::from(with_watermark(rows(), 10))
}

fn built(builder: Result<Builder>) -> LogicalPlan {
    builder.and_then(Builder::build).unwrap()
}

/// `kind, key, event-time columns` of an edge.
fn described(plan: LogicalPlan, mode: OutputMode) -> String {
    let (plan, _) = number_watermarks(plan, mode).unwrap();
    let edge = edge_of(&plan, mode);
    let times: Vec<_> = edge.event_times.iter().map(|time| (time.column, time.watermark.0)).collect();
    if edge.is_streaming { format!("{}, {:?}, {times:?}", edge.rows, edge.key) } else { "table".to_owned() }
}

#[test]
fn what_flows_between_operators() {
    use OutputMode::{Append, Complete, Update};
    let windowed = || timed().aggregate(vec![window(10, 10).alias("w"), col("k")], vec![count(lit(1)).alias("n")]);
    let first = |plan| DeduplicateNode::over(plan, vec![Column::from_name("k")], false).unwrap();
    let people = || built(Builder::values(vec![vec![lit("a"), lit("Ann")]]));
    let joined = |kind| {
        let left = built(timed().alias("l"));
        let right = Builder::from(built(timed().alias("r")));
        built(right.join(left, kind, (vec!["r.k"], vec!["l.k"]), None))
    };
    let cast_key = |to| {
        let counted = Builder::from(rows()).aggregate(vec![col("v")], vec![count(lit(1)).alias("n")]);
        built(counted.and_then(|rows| rows.project(vec![cast(col("v"), to), col("n")])))
    };
    let slides = built(timed().project(vec![window(10, 5).alias("w"), col("v")]));
    let unnested = Builder::from(slides)
        .unnest_columns_with_options(vec![Column::from_name("w")], UnnestOptions::new().with_preserve_nulls(false));
    let static_join = timed().join(people(), JoinType::Left, (vec!["k"], vec!["column1"]), None);
    for (plan, mode, expected) in [
        (people(), Append, "table"),
        (rows(), Append, "append-only, None, []"),
        (built(Ok(timed())), Append, "append-only, None, [(0, 0)]"),
        (built(timed().filter(col("v").gt(lit(1_i64)))), Append, "append-only, None, [(0, 0)]"),
        (built(timed().project(vec![col("v"), col("ts").alias("t")])), Append, "append-only, None, [(1, 0)]"),
        (built(timed().project(vec![col("v") + lit(1_i64)])), Append, "append-only, None, []"),
        (built(timed().union(with_watermark(rows(), 5))), Append, "append-only, None, [(0, 0)]"),
        (built(Builder::from(rows()).union(built(Ok(timed())))), Append, "append-only, None, []"),
        (joined(JoinType::Inner), Append, "append-only, None, [(0, 0), (3, 1)]"),
        (joined(JoinType::LeftSemi), Append, "append-only, None, [(0, 0)]"),
        (joined(JoinType::RightAnti), Append, "append-only, None, [(0, 1)]"),
        (built(static_join), Append, "append-only, None, [(0, 0)]"),
        (built(unnested), Append, "append-only, None, [(0, 0)]"),
        (built(windowed()), Append, "append-only, Some([0, 1]), [(0, 0)]"),
        (built(windowed()), Update, "updates, Some([0, 1]), [(0, 0)]"),
        (built(windowed()), Complete, "whole, Some([0, 1]), [(0, 0)]"),
        (first(built(windowed())), Update, "updates, None, [(0, 0)]"),
        (
            built(windowed().and_then(|rows| rows.project(vec![col("n"), col("k"), get_field(col("w"), "end")]))),
            Update,
            "updates, Some([2, 1]), []",
        ),
        (built(windowed().and_then(|rows| rows.project(vec![col("n"), col("k")]))), Update, "updates, None, []"),
        // A number names what it names as another type of integer too, but not as one that shows less of it.
        (cast_key(DataType::Int32), Update, "updates, Some([0]), []"),
        (cast_key(DataType::Int16), Update, "updates, None, []"),
        (built(windowed().and_then(|rows| rows.limit(0, Some(1)))), Complete, "whole, None, [(0, 0)]"),
    ] {
        let shown = plan.display_indent().to_string();
        assert_eq!(described(plan, mode), expected, "{mode}\n{shown}");
    }
}

/// A node of somebody else's.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Unknown {
    input: LogicalPlan,
}

impl PartialOrd for Unknown {
    fn partial_cmp(&self, _other: &Self) -> Option<Ordering> {
        None
    }
}

impl UserDefinedLogicalNodeCore for Unknown {
    fn name(&self) -> &str {
        "Unknown"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unknown")
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(Self { input: inputs.remove(0) })
    }
}

/// Nothing passes unseen: what the engine does not know over a stream is refused by its name.
#[tokio::test]
async fn an_unknown_plan_over_a_stream_is_refused_by_name() {
    let unknown = LogicalPlan::Extension(Extension { node: Arc::new(Unknown { input: rows() }) });
    let explained = built(Builder::from(rows()).explain(false, false));
    for (plan, name) in [(unknown, "Unknown"), (explained, "Explain")] {
        let error = StreamTest::start(plan, Setting::of(OutputMode::Append)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains(name), "{error}");
    }
}
