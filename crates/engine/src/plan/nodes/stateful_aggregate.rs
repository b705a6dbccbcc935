//! An aggregate above a stream: it keeps its groups from batch to batch.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use datafusion::common::{DFSchemaRef, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::operators::AggregateColumns;

/// Groups by its input's first columns (Spark: `Aggregate` over a stream). The input is a projection that holds keys,
/// arguments and FILTER conditions and nothing else, so the node has no expressions of its own that a rule could move.
#[derive(Debug, Clone)]
pub(crate) struct StatefulAggregateNode {
    /// Its number among the query's stateful operators, from the sources upward.
    pub(crate) id: usize,
    pub(crate) input: LogicalPlan,
    pub(crate) columns: AggregateColumns,
    pub(crate) schema: DFSchemaRef,
}

impl PartialEq for StatefulAggregateNode {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.input == other.input && self.schema == other.schema
    }
}

impl Eq for StatefulAggregateNode {}

impl Hash for StatefulAggregateNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
        self.input.hash(state);
    }
}

impl PartialOrd for StatefulAggregateNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.id.partial_cmp(&other.id)
    }
}

impl UserDefinedLogicalNodeCore for StatefulAggregateNode {
    fn name(&self) -> &str {
        "StatefulAggregate"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatefulAggregate {}", self.columns)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match inputs.pop() {
            Some(input) => Ok(Self { input, ..self.clone() }),
            None => plan_err!("StatefulAggregate has one input"),
        }
    }
}
