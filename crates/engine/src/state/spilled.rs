//! The groups of a shard that are on disk: as the last commit left them, less what has expired since they were written.
//!
//! A group that a batch touches is copied into memory first, and what is in memory hides what is here. So a batch changes
//! nothing here but the time by which groups are gone, and to undo it is to put that time back.

use millstream_core::Result;

use super::groups::Layout;
use super::pane::{Pane, hash_key};
use super::run::{Cursor, Place, Run};
use super::shard::{FOREVER, Lifetime};

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
}

/// A group on disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpilledGroup<'a> {
    pub(super) key: &'a [u8],
    pub(super) place: Place,
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
    pub(super) fn new(run: Run) -> Self {
        let rest = Rest { gone_us: None, first_end_us: run.first().map(|first| first.end_us) };
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
            if group.place.end_us > gone_us {
                return Ok(false);
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
            let is_gone = above_us.is_some_and(|above_us| place.end_us <= above_us);
            if !is_gone && !each(SpilledGroup { key, place, written })? {
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
        let (mut count, mut first_end_us) = (0, None);
        self.walk(shape, self.rest.gone_us, |group| {
            if group.place.end_us > watermark_us {
                first_end_us = Some(group.place.end_us);
                return Ok(false);
            }
            count += usize::from(!is_hidden(group));
            Ok(true)
        })?;
        self.before.get_or_insert(self.rest);
        self.rest = Rest { gone_us: Some(watermark_us), first_end_us };
        Ok(count)
    }

    /// The least event time (µs) at which something may expire.
    pub(super) fn first_end_us(&self) -> Option<i64> {
        self.rest.first_end_us.filter(|&end_us| end_us != FOREVER)
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
