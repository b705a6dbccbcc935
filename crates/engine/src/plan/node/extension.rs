//! A streaming node as DataFusion sees it.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use millstream_core::{Error, OutputMode};

use super::{NodeInput, Place, StreamingNode};
use crate::error::to_datafusion;
use crate::plan::edge::{Edge, Rows, edge_of};

/// A [`StreamingNode`] over its inputs: the one extension node of a streaming plan.
#[derive(Debug, Clone)]
pub struct StreamingExtension {
    node: Arc<dyn StreamingNode>,
    inputs: Vec<LogicalPlan>,
    schema: DFSchemaRef,
    place: Place,
}

impl StreamingExtension {
    /// The node over these inputs.
    pub fn try_new(node: Arc<dyn StreamingNode>, inputs: Vec<LogicalPlan>) -> millstream_core::Result<Self> {
        let schemas: Vec<_> = inputs.iter().map(LogicalPlan::schema).collect();
        let schema = node.schema(&schemas)?;
        Ok(Self { node, inputs, schema, place: Place { number: 0, output_mode: OutputMode::Append } })
    }

    /// The node over one input, as a plan.
    pub fn over(input: LogicalPlan, node: impl StreamingNode) -> millstream_core::Result<LogicalPlan> {
        Ok(Self::try_new(Arc::new(node), vec![input])?.into_plan())
    }

    /// The extension that a plan is, if it is one.
    pub(crate) fn of(plan: &LogicalPlan) -> Option<&Self> {
        let LogicalPlan::Extension(Extension { node }) = plan else { return None };
        node.as_any().downcast_ref()
    }

    /// The extension as a plan.
    pub fn into_plan(self) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(self) })
    }

    /// The node.
    pub fn node(&self) -> &dyn StreamingNode {
        &*self.node
    }

    /// The node, for somebody who keeps it.
    pub(crate) fn shared_node(&self) -> Arc<dyn StreamingNode> {
        Arc::clone(&self.node)
    }

    /// The node, if it has this type.
    pub(crate) fn node_as<T: StreamingNode>(&self) -> Option<&T> {
        let node: &dyn Any = &*self.node;
        node.downcast_ref()
    }

    /// Where the node stands in its query. Before the query starts all nodes have number 0.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The inputs.
    pub fn inputs(&self) -> &[LogicalPlan] {
        &self.inputs
    }

    /// The same node at a place.
    pub(crate) fn at(&self, place: Place) -> Self {
        Self { place, ..self.clone() }
    }

    /// The same node over other inputs.
    pub(crate) fn with_inputs(&self, inputs: Vec<LogicalPlan>) -> millstream_core::Result<Self> {
        Ok(Self { place: self.place, ..Self::try_new(Arc::clone(&self.node), inputs)? })
    }

    /// The edge out of the node.
    pub(crate) fn gives(&self, inputs: &[Edge], mode: OutputMode) -> Edge {
        self.node.gives(&self.node_inputs(inputs), Place { output_mode: mode, ..self.place })
    }

    /// Refuses what the node cannot run.
    pub(crate) fn check(&self, inputs: &[Edge], mode: OutputMode) -> millstream_core::Result<()> {
        for (input, edge) in inputs.iter().enumerate() {
            let is_taken = edge.rows == Rows::Changes || self.node.takes(input).contains(&edge.rows);
            if edge.is_streaming && !is_taken {
                return Err(Error::unsupported(format!("{} over rows that are {}", self.node.name(), edge.rows)));
            }
        }
        self.node.check(&self.node_inputs(inputs), mode)
    }

    /// Refuses what Spark refuses.
    pub(crate) fn check_strict(&self, inputs: &[Edge], mode: OutputMode) -> millstream_core::Result<()> {
        self.node.check_strict(&self.node_inputs(inputs), mode)
    }

    /// What the node keeps for ever.
    pub(crate) fn keeps_for_ever(&self) -> Option<String> {
        self.node.keeps_for_ever(&self.node_inputs(&self.input_edges()), self.place)
    }

    /// The state of the node follows the event times of its rows.
    pub(crate) fn goes_by_event_time(&self, inputs: &[Edge]) -> bool {
        self.node.goes_by_event_time(&self.node_inputs(inputs))
    }

    fn node_inputs<'a>(&'a self, edges: &'a [Edge]) -> Vec<NodeInput<'a>> {
        let inputs = self.inputs.iter().zip(edges);
        inputs.map(|(input, edge)| NodeInput { schema: input.schema(), edge }).collect()
    }

    fn input_edges(&self) -> Vec<Edge> {
        self.inputs.iter().map(|input| edge_of(input, self.place.output_mode)).collect()
    }
}

impl PartialEq for StreamingExtension {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
            && self.node.name() == other.node.name()
            && self.node.describe() == other.node.describe()
            && self.schema == other.schema
            && self.inputs == other.inputs
    }
}

impl Eq for StreamingExtension {}

impl Hash for StreamingExtension {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place.number.hash(state);
        self.node.describe().hash(state);
        self.inputs.hash(state);
    }
}

impl PartialOrd for StreamingExtension {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.place.number.partial_cmp(&other.place.number)
    }
}

impl UserDefinedLogicalNodeCore for StreamingExtension {
    fn name(&self) -> &str {
        self.node.name()
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.inputs.iter().collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.node.expressions()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.node.name(), self.node.describe())
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let edges = self.input_edges();
        let mut needed = self.node.needs(output_columns, &self.node_inputs(&edges))?;
        for columns in &mut needed {
            columns.sort_unstable();
            columns.dedup();
        }
        Some(needed)
    }

    fn with_exprs_and_inputs(&self, expressions: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let node = match expressions.is_empty() {
            true => Arc::clone(&self.node),
            false => self.node.with_expressions(expressions).map_err(to_datafusion)?,
        };
        Ok(Self { node, ..self.with_inputs(inputs).map_err(to_datafusion)? })
    }
}
