//! Keyed state: in memory, undone when a batch fails, written as deltas with the batch and as snapshots behind it.

mod accumulator;
mod aggregate_function;
mod aggregate_state;
mod codec;
mod groups;
mod key_codec;
mod operator;
mod pane;
mod run;
mod shard;
mod spill_folder;
mod spilled;

pub(crate) use accumulator::Argument;
pub(crate) use aggregate_function::{AggregateFunction, AggregateKind};
pub(crate) use aggregate_state::{AggregateConfig, AggregateState, SHARDS, UpdateScratch};
pub(crate) use groups::{Groups, Layout};
pub(crate) use key_codec::KeyCodec;
pub use operator::{SnapshotPart, StatefulOperator};
pub(crate) use shard::Lifetime;
pub(crate) use spill_folder::SpillFolder;
