//! Keyed state: in memory, undone when a batch fails, written as deltas with the batch and as snapshots behind it.

mod accumulator;
mod aggregate_function;
mod aggregate_operator;
mod aggregate_state;
mod codec;
mod deduplicate_state;
mod groups;
mod key_codec;
mod lifetime;
mod operator;
mod pane;
mod run;
mod shard;
mod spill_folder;
mod spilled;

pub(crate) use accumulator::Argument;
pub(crate) use aggregate_function::{AggregateFunction, AggregateKind};
pub(crate) use aggregate_operator::AggregateOperator;
pub(crate) use aggregate_state::{AggregateConfig, AggregateState, SHARDS, UpdateScratch};
pub(crate) use deduplicate_state::DeduplicateState;
pub(crate) use groups::{Groups, Layout};
pub(crate) use key_codec::KeyCodec;
pub(crate) use lifetime::{KeyLifetime, Lifetime};
pub use operator::{SnapshotPart, StateStore, StatefulOperator, StoreDescription};
pub(crate) use spill_folder::SpillFolder;
