//! The reading half of a query's log: what earlier runs left behind, checked entry by entry.
//!
//! Only the very end of the log may be unfinished; it is cut off. Anything else that does not fit together (a spoilt
//! frame, a missing segment, a batch out of turn) is refused with the name of the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_core::{BatchId, Error, Result};

use super::entry::{CommitEntry, Entry, OffsetsEntry, StartEntry, StateEntry, StoreId};
use super::files::{DAMAGE_HINT, Files};
use super::formats::{EntryReader, FORMATS, Formats};
use super::frame::{self, Scan};
use super::log::{SEGMENT_PREFIX, Segment, segment_path};
use super::snapshot::Snapshot;
use crate::run::TEMPORARY_SUFFIX;

/// All that a checkpoint knows of a query.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The head of the newest segment; absent before the first run.
    pub(crate) start: Option<StartEntry>,
    pub(crate) offsets: BTreeMap<BatchId, Arc<OffsetsEntry>>,
    pub(crate) commits: BTreeMap<BatchId, CommitEntry>,
    /// Those of committed batches, in the order in which they were written; those of the newest snapshot and before it
    /// are left out.
    pub(crate) deltas: Vec<DeltaPlace>,
    /// Those of the batch that is due, which has neither a commit nor a prepared entry behind them.
    pub(crate) uncommitted: Vec<DeltaPlace>,
    /// The batch that is due, if its state is whole and only the sink knows whether it is done.
    pub(crate) prepared: Option<PreparedBatch>,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) segments: Vec<Segment>,
    /// Where it was read from.
    pub(crate) origin: Option<(Files, PathBuf)>,
}

/// A batch whose state is in the log, and whose commit is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PreparedBatch {
    pub(crate) commit: CommitEntry,
    pub(crate) deltas: Vec<DeltaPlace>,
}

/// Where a state delta lies. It is read again when its turn comes, so that there is one of them in memory at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeltaPlace {
    pub(crate) batch: BatchId,
    pub(crate) store: StoreId,
    pub(crate) length: usize,
    segment: u64,
    at: usize,
}

/// Reads deltas in the order in which they were written.
#[derive(Debug)]
pub(crate) struct DeltaReader {
    origin: Option<(Files, PathBuf)>,
    /// The segment that was read last.
    segment: Option<(u64, Vec<u8>)>,
}

impl DeltaReader {
    /// The bytes of a delta.
    pub(crate) async fn read(&mut self, place: &DeltaPlace) -> Result<&[u8]> {
        let (files, folder) = self.origin.as_ref().ok_or_else(|| Error::internal("the history was not read"))?;
        let path = segment_path(folder, place.segment);
        let file = match self.segment.take().filter(|(number, _)| *number == place.segment) {
            Some((_, file)) => file,
            None => files.read(&path).await?.unwrap_or_default(),
        };
        let (_, file) = self.segment.insert((place.segment, file));
        file.get(place.at..place.at + place.length)
            .ok_or_else(|| refused(&path, "it has been cut since it was checked"))
    }
}

impl History {
    /// Reads the folder of a log, and cuts off what a dying process left unfinished.
    pub(crate) async fn read(files: &Files, folder: &Path) -> Result<Self> {
        Self::read_in(files, folder, FORMATS).await
    }

    /// The same of a log in one of these formats.
    pub(super) async fn read_in(files: &Files, folder: &Path, formats: Formats) -> Result<Self> {
        for name in files.names(folder).await?.into_iter().filter(|name| name.ends_with(TEMPORARY_SUFFIX)) {
            files.remove(&folder.join(name)).await?;
        }
        let snapshot = Snapshot::newest(files, folder, formats).await?;
        let origin = Some((files.clone(), folder.to_owned()));
        let mut history = Self { snapshot, origin, ..Self::default() };
        let numbers = files.numbered(folder, SEGMENT_PREFIX).await?;
        for (index, &number) in numbers.iter().enumerate() {
            let path = segment_path(folder, number);
            if history.segments.last().is_some_and(|before| before.number + 1 != number) {
                return Err(refused(&path, "the segment before it is missing"));
            }
            history.read_segment(files, &path, number, formats.reader(), index + 1 == numbers.len()).await?;
        }
        history.check_beginning(folder)?;
        Ok(history)
    }

    /// Refuses a log whose beginning is gone although no snapshot stands for it: the state would lack what was there.
    fn check_beginning(&self, folder: &Path) -> Result<()> {
        let saved = self.snapshot.as_ref().map(Snapshot::batch);
        match (self.segments.first(), saved) {
            (None, Some(saved)) => {
                let path = segment_path(folder, 0);
                Err(refused(
                    &path,
                    &format!("it is missing, and so is all behind it, while batch {saved} has a snapshot"),
                ))
            }
            (Some(Segment { number: 1.., after: Some(after) }), saved)
                if self.has_operators() && saved.is_none_or(|saved| *after > saved) =>
            {
                let path = segment_path(folder, self.segments[0].number - 1);
                Err(refused(&path, &format!("it is missing, and no snapshot has the state of batch {after}")))
            }
            _ => Ok(()),
        }
    }

    /// Whether there is state in the log.
    pub(crate) fn has_operators(&self) -> bool {
        self.start.as_ref().is_some_and(|start| !start.operators.is_empty())
    }

    /// For the deltas.
    pub(crate) fn delta_reader(&self) -> DeltaReader {
        DeltaReader { origin: self.origin.clone(), segment: None }
    }

    /// The newest batch with an offsets entry.
    pub(crate) fn newest_offsets(&self) -> Option<BatchId> {
        self.offsets.last_key_value().map(|(&batch, _)| batch)
    }

    /// The newest batch that had an offsets entry, be it in a segment that is gone.
    pub(crate) fn newest_known(&self) -> Option<BatchId> {
        self.newest_offsets().or(self.start.as_ref().and_then(|start| start.after))
    }

    /// The newest committed batch.
    pub(crate) fn newest_commit(&self) -> Option<BatchId> {
        self.commits.last_key_value().map(|(&batch, _)| batch)
    }

    async fn read_segment(
        &mut self,
        files: &Files,
        path: &Path,
        number: u64,
        mut reader: EntryReader,
        is_last: bool,
    ) -> Result<()> {
        let file = files.read(path).await?.unwrap_or_default();
        let (frames, end) = match frame::scan(&file) {
            Scan::Good { frames, end } => (frames, end),
            Scan::Damaged { position } => return Err(refused(path, &format!("byte {position} or one soon after it"))),
        };
        if end < file.len() as u64 || end == 0 {
            if !is_last {
                return Err(refused(path, &format!("it ends in the middle of a write at byte {end}")));
            }
            tracing::warn!(file = %path.display(), from = end, to = file.len(), "cutting off an unfinished write");
            cut(files, path, end).await?;
        }
        for (position, frame) in frames {
            let mut payload = frame;
            let at_frame = |error: Error| match error.hint() {
                // Nothing is wrong with the file; it is another build's.
                Some(hint) => unreadable(path, error.message()).with_hint(hint),
                None => {
                    refused(path, &format!("{} in the frame at byte {position}", error.message())).with_source(error)
                }
            };
            while !payload.is_empty() {
                let entry = reader.take(&mut payload).map_err(at_frame)?;
                let end = position as usize + frame::HEADER_BYTES + frame.len() - payload.len();
                self.add(entry, (number, end)).map_err(at_frame)?;
            }
        }
        Ok(())
    }

    /// Takes an entry in that ends at byte `end` of its segment.
    fn add(&mut self, entry: Entry, (segment, end): (u64, usize)) -> Result<()> {
        match entry {
            Entry::Start(start) => self.add_start(start, segment),
            Entry::Offsets(offsets) => {
                let expected = self.newest_known().map_or(0, |id| id.0 + 1);
                in_turn(offsets.batch, BatchId(expected), "offsets")?;
                self.offsets.insert(offsets.batch, offsets);
                Ok(())
            }
            Entry::State(state) => {
                in_turn(state.batch, self.next_commit(state.batch), "state")?;
                self.uncommitted.push(place(&state, (segment, end)));
                Ok(())
            }
            Entry::Snapshot(_) => Err(Error::data("the head of a snapshot is in the log")),
            Entry::Commit(commit) => {
                in_turn(commit.batch, self.next_commit(commit.batch), "a commit")?;
                self.add_commit(commit)
            }
            Entry::Prepared(commit) => {
                in_turn(commit.batch, self.next_commit(commit.batch), "a prepared commit")?;
                // One that was there is of an attempt that came to nothing.
                self.prepared = Some(PreparedBatch { commit, deltas: std::mem::take(&mut self.uncommitted) });
                Ok(())
            }
        }
    }

    fn add_commit(&mut self, commit: CommitEntry) -> Result<()> {
        let is_saved = self.snapshot.as_ref().is_some_and(|snapshot| commit.batch <= snapshot.batch());
        let (prepared, written) = (self.prepared.take(), std::mem::take(&mut self.uncommitted));
        let deltas = match (commit.prepared, prepared) {
            (false, _) => written,
            (true, Some(prepared)) => prepared.deltas,
            // It went with its segment.
            (true, None) if is_saved => vec![],
            (true, None) => {
                return Err(Error::data(format!("the prepared state of batch {} is missing", commit.batch)));
            }
        };
        if !is_saved {
            self.deltas.extend(deltas);
        }
        self.commits.insert(commit.batch, commit);
        Ok(())
    }

    /// Takes the prepared batch for done, because the sink holds it. Gives the commit that the log lacks.
    pub(crate) fn settle_prepared(&mut self) -> Option<CommitEntry> {
        let PreparedBatch { commit, deltas } = self.prepared.take()?;
        let commit = CommitEntry { prepared: true, ..commit };
        self.deltas.extend(deltas);
        self.commits.insert(commit.batch, commit);
        Some(commit)
    }

    /// The batch that is to be committed next. At the beginning of what is kept of a log that is not known, because the
    /// commit before it went with its segment.
    fn next_commit(&self, found: BatchId) -> BatchId {
        self.newest_commit().map_or(found, BatchId::next)
    }

    fn add_start(&mut self, start: StartEntry, number: u64) -> Result<()> {
        if start.taken_over {
            // An Apache Spark cluster ran the query in between: its files are newer, what we knew is past.
            let (segments, origin) = (std::mem::take(&mut self.segments), self.origin.take());
            *self = Self { segments, origin, ..Self::default() };
        } else if self.start.is_some() && start.after != self.newest_known() {
            let known = self.newest_known().map_or("the start".to_owned(), |batch| format!("batch {batch}"));
            return Err(Error::data(format!("the segment does not follow {known}")));
        }
        self.segments.push(Segment { number, after: start.after });
        self.start = Some(start);
        Ok(())
    }
}

fn place(state: &StateEntry, (segment, end): (u64, usize)) -> DeltaPlace {
    let StateEntry { batch, store, delta } = state;
    DeltaPlace { batch: *batch, store: *store, length: delta.len(), segment, at: end - delta.len() }
}

fn in_turn(found: BatchId, expected: BatchId, what: &str) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::data(format!("{what} of batch {found} where batch {expected} is due")))
}

async fn cut(files: &Files, path: &Path, end: u64) -> Result<()> {
    if end == 0 { files.remove(path).await } else { files.truncate(path, end).await }
}

fn unreadable(path: &Path, what: &str) -> Error {
    Error::data(format!("cannot read checkpoint log '{}': {what}", path.display()))
}

fn refused(path: &Path, what: &str) -> Error {
    Error::data(format!("checkpoint log '{}' is damaged: {what}", path.display())).with_hint(DAMAGE_HINT)
}
