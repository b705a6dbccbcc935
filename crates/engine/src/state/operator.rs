//! What the batch loop knows of a stateful operator: nothing of its rows, only how its stores become durable.

use std::fmt::Debug;
use std::sync::Arc;

use millstream_core::Result;
use millstream_core::progress::StateOperatorProgress;

/// Some of the entries of a store.
#[derive(Debug)]
pub struct SnapshotPart {
    /// The part as bytes, for [`StateStore::apply`].
    pub bytes: Vec<u8>,
    /// The part that comes after it; none after the last.
    pub next: Option<usize>,
}

/// What the entries of a store look like. A restart with another description is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreDescription {
    /// The name of the store within its operator, for example `left`.
    pub name: String,
    /// The types of the key columns.
    pub keys: Vec<String>,
    /// The types or functions of the values.
    pub values: Vec<String>,
    /// The version of the format of deltas and snapshots.
    pub format: u8,
}

/// A keyed store of an operator (Spark: `StateStore`).
///
/// A batch changes a store in place while its rows are pulled. Then exactly one of [`StateStore::commit`] and
/// [`StateStore::undo`] follows, before the next batch.
pub trait StateStore: Send + Sync + Debug {
    /// What its entries look like.
    fn describe(&self) -> StoreDescription;

    /// Ends the batch: appends the changed and removed keys to `delta` and forgets how to undo them.
    fn commit(&self, delta: &mut Vec<u8>) -> Result<()>;

    /// Puts the entries back to where the last commit left them.
    fn undo(&self);

    /// A part of the whole store. The first is part 0, and each says which is the next, so that there is never a second
    /// copy of the store as a whole.
    fn snapshot(&self, part: usize) -> Result<SnapshotPart>;

    /// Takes in what was written: each part of a snapshot into a store that is empty before the first, then the delta
    /// of each batch after it. Garbage is refused by name, and the store is worth nothing then.
    fn apply(&self, written: &[u8]) -> Result<()>;
}

/// An operator of a running query that keeps state from batch to batch.
pub trait StatefulOperator: Send + Sync + Debug {
    /// Its number in the query, from the sources upward.
    fn id(&self) -> usize;

    /// Its stores, always in the same order.
    fn stores(&self) -> &[Arc<dyn StateStore>];

    /// What the batch did, for the progress.
    fn progress(&self) -> StateOperatorProgress;

    /// Whether a batch without data is worth running when the watermark has moved: Spark's rule, whatever is in the
    /// state.
    fn follows_watermark(&self) -> bool;
}
