//! `limit` over the rows of a stream: it keeps how many have passed.

use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::LogicalPlan;
use millstream_core::Result;

use crate::operators::{GlobalLimit, Unary};
use crate::plan::edge::Edge;
use crate::plan::node::{
    NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingExtension, StreamingNode, only_input,
};
use crate::state::StatefulOperator;

/// Passes on the first rows of all batches together (Spark: `StreamingGlobalLimitExec`).
#[derive(Debug, Clone)]
pub(crate) struct GlobalLimitNode {
    rows: u64,
}

impl GlobalLimitNode {
    /// The first `rows` rows of `input`.
    pub(crate) fn over(input: LogicalPlan, rows: u64) -> Result<LogicalPlan> {
        StreamingExtension::over(input, Self { rows })
    }
}

impl StreamingNode for GlobalLimitNode {
    fn name(&self) -> &str {
        "GlobalLimit"
    }

    fn describe(&self) -> String {
        self.rows.to_string()
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        only_input(self, inputs.to_vec()).map(Arc::clone)
    }

    fn needs(&self, output: &[usize], _inputs: &[NodeInput<'_>]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output.to_vec()])
    }

    fn passes(&self, output: usize) -> Option<(usize, usize)> {
        Some((0, output))
    }

    fn picks_by_arrival(&self) -> bool {
        true
    }

    fn gives(&self, inputs: &[NodeInput<'_>], _place: Place) -> Edge {
        inputs.first().map_or_else(Edge::append_only, |input| Edge { key: None, ..input.edge.clone() })
    }

    fn plan(&self, inputs: Vec<PlannedInput<'_>>, context: &PlanContext<'_>) -> Result<Planned> {
        let input = only_input(self, inputs)?;
        let limit = Arc::new(GlobalLimit::try_new(context.place.number, self.rows, context.operators)?);
        let operator: Arc<dyn StatefulOperator> = Arc::<GlobalLimit>::clone(&limit);
        Ok(Planned { plan: Arc::new(Unary::new(input.rows, limit)), operator: Some(operator) })
    }
}
