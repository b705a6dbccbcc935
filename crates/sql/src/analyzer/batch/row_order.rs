//! The order of rows where it shows, as Spark keeps it.
//!
//! DataFusion takes a sort away where no operator asks for its order, and reads partitions in whatever order they come.
//! Spark does neither: `collect_list` over a sorted subquery gives a sorted array, and the rows of a union come one
//! side after the other. So a sort below an operator whose answer depends on the order of its rows is hidden from
//! DataFusion's rules, and where partitions become one, they are read in their order.

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion, TreeNodeRewriter};
use datafusion::datasource::{MemTable, source_as_provider};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{StreamExt, stream};
use millstream_engine::functions::{Meaning, meaning_of};

use super::execute::BATCHES_AHEAD;
use super::reader_table::ReaderTable;

/// Aggregate functions whose answer depends on the order of their rows, by the names that they have in plans.
const ORDERED: [&str; 6] = ["first_value", "last_value", "collect_list", "collect_set", "listagg", "mode"];

/// Whether the plan puts partitions together below an operator to which their order matters. Such a plan runs in one
/// task, because tasks that exchange rows mix them.
pub(super) fn mixes_rows(plan: &LogicalPlan) -> Result<bool> {
    let (mut ordered, mut several) = (false, false);
    plan.apply(|node| {
        match node {
            LogicalPlan::Union(_) => several = true,
            LogicalPlan::TableScan(scan) => {
                let table = source_as_provider(&scan.source)?;
                several |= table.downcast_ref::<MemTable>().is_some_and(|table| table.batches.len() > 1)
                    || table.downcast_ref::<ReaderTable>().is_some_and(ReaderTable::has_several_parts);
            }
            LogicalPlan::Distinct(Distinct::On(_)) => ordered = true,
            LogicalPlan::Aggregate(aggregate) => ordered |= aggregate.aggr_expr.iter().any(depends_on_order),
            _ => {}
        }
        Ok(if ordered && several { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(ordered && several)
}

fn depends_on_order(expr: &Expr) -> bool {
    let ordered = |one: &Expr| matches!(one, Expr::AggregateFunction(call) if ORDERED.contains(&call.func.name()));
    expr.exists(|one| Ok(ordered(one))).unwrap_or(true)
}

/// Hides sorts to whose order something above them looks, and those of rows that a limit chose. It comes before the
/// rules that take sorts away or move them.
#[derive(Debug)]
pub(super) struct KeepSorts;

impl PhysicalOptimizerRule for KeepSorts {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.rewrite(&mut Keeper { matters: vec![false] }).data()
    }

    fn name(&self) -> &'static str {
        "keep_sorts"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Walks a plan from the top; the last entry says whether the order of the next node's rows matters.
struct Keeper {
    matters: Vec<bool>,
}

impl TreeNodeRewriter for Keeper {
    type Node = Arc<dyn ExecutionPlan>;

    fn f_down(&mut self, node: Self::Node) -> Result<Transformed<Self::Node>> {
        let above = self.matters.last().copied().unwrap_or(false);
        let matters = if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
            aggregate.aggr_expr().iter().any(|function| ORDERED.contains(&function.fun().name()))
        } else if node.is::<WindowAggExec>() || node.is::<BoundedWindowAggExec>() {
            true
        } else {
            // A join has no order, so it asks for none.
            above && (node.children().len() == 1 || node.name() == "UnionExec")
        };
        self.matters.push(matters);
        Ok(Transformed::no(node))
    }

    fn f_up(&mut self, node: Self::Node) -> Result<Transformed<Self::Node>> {
        self.matters.pop();
        match node.downcast_ref::<SortExec>() {
            Some(sort) if self.matters.last().copied().unwrap_or(false) || takes_some_rows(sort.input()) => {
                let step = Step::Sorted(sort.expr().clone(), sort.fetch());
                Ok(Transformed::yes(OrderedExec::over(Arc::clone(sort.input()), step)))
            }
            _ => Ok(Transformed::no(node)),
        }
    }
}

/// Whether a limit chooses the rows that come out. A sort that is put below one has it choose others.
fn takes_some_rows(plan: &Arc<dyn ExecutionPlan>) -> bool {
    match plan.children().as_slice() {
        _ if plan.is::<SortExec>() || plan.is::<AggregateExec>() => false,
        _ if plan.is::<GlobalLimitExec>() || plan.is::<LocalLimitExec>() || plan.fetch().is_some() => true,
        [only] => takes_some_rows(only),
        _ => false,
    }
}

/// Reads partitions in their order wherever they become one. It is the last rule.
#[derive(Debug)]
pub(super) struct ReadInOrder;

impl PhysicalOptimizerRule for ReadInOrder {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.transform_up(number_in_order).data()?;
        let plan = plan.transform_up(|node| match node.downcast_ref::<SortPreservingMergeExec>() {
            // Of rows that compare as equal those of the first partition come first.
            Some(merge) => Ok(Transformed::yes(Arc::new(merge.clone().with_round_robin_repartition(false)) as _)),
            None => Ok(Transformed::no(node)),
        });
        let read = plan.data()?.transform_up(|node| match node.downcast_ref::<CoalescePartitionsExec>() {
            Some(coalesced) if coalesced.input().output_partitioning().partition_count() > 1 => {
                let all = OrderedExec::over(Arc::clone(coalesced.input()), Step::Concatenated);
                Ok(Transformed::yes(match coalesced.fetch() {
                    Some(rows) => Arc::new(GlobalLimitExec::new(all, 0, Some(rows))) as Arc<dyn ExecutionPlan>,
                    None => all,
                }))
            }
            _ => Ok(Transformed::no(node)),
        });
        read.data()
    }

    fn name(&self) -> &'static str {
        "read_in_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Rows that are numbered come in order.
fn number_in_order(node: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(projection) = node.downcast_ref::<ProjectionExec>() else { return Ok(Transformed::no(node)) };
    let several = projection.input().output_partitioning().partition_count() > 1;
    if !several || !projection.expr().iter().any(|shown| numbers_rows(&shown.expr)) {
        return Ok(Transformed::no(node));
    }
    let input = OrderedExec::over(Arc::clone(projection.input()), Step::Concatenated);
    Ok(Transformed::yes(Arc::new(ProjectionExec::try_new(projection.expr().to_vec(), input)?)))
}

fn numbers_rows(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let is_number = |one: &Arc<dyn PhysicalExpr>| {
        let call = one.downcast_ref::<ScalarFunctionExpr>();
        call.is_some_and(|call| meaning_of(call.fun()) == Some(Meaning::RowNumber))
    };
    expr.exists(|one| Ok(is_number(one))).unwrap_or(true)
}

/// What gives the rows of an [`OrderedExec`] their order.
#[derive(Debug, Clone)]
enum Step {
    /// A sort of all rows; with a number, no more than so many of them.
    Sorted(LexOrdering, Option<usize>),
    /// One partition after the other.
    Concatenated,
}

/// Rows in an order that DataFusion's rules do not see.
#[derive(Debug)]
struct OrderedExec {
    input: Arc<dyn ExecutionPlan>,
    step: Step,
    properties: Arc<PlanProperties>,
}

impl OrderedExec {
    fn over(input: Arc<dyn ExecutionPlan>, step: Step) -> Arc<dyn ExecutionPlan> {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            Partitioning::UnknownPartitioning(1),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Arc::new(Self { input, step, properties: Arc::new(properties) })
    }
}

impl DisplayAs for OrderedExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Step::Sorted(keys, Some(fetch)) => write!(f, "OrderedExec: {keys}, fetch={fetch}"),
            Step::Sorted(keys, None) => write!(f, "OrderedExec: {keys}"),
            Step::Concatenated => f.write_str("OrderedExec: one partition after the other"),
        }
    }
}

impl ExecutionPlan for OrderedExec {
    fn name(&self) -> &'static str {
        "OrderedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        match self.step {
            Step::Sorted(..) => vec![Distribution::SinglePartition],
            Step::Concatenated => vec![Distribution::UnspecifiedDistribution],
        }
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let Step::Sorted(keys, _) = &self.step else { return Ok(TreeNodeRecursion::Continue) };
        for key in keys {
            f(&key.expr)?;
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Self::over(children.swap_remove(0), self.step.clone()))
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Self::over(children.swap_remove(0), self.step.clone()))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        match &self.step {
            Step::Sorted(keys, fetch) => {
                let sort = SortExec::new(keys.clone(), Arc::clone(&self.input)).with_fetch(*fetch);
                sort.execute(partition, context)
            }
            Step::Concatenated => {
                // Those behind already run.
                let partitions = (0..self.input.output_partitioning().partition_count())
                    .map(|index| Ok(spawn_buffered(self.input.execute(index, Arc::clone(&context))?, BATCHES_AHEAD)))
                    .collect::<Result<Vec<_>>>()?;
                let rows = stream::iter(partitions).flatten();
                Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
            }
        }
    }
}
