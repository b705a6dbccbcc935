use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::prelude::col;
use futures::TryStreamExt;
use millstream_core::OutputMode;

use crate::plan::fixture::{MemoryRows, Setting, StreamTest};

/// How many streams a batch of this plan has, and whether its rows are filtered by our own operator.
async fn streams(plan: LogicalPlan, source: &MemoryRows, mode: OutputMode) -> usize {
    source.add(&[(1.0, Some("a"), Some(5))]);
    let mut test = StreamTest::start(plan, Setting { cores: 3, ..Setting::of(mode) }).await.unwrap();
    let ranges = test.pending().await;
    let batch = test.execution.new_batch(crate::plan::BatchInputs {
        id: millstream_core::BatchId(0),
        timestamp_ms: 0,
        ranges: ranges.clone(),
        late_watermark_ms: 0,
        eviction_watermark_ms: 0,
        pins: BTreeMap::new(),
        muted: false,
    });
    let streams = test.execution.execute(&batch).unwrap();
    let count = streams.len();
    for stream in streams {
        let _: Vec<RecordBatch> = stream.try_collect().await.unwrap();
    }
    let stores = test.execution.operators().iter().flat_map(|operator| operator.stores());
    stores.for_each(|store| store.undo());
    assert!(!test.run_batch(ranges, |_| Ok(())).await.unwrap().is_empty());
    count
}

#[tokio::test]
async fn few_rows_make_one_stream_and_an_unknown_number_as_many_as_there_are_cores() {
    let filtered = |source: &MemoryRows| {
        let rows = LogicalPlanBuilder::from(source.relation()).filter(col("v").gt(lit(1_i64))).unwrap();
        rows.project(vec![(col("v") + lit(1_i64)).alias("w")]).unwrap().build().unwrap()
    };
    let summed = |source: &MemoryRows| {
        let rows = LogicalPlanBuilder::from(source.relation()).aggregate(vec![col("k")], vec![sum(col("v"))]);
        rows.unwrap().build().unwrap()
    };
    for few in [false, true] {
        let source = MemoryRows::default();
        source.tell_rows(few);
        let expected = if few { 1 } else { 3 };
        assert_eq!(streams(filtered(&source), &source, OutputMode::Append).await, expected, "filter, few rows: {few}");
        assert_eq!(streams(summed(&source), &source, OutputMode::Update).await, expected, "sum, few rows: {few}");
    }
}
