//! Where a query goes on: a pure function of four numbers.
//!
//! *n* is the newest batch with an offsets entry, *c* the newest with a commit, *s* the newest whose state is complete,
//! *m* the newest that the sink holds, for sinks that know. Batches s+1 … max(c, m) are run again for their state alone,
//! because the sink has them; those after, up to n, are run for real. Then the query goes on with batch n+1.
//!
//! Where running a batch again gives other state than before, its state waits in the log, *prepared*, for the sink to
//! hold the batch. If the sink does, the batch is settled: its state is that of the log. Else it was never shown, and
//! is run for real. Such a batch is never run for its state alone.

use std::ops::Range;

use millstream_core::{Error, Result};

/// What is known of the batches of a query; `None` where there is no such batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Known {
    /// *n*
    pub(crate) newest_offsets: Option<u64>,
    /// *c*
    pub(crate) newest_commit: Option<u64>,
    /// *s*
    pub(crate) newest_state: Option<u64>,
    /// *m*; `None` also from a sink that does not know.
    pub(crate) newest_in_sink: Option<u64>,
    /// The batch whose state is prepared; it has no commit.
    pub(crate) prepared: Option<u64>,
    /// Whether a batch that is run again leaves the same state.
    pub(crate) is_repeatable: bool,
}

/// What to do before new batches. The ranges are of batch numbers, without their ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecoveryPlan {
    /// Whether the prepared batch is done.
    pub(crate) settles_prepared: bool,
    /// Run for their state, with the sink muted.
    pub(crate) muted: Range<u64>,
    /// Run for real.
    pub(crate) real: Range<u64>,
}

/// The plan, or what makes one impossible.
pub(crate) fn plan(known: Known) -> Result<RecoveryPlan> {
    // Counts instead of numbers, so that "none" is zero: batch 3 is the newest of 4.
    let count = |newest: Option<u64>| newest.map_or(0, |batch| batch + 1);
    let (offsets, commits) = (count(known.newest_offsets), count(known.newest_commit));
    let (states, in_sink) = (count(known.newest_state), count(known.newest_in_sink));
    if in_sink > offsets {
        return Err(Error::data(format!(
            "the sink holds batch {}, but the checkpoint knows only the batches before {offsets}: it is older than the sink",
            in_sink - 1
        ))
        .with_hint("restore the newest copy of the checkpoint; going on from this one would write rows twice"));
    }
    if commits > offsets {
        return Err(Error::data(format!("the checkpoint has a commit of batch {} without offsets", commits - 1)));
    }
    let written = commits.max(in_sink);
    if states > written {
        return Err(Error::data(format!("the checkpoint has state of batch {}, which never ended", states - 1)));
    }
    // The state of the batch after those in the state, which is the first without a commit.
    let settles_prepared = known.prepared == Some(commits) && in_sink > commits && states == commits;
    let muted = states + u64::from(settles_prepared)..written;
    if !known.is_repeatable && !muted.is_empty() {
        return Err(Error::data(format!(
            "the sink holds batch {}, but the checkpoint has lost the state of batch {}, which comes out differently \
             when it is run again",
            written - 1,
            muted.start
        ))
        .with_hint("restore the newest copy of the checkpoint, or start the query with a new checkpoint location"));
    }
    Ok(RecoveryPlan { settles_prepared, muted, real: written..offsets })
}

#[cfg(test)]
mod tests;
