//! `limit` and `offset` over the rows of a stream: it keeps how many have come.

use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::LogicalPlan;
use millstream_core::Result;

use crate::operators::{GlobalLimit, RowLimit, Unary};
use crate::plan::edge::Edge;
use crate::plan::node::{
    NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingExtension, StreamingNode, only_input,
};
use crate::state::StatefulOperator;

/// Passes on the first rows of all batches together, or those behind them (Spark: `StreamingGlobalLimitExec`).
#[derive(Debug, Clone)]
pub(crate) struct GlobalLimitNode {
    limit: RowLimit,
}

impl GlobalLimitNode {
    /// The rows of `input` that pass.
    pub(crate) fn over(input: LogicalPlan, limit: RowLimit) -> Result<LogicalPlan> {
        StreamingExtension::over(input, Self { limit })
    }
}

impl StreamingNode for GlobalLimitNode {
    fn name(&self) -> &str {
        "GlobalLimit"
    }

    fn describe(&self) -> String {
        self.limit.to_string()
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        only_input(self, inputs.to_vec()).map(Arc::clone)
    }

    /// What was counted means another thing where other rows are skipped.
    fn state_keys(&self) -> Vec<String> {
        let skip = self.limit.skip;
        if skip > 0 { vec![format!("after {skip}")] } else { vec![] }
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
        let limit = Arc::new(GlobalLimit::try_new(context.place.number, self.limit, context.operators)?);
        let operator: Arc<dyn StatefulOperator> = Arc::<GlobalLimit>::clone(&limit);
        Ok(Planned { plan: Arc::new(Unary::new(input.rows, limit)), operator: Some(operator) })
    }
}
