//! The door for streaming nodes: all that the engine asks of an operator of its own in a logical plan.
//!
//! A node says which columns it gives and needs ([`StreamingNode::schema`], [`needs`](StreamingNode::needs)), which
//! kinds of rows it takes and what it makes of them ([`takes`](StreamingNode::takes), [`gives`](StreamingNode::gives)),
//! what it refuses ([`check`](StreamingNode::check)) and how it is planned ([`plan`](StreamingNode::plan)). Checks,
//! push-down of decoders, numbering, watermarks and physical planning use nothing else, so that a node can be written
//! outside of this crate. To DataFusion every node is one [`StreamingExtension`].

mod extension;
mod plan_context;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use millstream_core::{Error, OutputMode, Result};

use super::edge::{Edge, Rows};
use crate::state::StatefulOperator;

pub use extension::StreamingExtension;
pub use plan_context::PlanContext;

/// An operator of a streaming plan that DataFusion does not know.
pub trait StreamingNode: fmt::Debug + Any + Send + Sync {
    /// The node's name in plans and errors.
    fn name(&self) -> &str;

    /// The node's arguments as text. Two nodes with one name and one text over the same inputs are the same node.
    fn describe(&self) -> String;

    /// The columns that it gives.
    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef>;

    /// Its expressions over the columns of its inputs.
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    /// The node with other expressions, as many as it has.
    fn with_expressions(&self, _expressions: Vec<Expr>) -> Result<Arc<dyn StreamingNode>> {
        Err(Error::internal(format!("{} has no expressions", self.name())))
    }

    /// The columns of each input that it needs when these of its output are read; `None` where it needs all. Only a
    /// node whose output follows the columns of its inputs may leave some out.
    fn needs(&self, _output: &[usize], _inputs: &[NodeInput<'_>]) -> Option<Vec<Vec<usize>>> {
        None
    }

    /// The input and its column that a column of the output shows unchanged.
    fn passes(&self, output: usize) -> Option<(usize, usize)>;

    /// Every row of the inputs leaves. Then a column may as well be computed below the node.
    fn keeps_every_row(&self) -> bool {
        false
    }

    /// A filter with this condition over the node may as well stand below it, over each of its inputs.
    fn lets_pass(&self, _condition: &Expr) -> bool {
        false
    }

    /// Which of its input's rows leave depends on the order in which they come, which is another when a batch is run
    /// again.
    fn picks_by_arrival(&self) -> bool {
        false
    }

    /// It keeps state from batch to batch, so that it has a number among the query's stateful operators.
    fn is_stateful(&self) -> bool {
        true
    }

    /// Its state follows the event times of its rows. Such a node cannot stand over an aggregate in update or complete
    /// mode, in Spark neither.
    fn goes_by_event_time(&self, _inputs: &[NodeInput<'_>]) -> bool {
        true
    }

    /// The columns by which a stateful node keeps its state, as the user named them. They are part of the name by which
    /// the state is found again, so they hold no text that a library writes.
    fn state_keys(&self) -> Vec<String> {
        vec![]
    }

    /// What it keeps for ever, such as `groups by [k]`: state that grows with what the stream brings, and which no
    /// watermark ends. `None` where its state has a bound, or is the whole result that the output mode asks for.
    fn keeps_for_ever(&self, _inputs: &[NodeInput<'_>], _place: Place) -> Option<String> {
        None
    }

    /// The kinds of rows that it takes from an input. What it does not take is refused by name.
    fn takes(&self, _input: usize) -> &[Rows] {
        &[Rows::AppendOnly]
    }

    /// The watermark of its output, by that of its input (both in milliseconds): rows that it gives later are after it.
    /// `None` where nothing can be said.
    fn output_watermark_ms(&self, input_ms: i64) -> Option<i64> {
        Some(input_ms)
    }

    /// The edge that it gives.
    fn gives(&self, inputs: &[NodeInput<'_>], place: Place) -> Edge;

    /// Refuses what cannot run, in Spark's words where Spark has some.
    fn check(&self, _inputs: &[NodeInput<'_>], _mode: OutputMode) -> Result<()> {
        Ok(())
    }

    /// Refuses what Spark refuses and this node can do, in Spark's words. It is asked in strict mode alone
    /// ([`STRICT_SPARK`](crate::plan::STRICT_SPARK)), and before [`StreamingNode::check`], which refuses in both modes.
    fn check_strict(&self, _inputs: &[NodeInput<'_>], _mode: OutputMode) -> Result<()> {
        Ok(())
    }

    /// The physical operator with its state.
    fn plan(&self, inputs: Vec<PlannedInput<'_>>, context: &PlanContext<'_>) -> Result<Planned>;
}

/// Where a node stands in its query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its number, counted from the sources upward: of a stateful node among the stateful ones, of a watermark among
    /// the watermarks.
    pub number: usize,
    /// The output mode of the query.
    pub output_mode: OutputMode,
}

/// An input of a node in the logical plan.
#[derive(Debug, Clone, Copy)]
pub struct NodeInput<'a> {
    /// Its columns.
    pub schema: &'a DFSchema,
    /// Its rows.
    pub edge: &'a Edge,
}

/// An input of a node that is being planned.
#[derive(Debug)]
pub struct PlannedInput<'a> {
    /// The rows.
    pub rows: Arc<dyn ExecutionPlan>,
    /// Their columns, with the qualifiers that the node's expressions use.
    pub schema: &'a DFSchema,
    /// What the rows are. Places are those of the rows, after columns that nobody reads were left out.
    pub edge: Edge,
}

/// A node as it is executed.
#[derive(Debug)]
pub struct Planned {
    /// What gives the rows.
    pub plan: Arc<dyn ExecutionPlan>,
    /// What the batch loop sees of a stateful node.
    pub operator: Option<Arc<dyn StatefulOperator>>,
}

/// The only input of a node that has one.
pub(crate) fn only_input<T>(node: &dyn StreamingNode, inputs: Vec<T>) -> Result<T> {
    match <[T; 1]>::try_from(inputs) {
        Ok([input]) => Ok(input),
        Err(inputs) => Err(Error::internal(format!("{} has one input, not {}", node.name(), inputs.len()))),
    }
}
