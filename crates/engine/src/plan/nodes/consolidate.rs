//! The planner's own node: it stands between rows that are added and taken back and the sink.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::LogicalPlan;
use millstream_core::{ROW_OPERATION, Result};

use super::changes::weight_of;
use crate::error::from_datafusion;
use crate::operators::{Consolidated, Consolidation, Unary};
use crate::plan::consolidation::is_hidden;
use crate::plan::edge::{Edge, Rows};
use crate::plan::node::{
    NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingExtension, StreamingNode, only_input,
};

/// Sums the weights of equal rows of a batch (see [`Consolidation`]), and gives what its reader takes.
#[derive(Debug, Clone)]
pub(crate) struct ConsolidateNode {
    gives: Gives,
    /// Who takes the rows, for errors.
    reader: String,
}

/// What becomes of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gives {
    /// Rows that stay.
    Rows,
    /// The newest row of each key of the input.
    Updates {
        /// Each row says what has become of its key, which may have gone.
        tells_deletes: bool,
    },
}

impl Gives {
    fn rows(self) -> Rows {
        match self {
            Self::Rows => Rows::AppendOnly,
            Self::Updates { .. } => Rows::Updates,
        }
    }
}

impl ConsolidateNode {
    /// The changes of `input` as rows of this kind, for a reader.
    pub(crate) fn over(input: LogicalPlan, gives: Gives, reader: impl Into<String>) -> Result<LogicalPlan> {
        StreamingExtension::over(input, Self { gives, reader: reader.into() })
    }

    /// The columns of the input that the reader sees.
    fn shown(schema: &DFSchema) -> Vec<usize> {
        let shows = |(_, field): &(usize, &Arc<Field>)| !is_hidden(field.name());
        schema.fields().iter().enumerate().filter(shows).map(|(column, _)| column).collect()
    }

    /// The edge to the reader: of the input's columns those that are shown.
    fn edge(&self, schema: &DFSchema, input: &Edge) -> Edge {
        let shown = Self::shown(schema);
        Edge { rows: self.gives.rows(), ..input.showing(&shown) }
    }
}

impl StreamingNode for ConsolidateNode {
    fn name(&self) -> &str {
        "Consolidate"
    }

    fn describe(&self) -> String {
        format!("changes to {}, for {}", self.gives.rows(), self.reader)
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        let input = only_input(self, inputs.to_vec())?;
        let columns: Vec<_> = input.iter().collect();
        let shown = Self::shown(input).into_iter().map(|column| columns[column]);
        let mut fields: Vec<_> = shown.map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))).collect();
        if self.gives == (Gives::Updates { tells_deletes: true }) {
            fields.push((None, Arc::new(Field::new(ROW_OPERATION, DataType::Utf8, false))));
        }
        Ok(Arc::new(DFSchema::new_with_metadata(fields, HashMap::new()).map_err(from_datafusion)?))
    }

    /// No column is shown as it was: rows with it have gone.
    fn passes(&self, _output: usize) -> Option<(usize, usize)> {
        None
    }

    fn is_stateful(&self) -> bool {
        false
    }

    fn takes(&self, _input: usize) -> &[Rows] {
        &[Rows::Changes]
    }

    fn gives(&self, inputs: &[NodeInput<'_>], _place: Place) -> Edge {
        inputs.first().map_or_else(Edge::append_only, |input| self.edge(input.schema, input.edge))
    }

    fn plan(&self, inputs: Vec<PlannedInput<'_>>, context: &PlanContext<'_>) -> Result<Planned> {
        let input = only_input(self, inputs)?;
        let weight = weight_of(input.schema)?;
        let shown = Self::shown(input.schema);
        // Rows that nothing names are each their own key.
        let gives = match self.gives {
            Gives::Updates { tells_deletes } => {
                let key = input.edge.key.clone().unwrap_or_else(|| shown.clone());
                Consolidated::Updates { key, tells_deletes }
            }
            Gives::Rows => Consolidated::Rows,
        };
        let schema = Arc::new(self.schema(&[&Arc::new(input.schema.clone())])?.as_arrow().clone());
        let (reader, memory) = (self.reader.clone(), context.operators.memory.clone());
        let consolidation = Consolidation { weight, shown, gives, schema, reader, memory };
        Ok(Planned { plan: Arc::new(Unary::new(input.rows, Arc::new(consolidation))), operator: None })
    }
}
