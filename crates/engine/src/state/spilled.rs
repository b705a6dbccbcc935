//! The entries of a shard that are on disk: as the last commit left them, less what has expired since they were
//! written.
//!
//! An entry that a batch touches is copied into memory first, and what is in memory hides what is here. So a batch
//! changes nothing here but the time by which entries are gone, and to undo it is to put that time back.

use millstream_core::Result;

use super::entries::StoreLayout;
use super::lifetime::{FOREVER, Lifetime};
use super::pane::Pane;
use super::run::{Cursor, Place, Run, RunReader};
use super::values::Values;

/// Keys and values of a store, and when they end.
#[derive(Debug)]
pub(super) struct Shape<'a, V: Values> {
    pub(super) layout: &'a StoreLayout<V>,
    pub(super) lifetime: Option<Lifetime>,
}

// Derived, these would ask the same of the values.
impl<V: Values> Clone for Shape<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V: Values> Copy for Shape<'_, V> {}

impl<V: Values> Shape<'_, V> {
    /// Where a stored key lies in a run. All sub-keys of a key lie at one place.
    pub(super) fn place(self, stored: &[u8]) -> Place {
        let end_us = self.lifetime.map_or(FOREVER, |lifetime| lifetime.end_us(stored));
        Place { end_us, hash: self.layout.hash_stored(stored) }
    }

    /// The pane of a key: the event time (µs) up to which it reaches.
    #[inline]
    pub(super) fn pane_of(self, key: &[u8]) -> i64 {
        self.lifetime.map_or(FOREVER, |lifetime| lifetime.pane_of(key))
    }

    /// Whether it is the value of an entry that says when it ends. Then the order of a run says nothing of it.
    pub(super) fn ends_by_value(self) -> bool {
        matches!(self.lifetime, Some(Lifetime::InValue))
    }

    /// When a written entry ends (µs).
    fn end_us(self, place: Place, written: &[u8]) -> Result<i64> {
        if self.ends_by_value() { self.layout.written_end_us(written) } else { Ok(place.end_us) }
    }
}

/// An entry on disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct SpilledEntry<'a> {
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
    /// Entries that end by then (µs) are gone; without a value none are.
    gone_us: Option<i64>,
    /// The least end of the others, if there are others.
    first_end_us: Option<i64>,
}

/// A shard's entries on disk.
#[derive(Debug)]
pub(super) struct Spilled {
    run: Run,
    rest: Rest,
    /// What was there before the batch, if the batch expired some.
    before: Option<Rest>,
}

impl Spilled {
    /// All entries of a run. `first_end_us` says before when none of them ends, where their order does not.
    pub(super) fn new(run: Run, first_end_us: Option<i64>) -> Self {
        let first_end_us = first_end_us.or_else(|| run.first().map(|first| first.end_us));
        let rest = Rest { gone_us: None, first_end_us };
        Self { run, rest, before: None }
    }

    /// Copies the entries of these stored keys into memory, those that are here and not there.
    pub(super) fn load_missing<'a, V: Values>(
        &self,
        shape: Shape<'_, V>,
        pane: &mut Pane<V>,
        keys: impl Iterator<Item = (&'a [u8], u64)>,
    ) -> Result<()> {
        let mut lookup = self.lookup();
        for (key, hash) in keys {
            if pane.find(key, hash).is_some() {
                continue;
            }
            if let Some(written) = lookup.find(shape, key)? {
                pane.load(shape.layout, hash, written)?;
            }
        }
        Ok(())
    }

    /// Copies all entries of a key into memory, those that are here and not there.
    pub(super) fn load_bucket<V: Values>(
        &self,
        shape: Shape<'_, V>,
        pane: &mut Pane<V>,
        key: &[u8],
        hash: u64,
    ) -> Result<()> {
        let place = Place { end_us: shape.lifetime.map_or(FOREVER, |lifetime| lifetime.end_us(key)), hash };
        self.run.open()?.for_each_at(place, |written| {
            let stored = shape.layout.written_key(written)?;
            let is_of_key = shape.layout.split(stored).0 == key;
            if is_of_key && !self.is_gone(shape.end_us(place, written)?) && pane.find(stored, hash).is_none() {
                pane.load(shape.layout, hash, written)?;
            }
            Ok(())
        })
    }

    /// Whether what ends then (µs) has expired.
    fn is_gone(&self, end_us: i64) -> bool {
        self.rest.gone_us.is_some_and(|gone_us| end_us <= gone_us)
    }

    /// Looks keys up without reading their entries into memory.
    pub(super) fn lookup(&self) -> Lookup<'_> {
        Lookup { spilled: self, reader: None }
    }

    /// Goes over the entries that are there still.
    pub(super) fn for_each<V: Values>(
        &self,
        shape: Shape<'_, V>,
        mut each: impl FnMut(SpilledEntry<'_>) -> Result<()>,
    ) -> Result<()> {
        self.walk(shape, self.rest.gone_us, |entry| each(entry).map(|()| true))
    }

    /// Goes over the entries that expired in the batch.
    pub(super) fn for_each_expired<V: Values>(
        &self,
        shape: Shape<'_, V>,
        mut each: impl FnMut(SpilledEntry<'_>) -> Result<()>,
    ) -> Result<()> {
        let (Some(before), Some(gone_us)) = (self.before, self.rest.gone_us) else { return Ok(()) };
        self.walk(shape, before.gone_us, |entry| {
            if entry.end_us > gone_us {
                return Ok(shape.ends_by_value());
            }
            each(entry).map(|()| true)
        })
    }

    /// Goes over the entries that end after `above_us`, for as long as `each` wants more.
    fn walk<V: Values>(
        &self,
        shape: Shape<'_, V>,
        above_us: Option<i64>,
        mut each: impl FnMut(SpilledEntry<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut cursor: Cursor<'_> = self.run.cursor(above_us.unwrap_or(i64::MIN))?;
        while let Some(written) = cursor.next()? {
            let key = shape.layout.written_key(written)?;
            let place = shape.place(key);
            let end_us = shape.end_us(place, written)?;
            let is_gone = above_us.is_some_and(|above_us| end_us <= above_us);
            if !is_gone && !each(SpilledEntry { key, place, end_us, written })? {
                break;
            }
        }
        Ok(())
    }

    /// Forgets all that ends at or before the watermark (µs), and says how many entries that were, without those that
    /// `is_hidden` by memory.
    pub(super) fn expire<V: Values>(
        &mut self,
        shape: Shape<'_, V>,
        watermark_us: i64,
        is_hidden: impl Fn(SpilledEntry<'_>) -> bool,
    ) -> Result<usize> {
        if self.rest.first_end_us.is_none_or(|first_end_us| first_end_us > watermark_us) {
            return Ok(0);
        }
        let (mut count, mut first_end_us) = (0, None::<i64>);
        self.walk(shape, self.rest.gone_us, |entry| {
            if entry.end_us > watermark_us {
                first_end_us = Some(first_end_us.map_or(entry.end_us, |first_end_us| first_end_us.min(entry.end_us)));
                return Ok(shape.ends_by_value());
            }
            count += usize::from(!is_hidden(entry));
            Ok(true)
        })?;
        self.before.get_or_insert(self.rest);
        self.rest = Rest { gone_us: Some(watermark_us), first_end_us };
        Ok(count)
    }

    /// The event time (µs) before which no entry that is there ends.
    pub(super) fn first_end_us(&self) -> Option<i64> {
        self.rest.first_end_us
    }

    /// Whether all has expired.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.first_end_us.is_none()
    }

    /// Whether the running batch expired entries.
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
    /// The written entry of a stored key, if it is there still.
    pub(super) fn find<V: Values>(&mut self, shape: Shape<'_, V>, stored: &[u8]) -> Result<Option<&[u8]>> {
        let place = shape.place(stored);
        if self.spilled.is_gone(place.end_us) {
            return Ok(None);
        }
        let reader = match &mut self.reader {
            Some(reader) => reader,
            none => none.insert(self.spilled.run.open()?),
        };
        let is_it = |written: &[u8]| shape.layout.written_key(written).is_ok_and(|other| other == stored);
        let Some(written) = reader.find(place, is_it)? else { return Ok(None) };
        Ok((!self.spilled.is_gone(shape.end_us(place, written)?)).then_some(written))
    }
}
