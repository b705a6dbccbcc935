//! From an analysed batch plan to a stream of its rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::optimizer::OptimizerRule;
use datafusion::optimizer::common_subexpr_eliminate::CommonSubexprEliminate;
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::eliminate_filter::EliminateFilter;
use datafusion::optimizer::eliminate_limit::EliminateLimit;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::propagate_empty_relation::PropagateEmptyRelation;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::push_down_limit::PushDownLimit;
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion::optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::execute_stream_partitioned;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::SessionConfig;
use futures::{StreamExt, stream};
use millstream_core::{BatchStream, Error, Result, spark_error};
use millstream_engine::error::from_datafusion;
use millstream_engine::plan::planner_of_batch_query;

use super::super::Analyzed;
use super::giving_up;
use super::memory_pool::LedgerPool;
use super::row_order::{self, KeepSorts, ReadInOrder};
use crate::session::AnalysisContext;

/// How many batches of a partition may wait for those before it to be read.
pub(super) const BATCHES_AHEAD: usize = 2;

/// Executes a batch plan. The batches have the schema that the analysis says, with Spark's names.
///
/// # Errors
/// Spark's error for a plan that reads a stream; whatever the plan itself fails with.
pub async fn collect_stream(analyzed: &Analyzed, context: &AnalysisContext) -> Result<BatchStream> {
    if analyzed.is_streaming {
        return Err(super::super::error::not_over_stream(
            "Queries with streaming sources must be executed with writeStream.start(), or from a streaming table or flow \
             definition within a Spark Declarative Pipeline.",
        ));
    }
    let tasks = if row_order::mixes_rows(&analyzed.plan).map_err(failure)? { 1 } else { context.cores.max(1) };
    let state = session_state(context, tasks)?;
    let plan = state.optimize(&analyzed.plan).and_then(giving_up::watch_joins).map_err(failure)?;
    let nodes = planner_of_batch_query(context.memory.clone(), Arc::clone(&context.clock));
    let planner = DefaultPhysicalPlanner::with_extension_planners(vec![nodes]);
    let plan = planner.create_physical_plan(&plan, &state).await.map_err(from_datafusion)?;
    // One partition after the other, as Spark collects them; those behind already run.
    let partitions = execute_stream_partitioned(plan, state.task_ctx()).map_err(from_datafusion)?;
    let ahead: Vec<_> = partitions.into_iter().map(|one| spawn_buffered(one, BATCHES_AHEAD)).collect();
    let rows = stream::iter(ahead).flatten();
    let schema = Arc::clone(&analyzed.schema);
    Ok(rows.map(move |batch| as_shown(&batch.map_err(failure)?, &schema)).boxed())
}

/// DataFusion has no errors of their own for what goes wrong with subqueries.
fn failure(error: DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::Execution(message) if message.starts_with("Scalar subquery returned more than one row") => {
            spark_error!("SCALAR_SUBQUERY_TOO_MANY_ROWS")
        }
        DataFusionError::Plan(message) if message.starts_with("Correlated scalar subquery must be aggregated") => {
            Error::unsupported("A subquery that names columns of the query around it has to aggregate here.")
        }
        _ => from_datafusion(error),
    }
}

/// The rules that are right for plans in which every type is settled and Spark decides what an expression means;
/// streams have a list of their own in the engine. A rule that a new DataFusion brings is used once someone has read
/// it.
fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    vec![
        Arc::new(SimplifyExpressions::new()),
        Arc::new(ReplaceDistinctWithAggregate::new()),
        Arc::new(DecorrelatePredicateSubquery::new()),
        Arc::new(ScalarSubqueryToJoin::new()),
        Arc::new(ExtractEquijoinPredicate::new()),
        Arc::new(EliminateFilter::new()),
        Arc::new(EliminateLimit::new()),
        Arc::new(PropagateEmptyRelation::new()),
        Arc::new(PushDownLimit::new()),
        Arc::new(PushDownFilter::new()),
        Arc::new(CommonSubexprEliminate::new()),
        Arc::new(OptimizeProjections::new()),
    ]
}

/// DataFusion's physical rules between those of ours.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let first: Arc<dyn PhysicalOptimizerRule + Send + Sync> = Arc::new(KeepSorts);
    let last: Arc<dyn PhysicalOptimizerRule + Send + Sync> = Arc::new(ReadInOrder);
    std::iter::once(first).chain(giving_up::physical_rules()).chain([last]).collect()
}

fn session_state(context: &AnalysisContext, tasks: usize) -> Result<SessionState> {
    let mut config = SessionConfig::new().with_target_partitions(tasks);
    // Rows stay in their order as far as the plan allows: `take(5)` of a filtered range gives its first rows.
    config.options_mut().optimizer.enable_round_robin_repartition = false;
    context.work.install(config.options_mut());
    config.options_mut().execution.time_zone = Some(context.settings.time_zone.name().to_owned());
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(LedgerPool::new(&context.memory)))
        .build_arc()
        .map_err(from_datafusion)?;
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_analyzer_rules(Vec::new())
        .with_optimizer_rules(giving_up::rules(rules()))
        .with_physical_optimizer_rules(physical_rules())
        // What a rule makes of `dropDuplicates` calls it by name.
        .with_aggregate_functions(vec![first_value_udaf()])
        .build();
    // Kernels see the configuration, and with it the computation that they belong to, only from here on.
    state.mark_start_execution();
    Ok(state)
}

/// The batch under Spark's schema. Types differ at most in what Arrow says of nullability inside nested types.
fn as_shown(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| retyped(column, field.data_type()))
        .collect::<Result<Vec<ArrayRef>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

fn retyped(column: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if column.data_type() == data_type {
        return Ok(Arc::clone(column));
    }
    Ok(arrow::compute::cast(column, data_type)?)
}
