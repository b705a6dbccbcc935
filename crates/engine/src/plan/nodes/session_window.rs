//! An aggregate above a stream that is grouped by a session: it keeps the sessions of each key from batch to batch.

use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use millstream_core::{OutputMode, Result};

use crate::operators::{AggregateColumns, SessionWindowAggregation, Unary, output_schema};
use crate::plan::edge::{Edge, EventTime, Rows, aggregate_edge};
use crate::plan::node::{NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingNode, only_input};
use crate::state::{KeyCodec, Lifetime, Sessions, StatefulOperator};

/// Groups by its input's first columns, of which one is a session (Spark: `Aggregate` by `session_window` over a
/// stream). The input is a projection, as that of a [`super::StatefulAggregateNode`].
#[derive(Debug, Clone)]
pub(crate) struct SessionWindowNode {
    pub(crate) columns: AggregateColumns,
    /// The key that is the session.
    pub(crate) session: usize,
    pub(crate) schema: DFSchemaRef,
}

impl StreamingNode for SessionWindowNode {
    fn name(&self) -> &str {
        "SessionWindowAggregate"
    }

    fn describe(&self) -> String {
        format!("session={}, {}", self.session, self.columns)
    }

    fn schema(&self, _inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        Ok(Arc::clone(&self.schema))
    }

    fn state_keys(&self) -> Vec<String> {
        self.schema.fields().iter().take(self.columns.keys).map(|field| field.name().clone()).collect()
    }

    /// Only keys are shown unchanged, and of those not the session: it is longer than that of a row.
    fn passes(&self, output: usize) -> Option<(usize, usize)> {
        (output < self.columns.keys && output != self.session).then_some((0, output))
    }

    fn keeps_for_ever(&self, inputs: &[NodeInput<'_>], place: Place) -> Option<String> {
        let ends = inputs.iter().any(|input| input.edge.event_time(self.session).is_some());
        let is_asked_for = place.output_mode == OutputMode::Complete;
        (!ends && !is_asked_for).then(|| format!("sessions by [{}]", self.state_keys().join(", ")))
    }

    fn gives(&self, inputs: &[NodeInput<'_>], place: Place) -> Edge {
        let all: Vec<EventTime> = inputs.first().map(|input| input.edge.event_times.clone()).unwrap_or_default();
        let of_keys = all.into_iter().filter(|event_time| event_time.column < self.columns.keys).collect();
        let edge = aggregate_edge(place.output_mode, self.columns.keys, of_keys);
        if self.columns.gives_changes { Edge { rows: Rows::Changes, ..edge } } else { edge }
    }

    fn plan(&self, inputs: Vec<PlannedInput<'_>>, context: &PlanContext<'_>) -> Result<Planned> {
        let (input, columns) = (only_input(self, inputs)?.rows, self.columns.clone());
        let schema = output_schema(self.schema.as_arrow(), &columns, &input.schema())?;
        let fields = input.schema().fields()[..columns.keys].to_vec();
        let keys = fields.into_iter().enumerate().filter(|(key, _)| *key != self.session).map(|(_, field)| field);
        let codec = KeyCodec::try_new(keys.collect())?;
        let functions = columns.functions.iter().map(|column| Arc::clone(&column.function)).collect();
        let (layout, number) = (Sessions::layout(codec, functions), context.place.number);
        let operator = ("aggregation by session", number);
        let sessions = context.operators.store(operator, "sessions", layout, Some(Lifetime::InValue))?;
        let columns = (columns, self.session);
        let aggregation = Arc::new(SessionWindowAggregation::new(number, columns, schema, sessions, context.operators));
        let operator: Arc<dyn StatefulOperator> = Arc::<SessionWindowAggregation>::clone(&aggregation);
        Ok(Planned { plan: Arc::new(Unary::new(input, aggregation)), operator: Some(operator) })
    }
}
