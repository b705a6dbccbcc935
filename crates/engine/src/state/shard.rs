//! One of the parts into which the keys of a store are spread by their hash. Its panes are ordered by the event time
//! up to which they reach, so that expiry takes from the front.
//!
//! Part of the entries may be on disk (`spilled.rs`). Everything here sees both: what is in memory comes first.

mod bucket;
mod insert_new;
mod spill;
mod walk;

use std::collections::BTreeMap;

use millstream_core::Result;

pub use bucket::Bucket;

use super::entries::Entries;
use super::key_codec::{EncodedKeys, KeyCodec};
use super::lifetime::{FOREVER, KeyLifetime, Lifetime, Line};
use super::pane::Pane;
use super::spilled::{Shape, Spilled};
use super::values::Values;

/// Entries of a pane that expired in the batch.
#[derive(Debug)]
struct Expired<V> {
    reaches_us: i64,
    /// As it was before it expired.
    pane: Pane<V>,
    /// Which of its entries expired; `None` for all.
    entries: Option<Vec<u32>>,
}

/// A part of a store.
#[derive(Debug)]
pub(super) struct Shard<V> {
    panes: BTreeMap<i64, Pane<V>>,
    /// The panes that the batch changed.
    changed: Vec<i64>,
    expired: Vec<Expired<V>>,
    /// Panes of which most entries are absent.
    crowded: Vec<i64>,
    disk: Disk,
    /// What is gone of the entries whose values say when they end; those in memory.
    line: Line,
    /// Bytes held by panes, expired ones included.
    held_bytes: usize,
    /// Entries in memory and on disk, without expired ones.
    entry_count: usize,
    /// The same before the batch.
    committed_count: usize,
}

/// What a shard has on disk.
#[derive(Debug, Default)]
struct Disk {
    spilled: Option<Spilled>,
    /// Whether entries were copied from it. Then absent ones in memory may hide some on disk.
    has_copies: bool,
}

/// Rows and the entries that they belong to: row `rows[i]` to entry `entries[i]`.
#[derive(Debug, Clone, Copy)]
pub struct Assignment<'a> {
    /// Numbers of rows.
    pub rows: &'a [u32],
    /// Numbers of entries.
    pub entries: &'a [u32],
}

/// Rows of a batch that belong to one shard, and scratch space.
pub(super) struct ShardRows<'a> {
    pub(super) keys: &'a EncodedKeys,
    pub(super) hashes: &'a [u64],
    pub(super) rows: &'a [u32],
    pub(super) found: &'a mut Vec<u32>,
}

impl<'a> ShardRows<'a> {
    /// Splits the rows that follow each other and are of one pane from the others.
    fn of_one_pane<V: Values>(&self, shape: Shape<'_, V>, rest: &'a [u32]) -> Option<(i64, &'a [u32], &'a [u32])> {
        let pane_of = |row: u32| shape.pane_of(self.keys.key(row as usize));
        let reaches_us = pane_of(*rest.first()?);
        let same = match shape.lifetime {
            Some(Lifetime::InKey(_)) => rest.iter().position(|&row| pane_of(row) != reaches_us).unwrap_or(rest.len()),
            Some(Lifetime::InValue) | None => rest.len(),
        };
        let (run, others) = rest.split_at(same);
        Some((reaches_us, run, others))
    }
}

/// Written out, because derived it would ask the same of the values.
impl<V> Default for Shard<V> {
    fn default() -> Self {
        Self {
            panes: BTreeMap::new(),
            changed: vec![],
            expired: vec![],
            crowded: vec![],
            disk: Disk::default(),
            line: Line::default(),
            held_bytes: 0,
            entry_count: 0,
            committed_count: 0,
        }
    }
}

impl<V: Values> Shard<V> {
    /// Takes rows in. Rows of one pane that follow each other are taken together; mostly all of them do.
    pub(super) fn update(
        &mut self,
        shape: Shape<'_, V>,
        batch: ShardRows<'_>,
        take_in: &mut impl FnMut(&mut V, Assignment<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut rest = batch.rows;
        while let Some((reaches_us, run, others)) = batch.of_one_pane(shape, rest) {
            self.change(shape, reaches_us, |pane, disk, line| {
                let keys = run.iter().map(|&row| (batch.keys.key(row as usize), batch.hashes[row as usize]));
                disk.load_missing(shape, pane, line, keys.clone())?;
                batch.found.clear();
                for (key, hash) in keys {
                    batch.found.push(pane.find_or_insert(shape.layout, key, hash, line.gone_us())?);
                }
                take_in(pane.values_mut(), Assignment { rows: run, entries: batch.found })?;
                line.add_all(shape, pane, batch.found);
                Ok(())
            })?;
            rest = others;
        }
        Ok(())
    }

    /// Has a pane changed, and counts what it has more then.
    fn change<R>(
        &mut self,
        shape: Shape<'_, V>,
        reaches_us: i64,
        change: impl FnOnce(&mut Pane<V>, &mut Disk, &mut Line) -> Result<R>,
    ) -> Result<R> {
        let pane = self.panes.entry(reaches_us).or_insert_with(|| Pane::new(shape.layout));
        if pane.is_clean() && self.changed.last() != Some(&reaches_us) {
            self.changed.push(reaches_us);
        }
        let before = pane.bytes();
        let changed = change(pane, &mut self.disk, &mut self.line);
        // Counted after a failure too: the batch is undone then, and that starts from what is held.
        self.held_bytes += pane.bytes().saturating_sub(before);
        self.entry_count = self.entry_count.saturating_add_signed(pane.take_balance());
        changed
    }

    /// Counts an entry as changed, though it keeps its value; makes it if need be.
    pub(super) fn touch(&mut self, shape: Shape<'_, V>, key: &[u8], hash: u64) -> Result<()> {
        self.change(shape, shape.pane_of(key), |pane, disk, line| {
            disk.load_missing(shape, pane, line, [(key, hash)].into_iter())?;
            pane.find_or_insert(shape.layout, key, hash, line.gone_us()).map(|_| ())
        })
    }

    /// Takes out all that ends at or before the watermark (µs), and says how many entries that were.
    pub(super) fn expire(&mut self, shape: Shape<'_, V>, watermark_us: i64) -> Result<usize> {
        let Some(lifetime) = shape.lifetime else { return Ok(0) };
        let on_disk = self.expire_spilled(shape, watermark_us)?;
        self.entry_count -= on_disk;
        let in_memory = match lifetime {
            Lifetime::InKey(lifetime) => self.expire_panes(shape, lifetime, watermark_us)?,
            Lifetime::InValue => self.move_line(shape, watermark_us)?,
        };
        Ok(on_disk + in_memory)
    }

    fn expire_spilled(&mut self, shape: Shape<'_, V>, watermark_us: i64) -> Result<usize> {
        let Some(mut spilled) = self.disk.spilled.take() else { return Ok(0) };
        let expired = spilled.expire(shape, watermark_us, |entry| self.hides(shape, entry));
        self.disk.spilled = Some(spilled);
        expired
    }

    fn expire_panes(&mut self, shape: Shape<'_, V>, lifetime: KeyLifetime, watermark_us: i64) -> Result<usize> {
        let mut count = 0;
        while let Some(entry) = self.panes.first_entry().filter(|entry| *entry.key() <= watermark_us) {
            let (reaches_us, pane) = entry.remove_entry();
            let entries = pane.len() - pane.removed_count();
            count += entries;
            self.entry_count -= entries;
            self.expired.push(Expired { reaches_us, pane, entries: None });
        }
        // At most one pane reaches over the watermark and begins before it.
        let Some((&reaches_us, pane)) = self.panes.first_key_value() else { return Ok(count) };
        if reaches_us == FOREVER || reaches_us.saturating_sub(lifetime.pane_us) >= watermark_us {
            return Ok(count);
        }
        let ends = |key: &[u8]| KeyCodec::event_time_us(key, lifetime.end).is_some_and(|end_us| end_us <= watermark_us);
        let ended: Vec<u32> = (0..pane.len() as u32).filter(|&entry| ends(pane.entries().key(entry))).collect();
        if !ended.is_empty() {
            let kept = pane.retain(shape.layout, |entry| !ends(pane.entries().key(entry)))?;
            self.held_bytes += kept.bytes();
            let entries = ended.iter().filter(|&&entry| !pane.entries().is_removed(entry)).count();
            count += entries;
            self.entry_count -= entries;
            if let Some(pane) = self.panes.insert(reaches_us, kept) {
                self.expired.push(Expired { reaches_us, pane, entries: Some(ended) });
            }
        }
        Ok(count)
    }

    /// Lets all go in memory that ends by the watermark (µs) as its value says, and says how many entries that were.
    fn move_line(&mut self, shape: Shape<'_, V>, watermark_us: i64) -> Result<usize> {
        if self.line.first_end_us(shape).is_none_or(|first_end_us| first_end_us > watermark_us) {
            return Ok(0);
        }
        let gone_us = self.line.gone_us();
        let (mut expired, mut first_end_us) = (0, FOREVER);
        for (&reaches_us, pane) in &self.panes {
            let mut absent = 0;
            for entry in 0..pane.len() as u32 {
                let end_us = pane.entries().values().end_us(entry).unwrap_or(FOREVER);
                if pane.is_absent(entry, gone_us) {
                    absent += 1;
                } else if end_us <= watermark_us {
                    expired += 1;
                } else {
                    first_end_us = first_end_us.min(end_us);
                }
            }
            // It is cleared when the batch has ended: until then its entries may be needed to undo the batch.
            if absent > pane.len() / 2 {
                self.crowded.push(reaches_us);
            }
        }
        self.line.move_to(watermark_us, first_end_us);
        self.entry_count -= expired;
        Ok(expired)
    }

    /// Ends the batch: what it did stays.
    pub(super) fn commit(&mut self, shape: Shape<'_, V>) -> Result<()> {
        for expired in self.expired.drain(..) {
            self.held_bytes = self.held_bytes.saturating_sub(expired.pane.bytes());
        }
        for reaches_us in self.changed.drain(..) {
            if let Some(pane) = self.panes.get_mut(&reaches_us) {
                pane.commit();
                let removed = if shape.layout.is_removable { pane.removed_count() } else { 0 };
                if removed > pane.len() / 2 && !self.crowded.contains(&reaches_us) {
                    self.crowded.push(reaches_us);
                }
            }
        }
        self.clear_crowded(shape)?;
        self.committed_count = self.entry_count;
        self.line.commit();
        if let Some(spilled) = &mut self.disk.spilled {
            spilled.commit();
        }
        if self.disk.spilled.take_if(|spilled| spilled.is_empty()).is_some() {
            self.disk.has_copies = false;
        }
        Ok(())
    }

    /// Makes panes anew that are mostly full of absent entries, unless those hide entries on disk.
    fn clear_crowded(&mut self, shape: Shape<'_, V>) -> Result<()> {
        let gone_us = self.line.gone_us();
        for reaches_us in self.crowded.drain(..) {
            if let Some(pane) = self.panes.get_mut(&reaches_us).filter(|_| !self.disk.has_copies) {
                let before = pane.bytes();
                *pane = pane.retain(shape.layout, |entry| !pane.is_absent(entry, gone_us))?;
                self.held_bytes = self.held_bytes.saturating_sub(before) + pane.bytes();
            }
        }
        Ok(())
    }

    /// Puts back what the batch did.
    pub(super) fn undo(&mut self) {
        for expired in self.expired.drain(..) {
            self.panes.insert(expired.reaches_us, expired.pane);
        }
        for reaches_us in self.changed.drain(..) {
            if let Some(pane) = self.panes.get_mut(&reaches_us) {
                pane.undo();
                if pane.len() == 0 {
                    self.panes.remove(&reaches_us);
                }
            }
        }
        self.crowded.clear();
        self.held_bytes = self.panes.values().map(Pane::bytes).sum();
        self.entry_count = self.committed_count;
        self.line.undo();
        if let Some(spilled) = &mut self.disk.spilled {
            spilled.undo();
        }
    }

    /// Puts an entry that was read in its place.
    pub(super) fn put(&mut self, shape: Shape<'_, V>, from: &Entries<V>, entry: u32) -> Result<()> {
        let key = from.key(entry);
        let hash = shape.layout.hash_stored(key);
        let end_us = from.values().end_us(entry).filter(|_| shape.ends_by_value() && !from.is_removed(entry));
        self.change(shape, shape.pane_of(key), |pane, disk, line| {
            disk.load_missing(shape, pane, line, [(key, hash)].into_iter())?;
            // What ended by now is not there, whatever was read, and neither is what it replaces.
            if end_us.is_some_and(|end_us| end_us <= line.gone_us()) {
                if let Some(known) = pane.find(key, hash).filter(|&known| !pane.is_absent(known, line.gone_us())) {
                    pane.remove(known);
                }
                return Ok(());
            }
            line.add(end_us.unwrap_or(FOREVER));
            pane.put(shape.layout, from, entry, line.gone_us())
        })
    }

    /// The number of entries, in memory and on disk.
    pub(super) fn len(&self) -> usize {
        self.entry_count
    }

    /// The same before the batch.
    pub(super) fn committed_len(&self) -> usize {
        self.committed_count
    }

    /// The event time (µs) before which no entry ends, in memory or on disk.
    pub(super) fn first_end_us(&self, shape: Shape<'_, V>) -> i64 {
        let in_memory = match shape.lifetime {
            None => return FOREVER,
            Some(Lifetime::InValue) => self.line.first_end_us(shape),
            // Entries end within the pane, the first just after the one before it.
            Some(Lifetime::InKey(lifetime)) => self.panes.first_key_value().map(|(&reaches_us, _)| {
                if reaches_us == FOREVER { FOREVER } else { reaches_us.saturating_sub(lifetime.pane_us - 1) }
            }),
        };
        let on_disk = self.disk.spilled.as_ref().and_then(Spilled::first_end_us);
        in_memory.into_iter().chain(on_disk).min().unwrap_or(FOREVER)
    }

    /// The bytes of memory that the shard holds.
    pub(super) fn bytes(&self) -> usize {
        let index = self.disk.spilled.as_ref().map_or(0, Spilled::index_bytes);
        self.held_bytes + index + self.panes.len() * (size_of::<Pane<V>>() + size_of::<i64>())
    }
}

impl Disk {
    /// Copies the entries of these stored keys into memory, those that are on disk only.
    #[inline]
    fn load_missing<'a, V: Values>(
        &mut self,
        shape: Shape<'_, V>,
        pane: &mut Pane<V>,
        line: &mut Line,
        keys: impl Iterator<Item = (&'a [u8], u64)>,
    ) -> Result<()> {
        let Some(spilled) = &self.spilled else { return Ok(()) };
        let before = pane.len();
        let loaded = spilled.load_missing(shape, pane, keys);
        self.note_copies(shape, pane, line, before);
        loaded
    }

    /// Copies all entries of a key into memory, those that are on disk only.
    fn load_bucket<V: Values>(
        &mut self,
        shape: Shape<'_, V>,
        pane: &mut Pane<V>,
        line: &mut Line,
        (key, hash): (&[u8], u64),
    ) -> Result<()> {
        let Some(spilled) = &self.spilled else { return Ok(()) };
        let before = pane.len();
        let loaded = spilled.load_bucket(shape, pane, key, hash);
        self.note_copies(shape, pane, line, before);
        loaded
    }

    /// Takes note of the entries from `before` on, which were copied from disk: the line knows only of what is in
    /// memory.
    fn note_copies<V: Values>(&mut self, shape: Shape<'_, V>, pane: &Pane<V>, line: &mut Line, before: usize) {
        self.has_copies |= pane.len() > before;
        (before as u32..pane.len() as u32).for_each(|entry| line.add_all(shape, pane, &[entry]));
    }
}
