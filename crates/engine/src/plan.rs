//! From a streaming logical plan to a physical plan that is built once and executed once a batch.

mod batch_seed;
mod batch_time;
mod changelog;
mod consolidation;
mod decode_push_down;
mod edge;
mod explain;
mod filter_below_node;
#[cfg(test)]
mod fixture;
mod incremental;
mod joined_aggregates;
mod node;
mod nodes;
mod number_bounds;
mod one_task;
mod operator_name;
mod optimizer;
mod physical;
mod projection_in_place;
mod repeatable;
mod scan_filter;
mod set_operations;
mod source_table;
mod stateful;
mod stateful_aggregate;
mod static_join;
mod stream_join;
mod top_rows;
mod unknown_options;
mod unsupported;
mod watermark_propagation;

pub use consolidation::sink_schema;
pub use edge::{Edge, EventTime, Rows, WEIGHT, WatermarkId};
pub(crate) use incremental::{BatchInputs, IncrementalExecution};
pub use joined_aggregates::FUSE_JOINED_AGGREGATES;
pub use node::{NodeInput, Place, PlanContext, Planned, PlannedInput, StreamingExtension, StreamingNode};
pub use nodes::{
    CollectMetricsNode, DeduplicateNode, EventTimeWatermarkNode, SetOperation, SetOperationNode, StreamingRelationNode,
};
pub use physical::planner_of_batch_query;
pub use projection_in_place::ProjectionInPlace;
pub use scan_filter::{filters_pushed_down, scan_filters};
pub use unknown_options::warn_of_unknown_options;
pub use unsupported::STRICT_SPARK;

#[cfg(test)]
mod tests;
