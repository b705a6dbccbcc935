use datafusion::common::Column;
use datafusion::logical_expr::{LogicalPlanBuilder as Builder, lit};
use datafusion::prelude::col;
use millstream_core::OutputMode;

use super::*;
use crate::functions::aggregates::count;
use crate::plan::DeduplicateNode;
use crate::plan::fixture::MemoryRows;
use crate::plan::stateful::stateful_as_nodes;

fn is_repeatable(plan: Builder) -> bool {
    is_state_repeatable(&stateful_as_nodes(plan.build().unwrap(), OutputMode::Append).unwrap()).unwrap()
}

#[test]
fn what_picks_rows_by_their_order_spoils_the_state_above_it_and_not_its_own() {
    let rows = || MemoryRows::default().relation();
    let counted = |plan: Builder| plan.aggregate(vec![col("v")], vec![count(lit(1))]).unwrap();
    let first_of_keys = || Builder::from(DeduplicateNode::over(rows(), vec![Column::from_name("k")], false).unwrap());
    let limited = || Builder::from(rows()).limit(0, Some(2)).unwrap();
    assert!(is_repeatable(counted(Builder::from(rows()))));
    for picked in [first_of_keys(), limited()] {
        assert!(is_repeatable(picked.clone()));
        assert!(!is_repeatable(counted(picked)));
    }
}
