//! What is refused, and what passes through to DataFusion's own operators.

use std::sync::Arc;

use crate::functions::aggregates::{count, sum};
use crate::state::Overflow;
use arrow::array::{ArrayRef, BinaryArray, Int64Array, Int64Builder, RecordBatch, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::functions_aggregate::expr_fn::count_distinct;
use datafusion::logical_expr::{
    JoinType, LogicalPlan, LogicalPlanBuilder, LogicalPlanBuilder as Builder, ScalarFunctionImplementation, ScalarUDF,
    Volatility, create_udf, in_subquery, lit, not_in_subquery,
};
use datafusion::prelude::col;
use millstream_core::decode::{ValueDecoder, ValueDecoding};
use millstream_core::scan_filter::{ColumnTest, Comparison, Literal};
use millstream_core::{OutputMode, Result, ScanColumn, ScanFilter};

use crate::functions::{BatchTimestamp, Decode, Meaning, with_meaning};
use crate::plan::fixture::{MemoryRows, Row, Setting, StreamTest, window, with_watermark};

fn static_table() -> LogicalPlan {
    let schema =
        Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, true), Field::new("name", DataType::Utf8, true)]));
    let column = |values: [&str; 2]| -> ArrayRef { Arc::new(StringArray::from_iter_values(values)) };
    let rows = RecordBatch::try_new(schema.clone(), vec![column(["a", "b"]), column(["Ann", "Bob"])]).unwrap();
    let table = MemTable::try_new(schema, vec![vec![rows]]).unwrap();
    Builder::scan("people", provider_as_source(Arc::new(table)), None).unwrap().build().unwrap()
}

fn build(builder: datafusion::error::Result<LogicalPlanBuilder>) -> LogicalPlan {
    builder.unwrap().build().unwrap()
}

fn stream() -> LogicalPlanBuilder {
    Builder::from(MemoryRows::default().relation())
}

fn counted() -> LogicalPlanBuilder {
    stream().aggregate(vec![col("k")], vec![count(lit(1)).alias("n")]).unwrap()
}

/// Texts as the oracle (Spark 4.2) gave them.
#[tokio::test]
async fn plans_that_spark_refuses() {
    use OutputMode::{Append, Complete, Update};
    let sorting = "Sorting is not supported on streaming DataFrames/Datasets, unless it is on aggregated DataFrame/Dataset \
                   in Complete output mode";
    let limits = "Limits are not supported on streaming DataFrames/Datasets in Update output mode";
    let no_watermark = "Invalid streaming output mode: append. This output mode is not supported for streaming aggregations \
                        without watermark on streaming DataFrames/DataSets.";
    let distinct = "Distinct aggregations are not supported on streaming DataFrames/Datasets. Consider using \
                    approx_count_distinct() instead.";
    let join = |left: LogicalPlan, right: LogicalPlan, kind, on: (&str, &str)| {
        build(Builder::from(left).join(right, kind, (vec![on.0], vec![on.1]), None))
    };
    let people = static_table;
    let rows = || MemoryRows::default().relation();
    let over_static = |kind| join(rows(), people(), kind, ("k", "id"));
    let static_over = |kind| join(people(), rows(), kind, ("id", "k"));
    let in_window_only = with_watermark(rows(), 1);
    let cases: Vec<(LogicalPlan, OutputMode, &str)> = vec![
        (build(Ok(counted())), Append, no_watermark),
        (build(Builder::from(in_window_only).aggregate(vec![col("k")], vec![count(lit(1))])), Append, no_watermark),
        (
            rows(),
            Complete,
            "Invalid streaming output mode: complete. This output mode is not supported for no streaming aggregations on \
             streaming DataFrames/DataSets.",
        ),
        (build(stream().sort(vec![col("k").sort(true, true)])), Append, sorting),
        (build(counted().sort(vec![col("n").sort(true, true)])), Update, sorting),
        (build(stream().limit(0, Some(3))), Update, limits),
        (build(counted().limit(1, None)), Complete, "Offset is not supported on streaming DataFrames/Datasets"),
        (build(stream().aggregate(vec![col("k")], vec![count_distinct(col("v"))])), Complete, distinct),
        (
            build(
                stream()
                    .project(vec![col("k")])
                    .unwrap()
                    .union(build(Builder::from(people()).project(vec![col("id")]))),
            ),
            Append,
            "Union between streaming and batch DataFrames/Datasets is not supported",
        ),
        (
            over_static(JoinType::Right),
            Append,
            "RightOuter join with a streaming DataFrame/Dataset on the left and a static DataFrame/DataSet on the right not \
             supported",
        ),
        (
            static_over(JoinType::Left),
            Append,
            "LeftOuter join with a streaming DataFrame/Dataset on the right and a static DataFrame/Dataset on the left is \
             not supported",
        ),
        (
            static_over(JoinType::LeftSemi),
            Append,
            "LeftSemi join with a streaming DataFrame/Dataset on the right and a static DataFrame/Dataset on the left is not \
             supported",
        ),
        (
            over_static(JoinType::Full),
            Append,
            "FullOuter joins with streaming DataFrames/Datasets on the left and a static DataFrame/Dataset on the right is \
             not supported",
        ),
    ];
    for (plan, mode, expected) in cases {
        let strict = Setting { is_strict: true, ..Setting::of(mode) };
        let error = StreamTest::start(plan.clone(), strict).await.unwrap_err();
        assert_eq!(error.message(), expected, "{mode}: {}", plan.display_indent());
    }
    let chained = counted().aggregate(vec![col("n")], vec![count(lit(1))]).unwrap().build().unwrap();
    let strict = Setting { is_strict: true, ..Setting::of(Update) };
    let error = StreamTest::start(chained, strict).await.unwrap_err();
    assert_eq!(error.class(), Some("_LEGACY_ERROR_TEMP_3102"));
    assert!(error.message().starts_with("Detected pattern of possible 'correctness' issue due to global watermark."));
}

async fn check(plan: LogicalPlan, source: &MemoryRows, mode: OutputMode, batches: &[(&[Row], &[&str])]) {
    let mut test = StreamTest::start(plan, Setting::of(mode)).await.unwrap();
    for (rows, expected) in batches {
        source.add(rows);
        assert_eq!(test.run().await.unwrap(), [*expected]);
    }
}

const A: Row = (1.0, Some("a"), Some(1));
const B: Row = (2.0, Some("b"), Some(5));

#[tokio::test]
async fn stateless_plans_give_rows_batch_by_batch() {
    let source = MemoryRows::default();
    let plan = Builder::from(source.relation()).filter(col("v").gt(lit(1_i64))).unwrap();
    let plan = build(plan.project(vec![col("k"), (col("v") + lit(1_i64)).alias("w")]));
    check(plan, &source, OutputMode::Append, &[(&[A, B], &["b|6"]), (&[A], &[]), (&[B], &["b|6"])]).await;
}

#[tokio::test]
async fn a_source_may_be_used_twice() {
    let source = MemoryRows::default();
    let relation = source.relation();
    let small = build(Builder::from(relation.clone()).filter(col("v").lt(lit(3_i64))));
    let plan = build(Builder::from(small).union(relation));
    check(plan, &source, OutputMode::Append, &[(&[A, B], &["1|a|1", "1|a|1", "2|b|5"]), (&[B], &["2|b|5"])]).await;
}

#[tokio::test]
async fn a_static_side_is_joined_to_every_batch() {
    let source = MemoryRows::default();
    let join = |kind| {
        let joined = Builder::from(source.relation()).join(static_table(), kind, (vec!["k"], vec!["id"]), None);
        build(joined.unwrap().project(vec![col("k"), col("name")]))
    };
    let unknown: Row = (3.0, Some("x"), None);
    check(join(JoinType::Inner), &source, OutputMode::Append, &[(&[A, unknown], &["a|Ann"]), (&[B], &["b|Bob"])]).await;
    let source_seen: &[(&[Row], &[&str])] = &[(&[A, unknown], &["a|Ann", "a|Ann", "b|Bob", "x|NULL", "x|NULL"])];
    check(join(JoinType::Left), &source, OutputMode::Append, source_seen).await;
}

#[tokio::test]
async fn rows_are_kept_by_a_static_subquery() {
    let ids = || Arc::new(build(Builder::from(static_table()).project(vec![col("id")])));
    let source = MemoryRows::default();
    let unknown: Row = (3.0, Some("x"), None);
    let inside = build(Builder::from(source.relation()).filter(in_subquery(col("k"), ids())));
    check(inside, &source, OutputMode::Append, &[(&[A, unknown], &["1|a|1"]), (&[B, unknown], &["2|b|5"])]).await;
    let source = MemoryRows::default();
    let outside = build(Builder::from(source.relation()).filter(not_in_subquery(col("k"), ids())));
    check(outside, &source, OutputMode::Append, &[(&[A, unknown], &["3|x|NULL"]), (&[B], &[])]).await;
}

#[tokio::test]
async fn a_complete_result_is_sorted_limited_and_filtered() {
    let source = MemoryRows::default();
    let counts = Builder::from(source.relation())
        .aggregate(vec![col("k")], vec![sum(col("v"), Overflow::Error).alias("s")])
        .unwrap();
    let top = counts.filter(col("s").gt(lit(1_i64))).unwrap().sort(vec![col("s").sort(false, false)]).unwrap();
    let batches: &[(&[Row], &[&str])] = &[(&[A, B], &["b|5"]), (&[A, A, A, A, A, A, A], &["a|8"])];
    check(build(top.limit(0, Some(1))), &source, OutputMode::Complete, batches).await;
}

#[tokio::test]
async fn current_timestamp_is_the_batchs() {
    let source = MemoryRows::default();
    let now = ScalarUDF::from(BatchTimestamp::default()).call(vec![]);
    let plan = build(Builder::from(source.relation()).project(vec![col("k"), now.alias("now")]));
    // The fixture gives batch n the time n seconds.
    check(plan, &source, OutputMode::Append, &[(&[A], &["a|0"]), (&[B], &["b|1"])]).await;
}

/// A source may read less by them; the stream of this test does not, and no row is wrong.
#[tokio::test]
async fn a_source_is_told_what_the_plan_wants_of_its_rows() {
    let source = MemoryRows::default();
    let wanted = col("v").gt(lit(1_i64)).and(col("k").is_not_null()).and((col("v") % lit(2_i64)).eq(lit(1_i64)));
    let plan = build(Builder::from(source.relation()).filter(wanted).unwrap().project(vec![col("k"), col("v")]));
    check(plan, &source, OutputMode::Append, &[(&[A, B], &["b|5"]), (&[B, A], &["b|5"])]).await;
    let filters: [ScanFilter; 2] = [
        ScanFilter { column: 2, test: ColumnTest::Compare(Comparison::Greater, Literal::Integer(1)) },
        ScanFilter { column: 1, test: ColumnTest::IsNotNull },
    ];
    let told = source.filters();
    assert_eq!(told.len(), 2);
    for told in told {
        assert_eq!(*told, filters);
    }
}

#[tokio::test]
async fn only_columns_that_are_read_are_asked_for() {
    let source = MemoryRows::default();
    let plan = Builder::from(with_watermark(source.relation(), 1)).aggregate(vec![window(10, 10)], vec![count(lit(1))]);
    check(build(plan), &source, OutputMode::Complete, &[(&[A], &["[0,10)|1"])]).await;
    let asked = source.asked();
    assert!(asked.iter().all(|columns| matches!(columns.as_slice(), [ScanColumn::Plain(0)])), "{asked:?}");
}

#[tokio::test]
async fn the_keys_of_an_update_are_found_in_the_result() {
    let windowed = || {
        Builder::from(with_watermark(MemoryRows::default().relation(), 1))
            .aggregate(vec![window(10, 10).alias("w"), col("k")], vec![count(lit(1)).alias("n")])
            .unwrap()
    };
    let cases = [
        (build(Ok(windowed())), Some(vec![0, 1])),
        (
            build(windowed().project(vec![col("n"), col("k").alias("key"), get_field(col("w"), "end")])),
            Some(vec![2, 1]),
        ),
        (build(windowed().project(vec![col("n"), col("k")])), None),
        (build(windowed().filter(col("n").gt(lit(1_i64)))), Some(vec![0, 1])),
        (MemoryRows::default().relation(), None),
    ];
    for (plan, expected) in cases {
        let test = StreamTest::start(plan, Setting::of(OutputMode::Update)).await.unwrap();
        assert_eq!(test.execution.upsert_key(), expected);
    }
}

/// Decodes `"3"` to `{a: 3, b: 6, c: 9}`, or to those of the fields that are asked for.
#[derive(Debug)]
struct Multiples {
    fields: Vec<usize>,
}

impl Multiples {
    fn type_fields(&self) -> Fields {
        self.fields.iter().map(|&index| Field::new(["a", "b", "c"][index], DataType::Int64, true)).collect()
    }
}

impl ValueDecoder for Multiples {
    fn data_type(&self) -> DataType {
        DataType::Struct(self.type_fields())
    }

    fn start(&self) -> Box<dyn ValueDecoding> {
        let builders = self.fields.iter().map(|_| Int64Builder::new()).collect();
        Box::new(Decoding { fields: self.type_fields(), factors: self.fields.clone(), builders })
    }

    fn prune(&self, fields: &[usize]) -> Option<Arc<dyn ValueDecoder>> {
        Some(Arc::new(Self { fields: fields.iter().map(|&index| self.fields[index]).collect() }))
    }
}

struct Decoding {
    fields: Fields,
    factors: Vec<usize>,
    builders: Vec<Int64Builder>,
}

impl ValueDecoding for Decoding {
    fn append(&mut self, value: Option<&[u8]>) -> Result<()> {
        let number = value.and_then(|value| std::str::from_utf8(value).ok()?.parse::<i64>().ok());
        for (builder, &factor) in self.builders.iter_mut().zip(&self.factors) {
            builder.append_option(number.map(|number| number * (factor as i64 + 1)));
        }
        Ok(())
    }

    fn len(&self) -> usize {
        0
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let columns = self.builders.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef).collect();
        Ok(Arc::new(StructArray::new(self.fields.clone(), columns, None)))
    }
}

#[tokio::test]
async fn decoding_happens_in_the_scan_and_only_of_what_is_read() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("value", DataType::Binary, true),
        Field::new("n", DataType::Int64, true),
    ]));
    let source = MemoryRows::of(schema.clone());
    let decode = ScalarUDF::from(Decode::new("from_json", "multiples", Arc::new(Multiples { fields: vec![0, 1, 2] })));
    let never: ScalarFunctionImplementation = Arc::new(|_| panic!("no text is made of the bytes"));
    let text = create_udf("text", vec![DataType::Binary], DataType::Utf8, Volatility::Immutable, never);
    let text = with_meaning(text, Meaning::BytesAsText).call(vec![col("value")]);
    let decoded = Builder::from(source.relation())
        .project(vec![text.alias("text"), col("n")])
        .unwrap()
        .project(vec![decode.call(vec![col("text")]).alias("j"), col("n")])
        .unwrap();
    let fields =
        decoded.project(vec![get_field(col("j"), "a").alias("a"), get_field(col("j"), "c").alias("c"), col("n")]);
    let plan = build(fields.unwrap().filter(col("c").gt(lit(3_i64))));
    let mut test = StreamTest::start(plan, Setting::of(OutputMode::Append)).await.unwrap();
    let values: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"1", b"2", b"x"]));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![10, 20, 30]));
    source.add_batch(RecordBatch::try_new(schema, vec![values, numbers]).unwrap());
    assert_eq!(test.run().await.unwrap(), [["2|6|20"]]);
    let asked = source.asked();
    let decoded: Vec<DataType> = asked
        .iter()
        .flatten()
        .filter_map(|column| match column {
            ScanColumn::Decoded { column: 0, decoder } => Some(decoder.data_type()),
            _ => None,
        })
        .collect();
    let wanted = DataType::Struct(Multiples { fields: vec![0, 2] }.type_fields());
    assert_eq!(decoded, [wanted]);
    assert_eq!(asked.iter().flatten().count(), 2, "{}", test.execution.explain(true));
}
