//! A query's plan, from what the user wrote to what a batch executes (Spark: `IncrementalExecution`).
//!
//! Everything that costs time happens once, in [`IncrementalExecution::try_new`]: the plan is checked, sources are
//! opened, rules run, operators are made. A batch only resets what DataFusion's operators hold from the last one and
//! executes the same physical plan with another [`BatchContext`].

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::{SessionState, SessionStateBuilder, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, displayable};
use datafusion::prelude::SessionConfig;
use futures::{StreamExt, TryStreamExt};
use millstream_core::progress::StateOperatorProgress;
use millstream_core::{BatchId, BatchStream, Error, OffsetRange, Options, OutputMode, Result, Source};
use serde_json::Value;

use super::batch_seed::PinnedSeed;
use super::node::StreamingExtension;
use super::nodes::CollectMetricsNode;
use super::operator_name::{OperatorName, operator_names};
use super::repeatable::is_state_repeatable;
use super::unsupported::Rules;
use super::watermark_propagation::WatermarkPropagation;
use super::{
    batch_seed, batch_time, changelog, consolidation, decode_push_down, explain, one_task, optimizer, physical,
    source_table, stateful, unsupported,
};
use crate::batch_context::{BatchContext, EventTimeStats};
use crate::error::from_datafusion;
use crate::functions::SeedCell;
use crate::operators::{ObservedMetrics, OperatorContext};
use crate::run::{Pinned, QueryEnvironment, QuerySpec};
use crate::state::StatefulOperator;
use crate::watermark::{IDLE_TIMEOUT, WatermarkPolicy, WatermarkTracker};
use crate::work::Work;

/// Rows of one Arrow batch at the most.
const BATCH_ROWS: usize = 8192;

/// Partitions of a plan at the most; more would cost more per small batch than they give to a large one.
const MAX_PARTITIONS: usize = 16;

/// A running query's plan.
#[derive(Debug)]
pub(crate) struct IncrementalExecution {
    logical: LogicalPlan,
    /// How many joins of aggregates became a part of an aggregate.
    fused_joins: usize,
    mode: OutputMode,
    physical: Arc<dyn ExecutionPlan>,
    /// For batches of a few rows.
    one_task: Arc<dyn ExecutionPlan>,
    state: SessionState,
    sources: Vec<Arc<dyn Source>>,
    operators: Vec<Arc<dyn StatefulOperator>>,
    /// Their names in the checkpoint.
    operator_names: Vec<OperatorName>,
    is_state_repeatable: bool,
    /// Their numbers in the order in which they are reported.
    reported: Vec<usize>,
    /// The metrics of `observe`.
    observed: Vec<Arc<ObservedMetrics>>,
    watermark: WatermarkTracker,
    propagation: WatermarkPropagation,
    upsert_key: Option<Vec<usize>>,
    /// What `current_timestamp()` reads.
    now_us: Arc<AtomicI64>,
    /// What `rand()` begins with.
    seed: Arc<SeedCell>,
    /// What is asked before each batch.
    pinned: Vec<Arc<dyn Pinned>>,
}

/// What the batch loop decides of a batch.
#[derive(Debug, Clone)]
pub(crate) struct BatchInputs {
    /// The number of the batch.
    pub(crate) id: BatchId,
    /// When it began, in milliseconds since 1970.
    pub(crate) timestamp_ms: i64,
    /// What to read of each source; `None` where there is nothing new.
    pub(crate) ranges: Vec<Option<OffsetRange>>,
    /// The watermark of the batch before: what is late.
    pub(crate) late_watermark_ms: i64,
    /// The watermark of this batch: what is final.
    pub(crate) eviction_watermark_ms: i64,
    /// What the log has fixed beside that.
    pub(crate) pins: BTreeMap<String, Value>,
    /// Whether only state is rebuilt.
    pub(crate) muted: bool,
}

impl IncrementalExecution {
    /// Checks and plans a query, and opens its sources.
    pub(crate) async fn try_new(spec: &QuerySpec, environment: &QueryEnvironment) -> Result<Self> {
        let state = session_state(environment.cores, &environment.work);
        let (now_us, seed) = (Arc::new(AtomicI64::new(0)), Arc::<SeedCell>::default());
        let mut pinned = spec.pinned.clone();
        let policy = WatermarkPolicy::parse(spec.conf.get(WatermarkPolicy::CONF).map(String::as_str))?;
        let idle_timeout = idle_timeout(spec)?;
        let (mode, rules) = (spec.output_mode, Rules::from_conf(&spec.conf)?);
        let (plan, fused_joins) = stateful::as_stateful(spec.plan.clone(), mode, rules).map_err(from_datafusion)?;
        let (plan, delays_ms) = stateful::number_watermarks(plan, mode).map_err(from_datafusion)?;
        let plan = if rules.is_strict { plan } else { changelog::mark_changes(plan, mode).map_err(from_datafusion)? };
        let result = unsupported::check_streaming_plan(&plan, mode, rules)?;
        let tells_deletes = consolidation::tells_deletes(&result);
        let upsert_key = result.key.filter(|_| mode == OutputMode::Update);
        let plan = optimizer::coerce_types(plan, &state).map_err(from_datafusion)?;
        let plan = optimizer::gather_join_conditions(plan, &state).map_err(from_datafusion)?;
        // All that can be refused is refused by now: a source that is opened may take long, or fail in its own words.
        let plan = consolidation::with_weights(plan, mode, tells_deletes).map_err(from_datafusion)?;
        let plan = stateful::stateful_as_nodes(plan, mode).map_err(from_datafusion)?;
        let operator_names = operator_names(&plan);
        let is_state_repeatable = is_state_repeatable(&plan).map_err(from_datafusion)?;
        let (plan, seeds) = batch_seed::bind_batch_seed(plan, &seed).map_err(from_datafusion)?;
        if seeds > 0 {
            pinned.push(Arc::new(PinnedSeed(Arc::clone(&environment.random))));
        }
        let (plan, sources) = source_table::open_sources(plan, environment)?;
        let logical = Self::optimized(plan, mode, &now_us, &state).map_err(from_datafusion)?;
        let context = OperatorContext {
            output_mode: mode,
            memory: environment.memory.clone(),
            query: spec
                .name
                .as_ref()
                .map_or_else(|| format!("query {}", environment.id), |name| format!("query '{name}'")),
            scratch: environment.scratch.clone(),
            clock: Arc::clone(&environment.clock),
            shuffle_partitions: shuffle_partitions(spec),
        };
        let (physical, operators) = physical::plan(&logical, &state, context).await.map_err(from_datafusion)?;
        let reported = stateful::reported_order(&logical);
        let propagation = WatermarkPropagation::try_new(&logical, rules.allow_multiple)?;
        let observed = observations(&logical).map_err(from_datafusion)?;
        let one_task = one_task::for_one_task(&physical).map_err(from_datafusion)?;
        Ok(Self {
            logical,
            fused_joins,
            mode,
            physical,
            one_task,
            state,
            sources,
            operators,
            operator_names,
            is_state_repeatable,
            reported,
            observed,
            watermark: WatermarkTracker::new(policy, delays_ms).leaving_out_idle(idle_timeout),
            propagation,
            upsert_key,
            now_us,
            seed,
            pinned,
        })
    }

    fn optimized(
        plan: LogicalPlan,
        mode: OutputMode,
        now_us: &Arc<AtomicI64>,
        state: &SessionState,
    ) -> datafusion::error::Result<LogicalPlan> {
        let plan = batch_time::bind_batch_timestamp(plan, now_us)?;
        let plan = optimizer::merge_projections(plan, state)?;
        let plan = decode_push_down::push_down_decoders(plan)?;
        let plan = optimizer::extract_filters_and_keys(plan, state)?;
        let plan = stateful::number_operators(plan, mode)?;
        let plan = optimizer::optimize(plan, state)?;
        decode_push_down::prune_decoders(plan)
    }

    /// The sources, in the plan's order.
    pub(crate) fn sources(&self) -> &[Arc<dyn Source>] {
        &self.sources
    }

    /// The stateful operators, from the sources upward.
    pub(crate) fn operators(&self) -> &[Arc<dyn StatefulOperator>] {
        &self.operators
    }

    /// Whether the state comes out the same when a batch is run again.
    pub(crate) fn is_state_repeatable(&self) -> bool {
        self.is_state_repeatable
    }

    /// What the operators are called in the checkpoint, in their order.
    pub(crate) fn operator_names(&self) -> &[OperatorName] {
        &self.operator_names
    }

    /// What the stateful operators did in the batch, in Spark's order.
    pub(crate) fn state_progress(&self) -> Vec<StateOperatorProgress> {
        let operator = |id: &usize| self.operators.iter().find(|operator| operator.id() == *id);
        self.reported.iter().filter_map(operator).map(|operator| operator.progress()).collect()
    }

    /// What `observe` found in the batch, by name. Metrics that cannot be computed fail the query, as in Spark.
    pub(crate) fn observed_metrics(&self) -> Result<BTreeMap<String, Value>> {
        let found = self.observed.iter().filter_map(|observed| Some((observed.name().to_owned(), observed.take()?)));
        found.map(|(name, row)| Ok((name, observed_json(&row?)?))).collect()
    }

    /// The watermark.
    pub(crate) fn watermark(&self) -> &WatermarkTracker {
        &self.watermark
    }

    /// The columns of the result.
    pub(crate) fn schema(&self) -> SchemaRef {
        self.physical.schema()
    }

    /// The columns that name a row of an update, where the plan knows them.
    pub(crate) fn upsert_key(&self) -> Option<Vec<usize>> {
        self.upsert_key.clone()
    }

    /// The operators whose state grows with what the stream brings, in words.
    pub(crate) fn unbounded_state(&self) -> Vec<String> {
        explain::unbounded_state(&self.logical)
    }

    /// What the next batch depends on beside its ranges.
    pub(crate) fn pin(&self) -> Result<BTreeMap<String, Value>> {
        self.pinned.iter().map(|part| Ok((part.name().to_owned(), part.pin()?))).collect()
    }

    /// The context of a batch.
    pub(crate) fn new_batch(&self, inputs: BatchInputs) -> Arc<BatchContext> {
        Arc::new(BatchContext {
            id: inputs.id,
            timestamp_ms: inputs.timestamp_ms,
            ranges: inputs.ranges,
            watermark_ms: self.watermark.is_defined().then_some(inputs.eviction_watermark_ms),
            watermarks: self.propagation.of_batch(inputs.late_watermark_ms, inputs.eviction_watermark_ms),
            pins: inputs.pins,
            muted: inputs.muted,
            input_rows: self.sources.iter().map(|_| Default::default()).collect(),
            event_times: (0..self.watermark.operators()).map(|_| EventTimeStats::default()).collect(),
        })
    }

    /// The result of a batch. Nothing runs before the streams are polled; all of them must be drained.
    pub(crate) fn execute(&self, batch: &Arc<BatchContext>) -> Result<Vec<BatchStream>> {
        self.now_us.store(batch.timestamp_ms.saturating_mul(1000), Ordering::Relaxed);
        // A batch that Spark has logged, or that was logged before the query had random numbers, has no seed.
        let seed = batch.pin(PinnedSeed::NAME).and_then(Value::as_u64).unwrap_or(batch.id.0);
        self.seed.begin(seed);
        let config = batch.install(self.state.config().clone());
        let task = Arc::new(TaskContext::from(&self.state).with_session_config(config));
        let plan = if self.is_small(batch) { &self.one_task } else { &self.physical };
        let plan = reset_plan_states(Arc::clone(plan)).map_err(from_datafusion)?;
        (0..plan.output_partitioning().partition_count())
            .map(|partition| {
                let rows = plan.execute(partition, Arc::clone(&task)).map_err(from_datafusion)?;
                Ok(rows.map_err(from_datafusion).boxed())
            })
            .collect()
    }

    /// Whether all sources together have but a few rows for the batch. It depends on the logged ranges alone, so a
    /// batch that is run again runs on the same plan.
    fn is_small(&self, batch: &BatchContext) -> bool {
        let ranges = self.sources.iter().zip(&batch.ranges);
        let rows = ranges.map(|(source, range)| range.as_ref().map_or(Some(0), |range| source.rows_max(range)));
        rows.sum::<Option<u64>>().is_some_and(|rows| rows <= one_task::ONE_TASK_ROWS_MAX)
    }

    /// A batch without data is due, now that the query's watermark is here. Spark's rule, so that batch ids agree: the
    /// watermark of some operator that emits or forgets by it has moved since the newest batch.
    pub(crate) fn needs_no_data_batch(&self, new_watermark_ms: i64) -> bool {
        let Some(evicted_ms) = self.watermark.evicted_ms().filter(|evicted_ms| new_watermark_ms > *evicted_ms) else {
            return false;
        };
        let before = self.propagation.input_watermarks(evicted_ms);
        let now = self.propagation.input_watermarks(new_watermark_ms);
        let has_moved = |id: usize| now.get(id) > before.get(id);
        self.operators.iter().any(|operator| operator.follows_watermark() && has_moved(operator.id()))
    }

    /// The plan as text.
    pub(crate) fn explain(&self, extended: bool) -> String {
        let mut text = String::new();
        if extended {
            let _ = writeln!(text, "== Optimized Logical Plan ==\n{}\n", self.logical.display_indent());
        }
        let physical = displayable(self.physical.as_ref()).indent(extended).to_string();
        let streaming = explain::operators(&self.logical, self.mode, self.fused_joins);
        let _ = write!(text, "== Physical Plan ==\n{physical}\n== Streaming Operators ==\n{streaming}");
        text
    }
}

/// The metrics that the plan observes.
fn observations(plan: &LogicalPlan) -> datafusion::error::Result<Vec<Arc<ObservedMetrics>>> {
    let mut all = Vec::new();
    plan.apply(|node| {
        if let Some(collect) = StreamingExtension::of(node).and_then(StreamingExtension::node_as::<CollectMetricsNode>)
        {
            all.push(Arc::clone(&collect.observed));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(all)
}

/// The metrics of a batch, which a stream computes as JSON.
fn observed_json(row: &RecordBatch) -> Result<Value> {
    let text =
        row.columns().first().and_then(|column| column.as_string_opt::<i32>()).and_then(|text| text.iter().next());
    let text = text.flatten().ok_or_else(|| Error::internal("the metrics of observe() are no text"))?;
    serde_json::from_str(text)
        .map_err(|error| Error::internal("the metrics of observe() are no JSON").with_source(error))
}

/// After which time an input without rows holds the watermark back no longer.
fn idle_timeout(spec: &QuerySpec) -> Result<Option<Duration>> {
    let text = spec.conf.get(IDLE_TIMEOUT).map(|text| (IDLE_TIMEOUT, text.as_str()));
    text.into_iter().collect::<Options>().get_duration(IDLE_TIMEOUT)
}

/// `spark.sql.shuffle.partitions`: here only a number that the progress shows.
fn shuffle_partitions(spec: &QuerySpec) -> i64 {
    spec.conf.get("spark.sql.shuffle.partitions").and_then(|text| text.parse().ok()).unwrap_or(200)
}

/// The settings under which DataFusion plans a streaming query.
pub(super) fn session_state(cores: usize, work: &Work) -> SessionState {
    let mut config = SessionConfig::new()
        .with_target_partitions(cores.clamp(1, MAX_PARTITIONS))
        .with_batch_size(BATCH_ROWS)
        .with_round_robin_repartition(false)
        .with_repartition_joins(false)
        .with_repartition_aggregations(false)
        .with_repartition_windows(false)
        .with_repartition_sorts(true);
    work.install(config.options_mut());
    let rules = optimizer::physical_rules();
    let mut state = SessionStateBuilder::new().with_config(config).with_physical_optimizer_rules(rules).build();
    // Kernels see the configuration, and with it the run that they belong to, only from here on.
    state.mark_start_execution();
    state
}
