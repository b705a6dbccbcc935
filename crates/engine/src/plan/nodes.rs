//! Logical nodes of a streaming plan, one a file.

mod changes;
mod collect_metrics;
mod consolidate;
mod deduplicate;
mod event_time_watermark;
mod global_limit;
mod lifetime;
mod repeat;
mod session_window;
mod set_operation;
mod stateful_aggregate;
mod stream_join;
mod streaming_relation;
mod top_rows;

pub(crate) use changes::{ChangesNode, with_weights};
pub use collect_metrics::CollectMetricsNode;
pub(crate) use consolidate::{ConsolidateNode, Gives};
pub use deduplicate::DeduplicateNode;
pub use event_time_watermark::EventTimeWatermarkNode;
pub(crate) use global_limit::GlobalLimitNode;
pub(crate) use repeat::{COPIES, RepeatNode};
pub(crate) use session_window::SessionWindowNode;
pub use set_operation::{SetOperation, SetOperationNode};
pub(crate) use stateful_aggregate::StatefulAggregateNode;
pub(crate) use stream_join::StreamJoinNode;
pub use streaming_relation::StreamingRelationNode;
pub(crate) use top_rows::{RowOrder, TopRowsNode};
