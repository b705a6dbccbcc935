//! Keyed state: in memory, undone when a batch fails, written as deltas with the batch and as snapshots behind it.
//!
//! A stateful operator has one [`KeyedState`] or more, each over a kind of [`Values`]. All that is public here is what
//! an operator of another crate needs; checkpoint, spilling and recovery come with the store.

mod aggregates;
mod codec;
mod entries;
mod index;
mod key_codec;
mod keyed_state;
mod lifetime;
mod marks;
mod operator;
mod order_codec;
mod pane;
mod run;
mod shard;
mod spill_folder;
mod spilled;
mod value_codec;
mod values;

pub(crate) use aggregates::{AccumulatorAggregate, ReplayedAggregate};
pub use aggregates::{Argument, Column, KeyedAggregate, NativeAggregate, Overflow};
pub use codec::{Reader, put_bytes, put_i64, put_u64};
pub use entries::{Entries, StoreLayout};
pub use index::hash_key;
pub use key_codec::{EncodedKeys, EventTimePlace, KeyCodec};
pub use keyed_state::{
    BatchNumber, KeyedState, KeyedStateConfig, SHARDS, ShardGuard, StoreFigures, UpdateScratch, shard_of,
};
pub use lifetime::{FOREVER, KeyLifetime, Lifetime};
pub use operator::{SnapshotPart, StateStore, StatefulOperator, StoreDescription};
pub use order_codec::{OrderCodec, OrderColumn};
pub use shard::{Assignment, Bucket};
pub use spill_folder::SpillFolder;
pub use values::{Aggregates, AggregatesLayout, Counts, Ends, KeysOnly, RowCodec, Rows, Sessions, Values};
pub(crate) use values::{group_columns, session_columns};
