//! A transaction: what it has touched, and how far its end has come.
//!
//! Each change is in the journal before it is acted on. An end is decided by the `Prepare…` entry: whatever happens
//! then, markers and offsets follow, now, at the next tick, or after the next start.

mod coordinator;

pub(crate) use coordinator::{InitProducer, Producer, Transactions};

#[cfg(test)]
mod tests;
