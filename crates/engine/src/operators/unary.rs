//! DataFusion's `ExecutionPlan` for operators with one input, written once, so that the file of an operator holds only
//! what it does with its rows.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    ChildrenPropertiesMode, EmissionType, ReplaceChildrenOptions, apply_expression_roots,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements, PlanProperties,
};
use futures::Stream;
use parking_lot::Mutex;

use crate::batch_context::BatchContext;
use crate::error::to_datafusion;

/// What an operator with one input does. It is made once per query and executed once per batch, by [`Unary`]; all that
/// differs between batches it reads from the [`BatchContext`].
pub trait Operator: fmt::Debug + Send + Sync + Sized + 'static {
    /// The operator's name in plans.
    const NAME: &'static str;

    /// Rows leave in the order in which they came.
    const KEEPS_ORDER: bool = true;

    /// All rows come in one partition.
    const NEEDS_ONE_PARTITION: bool = false;

    /// What the partitions of one batch share; `()` if nothing.
    type Batch: Clone + Send + 'static;

    /// Writes the operator's line in a plan.
    fn describe(&self, input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// The columns and partitions that the operator gives: by default those of its input.
    fn properties(&self, input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        Arc::new(PlanProperties::new(
            input.equivalence_properties().clone(),
            input.output_partitioning().clone(),
            EmissionType::Incremental,
            input.boundedness(),
        ))
    }

    /// The expressions that the operator evaluates.
    fn expressions(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![]
    }

    /// Begins a batch. It is called once per batch, by the partition that is executed first, before any row is read.
    fn begin(self: &Arc<Self>, input: &BatchInput<'_>) -> Result<Self::Batch>;

    /// The output of one partition.
    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        batch: Self::Batch,
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static>;
}

/// The input of an operator in one batch.
#[derive(Debug)]
pub struct BatchInput<'a> {
    plan: &'a Arc<dyn ExecutionPlan>,
    task: &'a Arc<TaskContext>,
}

impl BatchInput<'_> {
    /// The context of the batch.
    pub fn context(&self) -> Result<Arc<BatchContext>> {
        BatchContext::of(self.task).map_err(to_datafusion)
    }

    /// The number of partitions in which rows come.
    pub fn partitions(&self) -> usize {
        self.plan.output_partitioning().partition_count()
    }

    /// The rows of one partition. Each partition must be asked for once per batch and drained.
    pub fn rows(&self, partition: usize) -> Result<SendableRecordBatchStream> {
        self.plan.execute(partition, Arc::clone(self.task))
    }

    /// The number of rows that one Arrow batch should have at the most.
    pub fn batch_rows(&self) -> usize {
        self.task.session_config().batch_size()
    }
}

/// An [`Operator`] in a physical plan.
pub struct Unary<O: Operator> {
    input: Arc<dyn ExecutionPlan>,
    operator: Arc<O>,
    properties: Arc<PlanProperties>,
    /// What the partitions of the running batch share. A plan is reset before each batch, which makes a new node.
    begun: Mutex<Option<O::Batch>>,
}

impl<O: Operator> Unary<O> {
    /// The operator over an input.
    pub fn new(input: Arc<dyn ExecutionPlan>, operator: Arc<O>) -> Self {
        let properties = operator.properties(&input);
        Self { input, operator, properties, begun: Mutex::new(None) }
    }

    /// Begins the batch, or joins it.
    fn begun(&self, input: &BatchInput<'_>) -> Result<O::Batch> {
        let mut begun = self.begun.lock();
        if let Some(batch) = &*begun {
            return Ok(batch.clone());
        }
        let batch = self.operator.begin(input)?;
        *begun = Some(batch.clone());
        Ok(batch)
    }
}

impl<O: Operator> fmt::Debug for Unary<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(O::NAME).field("input", &self.input).field("operator", &self.operator).finish()
    }
}

impl<O: Operator> DisplayAs for Unary<O> {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", O::NAME)?;
        self.operator.describe(&self.input.schema(), f)
    }
}

impl<O: Operator> ExecutionPlan for Unary<O> {
    fn name(&self) -> &str {
        O::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![O::KEEPS_ORDER]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![match O::NEEDS_ONE_PARTITION {
            true => Distribution::SinglePartition,
            false => Distribution::UnspecifiedDistribution,
        }])
    }

    /// State is shared by all partitions, so dealing out rows anew would only cost.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.operator.expressions(), f)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = match <[_; 1]>::try_from(children) {
            Ok([input]) => input,
            Err(children) => return internal_err!("{} has one child, not {}", O::NAME, children.len()),
        };
        let properties = match options.children_properties {
            ChildrenPropertiesMode::Keep => Arc::clone(&self.properties),
            ChildrenPropertiesMode::Recompute => self.operator.properties(&input),
        };
        Ok(Arc::new(Self { input, operator: Arc::clone(&self.operator), properties, begun: Mutex::new(None) }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = BatchInput { plan: &self.input, task: &context };
        let batch = self.begun(&input)?;
        let rows = self.operator.run(partition, &input, batch)?;
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
