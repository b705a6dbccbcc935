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
}

impl EventTimeWatermarkNode {
    /// `event_time` is a column of `input` of type TIMESTAMP, or a window struct.
    pub fn new(input: LogicalPlan, event_time: Expr, delay_us: i64) -> Self {
        Self { input, event_time, delay_us }
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

    fn with_exprs_and_inputs(&self, mut exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (exprs.pop(), inputs.pop()) {
            (Some(event_time), Some(input)) => Ok(Self { input, event_time, delay_us: self.delay_us }),
            _ => plan_err!("EventTimeWatermark has one expression and one input"),
        }
    }
}
