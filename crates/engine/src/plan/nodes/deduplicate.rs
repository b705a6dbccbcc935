//! `dropDuplicates` above a stream: it keeps the keys it has seen from batch to batch.

use std::sync::Arc;

use datafusion::common::{Column, DFSchema, DFSchemaRef};
use datafusion::logical_expr::LogicalPlan;
use millstream_core::{Error, OutputMode, Result};

use crate::error::from_datafusion;
use crate::operators::{Deduplication, SeenKeys, Unary};
use crate::plan::edge::{Edge, Rows};
use crate::plan::node::{
    NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingExtension, StreamingNode, only_input,
};
use crate::plan::unsupported::{more_than_one_event_time, refused};
use crate::state::{KeyCodec, Lifetime, StatefulOperator, StoreLayout};

use super::lifetime::lifetime_of;

/// Passes on the first row of each key (Spark: `Deduplicate` and `DeduplicateWithinWatermark` over a stream).
#[derive(Debug, Clone)]
pub struct DeduplicateNode {
    keys: Vec<Column>,
    within_watermark: bool,
}

impl DeduplicateNode {
    /// The rows of `input` with the first row of each key; `keys` are columns of `input`. Within a watermark a key is
    /// forgotten by the event time of the row that brought it.
    pub fn over(input: LogicalPlan, keys: Vec<Column>, within_watermark: bool) -> Result<LogicalPlan> {
        StreamingExtension::over(input, Self { keys, within_watermark })
    }

    /// The columns that make a key, where one is kept as long as its row is there.
    pub(crate) fn lasting_keys(&self) -> Option<&[Column]> {
        (!self.within_watermark).then_some(&self.keys)
    }

    fn key_places(&self, schema: &DFSchema) -> Result<Vec<usize>> {
        let place = |column| schema.index_of_column(column).map_err(from_datafusion);
        self.keys.iter().map(place).collect()
    }
}

impl StreamingNode for DeduplicateNode {
    fn name(&self) -> &str {
        if self.within_watermark { "DeduplicateWithinWatermark" } else { "Deduplicate" }
    }

    fn describe(&self) -> String {
        let keys: Vec<_> = self.keys.iter().map(|key| key.name.as_str()).collect();
        format!("[{}]", keys.join(", "))
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        only_input(self, inputs.to_vec()).map(Arc::clone)
    }

    fn state_keys(&self) -> Vec<String> {
        self.keys.iter().map(|key| key.name.clone()).collect()
    }

    /// As in Spark, columns that nobody above reads are not carried, even event time. So it depends on what is read
    /// above whether late rows are dropped, unless event time is in the key or says when keys end.
    fn needs(&self, output: &[usize], inputs: &[NodeInput<'_>]) -> Option<Vec<Vec<usize>>> {
        let [input] = inputs else { return None };
        let mut needed = self.key_places(input.schema).ok()?;
        if self.within_watermark {
            needed.extend(input.edge.event_times.iter().map(|event_time| event_time.column));
        }
        needed.extend(output);
        Some(vec![needed])
    }

    fn passes(&self, output: usize) -> Option<(usize, usize)> {
        Some((0, output))
    }

    fn goes_by_event_time(&self, inputs: &[NodeInput<'_>]) -> bool {
        let is_key = |input: &NodeInput<'_>, column| {
            let keys = self.key_places(input.schema);
            keys.is_ok_and(|keys| keys.contains(&column))
        };
        let by_key = |input: &NodeInput<'_>| input.edge.event_times.iter().any(|time| is_key(input, time.column));
        self.within_watermark || inputs.iter().any(by_key)
    }

    /// The state holds keys alone, and they are the same whichever row brought them.
    fn picks_by_arrival(&self) -> bool {
        true
    }

    fn keeps_for_ever(&self, inputs: &[NodeInput<'_>], _place: Place) -> Option<String> {
        (!self.goes_by_event_time(inputs)).then(|| format!("keys {}", self.describe()))
    }

    /// As in Spark, a key that was seen stays seen, whatever becomes of its row.
    fn takes(&self, _input: usize) -> &[Rows] {
        &[Rows::AppendOnly, Rows::Updates, Rows::Whole]
    }

    fn gives(&self, inputs: &[NodeInput<'_>], _place: Place) -> Edge {
        inputs.first().map_or_else(Edge::append_only, |input| Edge { key: None, ..input.edge.clone() })
    }

    fn check(&self, inputs: &[NodeInput<'_>], _mode: OutputMode) -> Result<()> {
        if self.within_watermark && inputs.iter().all(|input| input.edge.event_times.is_empty()) {
            return Err(refused(
                "dropDuplicatesWithinWatermark is not supported on streaming DataFrames/DataSets without watermark",
            ));
        }
        Ok(())
    }

    fn plan(&self, inputs: Vec<PlannedInput<'_>>, context: &PlanContext<'_>) -> Result<Planned> {
        let input = only_input(self, inputs)?;
        let (schema, columns) = (input.rows.schema(), input.schema);
        let keys = self.key_places(columns)?;
        let event_time = match input.edge.event_times.as_slice() {
            [] => None,
            [event_time] => Some(*event_time),
            several => {
                let name = |place: usize| columns.field(place).name().clone();
                let names: Vec<_> = several.iter().map(|event_time| name(event_time.column)).collect();
                return Err(more_than_one_event_time(&names));
            }
        };
        let codec = KeyCodec::try_new(keys.iter().map(|&key| Arc::clone(&schema.fields()[key])).collect())?;
        let number = context.place.number;
        let operator = ("deduplication", number);
        let seen = if self.within_watermark {
            let event_time = event_time.ok_or_else(|| Error::internal("the event time of a watermark was pruned"))?;
            let layout = StoreLayout::new(codec, ());
            let keys = context.operators.store(operator, "keys", layout, Some(Lifetime::InValue))?;
            SeenKeys::ByRow(Arc::new(keys), event_time.delay_us)
        } else {
            let in_key = keys.iter().position(|&key| event_time.is_some_and(|event_time| event_time.column == key));
            let key_schema = schema.project(&keys)?;
            let lifetime = in_key.map(|key| lifetime_of(&codec, key, &key_schema)).transpose()?;
            let layout = StoreLayout::new(codec, ());
            SeenKeys::ByKey(Arc::new(context.operators.store(operator, "keys", layout, lifetime)?))
        };
        let event_time = event_time.map(|event_time| event_time.column);
        let deduplication = Arc::new(Deduplication::new(number, keys, event_time, seen, context.operators));
        let operator: Arc<dyn StatefulOperator> = Arc::<Deduplication>::clone(&deduplication);
        Ok(Planned { plan: Arc::new(Unary::new(input.rows, deduplication)), operator: Some(operator) })
    }
}
