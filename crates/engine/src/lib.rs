//! The micro-batch runtime on DataFusion: queries, checkpoint, state, watermarks, stateful operators.
//!
//! What is deliberately not here: SQL text, gRPC, HTTP, and any connector. A query arrives as a DataFusion logical plan
//! whose leaves are [`plan::StreamingRelationNode`]s, and leaves as Arrow batches into a [`millstream_core::Sink`].

pub mod batch_context;
mod checkpoint;
pub mod error;
pub mod functions;
mod micro_batch;
pub mod operators;
pub mod plan;
pub mod query;
pub mod run;
pub mod state;
mod watermark;
mod work;

pub use batch_context::{BatchContext, OperatorWatermarks};
pub use query::{Engine, StreamingQuery, StreamingQueryManager};
pub use run::{
    FAIL_POINTS, FailPoint, Lagged, LocalDisk, PREPARE_FAIL_POINT, Pinned, PlantedFault, Platform, QueryEvent,
    QueryEventKind, QueryEvents, QuerySpec, SINK_FAIL_POINTS, StreamingQueryStatus, StreamingThreads, SyncPolicy,
};
pub use work::Work;
