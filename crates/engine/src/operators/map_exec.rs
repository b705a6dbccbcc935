//! A filter or a projection for small batches: the same work as DataFusion's, with nothing prepared for it.
//!
//! DataFusion's operators register metrics at each execution, and a projection formats each of its expressions as text
//! for them. Over a large batch that is nothing. A batch of one row spent more on it than on the row.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::Projector;
use datafusion::physical_plan::filter::{FilterExec, batch_filter};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, PlanProperties};
use futures::{Stream, StreamExt, future};

use super::unary::{BatchInput, Operator, Unary};

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
pub(crate) struct Map {
    step: Step,
    /// What DataFusion has found out about the output of the operator in whose place this one is. A batch's plan
    /// differs from the last one's by the state of its leaves, so this stays.
    properties: Arc<PlanProperties>,
}

impl Map {
    /// An operator in the place of DataFusion's filter or projection; `None` in the place of another.
    pub(crate) fn instead_of(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Unary<Self>>> {
        let (step, input) = if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            let columns = filter.projection().as_ref().map(|columns| columns.to_vec());
            (Step::Filter { predicate: Arc::clone(filter.predicate()), columns }, filter.input())
        } else if let Some(project) = plan.downcast_ref::<ProjectionExec>() {
            let schema = project.input().schema();
            (Step::Project(project.projection_expr().make_projector(&schema)?), project.input())
        } else {
            return Ok(None);
        };
        let map = Self { step, properties: Arc::clone(plan.properties()) };
        Ok(Some(Unary::new(Arc::clone(input), Arc::new(map))))
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

impl Operator for Map {
    const NAME: &'static str = "MapExec";
    type Batch = ();

    fn describe(&self, _input: &SchemaRef, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Step::Filter { predicate, .. } => write!(f, "filter=[{predicate}]"),
            Step::Project(projector) => write!(f, "project=[{}]", projector.projection()),
        }
    }

    fn properties(&self, _input: &Arc<dyn ExecutionPlan>) -> Arc<PlanProperties> {
        Arc::clone(&self.properties)
    }

    fn expressions(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        match &self.step {
            Step::Filter { predicate, .. } => vec![predicate],
            Step::Project(projector) => projector.projection().iter().map(|projected| &projected.expr).collect(),
        }
    }

    fn begin(self: &Arc<Self>, _input: &BatchInput<'_>) -> Result<()> {
        Ok(())
    }

    fn run(
        self: &Arc<Self>,
        partition: usize,
        input: &BatchInput<'_>,
        (): (),
    ) -> Result<impl Stream<Item = Result<RecordBatch>> + Send + 'static> {
        let map = Arc::clone(self);
        let mapped = input.rows(partition)?.map(move |rows| map.step.map(&rows?));
        Ok(mapped.filter(|rows| future::ready(rows.as_ref().map_or(true, |rows| rows.num_rows() > 0))))
    }
}
