//! One of the parts into which the keys of an operator are spread by their hash. Its panes are ordered by the event time
//! up to which they reach, so that expiry takes from the front.
//!
//! Part of the groups may be on disk (`spilled.rs`). Everything here sees both: what is in memory comes first.

mod deduplicate;

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_core::Result;

use super::accumulator::Argument;
use super::codec::Reader;
use super::groups::{Groups, Layout};
use super::key_codec::{EncodedKeys, KeyCodec};
use super::lifetime::{FOREVER, KeyLifetime, Lifetime, Line};
use super::pane::{Pane, hash_key};
use super::run::{Place, RunWriter};
use super::spill_folder::SpillFolder;
use super::spilled::{Shape, Spilled, SpilledGroup};

/// Groups of a pane that expired in the batch.
#[derive(Debug)]
struct Expired {
    reaches_us: i64,
    /// As it was before it expired.
    pane: Pane,
    /// Which of its groups expired; `None` for all.
    groups: Option<Vec<u32>>,
}

/// A part of an operator's state.
#[derive(Debug, Default)]
pub(super) struct Shard {
    panes: BTreeMap<i64, Pane>,
    /// The panes that the batch changed.
    changed: Vec<i64>,
    expired: Vec<Expired>,
    spilled: Option<Spilled>,
    /// What is gone of the groups whose values say when they end; those in memory.
    line: Line,
    /// Bytes held by panes, expired ones included.
    held_bytes: usize,
    /// Groups in memory and on disk, without expired ones.
    group_count: usize,
    /// The same before the batch.
    committed_count: usize,
}

/// Rows of a batch that belong to one shard, and scratch space.
pub(super) struct ShardRows<'a> {
    pub(super) keys: &'a EncodedKeys,
    pub(super) hashes: &'a [u64],
    pub(super) rows: &'a [u32],
    pub(super) found: &'a mut Vec<u32>,
    pub(super) arguments: &'a [Argument],
}

impl<'a> ShardRows<'a> {
    /// Splits the rows that follow each other and are of one pane from the others.
    fn of_one_pane(&self, shape: Shape<'_>, rest: &'a [u32]) -> Option<(i64, &'a [u32], &'a [u32])> {
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

impl Shard {
    /// Takes rows in. Rows of one pane that follow each other are taken together; mostly all of them do.
    pub(super) fn update(&mut self, shape: Shape<'_>, batch: ShardRows<'_>) -> Result<()> {
        let mut rest = batch.rows;
        while let Some((reaches_us, run, others)) = batch.of_one_pane(shape, rest) {
            let keys = run.iter().map(|&row| (batch.keys.key(row as usize), batch.hashes[row as usize]));
            self.change(shape, (reaches_us, keys), |pane| {
                pane.update(shape.layout, (batch.keys, batch.hashes), (run, batch.found), batch.arguments)
            })?;
            rest = others;
        }
        Ok(())
    }

    /// Has a pane changed, with the groups of these keys in memory, and counts what it has more then.
    fn change<'a>(
        &mut self,
        shape: Shape<'_>,
        (reaches_us, keys): (i64, impl Iterator<Item = (&'a [u8], u64)>),
        change: impl FnOnce(&mut Pane) -> Result<()>,
    ) -> Result<()> {
        let pane = self.panes.entry(reaches_us).or_insert_with(|| Pane::new(shape.layout));
        if pane.is_clean() && self.changed.last() != Some(&reaches_us) {
            self.changed.push(reaches_us);
        }
        let before = (pane.bytes(), pane.len());
        let loaded = match &self.spilled {
            Some(spilled) => spilled.load_missing(shape, pane, keys)?,
            None => 0,
        };
        let changed = change(pane);
        self.held_bytes += pane.bytes().saturating_sub(before.0);
        self.group_count += pane.len() - before.1 - loaded;
        changed
    }

    /// Counts a group as changed, though it keeps its values.
    pub(super) fn touch(&mut self, shape: Shape<'_>, key: &[u8]) -> Result<()> {
        self.change(shape, (FOREVER, [(key, hash_key(key))].into_iter()), |pane| pane.touch(key))
    }

    /// Calls `each` with every group that the batch changed.
    pub(super) fn for_each_changed(&self, mut each: impl FnMut(&Groups, u32) -> Result<()>) -> Result<()> {
        for pane in self.changed_panes() {
            pane.changed().try_for_each(|group| each(pane.groups(), group))?;
        }
        Ok(())
    }

    fn changed_panes(&self) -> impl Iterator<Item = &Pane> {
        self.changed.iter().filter_map(|reaches_us| self.panes.get(reaches_us))
    }

    /// Groups that the batch changed.
    pub(super) fn changed_count(&self) -> usize {
        self.changed_panes().map(Pane::changed_count).sum()
    }

    /// Calls `each` with every group.
    pub(super) fn for_each(&self, shape: Shape<'_>, mut each: impl FnMut(&Groups, u32) -> Result<()>) -> Result<()> {
        for pane in self.panes.values() {
            let there = |group: &u32| !self.is_gone(shape, pane, *group);
            (0..pane.len() as u32).filter(there).try_for_each(|group| each(pane.groups(), group))?;
        }
        let Some(spilled) = &self.spilled else { return Ok(()) };
        let mut one = Groups::new(shape.layout);
        spilled.for_each(shape, |group| {
            if self.hides(shape, group) { Ok(()) } else { read_one(&mut one, shape, group, &mut each) }
        })
    }

    /// Whether a group is in memory too.
    fn hides(&self, shape: Shape<'_>, group: SpilledGroup<'_>) -> bool {
        let pane = self.panes.get(&shape.pane_of(group.key));
        pane.is_some_and(|pane| pane.find(group.key, group.place.hash).is_some())
    }

    /// Calls `each` with every group that expired in the batch.
    pub(super) fn for_each_expired(
        &self,
        shape: Shape<'_>,
        mut each: impl FnMut(&Groups, u32) -> Result<()>,
    ) -> Result<()> {
        for expired in &self.expired {
            let groups = expired.pane.groups();
            match &expired.groups {
                None => (0..expired.pane.len() as u32).try_for_each(|group| each(groups, group))?,
                Some(some) => some.iter().try_for_each(|&group| each(groups, group))?,
            }
        }
        let Some(spilled) = &self.spilled else { return Ok(()) };
        let mut one = Groups::new(shape.layout);
        spilled.for_each_expired(shape, |group| {
            let reaches_us = shape.pane_of(group.key);
            let mut panes = self.expired.iter().filter(|expired| expired.reaches_us == reaches_us);
            if panes.any(|expired| expired.pane.find(group.key, group.place.hash).is_some()) {
                return Ok(());
            }
            read_one(&mut one, shape, group, &mut each)
        })
    }

    /// Takes out all that ends at or before the watermark (µs), and says how many groups that were.
    pub(super) fn expire(&mut self, shape: Shape<'_>, watermark_us: i64) -> Result<usize> {
        let Some(lifetime) = shape.lifetime else { return Ok(0) };
        let on_disk = self.expire_spilled(shape, watermark_us)?;
        self.group_count -= on_disk;
        let in_memory = match lifetime {
            Lifetime::InKey(lifetime) => self.expire_panes(shape.layout, lifetime, watermark_us)?,
            Lifetime::InValue => self.move_line(shape, watermark_us)?,
        };
        Ok(on_disk + in_memory)
    }

    fn expire_spilled(&mut self, shape: Shape<'_>, watermark_us: i64) -> Result<usize> {
        let Some(mut spilled) = self.spilled.take() else { return Ok(0) };
        let expired = spilled.expire(shape, watermark_us, |group| self.hides(shape, group));
        self.spilled = Some(spilled);
        expired
    }

    fn expire_panes(&mut self, layout: &Layout, lifetime: KeyLifetime, watermark_us: i64) -> Result<usize> {
        let mut count = 0;
        while let Some(entry) = self.panes.first_entry().filter(|entry| *entry.key() <= watermark_us) {
            let (reaches_us, pane) = entry.remove_entry();
            count += pane.len();
            self.group_count -= pane.len();
            self.expired.push(Expired { reaches_us, pane, groups: None });
        }
        // At most one pane reaches over the watermark and begins before it.
        let Some((&reaches_us, pane)) = self.panes.first_key_value() else { return Ok(count) };
        if reaches_us == FOREVER || reaches_us.saturating_sub(lifetime.pane_us) >= watermark_us {
            return Ok(count);
        }
        let ends = |key: &[u8]| KeyCodec::event_time_us(key, lifetime.end).is_some_and(|end_us| end_us <= watermark_us);
        let some: Vec<u32> = (0..pane.len() as u32).filter(|&group| ends(pane.groups().key(group))).collect();
        if !some.is_empty() {
            let kept = pane.retain(layout, |group| !ends(pane.groups().key(group)))?;
            self.held_bytes += kept.bytes();
            count += some.len();
            self.group_count -= some.len();
            if let Some(pane) = self.panes.insert(reaches_us, kept) {
                self.expired.push(Expired { reaches_us, pane, groups: Some(some) });
            }
        }
        Ok(count)
    }

    /// Ends the batch: what it did stays.
    pub(super) fn commit(&mut self) {
        for expired in self.expired.drain(..) {
            self.held_bytes = self.held_bytes.saturating_sub(expired.pane.bytes());
        }
        for reaches_us in self.changed.drain(..) {
            if let Some(pane) = self.panes.get_mut(&reaches_us) {
                pane.commit();
            }
        }
        self.committed_count = self.group_count;
        self.line.commit();
        if let Some(spilled) = &mut self.spilled {
            spilled.commit();
        }
        self.spilled.take_if(|spilled| spilled.is_empty());
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
        self.held_bytes = self.panes.values().map(Pane::bytes).sum();
        self.group_count = self.committed_count;
        self.line.undo();
        if let Some(spilled) = &mut self.spilled {
            spilled.undo();
        }
    }

    /// Bytes that [`Shard::spill`] would set free, and those that it would have to write again for it.
    pub(super) fn spillable_bytes(&self) -> (usize, u64) {
        let again = self.spilled.as_ref().map_or(0, Spilled::file_bytes);
        // What the batch expired must stay as it is until the batch has ended.
        let has_expired = !self.expired.is_empty() || self.line.is_moved();
        if has_expired || self.spilled.as_ref().is_some_and(Spilled::is_changed) {
            return (0, again);
        }
        let share = |pane: &Pane| pane.bytes() * pane.old_count() / pane.len().max(1);
        (self.panes.values().map(share).sum(), again)
    }

    /// Writes all groups as they were before the batch to disk, and keeps in memory only what the batch changed. A failure
    /// changes nothing.
    pub(super) fn spill(&mut self, shape: Shape<'_>, folder: &Arc<SpillFolder>) -> Result<()> {
        let mut old = Vec::new();
        for (&reaches_us, pane) in &self.panes {
            for (group, saved) in (0_u32..).zip(pane.saved_places()) {
                if self.was_gone(shape, pane, (group, saved)) {
                    continue;
                }
                let key = pane.groups().key(group);
                old.push(OldGroup { place: shape.place(key, hash_key(key)), reaches_us, group, saved });
            }
        }
        old.sort_unstable_by_key(|group| group.place);
        let mut writer = RunWriter::create(folder)?;
        self.merge(shape, old, &mut writer)?;
        let run = writer.finish()?;
        let mut changed = BTreeMap::new();
        for (&reaches_us, pane) in &self.panes {
            if let Some(pane) = pane.changed_only(shape.layout)? {
                changed.insert(reaches_us, pane);
            }
        }
        self.panes = changed;
        self.changed = self.panes.keys().copied().collect();
        self.spilled = run.map(|run| Spilled::new(run, self.line.first_end_us(shape)));
        self.held_bytes = self.panes.values().map(Pane::bytes).sum();
        Ok(())
    }

    /// Writes what is on disk and what is in memory in the order of places. A group that is in both is taken from memory.
    fn merge(&self, shape: Shape<'_>, old: Vec<OldGroup>, writer: &mut RunWriter) -> Result<()> {
        let (mut old, mut written) = (old.into_iter().peekable(), Vec::new());
        let mut write = |writer: &mut RunWriter, group: OldGroup| {
            written.clear();
            self.panes[&group.reaches_us].write_old(group.group, group.saved, &mut written);
            writer.push(group.place, &written)
        };
        if let Some(spilled) = &self.spilled {
            spilled.for_each(shape, |group| {
                while let Some(before) = old.next_if(|old| old.place < group.place) {
                    write(writer, before)?;
                }
                let may_be_there = old.peek().is_some_and(|old| old.place == group.place);
                let pane = self.panes.get(&shape.pane_of(group.key)).filter(|_| may_be_there);
                if pane.is_some_and(|pane| pane.has_old(group.key, group.place.hash)) {
                    return Ok(());
                }
                writer.push(group.place, group.written)
            })?;
        }
        old.try_for_each(|group| write(writer, group))
    }

    /// Puts a group that was read in its place.
    pub(super) fn put(&mut self, shape: Shape<'_>, from: (&Groups, u32), hash: u64) -> Result<()> {
        if shape.ends_by_value() && !self.make_way(shape, from, hash) {
            return Ok(());
        }
        let key = from.0.key(from.1);
        self.change(shape, (shape.pane_of(key), [(key, hash)].into_iter()), |pane| pane.put(from, hash))
    }

    /// Groups.
    pub(super) fn len(&self) -> usize {
        self.group_count
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let index = self.spilled.as_ref().map_or(0, Spilled::index_bytes);
        self.held_bytes + index + self.panes.len() * (size_of::<Pane>() + size_of::<i64>())
    }
}

/// A group in memory as it was before the batch.
#[derive(Debug)]
struct OldGroup {
    place: Place,
    reaches_us: i64,
    group: u32,
    /// Where its values are, if the batch touched it.
    saved: Option<u32>,
}

/// Calls `each` with a group that is on disk; `one` is scratch space.
fn read_one(
    one: &mut Groups,
    shape: Shape<'_>,
    group: SpilledGroup<'_>,
    each: &mut impl FnMut(&Groups, u32) -> Result<()>,
) -> Result<()> {
    one.truncate(0);
    one.push_read(&mut Reader::new(group.written), shape.layout)?;
    each(one, 0)
}
