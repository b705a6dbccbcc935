//! Expressions that give other values each time: what the sink was shown stays true, whatever dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::Int64Array;
use arrow::datatypes::DataType;
use datafusion::functions_aggregate::count::count;
use datafusion::functions_aggregate::min_max::min;
use datafusion::logical_expr::{
    ColumnarValue, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, col, lit,
};
use millstream_core::{OutputMode, Trigger};
use millstream_engine::functions::BatchSeed;
use millstream_engine::{FAIL_POINTS, PREPARE_FAIL_POINT};

use crate::script::{Bench, Step, check, relation, rows};

/// A number that it has never given before.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Fresh {
    signature: Signature,
}

static NEXT: AtomicI64 = AtomicI64::new(0);

impl ScalarUDFImpl for Fresh {
    fn name(&self) -> &str {
        "fresh"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> datafusion::error::Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> datafusion::error::Result<ColumnarValue> {
        let fresh = (0..arguments.number_rows).map(|_| NEXT.fetch_add(1, Ordering::Relaxed));
        Ok(ColumnarValue::Array(Arc::new(Int64Array::from_iter_values(fresh))))
    }
}

/// `select value % 2 as k, min(fresh()), count(*) group by k`, in update mode, a row a batch.
fn first_numbers() -> Bench {
    let mut bench = Bench::new();
    let fresh = ScalarUDF::from(Fresh { signature: Signature::nullary(Volatility::Volatile) });
    bench.plan = LogicalPlanBuilder::from(relation(&bench.stream))
        .project(vec![(col("value") % lit(2_i64)).alias("k"), fresh.call(vec![]).alias("fresh")])
        .and_then(|plan| plan.aggregate(vec![col("k")], vec![min(col("fresh")), count(lit(1_i64))]))
        .and_then(LogicalPlanBuilder::build)
        .unwrap();
    bench.output_mode = OutputMode::Update;
    bench.trigger = Trigger::AvailableNow;
    bench.stream.limit(1);
    bench.stream.add(rows(0..6));
    bench
}

/// The least of ever greater numbers is the first. A group whose state was computed again would have another.
#[tokio::test]
async fn state_above_a_varying_expression_is_what_the_sink_was_shown() {
    for knows_newest in [true, false] {
        for place in FAIL_POINTS.into_iter().chain([PREPARE_FAIL_POINT]) {
            for count in 1..=4 {
                let mut bench = first_numbers();
                bench.sink.knows_newest = knows_newest;
                check(&bench, vec![Step::StartAndDie(place, count), Step::Start, Step::ExpectEnd]).await;
                // A third run, which reads what the second has made of the first.
                bench.stream.add(rows(6..8));
                check(&bench, vec![Step::Start, Step::ExpectEnd]).await;
                let shown = bench.sink.rows();
                let of_key = |key| shown.iter().filter(move |row| row[0] == key).collect::<Vec<_>>();
                for rows in [of_key(0), of_key(1)] {
                    let counts: Vec<i64> = rows.iter().map(|row| row[2]).collect();
                    assert_eq!(counts, [1, 2, 3, 4], "died at {place} for the {count}. time: {shown:?}");
                    let first = rows[0][1];
                    assert!(rows.iter().all(|row| row[1] == first), "died at {place} for the {count}. time: {shown:?}");
                }
                if knows_newest {
                    assert_eq!(bench.sink.writes(), (0..8).collect::<Vec<_>>(), "died at {place}");
                }
            }
        }
    }
}

/// A sink that knows has the batch; the log has lost its state, as by a power cut, and cannot compute it again.
#[tokio::test]
async fn state_that_cannot_be_computed_again_is_not() {
    let mut bench = first_numbers();
    bench.sink.knows_newest = true;
    check(&bench, vec![Step::StartAndDie("after_add_batch", 2)]).await;
    let log = bench.folder().join("millstream/log-0000000000");
    let whole = std::fs::read(&log).unwrap();
    // The last frame is that of the prepared batch.
    std::fs::write(&log, &whole[..whole.len() - 1]).unwrap();
    check(&bench, vec![Step::Start, Step::ExpectFailure("the checkpoint has lost the state of batch 1")]).await;
}

/// `select value, batch_seed()`: what `rand()` begins with.
fn seeds(bench: &Bench) -> LogicalPlan {
    let seed = ScalarUDF::from(BatchSeed::new(42)).call(vec![]);
    LogicalPlanBuilder::from(relation(&bench.stream))
        .project(vec![col("value"), seed.alias("seed")])
        .and_then(LogicalPlanBuilder::build)
        .unwrap()
}

#[tokio::test]
async fn a_batch_that_is_run_again_has_the_same_seed_and_the_next_another() {
    let mut bench = Bench::new();
    bench.plan = seeds(&bench);
    bench.trigger = Trigger::AvailableNow;
    bench.stream.limit(1);
    bench.stream.add(rows(0..3));
    check(&bench, vec![Step::StartAndDie("after_add_batch", 2)]).await;
    let before = bench.sink.batches();
    check(&bench, vec![Step::Start, Step::ExpectEnd]).await;
    let after = bench.sink.batches();
    assert_eq!(bench.sink.writes(), [0, 1, 1, 2]);
    assert_eq!(after[..2], before);
    let mut seeds: Vec<i64> = bench.sink.rows().iter().map(|row| row[1]).collect();
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len(), 3, "{after:?}");
}
