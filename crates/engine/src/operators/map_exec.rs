//! A filter or a projection for small batches: the same work as DataFusion's, with nothing prepared for it.
//!
//! DataFusion's operators register metrics at each execution, and a projection formats each of its expressions as text for
//! them. Over a large batch that is nothing. A batch of one row spent more on it than on the row.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::Projector;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::filter::{FilterExec, batch_filter};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, future};

use super::only_child;

/// What becomes of rows.
#[derive(Debug, Clone)]
enum Step {
    /// Some of them, and of those some columns.
    Filter { predicate: Arc<dyn PhysicalExpr>, columns: Option<Vec<usize>> },
    /// Other columns.
    Project(Projector),
}

/// Does one [`Step`] for each batch of rows.
#[derive(Debug)]
pub(crate) struct MapExec {
    input: Arc<dyn ExecutionPlan>,
    step: Arc<Step>,
    properties: Arc<PlanProperties>,
}

impl MapExec {
    /// In the place of DataFusion's operator, if it is one of those two.
    pub(crate) fn instead_of(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        let (step, input) = if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            let columns = filter.projection().as_ref().map(|columns| columns.to_vec());
            (Step::Filter { predicate: Arc::clone(filter.predicate()), columns }, filter.input())
        } else if let Some(project) = plan.downcast_ref::<ProjectionExec>() {
            let schema = project.input().schema();
            (Step::Project(project.projection_expr().make_projector(&schema)?), project.input())
        } else {
            return Ok(None);
        };
        // What DataFusion has found out about the operator's output holds for this one too.
        Ok(Some(Self { input: Arc::clone(input), step: Arc::new(step), properties: Arc::clone(plan.properties()) }))
    }
}

impl Step {
    fn map(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        match self {
            Self::Project(projector) => projector.project_batch(rows),
            Self::Filter { predicate, columns } => {
                let rows = batch_filter(rows, predicate)?;
                Ok(columns.as_ref().map_or(Ok(rows.clone()), |columns| rows.project(columns))?)
            }
        }
    }
}

impl DisplayAs for MapExec {
    fn fmt_as(&self, _kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.step {
            Step::Filter { predicate, .. } => write!(f, "MapExec: filter=[{predicate}]"),
            Step::Project(projector) => write!(f, "MapExec: project=[{}]", projector.projection()),
        }
    }
}

impl ExecutionPlan for MapExec {
    fn name(&self) -> &str {
        "MapExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        match &*self.step {
            Step::Filter { predicate, .. } => f(predicate),
            Step::Project(projector) => {
                for projected in projector.projection() {
                    if f(&projected.expr)? == TreeNodeRecursion::Stop {
                        return Ok(TreeNodeRecursion::Stop);
                    }
                }
                Ok(TreeNodeRecursion::Continue)
            }
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        // A batch's plan differs from the last one's by the state of its leaves, so the properties stay.
        let (step, properties) = (Arc::clone(&self.step), Arc::clone(&self.properties));
        let input = only_child(&*self, children)?;
        Ok(Arc::new(Self { input, step, properties }))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let step = Arc::clone(&self.step);
        let mapped = input.map(move |rows| step.map(&rows?));
        let some = mapped.filter(|rows| future::ready(rows.as_ref().map_or(true, |rows| rows.num_rows() > 0)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), some)))
    }
}
