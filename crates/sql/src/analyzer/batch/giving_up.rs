//! What makes a batch query end where nobody waits for its result any more.
//!
//! To drop a query ends it at its next pause, and not all of DataFusion pauses. So the rules of the optimizer ask
//! before each node; a join asks whenever it evaluates its condition, since it may discard pairs of rows for hours; and
//! above each operator that gives more rows than it takes stands a pause, since what is above may swallow all of them
//! in one go.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_optimizer::{PhysicalOptimizerContext, PhysicalOptimizerRule};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::unnest::UnnestExec;
use millstream_engine::Work;
use millstream_engine::error::to_datafusion;
use millstream_engine::plan::ProjectionInPlace;

/// Fails once nobody waits for what is planned or computed under this configuration.
fn check(config: &ConfigOptions) -> Result<()> {
    Work::of(config).map_or(Ok(()), Work::check).map_err(to_datafusion)
}

/// The rules, each of which can be given up.
pub(super) fn rules(rules: Vec<Arc<dyn OptimizerRule + Send + Sync>>) -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    rules.into_iter().map(|rule| Arc::new(Watched(rule)) as Arc<dyn OptimizerRule + Send + Sync>).collect()
}

/// DataFusion's physical rules, each of which can be given up, and the one that puts in pauses.
pub(super) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let rules = PhysicalOptimizer::new().rules.into_iter().map(in_place);
    let watched = rules.map(|rule| Arc::new(WatchedPhysical(rule)) as Arc<dyn PhysicalOptimizerRule + Send + Sync>);
    watched.chain([Arc::new(Pauses) as Arc<dyn PhysicalOptimizerRule + Send + Sync>]).collect()
}

/// The rule, or the one that moves no computation below a filter in its place.
fn in_place(rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>) -> Arc<dyn PhysicalOptimizerRule + Send + Sync> {
    if rule.name() == ProjectionInPlace::INSTEAD_OF { Arc::new(ProjectionInPlace) } else { rule }
}

/// Lets every join look whether it is still wanted, as part of its condition. After all rules, which know nothing of
/// it.
pub(super) fn watch_joins(plan: LogicalPlan) -> Result<LogicalPlan> {
    let still_wanted = ScalarUDF::new_from_impl(StillWanted::new());
    let watched = plan.transform_up(|node| match node {
        LogicalPlan::Join(mut join) if join.filter.is_some() => {
            // First, because what is behind a conjunct that is false is not evaluated.
            join.filter = join.filter.map(|filter| still_wanted.call(vec![]).and(filter));
            Ok(Transformed::yes(LogicalPlan::Join(join)))
        }
        other => Ok(Transformed::no(other)),
    });
    watched.data()
}

#[derive(Debug)]
struct Watched(Arc<dyn OptimizerRule + Send + Sync>);

impl OptimizerRule for Watched {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        check(&config.options())?;
        self.0.rewrite(plan, config)
    }
}

#[derive(Debug)]
struct WatchedPhysical(Arc<dyn PhysicalOptimizerRule + Send + Sync>);

impl PhysicalOptimizerRule for WatchedPhysical {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        check(config)?;
        self.0.optimize(plan, config)
    }

    fn optimize_with_context(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        context: &dyn PhysicalOptimizerContext,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        check(context.config_options())?;
        self.0.optimize_with_context(plan, context)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// See the module's head.
#[derive(Debug)]
struct Pauses;

impl PhysicalOptimizerRule for Pauses {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let multiplies = |node: &Arc<dyn ExecutionPlan>| {
            node.is::<CrossJoinExec>()
                || node.is::<NestedLoopJoinExec>()
                || node.is::<HashJoinExec>()
                || node.is::<UnnestExec>()
        };
        let paused = plan.transform_up(|node| {
            if !multiplies(&node) {
                return Ok(Transformed::no(node));
            }
            Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>))
        });
        paused.data()
    }

    fn name(&self) -> &'static str {
        "pauses"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// True as long as somebody waits for the result, else an error.
#[derive(Debug, PartialEq, Eq, Hash)]
struct StillWanted {
    signature: Signature,
}

impl StillWanted {
    fn new() -> Self {
        Self { signature: Signature::nullary(Volatility::Volatile) }
    }
}

impl ScalarUDFImpl for StillWanted {
    fn name(&self) -> &'static str {
        "still_wanted"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        check(&arguments.config_options)?;
        Ok(ColumnarValue::Scalar(ScalarValue::from(true)))
    }
}
