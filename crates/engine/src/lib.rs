//! The micro-batch runtime on DataFusion: queries, checkpoint, state, watermarks, stateful operators.
//!
//! What is deliberately not here: SQL text, gRPC, HTTP, and any connector. A query arrives as a DataFusion logical plan
//! whose leaves are [`plan::StreamingRelationNode`]s, and leaves as Arrow batches into a [`millstream_core::Sink`].

pub mod batch_context;
pub mod error;
pub mod functions;
pub mod plan;
pub mod query;
pub mod state;

pub use batch_context::BatchContext;
pub use query::{QuerySpec, SyncPolicy};
