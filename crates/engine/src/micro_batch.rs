//! The protocol of a batch.
//!
//! ```text
//! trigger.next → latestOffset → walCommit → [sink pulls: addBatch] → state and commit → report
//! ```
//!
//! [`execution`] is the loop, [`start`] and [`restart`] what comes before it, [`recovery`] where it goes on; [`batch`]
//! is one batch, [`trigger`] when it is due, [`availability`] what it can read, [`prepared`] how one runs that cannot
//! run again, [`progress`] what it says of itself, [`query_log`] what
//! the log says of it; [`planted_fault`] is how a batch runs for checkers of crashes.

mod availability;
mod batch;
mod execution;
mod planted_fault;
mod prepared;
mod progress;
mod query_log;
mod recovery;
mod restart;
mod retry;
mod start;
mod trigger;

pub(crate) use start::StartingQuery;
