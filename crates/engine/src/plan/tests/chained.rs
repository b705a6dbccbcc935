//! Stateful operators over one another: each has its own watermarks, and what comes out at last is the batch's answer.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::common::Column;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder as Builder, lit};
use datafusion::prelude::col;
use millstream_core::OutputMode;
use proptest::prelude::{ProptestConfig, any, proptest};

use super::properties::block_on;
use crate::functions::aggregates::{count, max, sum};
use crate::plan::DeduplicateNode;
use crate::plan::fixture::{MemoryRows, Row, Setting, StreamTest, window, with_watermark};
use crate::state::Overflow;

/// The number of rows of each key and window.
fn counts(source: &MemoryRows) -> LogicalPlan {
    let keys = vec![window(10, 10).alias("w"), col("k")];
    let counted = Builder::from(with_watermark(source.relation(), 10)).aggregate(keys, vec![count(lit(1)).alias("n")]);
    counted.and_then(Builder::build).unwrap()
}

/// The counts of each window: how many keys, how many rows, the most of one key.
fn counts_of_counts(source: &MemoryRows) -> LogicalPlan {
    let of_counts = vec![count(lit(1)), sum(col("n"), Overflow::Error), max(col("n"))];
    Builder::from(counts(source)).aggregate(vec![col("w")], of_counts).and_then(Builder::build).unwrap()
}

const A: Option<&str> = Some("a");
const B: Option<&str> = Some("b");

/// Both aggregates emit in the batch without data that follows the rows.
#[tokio::test]
async fn an_aggregate_of_an_aggregate_emits_in_the_same_batch() {
    for cores in [1, 3] {
        let source = MemoryRows::default();
        let setting = Setting { cores, ..Setting::of(OutputMode::Append) };
        let mut test = StreamTest::start(counts_of_counts(&source), setting).await.unwrap();
        source.add(&[(1.0, A, None), (2.0, A, None), (3.0, B, None), (12.0, A, None)]);
        assert_eq!(test.run().await.unwrap(), [vec![], Vec::<String>::new()]);
        source.add(&[(25.0, A, None)]);
        assert_eq!(test.run().await.unwrap(), [vec![], vec!["[0,10)|2|3|2".to_owned()]]);
        // Late for the first aggregate, so the second never hears of it.
        source.add(&[(4.0, B, None)]);
        assert_eq!(test.run().await.unwrap(), [Vec::<String>::new()]);
        let dropped: Vec<_> = test.progress.iter().map(|progress| progress.num_rows_dropped_by_watermark).collect();
        assert_eq!(dropped, [0, 1]);
        source.add(&[(40.0, A, None)]);
        assert_eq!(test.run().await.unwrap(), [vec![], vec!["[10,20)|1|1|1".to_owned(), "[20,30)|1|1|1".to_owned()]]);
    }
}

/// Where all have the query's watermark, what an aggregate gives would be late above it.
#[tokio::test]
async fn under_one_watermark_nothing_stands_over_an_aggregate() {
    let source = MemoryRows::default();
    let one = Setting { allow_multiple: false, ..Setting::of(OutputMode::Append) };
    let counted = || Builder::from(counts(&source)).build().unwrap();
    let distinct = DeduplicateNode::over(counted(), vec![Column::from_name("k")], false).unwrap();
    for plan in [counts_of_counts(&source), distinct] {
        assert!(StreamTest::start(plan.clone(), Setting::of(OutputMode::Append)).await.is_ok());
        let error = StreamTest::start(plan, one.clone()).await.unwrap_err();
        assert!(error.message().starts_with("Detected pattern of possible 'correctness' issue"), "{error}");
    }
    assert!(StreamTest::start(counted(), one).await.is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever order rows come in while none is late, what has come out is the batch's answer for all windows that are
    /// over.
    #[test]
    fn a_stream_of_two_aggregates_gives_the_answer_of_a_batch(seeds in proptest::collection::vec(any::<(u8, bool)>(), 1..60)) {
        block_on(async {
            let source = MemoryRows::default();
            let mut test = StreamTest::start(counts_of_counts(&source), Setting::of(OutputMode::Append)).await.unwrap();
            let mut windows: BTreeMap<i64, BTreeMap<&str, i64>> = BTreeMap::new();
            let mut given = BTreeSet::new();
            for (number, (jitter, is_a)) in seeds.into_iter().enumerate() {
                // Time goes on 3 s a row, and a row is up to 9 s behind.
                let seconds = 10 + 3 * number as i64 - i64::from(jitter % 10);
                let key = if is_a { "a" } else { "b" };
                *windows.entry(seconds.div_euclid(10) * 10).or_default().entry(key).or_default() += 1;
                let row: Row = (seconds as f64, Some(key), None);
                source.add(&[row]);
                given.extend(test.run().await.unwrap().concat());
            }
            let over = |start: &i64| (start + 10) * 1000 <= test.watermark_ms();
            let answer = windows.iter().filter(|(start, _)| over(start)).map(|(start, keys)| {
                let (rows, most) = (keys.values().sum::<i64>(), keys.values().max().unwrap());
                format!("[{start},{})|{}|{rows}|{most}", start + 10, keys.len())
            });
            assert_eq!(given, answer.collect::<BTreeSet<_>>());
        });
    }
}
