//! Logical nodes of a streaming plan, one a file.

mod deduplicate;
mod event_time_watermark;
mod stateful_aggregate;
mod streaming_relation;

pub use deduplicate::DeduplicateNode;
pub(crate) use deduplicate::Started;
pub use event_time_watermark::EventTimeWatermarkNode;
pub(crate) use stateful_aggregate::StatefulAggregateNode;
pub use streaming_relation::StreamingRelationNode;
