//! Watermarks rise through plans as in Spark's `WatermarkPropagatorSuite`.

use datafusion::common::{Column, DFSchemaRef};
use datafusion::logical_expr::LogicalPlanBuilder as Builder;
use millstream_core::OutputMode;

use super::*;
use crate::plan::DeduplicateNode;
use crate::plan::edge::Edge;
use crate::plan::fixture::{MemoryRows, with_watermark};
use crate::plan::node::{NodeInput, Place, PlanContext, Planned, PlannedInput, only_input};
use crate::plan::stateful::{number_operators, number_watermarks};

fn placed(plan: LogicalPlan) -> LogicalPlan {
    let (plan, _) = number_watermarks(plan, OutputMode::Append).unwrap();
    number_operators(plan, OutputMode::Append).unwrap()
}

fn pairs(plan: LogicalPlan, allow_multiple: bool) -> Vec<(Option<i64>, Option<i64>)> {
    let propagation = WatermarkPropagation::try_new(&placed(plan), allow_multiple).unwrap();
    let pairs = propagation.of_batch(10, 20);
    pairs.into_iter().map(|pair| (pair.late_ms, pair.eviction_ms)).collect()
}

fn rows() -> LogicalPlan {
    MemoryRows::default().relation()
}

fn first(plan: LogicalPlan) -> LogicalPlan {
    DeduplicateNode::over(plan, vec![Column::from_name("k")], false).unwrap()
}

fn union(left: LogicalPlan, right: LogicalPlan) -> LogicalPlan {
    Builder::from(left).union(right).and_then(Builder::build).unwrap()
}

/// Lets rows out 3 ms late.
#[derive(Debug)]
struct Late;

impl StreamingNode for Late {
    fn name(&self) -> &str {
        "Late"
    }

    fn describe(&self) -> String {
        String::new()
    }

    fn schema(&self, inputs: &[&DFSchemaRef]) -> Result<DFSchemaRef> {
        only_input(self, inputs.to_vec()).map(Arc::clone)
    }

    fn passes(&self, output: usize) -> Option<(usize, usize)> {
        Some((0, output))
    }

    fn output_watermark_ms(&self, input_ms: i64) -> Option<i64> {
        Some(input_ms - 3)
    }

    fn gives(&self, inputs: &[NodeInput<'_>], _place: Place) -> Edge {
        inputs[0].edge.clone()
    }

    fn plan(&self, _inputs: Vec<PlannedInput<'_>>, _context: &PlanContext<'_>) -> Result<Planned> {
        Err(Error::internal("never planned"))
    }
}

#[test]
fn an_operator_has_the_watermark_that_is_below_it() {
    let late = |plan| StreamingExtension::over(plan, Late).unwrap();
    let both = (Some(10), Some(20));
    for (plan, expected) in [
        (rows(), vec![]),
        (first(rows()), vec![(None, None)]),
        (first(with_watermark(rows(), 1)), vec![both]),
        (first(first(with_watermark(rows(), 1))), vec![both, both]),
        // What one input lacks, it does not hold back.
        (first(union(first(rows()), with_watermark(rows(), 1))), vec![(None, None), both]),
        (first(late(with_watermark(rows(), 1))), vec![both, (Some(7), Some(17))]),
        (first(union(with_watermark(rows(), 1), late(with_watermark(rows(), 1)))), vec![both, (Some(7), Some(17))]),
    ] {
        let shown = plan.display_indent().to_string();
        assert_eq!(pairs(plan, true), expected, "{shown}");
    }
    // One value for both uses, and nothing propagates.
    let one = (Some(20), Some(20));
    assert_eq!(pairs(first(late(with_watermark(rows(), 1))), false), [one, one]);
}

#[test]
fn a_watermark_over_a_watermark_is_refused() {
    let twice = || placed(with_watermark(with_watermark(rows(), 1), 2));
    let error = WatermarkPropagation::try_new(&twice(), true).unwrap_err();
    assert!(error.message().starts_with("Redefining watermark is disallowed."), "{error}");
    assert!(WatermarkPropagation::try_new(&twice(), false).is_ok());
}
