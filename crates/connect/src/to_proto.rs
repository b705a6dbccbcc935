//! What goes back to a client, made from what the engine gives.

pub(crate) mod arrow_batches;
mod literal;
pub(crate) mod local_relation;
pub(crate) mod observed_metrics;
pub(crate) mod pieces;
pub(crate) mod timestamp;
