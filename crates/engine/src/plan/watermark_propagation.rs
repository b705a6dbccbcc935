//! From the query's watermark to that of each stateful operator (Spark: `WatermarkPropagator`).
//!
//! A watermark operator gives the query's watermark. From there it rises through the plan: an operator's input
//! watermark is the least of those of its inputs that have one, and a stateful operator says what its own output can
//! still bring ([`StreamingNode::output_watermark_ms`]). So an operator above another one waits for it, and what the
//! lower one gives in a batch is never late in the upper one: rows are dropped by the watermark of the batch before.
//!
//! The watermarks of all operators follow from the query's, so that nothing more need be in the log.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion, TreeNodeVisitor};
use datafusion::logical_expr::LogicalPlan;
use millstream_core::{Error, Result};

use super::node::{StreamingExtension, StreamingNode};
use super::nodes::EventTimeWatermarkNode;
use crate::batch_context::OperatorWatermarks;
use crate::error::from_datafusion;

/// The setting that says whether each operator has watermarks of its own. Without it every operator has the query's,
/// and one for both uses.
pub(super) const ALLOW_MULTIPLE_CONF: &str = "spark.sql.streaming.statefulOperator.allowMultiple";

/// The plan as far as watermarks see it.
#[derive(Debug)]
pub(crate) struct WatermarkPropagation {
    /// The nodes, each after its inputs.
    steps: Vec<Step>,
    operators: usize,
    /// Every operator has the query's watermark, as before Spark 3.5.
    is_global: bool,
}

/// One node.
#[derive(Debug)]
enum Step {
    /// Gives the query's watermark.
    Watermark { inputs: usize },
    /// Gives what its state lets through.
    Stateful { inputs: usize, number: usize, node: Arc<dyn StreamingNode> },
    /// Gives the least watermark of its inputs. Nodes with one input need no step.
    Other { inputs: usize },
}

impl WatermarkPropagation {
    /// The propagation through a plan whose nodes have their places.
    pub(crate) fn try_new(plan: &LogicalPlan, allow_multiple: bool) -> Result<Self> {
        let mut steps = Steps(vec![]);
        plan.visit(&mut steps).map_err(from_datafusion)?;
        let operators = steps.0.iter().filter(|step| matches!(step, Step::Stateful { .. })).count();
        let propagation = Self { steps: steps.0, operators, is_global: !allow_multiple };
        let (_, is_redefined) = propagation.propagate(0);
        if is_redefined && allow_multiple {
            return Err(redefined());
        }
        Ok(propagation)
    }

    /// The watermarks of a batch by operator: `late_ms` is the query's of the batch before, `eviction_ms` that of the
    /// batch.
    pub(crate) fn of_batch(&self, late_ms: i64, eviction_ms: i64) -> Vec<OperatorWatermarks> {
        let eviction = self.input_watermarks(eviction_ms);
        // The two differ only in a batch that follows one in which the watermark moved.
        let late =
            if self.is_global || late_ms == eviction_ms { eviction.clone() } else { self.input_watermarks(late_ms) };
        late.into_iter()
            .zip(eviction)
            .map(|(late_ms, eviction_ms)| OperatorWatermarks { late_ms, eviction_ms })
            .collect()
    }

    /// The input watermark of each operator by number, under the query's; none without a watermark below.
    pub(crate) fn input_watermarks(&self, query_ms: i64) -> Vec<Option<i64>> {
        self.propagate(query_ms).0
    }

    /// The input watermarks, and whether a watermark operator stands over rows that have a watermark already.
    fn propagate(&self, query_ms: i64) -> (Vec<Option<i64>>, bool) {
        let mut by_operator = vec![None; self.operators];
        let mut is_redefined = false;
        // The output watermarks that no step has taken yet.
        let mut outputs: Vec<Option<i64>> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let mut take = |inputs: usize| {
                let first = outputs.len().saturating_sub(inputs);
                let least = outputs[first..].iter().copied().flatten().min();
                outputs.truncate(first);
                least
            };
            let output = match step {
                Step::Watermark { inputs } => {
                    is_redefined |= take(*inputs).is_some();
                    Some(query_ms)
                }
                Step::Stateful { inputs, number, node } => {
                    let input = take(*inputs).map(|input_ms| if self.is_global { query_ms } else { input_ms });
                    by_operator[*number] = input;
                    input.and_then(|input_ms| node.output_watermark_ms(input_ms))
                }
                Step::Other { inputs } => take(*inputs),
            };
            outputs.push(output);
        }
        (by_operator, is_redefined)
    }
}

fn redefined() -> Error {
    Error::invalid(format!(
        "Redefining watermark is disallowed. You can set the config '{ALLOW_MULTIPLE_CONF}' to 'false' to restore the \
         previous behavior. Note that multiple stateful operators will be disallowed."
    ))
}

/// Collects the steps of a plan.
struct Steps(Vec<Step>);

impl<'n> TreeNodeVisitor<'n> for Steps {
    type Node = LogicalPlan;

    fn f_up(&mut self, plan: &'n LogicalPlan) -> datafusion::error::Result<TreeNodeRecursion> {
        let inputs = plan.inputs().len();
        match StreamingExtension::of(plan) {
            Some(extension) if extension.node_as::<EventTimeWatermarkNode>().is_some() => {
                self.0.push(Step::Watermark { inputs });
            }
            Some(extension) if extension.node().is_stateful() => {
                let (number, node) = (extension.place().number, extension.shared_node());
                self.0.push(Step::Stateful { inputs, number, node });
            }
            _ if inputs != 1 => self.0.push(Step::Other { inputs }),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    }
}

#[cfg(test)]
mod tests;
