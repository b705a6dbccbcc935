//! The aggregate functions over groups, against values that Spark 4.2 gave or that are arithmetic.

use std::sync::Arc;

use crate::functions::aggregates::{avg, count, max, min, sum};
use crate::state::Overflow;
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::functions_aggregate::expr_fn::{
    approx_distinct, array_agg, bit_and, bit_xor, bool_and, bool_or, corr, covar_samp, first_value, last_value, median,
    regr_slope, stddev, stddev_pop, var_sample,
};
use datafusion::logical_expr::expr::NullTreatment;
use datafusion::logical_expr::{Expr, ExprFunctionExt, LogicalPlanBuilder, lit};
use datafusion::prelude::col;
use millstream_core::{ErrorKind, MemoryLedger, OutputMode, Result};

use super::properties::snapshot;
use crate::plan::fixture::{MemoryRows, Setting, StreamTest, nulls};

/// One column `c`, aggregated without keys, batch by batch; the last batch's row.
async fn aggregate(columns: Vec<ArrayRef>, aggregates: Vec<Expr>, setting: Setting) -> Result<Vec<String>> {
    let field = Field::new("c", columns[0].data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let source = MemoryRows::of(schema.clone());
    let plan = LogicalPlanBuilder::from(source.relation()).aggregate(Vec::<Expr>::new(), aggregates).unwrap();
    let mut test = StreamTest::start(plan.build().unwrap(), setting).await?;
    let mut last = vec![];
    for column in columns {
        source.add_batch(RecordBatch::try_new(schema.clone(), vec![column]).unwrap());
        let pending = test.pending().await;
        last = test.run_batch(pending, |_| Ok(())).await?;
    }
    Ok(last)
}

async fn check(columns: Vec<ArrayRef>, aggregates: Vec<Expr>, expected: &str) {
    let rows = aggregate(columns, aggregates, Setting::of(OutputMode::Complete)).await.unwrap();
    assert_eq!(rows, [expected]);
}

fn c() -> Expr {
    col("c")
}

#[tokio::test]
async fn integers() {
    let first: ArrayRef = Arc::new(Int32Array::from(vec![Some(5), None, Some(-3)]));
    let second: ArrayRef = Arc::new(Int32Array::from(vec![Some(2)]));
    let all = vec![count(c()), count(lit(1)), sum(c(), Overflow::Error), avg(c(), Overflow::Error), min(c()), max(c())];
    check(vec![first, second], all, "3|4|4|1.3333333333333333|-3|5").await;
}

#[tokio::test]
async fn nothing_gives_null_and_zero() {
    let all = vec![count(c()), sum(c(), Overflow::Error), avg(c(), Overflow::Error), min(c()), max(c())];
    check(vec![nulls(&DataType::Int64, 3)], all, "0|NULL|NULL|NULL|NULL").await;
}

#[tokio::test]
async fn doubles_have_nan_above_all_and_keep_the_first_zero() {
    let values: ArrayRef = Arc::new(Float64Array::from(vec![f64::NAN, 1.0, f64::NEG_INFINITY]));
    check(vec![values], vec![min(c()), max(c())], "-inf|NaN").await;
    let zeros: ArrayRef = Arc::new(Float64Array::from(vec![-0.0, 0.0]));
    check(vec![zeros], vec![min(c()), max(c())], "-0.0|-0.0").await;
}

#[tokio::test]
async fn decimals_follow_sparks_types() {
    let values = |values: Vec<i128>, precision, scale| -> ArrayRef {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(precision, scale).unwrap())
    };
    check(
        vec![values(vec![100, 200, 200], 10, 2)],
        vec![sum(c(), Overflow::Error), avg(c(), Overflow::Error), max(c())],
        "5.00|1.666667|2.00",
    )
    .await;
    let third = values(vec![1_500_000_000_000_000_000, 2_000_000_000_000_000_000, 2_000_000_000_000_000_000], 20, 18);
    check(vec![third], vec![avg(c(), Overflow::Error)], "1.8333333333333333333333").await;
    check(vec![values(vec![-100, -200, -200], 10, 2)], vec![avg(c(), Overflow::Error)], "-1.666667").await;
}

#[tokio::test]
async fn texts_dates_and_booleans_have_an_order() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("ä"), Some("")]));
    check(vec![texts], vec![min(c()), max(c()), count(c())], "|ä|3").await;
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![1, 0, 365]));
    check(vec![dates], vec![min(c()), max(c())], "1970-01-01|1971-01-01").await;
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]));
    check(vec![flags], vec![min(c()), max(c()), bool_and(c()), bool_or(c())], "false|true|false|true").await;
}

#[tokio::test]
async fn filter_lets_only_some_rows_count() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None]));
    let above = |aggregate: Expr| aggregate.filter(c().gt(lit(1_i64))).build().unwrap();
    check(vec![values], vec![above(sum(c(), Overflow::Error)), above(count(lit(1))), above(min(c()))], "2|1|2").await;
}

#[tokio::test]
async fn overflow_is_an_error_or_wraps() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX, 1]));
    let ansi = aggregate(vec![values.clone()], vec![sum(c(), Overflow::Error)], Setting::of(OutputMode::Complete))
        .await
        .unwrap_err();
    assert_eq!(
        ansi.to_spark_message(),
        "[ARITHMETIC_OVERFLOW] overflow. Use 'try_add' to tolerate overflow and return NULL instead. If necessary set \
         \"spark.sql.ansi.enabled\" to \"false\" to bypass this error. SQLSTATE: 22003"
    );
    check(vec![values.clone()], vec![sum(c(), Overflow::Wrap)], "-9223372036854775808").await;
    // `try_sum`, also when more comes after the overflow.
    let more: ArrayRef = Arc::new(Int64Array::from(vec![-1]));
    check(vec![values, more], vec![sum(c(), Overflow::Null)], "NULL").await;
}

#[tokio::test]
async fn a_decimal_that_does_not_fit_is_an_error_or_null() {
    let nines = 99_999_999_999_999_999_999_999_999_999_999_999_999_i128;
    let values: ArrayRef = Arc::new(Decimal128Array::from(vec![nines, nines]).with_precision_and_scale(38, 0).unwrap());
    let ansi = aggregate(vec![values.clone()], vec![sum(c(), Overflow::Error)], Setting::of(OutputMode::Complete))
        .await
        .unwrap_err();
    assert_eq!(
        ansi.to_spark_message(),
        "[NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION]  199999999999999999999999999999999999998 cannot be represented as \
         Decimal(38, 0). If necessary set \"spark.sql.ansi.enabled\" to \"false\" to bypass this error, and return NULL \
         instead. SQLSTATE: 22003"
    );
    check(vec![values], vec![sum(c(), Overflow::Wrap), avg(c(), Overflow::Null)], "NULL|NULL").await;
}

/// Spark gives the one group in every batch, also of nothing.
#[tokio::test]
async fn without_keys_there_is_always_one_row() {
    for mode in [OutputMode::Complete, OutputMode::Update] {
        let empty: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
        let some: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        for (columns, expected) in [(vec![empty.clone()], "0|NULL"), (vec![some, empty], "2|3")] {
            let rows =
                aggregate(columns, vec![count(lit(1)), sum(c(), Overflow::Error)], Setting::of(mode)).await.unwrap();
            assert_eq!(rows, [expected], "{mode}");
        }
    }
}

/// Then the source is asked for no column at all.
#[tokio::test]
async fn rows_are_counted_without_a_column() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    check(vec![values.clone(), values], vec![count(lit(1))], "6").await;
}

#[tokio::test]
async fn null_and_nan_and_zero_are_groups() {
    let schema = Arc::new(Schema::new(vec![Field::new("c", DataType::Float64, true)]));
    let source = MemoryRows::of(schema.clone());
    let plan = LogicalPlanBuilder::from(source.relation()).aggregate(vec![c()], vec![count(lit(1))]).unwrap();
    let mut test = StreamTest::start(plan.build().unwrap(), Setting::of(OutputMode::Complete)).await.unwrap();
    let other_nan = f64::from_bits(0xfff8_0000_0000_0001);
    let values = vec![Some(-0.0), Some(0.0), Some(f64::NAN), Some(other_nan), None, None];
    source.add_batch(RecordBatch::try_new(schema, vec![Arc::new(Float64Array::from(values))]).unwrap());
    assert_eq!(test.run().await.unwrap(), [["0.0|2", "NULL|2", "NaN|2"]]);
}

/// The batch fails, the error says who asked for too much, and what was there before is there still.
#[tokio::test]
async fn state_beyond_the_ledger_fails_the_batch_and_loses_nothing() {
    let source = MemoryRows::default();
    let plan = LogicalPlanBuilder::from(source.relation()).aggregate(vec![col("v")], vec![count(lit(1))]).unwrap();
    let setting = Setting { memory: MemoryLedger::new(200_000), ..Setting::of(OutputMode::Complete) };
    let mut test = StreamTest::start(plan.build().unwrap(), setting).await.unwrap();
    source.add(&[(0.0, None, Some(7))]);
    assert_eq!(test.run().await.unwrap(), [["7|1"]]);
    source.add(&(0..100_000).map(|value| (0.0, None, Some(value))).collect::<Vec<_>>());
    let pending = test.pending().await;
    let error = test.run_batch(pending.clone(), |_| Ok(())).await.unwrap_err();
    assert_eq!((error.kind(), error.class()), (ErrorKind::Unavailable, Some("UNABLE_TO_ACQUIRE_MEMORY")));
    assert!(error.message().starts_with("the state of aggregation 0 of query 'test' needs"), "{error}");
    let nothing = pending.iter().map(|_| None).collect();
    assert_eq!(test.run_batch(nothing, |_| Ok(())).await.unwrap(), ["7|1"]);
}

/// Each added batch is a stream of its own, so here four tasks change the same groups at once.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_share_the_groups() {
    let source = MemoryRows::default();
    let plan =
        LogicalPlanBuilder::from(source.relation()).aggregate(vec![col("v")], vec![count(lit(1)), max(col("k"))]);
    let setting = Setting { cores: 4, ..Setting::of(OutputMode::Complete) };
    let mut test = StreamTest::start(plan.unwrap().build().unwrap(), setting).await.unwrap();
    for _ in 0..8 {
        source.add(&(0..20_000).map(|row| (0.0, Some("a"), Some(row % 1000))).collect::<Vec<_>>());
    }
    let rows = test.run().await.unwrap().concat();
    assert_eq!(rows.len(), 1000);
    assert!(rows.iter().all(|row| row.ends_with("|160|a")), "{rows:?}");
}

/// Any aggregate of DataFusion keeps the state of its accumulator: over batches, with a restart between them, it gives
/// what it gives over all rows at once, in one batch.
#[tokio::test]
async fn any_aggregate_gives_over_batches_what_it_gives_at_once() {
    let ordered = |aggregate: Expr, asc| aggregate.order_by(vec![col("w").sort(asc, false)]).build().unwrap();
    let ignoring = |aggregate: Expr| aggregate.null_treatment(NullTreatment::IgnoreNulls).build().unwrap();
    let aggregates = vec![
        first_value(col("v"), vec![]),
        last_value(col("v"), vec![]),
        ignoring(first_value(col("t"), vec![])),
        ignoring(last_value(col("t"), vec![])),
        ordered(first_value(col("t"), vec![]), true),
        ordered(first_value(col("t"), vec![]), false),
        array_agg(col("t")),
        stddev(col("v")),
        stddev_pop(col("v")),
        var_sample(col("v")),
        corr(col("v"), col("w")),
        covar_samp(col("v"), col("w")),
        approx_distinct(col("t")),
        median(col("w")),
        bit_and(col("v")),
        bit_xor(col("v")),
        bool_and(col("v").gt(lit(0_i64))),
        regr_slope(col("v"), col("w")),
        sum(col("w"), Overflow::Error).filter(col("v").gt(lit(1_i64))).build().unwrap(),
        first_value(col("t"), vec![]).filter(col("v").gt(lit(1_i64))).build().unwrap(),
    ];
    let schema = Arc::new(Schema::new(vec![
        Field::new("k", DataType::Int64, true),
        Field::new("v", DataType::Int64, true),
        Field::new("w", DataType::Float64, true),
        Field::new("t", DataType::Utf8, true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(1), Some(2), Some(1), None, Some(1)])),
        Arc::new(Int64Array::from(vec![None, Some(7), Some(1), Some(5), Some(2), Some(9), Some(4), Some(5)])),
        Arc::new(Float64Array::from(vec![1.5, -2.0, 0.25, 8.0, 3.0, -1.0, 7.5, 2.5])),
        Arc::new(StringArray::from(vec![None, Some("b"), Some("c"), Some("a"), None, Some("e"), Some("f"), Some("a")])),
    ];
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    for aggregate in aggregates {
        let source = MemoryRows::of(Arc::clone(&schema));
        let plan = LogicalPlanBuilder::from(source.relation()).aggregate(vec![col("k")], vec![aggregate.clone()]);
        let plan = plan.unwrap().build().unwrap();
        // One task, so that what comes first is first.
        let setting = || Setting { cores: 1, ..Setting::of(OutputMode::Complete) };
        let mut by_batch = StreamTest::start(plan.clone(), setting()).await.unwrap();
        let (mut last, mut read) = (vec![], vec![]);
        for (first, count) in [(0, 1), (1, 3), (4, 2), (6, 2)] {
            source.add_batch(rows.slice(first, count));
            let pending = by_batch.pending().await;
            last = by_batch.run_batch(pending.clone(), |_| Ok(())).await.unwrap();
            read.push(pending);
            // The next batch meets what a checkpoint had kept.
            let mut restored = StreamTest::start(plan.clone(), setting()).await.unwrap();
            for part in snapshot(&*by_batch.execution.operators()[0].stores()[0]) {
                restored.execution.operators()[0].stores()[0].apply(&part).unwrap();
            }
            for ranges in &read {
                restored = restored.skip(ranges.clone());
            }
            by_batch = restored;
        }
        let mut at_once = StreamTest::start(plan, setting()).await.unwrap();
        assert_eq!(at_once.run().await.unwrap(), [last], "{aggregate}");
    }
}

#[tokio::test]
async fn an_aggregate_that_needs_its_rows_in_order_is_refused_by_name() {
    let ordered = stddev(c()).order_by(vec![c().sort(true, false)]).build().unwrap();
    let refused = aggregate(vec![nulls(&DataType::Int64, 1)], vec![ordered], Setting::of(OutputMode::Complete)).await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().starts_with("stddev() with an order over a stream"), "{error}");
}
