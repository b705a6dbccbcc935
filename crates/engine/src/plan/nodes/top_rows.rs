//! The first rows of each key of a stream, in an order.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Column, DFSchema, DFSchemaRef, TableReference};
use datafusion::logical_expr::LogicalPlan;
use millstream_core::{Error, Result};

use super::changes::{rows_of, weight_of};
use super::lifetime::lifetime_of;
use crate::error::from_datafusion;
use crate::operators::{Numbering, Shown, TopRows, TopRowsColumns, Unary, top_rows_layout};
use crate::plan::edge::{Edge, Rows, WEIGHT};
use crate::plan::node::{
    NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingExtension, StreamingNode, only_input,
};
use crate::plan::unsupported::more_than_one_event_time;
use crate::state::{KeyCodec, OrderCodec, OrderColumn, StatefulOperator};

/// A column by which rows are ordered.
#[derive(Debug, Clone)]
pub(crate) struct RowOrder {
    pub(crate) column: Column,
    pub(crate) is_descending: bool,
    pub(crate) nulls_first: bool,
}

/// Shows the rows whose number among those of their key is within bounds (Spark has it for batches alone: a filter of
/// `row_number()`, `rank()` or `dense_rank()`, and `ORDER BY` with `LIMIT`). What it gives are changes.
#[derive(Debug, Clone)]
pub(crate) struct TopRowsNode {
    pub(crate) keys: Vec<Column>,
    pub(crate) order: Vec<RowOrder>,
    pub(crate) shown: Shown,
    /// The column of the numbers, where they are one.
    pub(crate) number: Option<(Option<TableReference>, FieldRef)>,
    /// The column of weights shows. It does not while a plan is checked, which only asks for the kind of rows.
    pub(crate) has_weights: bool,
}

impl TopRowsNode {
    /// The node over the rows of `input`.
    pub(crate) fn over(self, input: LogicalPlan) -> Result<LogicalPlan> {
        StreamingExtension::over(input, self)
    }

    fn key_places(&self, schema: &DFSchema) -> Result<Vec<usize>> {
        places(self.keys.iter(), schema)
    }

    fn order_places(&self, schema: &DFSchema) -> Result<Vec<usize>> {
        places(self.order.iter().map(|order| &order.column), schema)
    }

    /// The order as text.
    fn order_text(&self) -> String {
        let text = |order: &RowOrder| {
            let direction = if order.is_descending { "desc" } else { "asc" };
            let nulls = if order.nulls_first { "first" } else { "last" };
            format!("{} {direction} nulls {nulls}", order.column.name)
        };
        self.order.iter().map(text).collect::<Vec<_>>().join(", ")
    }

    /// One row of each key is shown.
    fn is_first_of_key(&self) -> bool {
        self.shown.numbering == Numbering::RowNumber && self.shown.last == 1 && !self.keys.is_empty()
    }

    /// The columns that name a row of the output: those of the input if it has some, or else the key with the number,
    /// where these tell rows apart.
    fn key(&self, input: &NodeInput<'_>, passed: &[usize]) -> Option<Vec<usize>> {
        let place = |column: usize| passed.iter().position(|&passed| passed == column);
        if let Some(key) = &input.edge.key {
            return key.iter().map(|&column| place(column)).collect();
        }
        let is_numbered = self.shown.numbering == Numbering::RowNumber && self.number.is_some();
        if !is_numbered && !self.is_first_of_key() {
            return None;
        }
        let keys = self.key_places(input.schema).ok()?;
        let keys: Option<Vec<usize>> = keys.into_iter().map(place).collect();
        keys.map(|keys| keys.into_iter().chain(is_numbered.then_some(passed.len())).collect())
    }

    fn order_codec(&self, schema: &DFSchema) -> Result<OrderCodec> {
        let places = self.order_places(schema)?;
        let column = |(order, place): (&RowOrder, usize)| OrderColumn {
            data_type: schema.field(place).data_type().clone(),
            is_descending: order.is_descending,
            nulls_first: order.nulls_first,
        };
        OrderCodec::try_new(self.order.iter().zip(places).map(column).collect())
    }
}

fn places<'a>(columns: impl Iterator<Item = &'a Column>, schema: &DFSchema) -> Result<Vec<usize>> {
    columns.map(|column| schema.index_of_column(column).map_err(from_datafusion)).collect()
}

impl StreamingNode for TopRowsNode {
    fn name(&self) -> &str {
        "TopRows"
    }

    fn describe(&self) -> String {
        let keys: Vec<_> = self.keys.iter().map(|key| key.name.as_str()).collect();
        let weights = if self.has_weights { ", with weights" } else { "" };
        format!("keys=[{}], order=[{}], {}{weights}", keys.join(", "), self.order_text(), self.shown)
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        let input = only_input(self, inputs.to_vec())?;
        let columns: Vec<_> = input.iter().collect();
        let passed = rows_of(input).into_iter().map(|place| columns[place]);
        let mut fields: Vec<_> = passed.map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field))).collect();
        fields.extend(self.number.clone());
        fields.extend(self.has_weights.then(|| (None, Arc::new(Field::new(WEIGHT, DataType::Int64, false)))));
        let schema = DFSchema::new_with_metadata(fields, input.metadata().clone()).map_err(from_datafusion)?;
        Ok(Arc::new(schema))
    }

    /// Only the first rows are kept of those that stay, so which these are is a part of what the state means.
    fn state_keys(&self) -> Vec<String> {
        let keys = self.keys.iter().map(|key| key.name.clone());
        keys.chain([format!("order {}", self.order_text()), self.shown.to_string()]).collect()
    }

    fn needs(&self, output: &[usize], inputs: &[NodeInput<'_>]) -> Option<Vec<Vec<usize>>> {
        let [input] = inputs else { return None };
        let passed = rows_of(input.schema);
        let mut needed = self.key_places(input.schema).ok()?;
        needed.extend(self.order_places(input.schema).ok()?);
        needed.extend(weight_of(input.schema).ok());
        needed.extend(output.iter().filter_map(|&column| passed.get(column)));
        Some(vec![needed])
    }

    /// Rows with a column's value may go again.
    fn passes(&self, _output: usize) -> Option<(usize, usize)> {
        None
    }

    /// A row that is late for a key which has ended is dropped, but none that comes of an aggregate: it is told what
    /// changes.
    fn goes_by_event_time(&self, _inputs: &[NodeInput<'_>]) -> bool {
        false
    }

    /// Of rows that stay the first are kept alone. Of those that may be taken back any may become the first.
    fn keeps_for_ever(&self, inputs: &[NodeInput<'_>], _place: Place) -> Option<String> {
        let [input] = inputs else { return None };
        let keys = self.key_places(input.schema).ok()?;
        let ends = keys.iter().any(|&key| input.edge.event_time(key).is_some());
        let names: Vec<_> = self.keys.iter().map(|key| key.name.as_str()).collect();
        match (ends, keys.is_empty(), input.edge.rows == Rows::Changes) {
            (true, _, _) | (false, true, false) => None,
            (false, true, true) => Some("rows".to_owned()),
            (false, false, _) => Some(format!("rows by [{}]", names.join(", "))),
        }
    }

    fn takes(&self, _input: usize) -> &[Rows] {
        &[Rows::AppendOnly, Rows::Changes]
    }

    /// A row may come back long after its time, unless its key ends with that.
    fn gives(&self, inputs: &[NodeInput<'_>], _place: Place) -> Edge {
        let [input] = inputs else { return Edge::append_only() };
        let passed = rows_of(input.schema);
        let keys = self.key_places(input.schema).unwrap_or_default();
        let of_key = |output: usize| passed.get(output).copied().filter(|column| keys.contains(column));
        let edge = input.edge.with_columns(passed.len(), of_key);
        let (key, has_input_key) = (self.key(input, &passed), input.edge.key.is_some());
        let is_key_carried = has_input_key && input.edge.is_key_carried;
        Edge { rows: Rows::Changes, key, is_key_carried, keeps_keys: false, ..edge }
    }

    fn plan(&self, inputs: Vec<PlannedInput<'_>>, context: &PlanContext<'_>) -> Result<Planned> {
        let input = only_input(self, inputs)?;
        let (fields, keys) = (input.rows.schema(), self.key_places(input.schema)?);
        let weight = (input.edge.rows == Rows::Changes).then(|| weight_of(input.schema)).transpose()?;
        let of_key: Vec<usize> = input.edge.event_times.iter().map(|time| time.column).collect();
        let of_key: Vec<usize> = of_key.into_iter().filter(|column| keys.contains(column)).collect();
        if of_key.len() > 1 {
            let names: Vec<_> = of_key.iter().map(|&column| input.schema.field(column).name().clone()).collect();
            return Err(more_than_one_event_time(&names));
        }
        let event_time = of_key.first().copied();
        let order = self.order_codec(input.schema)?;
        let codec = KeyCodec::try_new(keys.iter().map(|&key| Arc::clone(&fields.fields()[key])).collect())?;
        let in_key = keys.iter().position(|&key| Some(key) == event_time);
        let key_schema = fields.project(&keys)?;
        let lifetime = in_key.map(|key| lifetime_of(&codec, key, &key_schema)).transpose()?;
        let passed = rows_of(input.schema).into_iter().map(|place| Arc::clone(&fields.fields()[place]));
        let layout = top_rows_layout(codec, &order, passed.collect())?;
        let number = context.place.number;
        let rows = context.operators.store(("the first rows", number), "rows", layout, lifetime)?;
        let schema = Arc::new(self.schema(&[&Arc::new(input.schema.clone())])?.as_arrow().clone());
        if !self.has_weights {
            return Err(Error::internal("the first rows of a stream were planned without weights"));
        }
        let columns = TopRowsColumns {
            order: self.order_places(input.schema)?,
            keys,
            weight,
            event_time,
            shown: self.shown.clone(),
            text: self.order_text(),
        };
        let top = Arc::new(TopRows::new(number, (columns, order), schema, rows, context.operators));
        let operator: Arc<dyn StatefulOperator> = Arc::<TopRows>::clone(&top);
        Ok(Planned { plan: Arc::new(Unary::new(input.rows, top)), operator: Some(operator) })
    }
}
