//! `withWatermark`: names the event-time column and how late its rows may come.

use std::fmt;

use datafusion::common::{DFSchemaRef, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

/// Passes its rows on unchanged and follows the greatest event time among them (Spark: `EventTimeWatermark`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub struct EventTimeWatermarkNode {
    input: LogicalPlan,
    /// A column of the input, or a field of a struct column.
    event_time: Expr,
    delay_us: i64,
    /// Its number in the query, from the sources upward; given when the query starts.
    index: usize,
}

impl EventTimeWatermarkNode {
    /// `event_time` is a column of `input` of type TIMESTAMP, or a window struct.
    pub fn new(input: LogicalPlan, event_time: Expr, delay_us: i64) -> Self {
        Self { input, event_time, delay_us, index: 0 }
    }

    /// The rows.
    pub fn input(&self) -> &LogicalPlan {
        &self.input
    }

    /// The event-time column.
    pub fn event_time(&self) -> &Expr {
        &self.event_time
    }

    /// How late rows may come, in microseconds.
    pub fn delay_us(&self) -> i64 {
        self.delay_us
    }

    /// Its number among the query's watermark operators.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The same operator with this number.
    pub(crate) fn with_index(&self, index: usize) -> Self {
        Self { index, ..self.clone() }
    }
}

impl UserDefinedLogicalNodeCore for EventTimeWatermarkNode {
    fn name(&self) -> &str {
        "EventTimeWatermark"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![self.event_time.clone()]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventTimeWatermark {}, delay {} ms", self.event_time, self.delay_us / 1000)
    }

    /// Columns that nobody above reads are not carried, except for event time.
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let schema = self.input.schema();
        let own = self.event_time.column_refs();
        let own = own.iter().map(|column| schema.index_of_column(column).ok()).collect::<Option<Vec<_>>>()?;
        let mut needed: Vec<usize> = output_columns.iter().copied().chain(own).collect();
        needed.sort_unstable();
        needed.dedup();
        Some(vec![needed])
    }

    fn with_exprs_and_inputs(&self, mut exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (exprs.pop(), inputs.pop()) {
            (Some(event_time), Some(input)) => {
                Ok(Self { input, event_time, delay_us: self.delay_us, index: self.index })
            }
            _ => plan_err!("EventTimeWatermark has one expression and one input"),
        }
    }
}
