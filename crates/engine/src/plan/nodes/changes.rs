//! Says of the aggregate below it that it gives changes.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DFSchemaRef};
use millstream_core::{Error, Result};

use crate::error::from_datafusion;
use crate::plan::edge::{Edge, Rows, WEIGHT};
use crate::plan::node::{NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingNode, only_input};

/// A mark over an aggregate whose rows are added and taken back. The aggregate and its mark become one stateful node.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChangesNode {
    /// The column of weights shows. It does not while a plan is checked, which only asks for the kind of rows.
    pub(crate) has_weights: bool,
}

/// The columns of changes: those of the rows, and their weights.
pub(crate) fn with_weights(schema: &DFSchema) -> Result<DFSchemaRef> {
    let weight = Arc::new(Field::new(WEIGHT, DataType::Int64, false));
    let rows = schema.iter().map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)));
    let fields = rows.chain([(None, weight)]).collect();
    Ok(Arc::new(DFSchema::new_with_metadata(fields, schema.metadata().clone()).map_err(from_datafusion)?))
}

/// The schema of the columns at these places.
pub(super) fn columns_at(schema: &DFSchema, places: &[usize]) -> Result<DFSchema> {
    let column = |&place: &usize| {
        let (qualifier, field) = schema.qualified_field(place);
        (qualifier.cloned(), Arc::clone(field))
    };
    let columns = places.iter().map(column).collect();
    DFSchema::new_with_metadata(columns, schema.metadata().clone()).map_err(from_datafusion)
}

/// The places of all columns but the weights.
pub(super) fn rows_of(schema: &DFSchema) -> Vec<usize> {
    let is_row = |(_, field): &(usize, &Arc<Field>)| field.name() != WEIGHT;
    schema.fields().iter().enumerate().filter(is_row).map(|(place, _)| place).collect()
}

/// The place of the weights.
pub(super) fn weight_of(schema: &DFSchema) -> Result<usize> {
    let place = schema.fields().iter().position(|field| field.name() == WEIGHT);
    place.ok_or_else(|| Error::internal(format!("changes lack the column {WEIGHT}")))
}

impl StreamingNode for ChangesNode {
    fn name(&self) -> &str {
        "Changes"
    }

    fn describe(&self) -> String {
        if self.has_weights { "with weights".to_owned() } else { String::new() }
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        let input = only_input(self, inputs.to_vec())?;
        if self.has_weights { with_weights(input) } else { Ok(Arc::clone(input)) }
    }

    fn passes(&self, output: usize) -> Option<(usize, usize)> {
        Some((0, output))
    }

    fn is_stateful(&self) -> bool {
        false
    }

    fn takes(&self, _input: usize) -> &[Rows] {
        &[Rows::Updates, Rows::Whole]
    }

    /// A result without a key has one row, which nothing needs to name.
    fn gives(&self, inputs: &[NodeInput<'_>], _place: Place) -> Edge {
        let Some(input) = inputs.first() else { return Edge::append_only() };
        let key = Some(input.edge.key.clone().unwrap_or_default());
        Edge { rows: Rows::Changes, key, ..input.edge.clone() }
    }

    fn plan(&self, _inputs: Vec<PlannedInput<'_>>, _context: &PlanContext<'_>) -> Result<Planned> {
        Err(Error::internal("an aggregate was planned apart from its mark"))
    }
}
