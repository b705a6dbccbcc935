//! Gives the rows of a result as often as one of their columns says.

use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::LogicalPlan;
use millstream_core::{Error, OutputMode, Result};

use super::changes::columns_at;
use crate::operators::{Repeat, Unary};
use crate::plan::edge::{Edge, Rows};
use crate::plan::node::{
    NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingExtension, StreamingNode, only_input,
};

/// The column that says how often a row is given.
pub(crate) const COPIES: &str = "__copies";

/// Repeats rows by [`COPIES`], which does not show above. In update mode it gives changes and takes them.
#[derive(Debug, Clone)]
pub(crate) struct RepeatNode {
    /// No row is given more than once, so that it keeps its key.
    pub(crate) is_distinct: bool,
}

impl RepeatNode {
    /// The rows of `input`, repeated.
    pub(crate) fn over(self, input: LogicalPlan) -> Result<LogicalPlan> {
        StreamingExtension::over(input, self)
    }

    fn place(schema: &DFSchema) -> Result<usize> {
        let place = schema.fields().iter().position(|field| field.name() == COPIES);
        place.ok_or_else(|| Error::internal(format!("rows that are repeated lack the column {COPIES}")))
    }

    fn shown(schema: &DFSchema) -> Vec<usize> {
        let shows = |(_, field): &(usize, &Arc<Field>)| field.name() != COPIES;
        schema.fields().iter().enumerate().filter(shows).map(|(place, _)| place).collect()
    }
}

impl StreamingNode for RepeatNode {
    fn name(&self) -> &str {
        "Repeat"
    }

    fn describe(&self) -> String {
        if self.is_distinct { "once or not at all".to_owned() } else { format!("by {COPIES}") }
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        let input = only_input(self, inputs.to_vec())?;
        columns_at(input, &Self::shown(input)).map(Arc::new)
    }

    fn passes(&self, _output: usize) -> Option<(usize, usize)> {
        None
    }

    fn is_stateful(&self) -> bool {
        false
    }

    fn takes(&self, _input: usize) -> &[Rows] {
        &[Rows::Changes, Rows::Whole, Rows::AppendOnly]
    }

    /// In update mode what is below is told to give changes, if it does not yet.
    fn gives(&self, inputs: &[NodeInput<'_>], place: Place) -> Edge {
        let [input] = inputs else { return Edge::append_only() };
        let shown = Self::shown(input.schema);
        let edge = input.edge.showing(&shown);
        let key = edge.key.clone().filter(|_| self.is_distinct);
        let changes = place.output_mode == OutputMode::Update && input.edge.rows == Rows::Updates;
        let rows = if changes { Rows::Changes } else { input.edge.rows };
        Edge { rows, key, keeps_keys: false, ..edge }
    }

    fn plan(&self, inputs: Vec<PlannedInput<'_>>, _context: &PlanContext<'_>) -> Result<Planned> {
        let input = only_input(self, inputs)?;
        let schema = Arc::new(self.schema(&[&Arc::new(input.schema.clone())])?.as_arrow().clone());
        let repeat = Arc::new(Repeat { copies: Self::place(input.schema)?, schema });
        Ok(Planned { plan: Arc::new(Unary::new(input.rows, repeat)), operator: None })
    }
}
