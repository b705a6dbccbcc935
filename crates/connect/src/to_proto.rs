//! What goes back to a client, made from what the engine gives.

pub(crate) mod arrow_batches;
pub(crate) mod local_relation;
pub(crate) mod timestamp;
