//! EXCEPT and INTERSECT of streams, as the user wrote them.

use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::LogicalPlan;
use millstream_core::{Error, OutputMode, Result};

use crate::plan::edge::{Edge, Rows};
use crate::plan::node::{NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingExtension, StreamingNode};
use crate::plan::unsupported::refused;

/// Which rows of two inputs are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOperation {
    /// Those of the first that the second lacks.
    Except,
    /// Those that both have.
    Intersect,
}

/// A set operation with a stream among its inputs. Spark refuses it; where rows may be taken back, an aggregate takes
/// its place before the plan is checked (`plan/set_operations.rs`).
#[derive(Debug, Clone)]
pub struct SetOperationNode {
    pub(crate) operation: SetOperation,
    pub(crate) is_all: bool,
}

impl SetOperationNode {
    /// The operation over two inputs whose columns have the same names and types; `is_all` counts equal rows.
    pub fn over(operation: SetOperation, is_all: bool, inputs: [LogicalPlan; 2]) -> Result<LogicalPlan> {
        let node = Arc::new(Self { operation, is_all });
        Ok(StreamingExtension::try_new(node, inputs.to_vec())?.into_plan())
    }
}

impl StreamingNode for SetOperationNode {
    fn name(&self) -> &str {
        match self.operation {
            SetOperation::Except => "Except",
            SetOperation::Intersect => "Intersect",
        }
    }

    fn describe(&self) -> String {
        if self.is_all { "All" } else { "Distinct" }.to_owned()
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        let first = inputs.first().ok_or_else(|| Error::internal("a set operation has no input"))?;
        Ok(Arc::clone(first))
    }

    fn passes(&self, _output: usize) -> Option<(usize, usize)> {
        None
    }

    fn is_stateful(&self) -> bool {
        false
    }

    fn takes(&self, _input: usize) -> &[Rows] {
        &[Rows::AppendOnly, Rows::Updates, Rows::Whole, Rows::Changes]
    }

    fn gives(&self, inputs: &[NodeInput<'_>], _place: Place) -> Edge {
        let kinds = inputs.iter().filter(|input| input.edge.is_streaming).map(|input| input.edge.rows);
        Edge { rows: kinds.max().unwrap_or(Rows::AppendOnly), ..Edge::append_only() }
    }

    fn check(&self, _inputs: &[NodeInput<'_>], _mode: OutputMode) -> Result<()> {
        Err(refused(match self.operation {
            SetOperation::Except => "Except on a streaming DataFrame/Dataset on the right is not supported",
            SetOperation::Intersect => "Intersect of streaming DataFrames/Datasets is not supported",
        }))
    }

    fn plan(&self, _inputs: Vec<PlannedInput<'_>>, _context: &PlanContext<'_>) -> Result<Planned> {
        Err(Error::internal("a set operation was planned as it is"))
    }
}
