//! Where a query goes on: a pure function of four numbers.
//!
//! *n* is the newest batch with an offsets entry, *c* the newest with a commit, *s* the newest whose state is complete,
//! *m* the newest that the sink holds, for sinks that know. Batches s+1 … max(c, m) are run again for their state alone,
//! because the sink has them; those after, up to n, are run for real. Then the query goes on with batch n+1.

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
}

/// What to do before new batches. The ranges are of batch numbers, without their ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecoveryPlan {
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
    Ok(RecoveryPlan { muted: states..written, real: written..offsets })
}

#[cfg(test)]
mod tests;
