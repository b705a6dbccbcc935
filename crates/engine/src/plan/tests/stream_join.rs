//! Joins of two streams, batch by batch. What Spark answers is recorded elsewhere; here are sizes and places that a few
//! rows do not reach.

use datafusion::common::{JoinType, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder as Builder, lit};
use datafusion::prelude::col;
use millstream_core::OutputMode::{self, Append, Update};

use super::{MemoryRows, Row, Setting, StreamTest, with_watermark};

fn build(builder: datafusion::error::Result<Builder>) -> LogicalPlan {
    builder.and_then(Builder::build).unwrap()
}

fn seconds(seconds: i64) -> Expr {
    lit(ScalarValue::new_interval_mdn(0, 0, seconds * 1_000_000_000))
}

/// `l JOIN r ON l.k = r.k AND condition`, of which `l.v` and `r.v` are shown.
fn joined(streams: [LogicalPlan; 2], join_type: JoinType, condition: Option<Expr>) -> LogicalPlan {
    let [left, right] = streams;
    let left = build(Builder::from(left).alias("l"));
    let right = build(Builder::from(right).alias("r"));
    let keys = (vec!["l.k"], vec!["r.k"]);
    let columns = if matches!(join_type, JoinType::LeftSemi | JoinType::LeftAnti) {
        vec![col("l.v")]
    } else {
        vec![col("l.v"), col("r.v")]
    };
    build(Builder::from(left).join(right, join_type, keys, condition).and_then(|join| join.project(columns)))
}

fn plain(left: &MemoryRows, right: &MemoryRows, join_type: JoinType, condition: Option<Expr>) -> LogicalPlan {
    joined([left.relation(), right.relation()], join_type, condition)
}

fn timed(left: &MemoryRows, right: &MemoryRows, join_type: JoinType) -> LogicalPlan {
    let near = col("r.ts").gt_eq(col("l.ts")).and(col("r.ts").lt_eq(col("l.ts") + seconds(10)));
    joined([with_watermark(left.relation(), 0), with_watermark(right.relation(), 0)], join_type, Some(near))
}

async fn started(plan: LogicalPlan, mode: OutputMode) -> StreamTest {
    StreamTest::start(plan, Setting::of(mode)).await.unwrap()
}

const fn row(second: f64, v: i64) -> Row {
    (second, Some("a"), Some(v))
}

#[tokio::test]
async fn rows_of_one_key_beyond_a_batch_of_rows_all_meet_once() {
    let (left, right) = (MemoryRows::default(), MemoryRows::default());
    let many: Vec<Row> = (0..150).map(|v| row(0.0, v)).collect();
    let mut test = started(plain(&left, &right, JoinType::Inner, None), Append).await;
    left.add(&many);
    right.add(&many);
    let first = test.run().await.unwrap();
    assert_eq!(first.iter().map(Vec::len).sum::<usize>(), 150 * 150);
    right.add(&many);
    left.add(&many[..1]);
    let mut second: Vec<String> = test.run().await.unwrap().concat();
    // The new row on the left meets all 300 on the right, those on the right the 150 old ones.
    assert_eq!(second.len(), 300 + 150 * 150);
    second.sort_unstable();
    second.dedup();
    assert_eq!(second.len(), 150 * 150);
}

#[tokio::test]
async fn a_semi_join_gives_a_row_once_however_many_it_meets() {
    let (left, right) = (MemoryRows::default(), MemoryRows::default());
    let differs = Some(col("l.v").not_eq(col("r.v")));
    let others: Vec<Row> = (0..20_000).map(|_| row(5.0, 7)).collect();
    let plan = |condition: Option<Expr>| {
        let times = col("l.ts").gt_eq(col("r.ts"));
        let streams = [with_watermark(left.relation(), 10), with_watermark(right.relation(), 10)];
        joined(streams, JoinType::LeftSemi, condition.map(|condition| condition.and(times)))
    };
    let mut test = started(plan(differs), Update).await;
    left.add(&[row(5.0, 7), row(5.0, 8)]);
    assert_eq!(test.run().await.unwrap().concat(), [""; 0]);
    right.add(&others);
    assert_eq!(test.run().await.unwrap().concat(), ["8"]);
    left.add(&[row(5.0, 9)]);
    right.add(&[row(5.0, 1)]);
    let mut rows = test.run().await.unwrap().concat();
    rows.sort_unstable();
    assert_eq!(rows, ["7", "9"]);
    // Rows leave while one that meets them all is still looking.
    left.add(&[(5.0, Some("b"), Some(7)); 20_000]);
    assert_eq!(test.run().await.unwrap().concat(), [""; 0]);
    right.add(&[(5.0, Some("b"), Some(1))]);
    assert_eq!(test.run().await.unwrap().concat().len(), 20_000);
}

#[tokio::test]
async fn a_row_of_an_outer_side_leaves_alone_when_both_watermarks_have_passed_it() {
    let (left, right) = (MemoryRows::default(), MemoryRows::default());
    let mut test = started(timed(&left, &right, JoinType::Full), Append).await;
    left.add(&[row(100.0, 1), (100.0, None, Some(2))]);
    right.add(&[row(105.0, 3), (100.0, None, Some(4))]);
    assert_eq!(test.run().await.unwrap().concat(), ["1|3"]);
    // The watermark is 105 now, that of the right side. A NULL meets no NULL.
    left.add(&[row(200.0, 5)]);
    assert_eq!(test.run().await.unwrap().concat(), ["NULL|4"]);
    right.add(&[row(300.0, 6)]);
    assert_eq!(test.run().await.unwrap().concat(), ["2|NULL"]);
}

/// Apache Spark has no such join.
#[tokio::test]
async fn an_anti_join_gives_rows_that_can_meet_none_any_more() {
    let (left, right) = (MemoryRows::default(), MemoryRows::default());
    let mut test = started(timed(&left, &right, JoinType::LeftAnti), Append).await;
    left.add(&[row(100.0, 1), (100.0, None, Some(2)), (100.0, Some("b"), Some(3)), (101.0, Some("c"), Some(4))]);
    right.add(&[row(105.0, 0), (111.5, Some("c"), Some(0))]);
    assert_eq!(test.run().await.unwrap().concat(), [""; 0]);
    right.add(&[(110.0, Some("b"), Some(0))]);
    left.add(&[row(111.0, 5)]);
    let mut rows = test.run().await.unwrap().concat();
    rows.sort_unstable();
    // The watermark is 111 now: what meets others has gone from the state, and so have rows of the right side.
    assert_eq!(rows, ["2"]);
    left.add(&[row(200.0, 6)]);
    right.add(&[row(200.0, 0)]);
    let mut rows = test.run().await.unwrap().concat();
    rows.sort_unstable();
    assert_eq!(rows, ["4", "5"]);
}

#[tokio::test]
async fn a_condition_of_the_outer_side_alone_is_asked_when_its_rows_come() {
    let (left, right) = (MemoryRows::default(), MemoryRows::default());
    let condition =
        col("l.v").gt(lit(1_i64)).and(col("r.ts").lt(col("l.ts") + seconds(10))).and(col("r.ts").gt(col("l.ts")));
    let streams = [with_watermark(left.relation(), 0), with_watermark(right.relation(), 0)];
    let mut test = started(joined(streams, JoinType::Left, Some(condition)), Append).await;
    left.add(&[row(1.0, 1), row(1.0, 2)]);
    right.add(&[row(2.0, 3)]);
    let mut rows = test.run().await.unwrap().concat();
    rows.sort_unstable();
    assert_eq!(rows, ["1|NULL", "2|3"]);
    assert_eq!(test.progress[0].num_rows_total, 2);
}

#[tokio::test]
async fn a_condition_above_a_join_becomes_its_own() {
    let (left, right) = (MemoryRows::default(), MemoryRows::default());
    let crossed = Builder::from(build(Builder::from(left.relation()).alias("l")))
        .cross_join(build(Builder::from(right.relation()).alias("r")))
        .unwrap();
    let condition = col("l.k").eq(col("r.k")).and(col("l.v").gt(lit(1_i64)));
    let plan = build(crossed.filter(condition).and_then(|rows| rows.project(vec![col("l.v"), col("r.v")])));
    let mut test = started(plan, Append).await;
    left.add(&[row(1.0, 1), row(1.0, 2)]);
    right.add(&[row(2.0, 3)]);
    assert_eq!(test.run().await.unwrap().concat(), ["2|3"]);
    assert_eq!(test.progress[0].num_rows_total, 2);
}

#[tokio::test]
async fn what_two_streams_cannot_be_joined_by_is_refused_in_sparks_words() {
    let (left, right) = (MemoryRows::default(), MemoryRows::default());
    let refused = |join_type, mode, part: &'static str| {
        let plan = plain(&left, &right, join_type, None);
        async move {
            let strict = Setting { is_strict: true, ..Setting::of(mode) };
            let error = StreamTest::start(plan, strict).await.unwrap_err();
            assert!(error.message().contains(part), "{error}");
        }
    };
    refused(JoinType::LeftAnti, Append, "LeftAnti joins with a streaming").await;
    refused(JoinType::Left, Append, "without a watermark in the join keys").await;
    refused(JoinType::Right, Update, "RightOuter join between two streaming").await;
    refused(JoinType::LeftSemi, Update, "Stream-stream LeftSemi join").await;
    let left = Builder::from(build(Builder::from(left.relation()).alias("l")));
    let crossed = left.cross_join(build(Builder::from(right.relation()).alias("r")));
    let error = StreamTest::start(build(crossed), Setting::of(Append)).await.unwrap_err();
    assert_eq!(error.class(), Some("_LEGACY_ERROR_TEMP_1181"));
}
