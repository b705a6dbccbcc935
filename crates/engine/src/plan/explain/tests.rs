use datafusion::logical_expr::{LogicalPlanBuilder as Builder, lit};
use datafusion::prelude::col;

use super::*;
use crate::functions::aggregates::count;
use crate::plan::fixture::{MemoryRows, Setting, StreamTest, window, with_watermark};

#[tokio::test]
async fn edges_are_said_in_words() {
    let rows = with_watermark(MemoryRows::default().relation(), 1);
    let counted =
        Builder::from(rows).aggregate(vec![window(10, 10).alias("w"), col("k")], vec![count(lit(1)).alias("n")]);
    let plan = counted.and_then(Builder::build).unwrap();
    for (mode, rows) in
        [(OutputMode::Append, "append-only"), (OutputMode::Update, "updates"), (OutputMode::Complete, "whole")]
    {
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
