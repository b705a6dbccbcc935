//! Logical nodes of a streaming plan, one a file.

mod event_time_watermark;
mod streaming_relation;

pub use event_time_watermark::EventTimeWatermarkNode;
pub use streaming_relation::StreamingRelationNode;
