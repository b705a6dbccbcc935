//! From a streaming logical plan to a physical plan that is built once and executed once a batch.

mod nodes;

pub use nodes::{EventTimeWatermarkNode, StreamingRelationNode};
