//! The planner's own node: it stands where rows are added and taken back above and below who cannot be told so.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::LogicalPlan;
use millstream_core::{Error, Result};

use crate::error::from_datafusion;
use crate::operators::{Consolidated, Consolidation, Unary};
use crate::plan::edge::{Edge, Rows, WEIGHT};
use crate::plan::node::{
    NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingExtension, StreamingNode, only_input,
};

/// Sums the weights of equal rows of a batch (see [`Consolidation`]), and gives what its reader takes.
#[derive(Debug, Clone)]
pub(crate) struct ConsolidateNode {
    /// [`Rows::AppendOnly`], or [`Rows::Updates`] by the key of the input.
    gives: Rows,
    /// Who takes the rows, for errors.
    reader: String,
}

impl ConsolidateNode {
    /// The changes of `input` as rows of this kind, for a reader.
    pub(crate) fn over(input: LogicalPlan, gives: Rows, reader: impl Into<String>) -> Result<LogicalPlan> {
        StreamingExtension::over(input, Self { gives, reader: reader.into() })
    }

    /// What the input's edge becomes without the column of weights.
    fn edge(&self, schema: &DFSchema, input: &Edge) -> Edge {
        let Ok(weight) = weight_of(schema) else { return Edge { rows: self.gives, ..input.clone() } };
        let output = |column: usize| column - usize::from(column > weight);
        let columns = schema.fields().len() - 1;
        let edge = input.with_columns(columns, |column| Some(column + usize::from(column >= weight)));
        let key = input.key.as_ref().map(|key| key.iter().copied().map(output).collect());
        Edge { rows: self.gives, key, ..edge }
    }
}

/// The place of the weights.
fn weight_of(schema: &DFSchema) -> Result<usize> {
    let place = schema.fields().iter().position(|field| field.name() == WEIGHT);
    place.ok_or_else(|| Error::internal(format!("changes lack the column {WEIGHT}")))
}

impl StreamingNode for ConsolidateNode {
    fn name(&self) -> &str {
        "Consolidate"
    }

    fn describe(&self) -> String {
        format!("changes to {}, for {}", self.gives, self.reader)
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        let input = only_input(self, inputs.to_vec())?;
        let weight = weight_of(input)?;
        let left = input.iter().enumerate().filter(|(column, _)| *column != weight);
        let fields = left.map(|(_, (qualifier, field))| (qualifier.cloned(), Arc::clone(field))).collect();
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
        let gives = match (self.gives, self.edge(input.schema, &input.edge).key) {
            (Rows::AppendOnly, _) => Consolidated::Rows,
            (Rows::Updates, Some(key)) => Consolidated::Updates { key },
            (gives, _) => return Err(Error::internal(format!("changes without a key do not become {gives}"))),
        };
        let columns: Vec<usize> = (0..input.rows.schema().fields().len()).filter(|column| *column != weight).collect();
        let schema = Arc::new(input.rows.schema().project(&columns)?);
        let (reader, memory) = (self.reader.clone(), context.operators.memory.clone());
        let consolidation = Consolidation { weight, gives, schema, reader, memory };
        Ok(Planned { plan: Arc::new(Unary::new(input.rows, Arc::new(consolidation))), operator: None })
    }
}
