//! An aggregate above a stream: it keeps its groups from batch to batch.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::DFSchemaRef;
use millstream_core::{OutputMode, Result};

use super::lifetime::lifetime_of;
use crate::operators::{
    AggregateColumns, DistinctColumns, DistinctValues, SeenValues, StatefulAggregation, Unary, output_schema,
};
use crate::plan::edge::{Edge, EventTime, Rows, aggregate_edge};
use crate::plan::node::{NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingNode, only_input};
use crate::state::{KeyCodec, StatefulOperator, StoreLayout};

/// Groups by its input's first columns (Spark: `Aggregate` over a stream). The input is a projection that holds keys,
/// arguments and FILTER conditions and nothing else, so the node has no expressions of its own that a rule could move.
#[derive(Debug, Clone)]
pub(crate) struct StatefulAggregateNode {
    pub(crate) columns: AggregateColumns,
    pub(crate) schema: DFSchemaRef,
}

impl StatefulAggregateNode {
    /// The store of the values that are distinct in some columns.
    fn seen_values(
        &self,
        place: usize,
        distinct: &DistinctColumns,
        input: &Schema,
        context: &PlanContext<'_>,
    ) -> Result<DistinctValues> {
        let schema = input.project(&distinct.columns)?;
        let codec = KeyCodec::try_new(schema.fields().to_vec())?;
        let lifetime = self.columns.event_time_key.map(|key| lifetime_of(&codec, key, &schema)).transpose()?;
        let (operator, name) = (("aggregation", context.place.number), format!("distinct-{place}"));
        let seen = if self.columns.weight.is_some() {
            let layout = StoreLayout::new(codec, ()).removable();
            SeenValues::Counted(Arc::new(context.operators.store(operator, &name, layout, lifetime)?))
        } else {
            let layout = StoreLayout::new(codec, ());
            SeenValues::Once(Arc::new(context.operators.store(operator, &name, layout, lifetime)?))
        };
        Ok(DistinctValues { columns: distinct.clone(), seen })
    }
}

impl StreamingNode for StatefulAggregateNode {
    fn name(&self) -> &str {
        "StatefulAggregate"
    }

    fn describe(&self) -> String {
        self.columns.to_string()
    }

    fn schema(&self, _inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        Ok(Arc::clone(&self.schema))
    }

    fn state_keys(&self) -> Vec<String> {
        self.schema.fields().iter().take(self.columns.keys).map(|field| field.name().clone()).collect()
    }

    /// Only keys are shown unchanged.
    fn passes(&self, output: usize) -> Option<(usize, usize)> {
        (output < self.columns.keys).then_some((0, output))
    }

    /// A group for all rows is one, but not the values that are distinct in it.
    fn keeps_for_ever(&self, _inputs: &[NodeInput<'_>], place: Place) -> Option<String> {
        if self.columns.event_time_key.is_some() || place.output_mode == OutputMode::Complete {
            return None;
        }
        let keys = self.state_keys().join(", ");
        match (self.columns.keys, self.columns.distinct.is_empty()) {
            (0, true) => None,
            (0, false) => Some("distinct values".to_owned()),
            (_, _) => Some(format!("groups by [{keys}]")),
        }
    }

    fn takes(&self, _input: usize) -> &[Rows] {
        if self.columns.weight.is_some() { &[Rows::Changes] } else { &[Rows::AppendOnly] }
    }

    fn gives(&self, inputs: &[NodeInput<'_>], place: Place) -> Edge {
        let all: Vec<EventTime> = inputs.first().map(|input| input.edge.event_times.clone()).unwrap_or_default();
        let of_keys = all.into_iter().filter(|event_time| event_time.column < self.columns.keys).collect();
        let edge = aggregate_edge(place.output_mode, self.columns.keys, of_keys);
        if !self.columns.gives_changes {
            return edge;
        }
        Edge { rows: Rows::Changes, key: Some(edge.key.unwrap_or_default()), ..edge }
    }

    fn plan(&self, inputs: Vec<PlannedInput<'_>>, context: &PlanContext<'_>) -> Result<Planned> {
        let (input, columns) = (only_input(self, inputs)?.rows, self.columns.clone());
        let schema = output_schema(self.schema.as_arrow(), &columns, &input.schema())?;
        let codec = KeyCodec::try_new(input.schema().fields()[..columns.keys].to_vec())?;
        let lifetime = columns.event_time_key.map(|key| lifetime_of(&codec, key, &input.schema())).transpose()?;
        let functions = columns.functions.iter().map(|column| Arc::clone(&column.function)).collect();
        let (layout, number) = (StoreLayout::new(codec, functions), context.place.number);
        // A group whose rows are all taken back goes.
        let layout = if columns.weight.is_some() { layout.removable() } else { layout };
        let groups = context.operators.store(("aggregation", number), "groups", layout, lifetime)?;
        let distinct = columns.distinct.iter().enumerate();
        let distinct = distinct.map(|(place, distinct)| self.seen_values(place, distinct, &input.schema(), context));
        let distinct = distinct.collect::<Result<Vec<_>>>()?;
        let aggregation = StatefulAggregation::new(number, columns, schema, (groups, distinct), context.operators);
        let aggregation = Arc::new(aggregation);
        let operator: Arc<dyn StatefulOperator> = Arc::<StatefulAggregation>::clone(&aggregation);
        Ok(Planned { plan: Arc::new(Unary::new(input, aggregation)), operator: Some(operator) })
    }
}
