//! Physical operators of a streaming plan, one a file. All that changes from batch to batch they read from the
//! [`crate::BatchContext`]; state that outlives a batch is in `crate::state`.

mod deduplicate_exec;
mod event_time_watermark_exec;
mod late_rows;
mod map_exec;
mod source_scan_exec;
mod stateful_aggregate_exec;

use std::sync::Arc;

use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;

pub(crate) use deduplicate_exec::{DeduplicateExec, Deduplication};
pub(crate) use event_time_watermark_exec::EventTimeWatermarkExec;
pub(crate) use map_exec::MapExec;
pub(crate) use source_scan_exec::{ScanTarget, SourceScanExec};
pub(crate) use stateful_aggregate_exec::{
    AggregateColumn, AggregateColumns, Shape, StatefulAggregateExec, output_schema,
};

/// The child of an operator that has one.
fn only_child(operator: &dyn ExecutionPlan, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
    match <[_; 1]>::try_from(children) {
        Ok([child]) => Ok(child),
        Err(children) => internal_err!("{} has one child, not {}", operator.name(), children.len()),
    }
}
