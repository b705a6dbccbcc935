//! The marker: what the output's cluster says of the newest batch that it holds.
//!
//! It is an offset that the query's own group commits, within the transaction of each batch, for one partition: the
//! number of batches written so far. Beside it stand the run that wrote the newest and the hash of what that batch
//! depended on, so that another copy of the checkpoint is told from this one. Here is what to make of it when a query
//! starts; a pure function, because everything hangs on it.

use millstream_core::{BatchId, Error, Result, RunId, SinkStart};
use millstream_kafka::CommittedOffset;

/// What to believe of a batch in doubt when the marker cannot say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recovery {
    /// Nothing: the query does not start.
    Refuse,
    /// It is in the output.
    Committed,
    /// It is not.
    Aborted,
}

/// The marker as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    /// Batches in the output: the number of the next one.
    pub(super) batches: u64,
    /// Which run wrote the newest.
    pub(super) run: String,
    /// The hash of the newest batch's entry; none before the first batch.
    pub(super) hash: Option<u64>,
}

impl Marker {
    /// The text that is committed beside the number.
    pub(super) fn metadata(run: RunId, hash: Option<u64>) -> String {
        hash.map_or_else(|| run.to_string(), |hash| format!("{run} {hash:016x}"))
    }

    pub(super) fn read(committed: &CommittedOffset) -> Result<Self> {
        let foreign = || {
            Error::data(format!(
                "the query's group holds offset {} with '{}', which no sink of Millstream has written",
                committed.offset, committed.metadata
            ))
        };
        let batches = u64::try_from(committed.offset).map_err(|_| foreign())?;
        let (run, hash) = match committed.metadata.split_once(' ') {
            None => (committed.metadata.as_str(), None),
            Some((run, hash)) => (run, Some(u64::from_str_radix(hash, 16).map_err(|_| foreign())?)),
        };
        Ok(Self { batches, run: run.to_owned(), hash })
    }

    /// The newest batch in the output.
    pub(super) fn newest(&self) -> Option<BatchId> {
        self.batches.checked_sub(1).map(BatchId)
    }
}

/// Refuses a checkpoint that has not heard of batches in the output.
pub(super) fn refuse_older_checkpoint(marker: &Marker, start: &SinkStart) -> Result<()> {
    let logged = count(start.logged.last_key_value().map(|(&batch, _)| batch));
    if marker.batches > logged { Err(older_than_output(marker, logged)) } else { Ok(()) }
}

/// A number of batches instead of the newest's, so that "none" is zero.
fn count(newest: Option<BatchId>) -> u64 {
    newest.map_or(0, |batch| batch.0 + 1)
}

/// How many batches the output holds, by the marker and the log, or why nobody can tell.
pub(super) fn batches_in_output(marker: Option<&Marker>, start: &SinkStart, recovery: Recovery) -> Result<u64> {
    let logged = count(start.logged.last_key_value().map(|(&batch, _)| batch));
    let committed = count(start.newest_commit);
    match marker {
        None if logged == 0 => Ok(0),
        Some(marker) if marker.batches > logged => Err(older_than_output(marker, logged)),
        Some(marker) if marker.batches >= committed => {
            let logged = marker.newest().and_then(|newest| start.logged.get(&newest));
            match (logged, marker.hash) {
                (Some(logged), Some(written)) if *logged != written => Err(another_copy(marker)),
                _ => Ok(marker.batches),
            }
        }
        marker => match recovery {
            Recovery::Committed => Ok(logged),
            Recovery::Aborted => Ok(committed),
            Recovery::Refuse => Err(in_doubt(marker, logged, committed)),
        },
    }
}

fn older_than_output(marker: &Marker, logged: u64) -> Error {
    Error::data(format!(
        "the output holds batch {}, written by run {}, but the checkpoint knows only the batches before {logged}: it is older \
         than the output",
        marker.batches - 1,
        marker.run
    ))
    .with_hint("restore the newest copy of the checkpoint; going on from this one would write rows twice")
}

fn another_copy(marker: &Marker) -> Error {
    Error::data(format!(
        "batch {} is in the output with other inputs than in this checkpoint: run {} wrote it from another copy of the \
         checkpoint",
        marker.batches - 1,
        marker.run
    ))
    .with_hint("go on with that copy; this one has missed what the other has written")
}

fn in_doubt(marker: Option<&Marker>, logged: u64, committed: u64) -> Error {
    let what = match marker {
        None => "the marker of the newest batch in the output is missing: it has expired, its topic was deleted or changed, or \
                 the query wrote without exactly-once before"
            .to_owned(),
        Some(marker) => format!(
            "the output's marker says that {} batches are written, but the checkpoint has {committed} that were: the cluster \
             has lost some",
            marker.batches
        ),
    };
    let doubt = if logged > committed {
        format!("batch {} may be in the output or not", logged - 1)
    } else {
        "no batch of this checkpoint is unfinished, but a newer copy of it may have written more".to_owned()
    };
    Error::data(format!("{what}; {doubt}")).with_hint(
        "look into the output, then start once with option 'delivery.recovery' = 'committed' if the newest batch is there, or \
         'aborted' if it is not",
    )
}

#[cfg(test)]
mod tests;
