//! `withWatermark`: names the event-time column and how late its rows may come.

use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::{Expr, LogicalPlan};
use millstream_core::{Error, Result};

use crate::operators::{FollowEventTime, Unary};
use crate::plan::edge::{Edge, EventTime, Rows, WatermarkId};
use crate::plan::node::{
    NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingExtension, StreamingNode, only_input,
};

/// Passes its rows on unchanged and follows the greatest event time among them (Spark: `EventTimeWatermark`).
#[derive(Debug, Clone)]
pub struct EventTimeWatermarkNode {
    /// A column of the input, or a field of a struct column.
    event_time: Expr,
    delay_us: i64,
}

impl EventTimeWatermarkNode {
    /// The rows of `input` with a watermark. `event_time` is a column of `input` of type TIMESTAMP or a window struct,
    /// or a field of a struct column; rows may come `delay_us` microseconds late.
    pub fn over(input: LogicalPlan, event_time: Expr, delay_us: i64) -> Result<LogicalPlan> {
        StreamingExtension::over(input, Self { event_time, delay_us })
    }

    /// The column that is followed, or the field of one.
    pub(crate) fn event_time(&self) -> &Expr {
        &self.event_time
    }

    /// How late rows may come, in microseconds.
    pub(crate) fn delay_us(&self) -> i64 {
        self.delay_us
    }

    /// The place of the event-time column. A field of a column is followed, but nothing above is event time then.
    fn column(&self, schema: &DFSchema) -> Option<usize> {
        match &self.event_time {
            Expr::Column(column) => schema.maybe_index_of_column(column),
            _ => None,
        }
    }
}

impl StreamingNode for EventTimeWatermarkNode {
    fn name(&self) -> &str {
        "EventTimeWatermark"
    }

    fn describe(&self) -> String {
        format!("{}, delay {} ms", self.event_time, self.delay_us / 1000)
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        only_input(self, inputs.to_vec()).map(Arc::clone)
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![self.event_time.clone()]
    }

    fn with_expressions(&self, mut expressions: Vec<Expr>) -> Result<Arc<dyn StreamingNode>> {
        let event_time = expressions.pop().ok_or_else(|| Error::internal("a watermark needs its event time"))?;
        Ok(Arc::new(Self { event_time, delay_us: self.delay_us }))
    }

    /// Columns that nobody above reads are not carried, except for event time.
    fn needs(&self, output: &[usize], inputs: &[NodeInput<'_>]) -> Option<Vec<Vec<usize>>> {
        let schema = inputs.first()?.schema;
        let own = self.event_time.column_refs();
        let mut needed = own.iter().map(|column| schema.maybe_index_of_column(column)).collect::<Option<Vec<_>>>()?;
        needed.extend(output);
        Some(vec![needed])
    }

    fn passes(&self, output: usize) -> Option<(usize, usize)> {
        Some((0, output))
    }

    fn keeps_every_row(&self) -> bool {
        true
    }

    /// Then the rows that it leaves out do not move the watermark (Spark: `PushPredicateThroughNonJoin`).
    fn lets_pass(&self, condition: &Expr) -> bool {
        !condition.is_volatile() && condition.column_refs().is_disjoint(&self.event_time.column_refs())
    }

    fn is_stateful(&self) -> bool {
        false
    }

    fn takes(&self, _input: usize) -> &[Rows] {
        &[Rows::AppendOnly, Rows::Updates, Rows::Whole, Rows::Changes]
    }

    fn gives(&self, inputs: &[NodeInput<'_>], place: Place) -> Edge {
        let Some(input) = inputs.first() else { return Edge::append_only() };
        let mut edge = input.edge.clone();
        if let Some(column) = self.column(input.schema) {
            let (watermark, delay_us) = (WatermarkId(place.number), self.delay_us);
            edge.event_times.retain(|event_time| event_time.column != column);
            edge.event_times.push(EventTime { column, watermark, delay_us });
            edge.event_times.sort_unstable_by_key(|event_time| event_time.column);
        }
        edge
    }

    fn plan(&self, inputs: Vec<PlannedInput<'_>>, context: &PlanContext<'_>) -> Result<Planned> {
        let input = only_input(self, inputs)?;
        let event_time = context.physical_expr(&self.event_time, input.schema)?;
        let follow = FollowEventTime { event_time, index: context.place.number };
        Ok(Planned { plan: Arc::new(Unary::new(input.rows, Arc::new(follow))), operator: None })
    }
}
