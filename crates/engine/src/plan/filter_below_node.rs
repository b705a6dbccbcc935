//! Filters that stand below a streaming node as well as above it move below.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::node::StreamingExtension;
use crate::error::to_datafusion;

/// Asks each node for each part of a condition (Spark: `PushPredicateThroughNonJoin`). DataFusion's own rule looks at
/// the columns of a condition only, and would move one that is random.
#[derive(Debug)]
pub(super) struct FilterBelowNode;

impl OptimizerRule for FilterBelowNode {
    fn name(&self) -> &str {
        "filter_below_node"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = &plan else { return Ok(Transformed::no(plan)) };
        let Some(extension) = StreamingExtension::of(&filter.input) else { return Ok(Transformed::no(plan)) };
        let parts = split_conjunction_owned(filter.predicate.clone());
        let (below, above): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| extension.node().lets_pass(part));
        let Some(below) = conjunction(below) else { return Ok(Transformed::no(plan)) };
        let inputs = extension.inputs().iter().map(|input| filtered(&below, input)).collect::<Result<_>>()?;
        let node = extension.with_inputs(inputs).map_err(to_datafusion)?.into_plan();
        Ok(Transformed::yes(match conjunction(above) {
            Some(above) => filtered(&above, &node)?,
            None => node,
        }))
    }
}

fn filtered(condition: &Expr, input: &LogicalPlan) -> Result<LogicalPlan> {
    Filter::try_new(condition.clone(), Arc::new(input.clone())).map(LogicalPlan::Filter)
}
