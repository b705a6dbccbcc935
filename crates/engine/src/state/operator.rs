//! What the batch loop knows of a stateful operator: nothing of its rows, only how its state becomes durable.

use std::fmt::Debug;

use millstream_core::Result;
use millstream_core::progress::StateOperatorProgress;

/// Some of the state of an operator.
#[derive(Debug)]
pub struct SnapshotPart {
    /// For [`StatefulOperator::restore`].
    pub bytes: Vec<u8>,
    /// What comes after it; none after the last.
    pub next: Option<usize>,
}

/// The state of one operator of a running query.
///
/// A batch changes state in place while its rows are pulled. Then exactly one of [`StatefulOperator::commit`] and
/// [`StatefulOperator::undo`] follows, before the next batch.
pub trait StatefulOperator: Send + Sync + Debug {
    /// Its number in the query, from the sources upward; part of the checkpoint.
    fn id(&self) -> usize;

    /// What its state looks like (operator, key and value types) as one line; a restart with another is refused.
    fn fingerprint(&self) -> String;

    /// Ends the batch: appends the changed and removed keys to `delta` and forgets how to undo them.
    fn commit(&self, delta: &mut Vec<u8>) -> Result<()>;

    /// Puts the state back to where the last commit left it.
    fn undo(&self);

    /// A part of the whole state. The first is part 0, and each says which is the next, so that there is never a second copy
    /// of the state as a whole.
    fn snapshot(&self, part: usize) -> Result<SnapshotPart>;

    /// Takes in what was written: each part of a snapshot into a state that is empty before the first, then the delta of each
    /// batch after it. Garbage is refused by name, and the state is worth nothing then.
    fn apply(&self, written: &[u8]) -> Result<()>;

    /// What the batch did, for the progress.
    fn progress(&self) -> StateOperatorProgress;

    /// Whether a batch without data is worth running when the watermark has moved: Spark's rule, whatever is in the state.
    fn follows_watermark(&self) -> bool;
}
