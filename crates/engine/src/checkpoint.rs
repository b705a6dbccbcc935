//! Everything durable of a query, in one folder.
//!
//! ```text
//! <checkpoint>/metadata, offsets/, commits/, sources/   Spark's own files, written from the log now and then
//! <checkpoint>/millstream/lock                          held by the process that runs the query
//! <checkpoint>/millstream/log-0000000000 …              the log: segments of frames of entries
//! <checkpoint>/millstream/snapshot-41                   all state after batch 41
//! ```
//!
//! The log is the truth. [`frame`] says what one durable write is, [`entry`] what is in it and [`formats`] what was in
//! it before, [`log`] writes, [`history`] reads, [`spark_files`] translates; all of them through a
//! [`millstream_core::Disk`]. This module knows nothing of plans, sources and sinks.

mod entry;
mod files;
mod folder;
mod formats;
mod frame;
mod history;
mod log;
mod snapshot;
mod source_log;
mod spark_files;
mod store;
mod writer;

pub(crate) use entry::{CommitEntry, OffsetsEntry, OperatorEntry, StoreEntry, StoreId};
pub(crate) use history::History;
pub(crate) use store::{Checkpoint, QueryStart};
pub(crate) use writer::{CheckpointWriter, Retention};

#[cfg(test)]
mod tests;
