//! The groups of a shard that are on disk: as the last commit left them, less what has expired since they were written.
//!
//! A group that a batch touches is copied into memory first, and what is in memory hides what is here. So a batch changes
//! nothing here but the time by which groups are gone, and to undo it is to put that time back.

use millstream_core::Result;

use super::groups::Layout;
use super::lifetime::{FOREVER, Lifetime};
use super::pane::{Pane, hash_key};
use super::run::{Cursor, Place, Run, RunReader};

/// Keys and values of an operator, and when they end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    pub(super) layout: &'a Layout,
    pub(super) lifetime: Option<Lifetime>,
}

impl Shape<'_> {
    /// Where a key lies in a run.
    pub(super) fn place(self, key: &[u8], hash: u64) -> Place {
        Place { end_us: self.lifetime.map_or(FOREVER, |lifetime| lifetime.end_us(key)), hash }
    }

    /// The pane of a key: the event time (µs) up to which it reaches.
    #[inline]
    pub(super) fn pane_of(self, key: &[u8]) -> i64 {
        self.lifetime.map_or(FOREVER, |lifetime| lifetime.pane_of(key))
    }

    /// Whether it is the value of a group that says when it ends. Then the order of a run says nothing of it.
    pub(super) fn ends_by_value(self) -> bool {
        matches!(self.lifetime, Some(Lifetime::InValue))
    }

    /// When a written group ends (µs).
    fn end_us(self, place: Place, written: &[u8]) -> Result<i64> {
        if self.ends_by_value() { self.layout.written_end_us(written) } else { Ok(place.end_us) }
    }
}

/// A group on disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpilledGroup<'a> {
    pub(super) key: &'a [u8],
    pub(super) place: Place,
    /// When it ends.
    end_us: i64,
    /// As in a delta.
    pub(super) written: &'a [u8],
}

/// What of a run is there still.
#[derive(Debug, Clone, Copy)]
struct Rest {
    /// Groups that end by then (µs) are gone; without a value none are.
    gone_us: Option<i64>,
    /// The least end of the others, if there are others.
    first_end_us: Option<i64>,
}

/// A shard's groups on disk.
#[derive(Debug)]
pub(super) struct Spilled {
    run: Run,
    rest: Rest,
    /// What was there before the batch, if the batch expired some.
    before: Option<Rest>,
}

impl Spilled {
    /// All groups of a run. `first_end_us` says before when none of them ends, where their order does not.
    pub(super) fn new(run: Run, first_end_us: Option<i64>) -> Self {
        let first_end_us = first_end_us.or_else(|| run.first().map(|first| first.end_us));
        let rest = Rest { gone_us: None, first_end_us };
        Self { run, rest, before: None }
    }

    /// Copies the groups of these keys into memory, those that are here and not there, and says how many that were.
    pub(super) fn load_missing<'a>(
        &self,
        shape: Shape<'_>,
        pane: &mut Pane,
        keys: impl Iterator<Item = (&'a [u8], u64)>,
    ) -> Result<usize> {
        let (mut reader, mut loaded) = (None, 0);
        for (key, hash) in keys {
            let place = shape.place(key, hash);
            if self.rest.gone_us.is_some_and(|gone_us| place.end_us <= gone_us) || pane.find(key, hash).is_some() {
                continue;
            }
            let reader = match &mut reader {
                Some(reader) => reader,
                none => none.insert(self.run.open()?),
            };
            let is_it = |written: &[u8]| shape.layout.written_key(written).is_ok_and(|other| other == key);
            if let Some(written) = reader.find(place, is_it)? {
                pane.load(shape.layout, hash, written)?;
                loaded += 1;
            }
        }
        Ok(loaded)
    }

    /// Looks keys up without reading their groups into memory.
    pub(super) fn lookup(&self) -> Lookup<'_> {
        Lookup { spilled: self, reader: None }
    }

    /// Goes over the groups that are there still.
    pub(super) fn for_each(
        &self,
        shape: Shape<'_>,
        mut each: impl FnMut(SpilledGroup<'_>) -> Result<()>,
    ) -> Result<()> {
        self.walk(shape, self.rest.gone_us, |group| each(group).map(|()| true))
    }

    /// Goes over the groups that expired in the batch.
    pub(super) fn for_each_expired(
        &self,
        shape: Shape<'_>,
        mut each: impl FnMut(SpilledGroup<'_>) -> Result<()>,
    ) -> Result<()> {
        let (Some(before), Some(gone_us)) = (self.before, self.rest.gone_us) else { return Ok(()) };
        self.walk(shape, before.gone_us, |group| {
            if group.end_us > gone_us {
                return Ok(shape.ends_by_value());
            }
            each(group).map(|()| true)
        })
    }

    /// Goes over the groups that end after `above_us`, for as long as `each` wants more.
    fn walk(
        &self,
        shape: Shape<'_>,
        above_us: Option<i64>,
        mut each: impl FnMut(SpilledGroup<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut cursor: Cursor<'_> = self.run.cursor(above_us.unwrap_or(i64::MIN))?;
        while let Some(written) = cursor.next()? {
            let key = shape.layout.written_key(written)?;
            let place = shape.place(key, hash_key(key));
            let end_us = shape.end_us(place, written)?;
            let is_gone = above_us.is_some_and(|above_us| end_us <= above_us);
            if !is_gone && !each(SpilledGroup { key, place, end_us, written })? {
                break;
            }
        }
        Ok(())
    }

    /// Forgets all that ends at or before the watermark (µs), and says how many groups that were, without those that
    /// `is_hidden` by memory.
    pub(super) fn expire(
        &mut self,
        shape: Shape<'_>,
        watermark_us: i64,
        is_hidden: impl Fn(SpilledGroup<'_>) -> bool,
    ) -> Result<usize> {
        if self.rest.first_end_us.is_none_or(|first_end_us| first_end_us > watermark_us) {
            return Ok(0);
        }
        let (mut count, mut first_end_us) = (0, None::<i64>);
        self.walk(shape, self.rest.gone_us, |group| {
            if group.end_us > watermark_us {
                first_end_us = Some(first_end_us.map_or(group.end_us, |first_end_us| first_end_us.min(group.end_us)));
                return Ok(shape.ends_by_value());
            }
            count += usize::from(!is_hidden(group));
            Ok(true)
        })?;
        self.before.get_or_insert(self.rest);
        self.rest = Rest { gone_us: Some(watermark_us), first_end_us };
        Ok(count)
    }

    /// Whether all has expired.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.first_end_us.is_none()
    }

    /// Whether the running batch expired groups.
    pub(super) fn is_changed(&self) -> bool {
        self.before.is_some()
    }

    /// Ends the batch: what it did stays.
    pub(super) fn commit(&mut self) {
        self.before = None;
    }

    /// Puts back what the batch did.
    pub(super) fn undo(&mut self) {
        if let Some(before) = self.before.take() {
            self.rest = before;
        }
    }

    /// Bytes held in memory.
    pub(super) fn index_bytes(&self) -> usize {
        self.run.index_bytes()
    }

    /// Bytes on disk.
    pub(super) fn file_bytes(&self) -> u64 {
        self.run.bytes()
    }
}

/// Says which keys are on disk. It opens the run with the first question.
#[derive(Debug)]
pub(super) struct Lookup<'a> {
    spilled: &'a Spilled,
    reader: Option<RunReader<'a>>,
}

impl Lookup<'_> {
    /// Whether the group of a key is there still.
    pub(super) fn has(&mut self, shape: Shape<'_>, key: &[u8], hash: u64) -> Result<bool> {
        let (place, gone_us) = (shape.place(key, hash), self.spilled.rest.gone_us);
        let is_gone = |end_us: i64| gone_us.is_some_and(|gone_us| end_us <= gone_us);
        if is_gone(place.end_us) {
            return Ok(false);
        }
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(self.spilled.run.open()?),
        };
        let is_it = |written: &[u8]| shape.layout.written_key(written).is_ok_and(|other| other == key);
        match reader.find(place, is_it)? {
            Some(written) => Ok(!is_gone(shape.end_us(place, written)?)),
            None => Ok(false),
        }
    }
}
