//! What a group of a streaming aggregation takes in memory: bytes a group for each kind of function.
//!
//! `cargo bench -p millstream-engine --bench state_bytes` prints a line for each function: over 100,000 groups of one
//! BIGINT key, two rows a group. Keys, the map that finds them, and what the vectors have in reserve are counted;
//! `none` is a deduplication, which has keys alone.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and ends where something fails")]

// The tests' script does for a benchmark too; it needs only some of what it can do.
#[expect(dead_code, reason = "tests use the rest")]
#[path = "../tests/it/script.rs"]
mod script;

use arrow::datatypes::DataType;
use datafusion::functions_aggregate::expr_fn::{approx_distinct, array_agg, corr, first_value, median, stddev};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, col, lit};
use millstream_core::OutputMode;
use millstream_engine::functions::aggregates::{avg, count, max, sum};
use millstream_engine::plan::DeduplicateNode;
use millstream_engine::state::Overflow;

use crate::script::{Bench, relation, rows};

const GROUPS: i64 = 100_000;

async fn bytes_a_group(plan: impl Fn(LogicalPlan) -> LogicalPlan, output_mode: OutputMode) -> f64 {
    let bench = Bench { output_mode, ..Bench::new() };
    let keyed = LogicalPlanBuilder::from(relation(&bench.stream))
        .project(vec![(col("value") % lit(GROUPS)).alias("k"), col("value")])
        .and_then(LogicalPlanBuilder::build)
        .unwrap();
    let bench = Bench { plan: plan(keyed), ..bench };
    bench.stream.add(rows(0..2 * GROUPS));
    let query = bench.manager(None).start(bench.spec()).await.unwrap();
    query.process_all_available().await.unwrap();
    let progress = query.last_progress().unwrap();
    query.stop().await.unwrap();
    let state = &progress.state_operators[0];
    assert_eq!(state.num_rows_total, GROUPS);
    state.memory_used_bytes as f64 / GROUPS as f64
}

async fn report(name: &str, aggregate: Expr) {
    let plan = |input: LogicalPlan| {
        let aggregated = LogicalPlanBuilder::from(input).aggregate(vec![col("k")], vec![aggregate.clone()]);
        aggregated.and_then(LogicalPlanBuilder::build).unwrap()
    };
    println!("{name:<16} {:>8.1}", bytes_a_group(plan, OutputMode::Update).await);
}

async fn run() {
    let (value, double) = (|| col("value"), || cast(col("value"), DataType::Float64));
    println!("{:<16} {:>8}", "function", "bytes");
    let keys_alone = |input: LogicalPlan| {
        let keys = vec![datafusion::common::Column::from_name("k")];
        DeduplicateNode::over(input, keys, false).unwrap()
    };
    println!("{:<16} {:>8.1}", "none", bytes_a_group(keys_alone, OutputMode::Append).await);
    report("count", count(lit(1_i64))).await;
    report("sum BIGINT", sum(value(), Overflow::Error)).await;
    report("sum DOUBLE", sum(double(), Overflow::Error)).await;
    report("avg DOUBLE", avg(double(), Overflow::Error)).await;
    report("sum DECIMAL", sum(cast(value(), DataType::Decimal128(20, 2)), Overflow::Error)).await;
    report("max BIGINT", max(value())).await;
    report("max STRING", max(cast(value(), DataType::Utf8))).await;
    report("first", first_value(value(), vec![])).await;
    report("stddev", stddev(double())).await;
    report("corr", corr(double(), double())).await;
    report("collect_list", array_agg(value())).await;
    report("median", median(double())).await;
    report("approx_distinct", approx_distinct(value())).await;
}

fn main() {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(run());
}
