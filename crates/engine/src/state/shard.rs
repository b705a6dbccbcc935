//! One of the parts into which the keys of an operator are spread by their hash. Its panes are ordered by the event time
//! up to which they reach, so that expiry takes from the front.

use std::collections::BTreeMap;

use millstream_core::Result;

use super::accumulator::Argument;
use super::groups::{Groups, Layout};
use super::key_codec::{EncodedKeys, EventTimePlace, KeyCodec};
use super::pane::Pane;

/// The pane of groups that never expire.
const FOREVER: i64 = i64::MAX;

/// How long state lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetime {
    /// Where a key says when it ends.
    pub(crate) end: EventTimePlace,
    /// Panes reach up to multiples of so many microseconds.
    pub(crate) pane_us: i64,
}

impl Lifetime {
    /// The pane of a key: the event time (µs) up to which it reaches.
    #[inline]
    fn pane_of(self, key: &[u8]) -> i64 {
        let Some(end_us) = KeyCodec::event_time_us(key, self.end) else { return FOREVER };
        // The common case, windows, without a division.
        if self.pane_us == 1 {
            return end_us;
        }
        let over = end_us.rem_euclid(self.pane_us);
        if over == 0 { end_us } else { end_us.saturating_add(self.pane_us - over) }
    }
}

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
    /// Bytes held by panes, expired ones included.
    held_bytes: usize,
    /// Groups in panes, without expired ones.
    group_count: usize,
}

/// Rows of a batch that belong to one shard, and scratch space.
pub(super) struct ShardRows<'a> {
    pub(super) keys: &'a EncodedKeys,
    pub(super) hashes: &'a [u64],
    pub(super) rows: &'a [u32],
    pub(super) found: &'a mut Vec<u32>,
    pub(super) arguments: &'a [Argument],
}

impl Shard {
    /// Takes rows in. Rows of one pane that follow each other are taken together; mostly all of them do.
    pub(super) fn update(&mut self, layout: &Layout, lifetime: Option<Lifetime>, batch: ShardRows<'_>) -> Result<()> {
        let mut rest = batch.rows;
        while let Some(&first) = rest.first() {
            let pane_of = |row: u32| match lifetime {
                Some(lifetime) => lifetime.pane_of(batch.keys.key(row as usize)),
                None => FOREVER,
            };
            let reaches_us = pane_of(first);
            let same = match lifetime {
                Some(_) => rest.iter().position(|&row| pane_of(row) != reaches_us).unwrap_or(rest.len()),
                None => rest.len(),
            };
            let (run, others) = rest.split_at(same);
            let pane = self.pane(layout, reaches_us);
            let before = (pane.bytes(), pane.len());
            let updated = pane.update(layout, (batch.keys, batch.hashes), (run, batch.found), batch.arguments);
            let after = (pane.bytes(), pane.len());
            self.add_growth(before, after);
            updated?;
            rest = others;
        }
        Ok(())
    }

    /// The pane, noted as changed.
    fn pane(&mut self, layout: &Layout, reaches_us: i64) -> &mut Pane {
        let pane = self.panes.entry(reaches_us).or_insert_with(|| Pane::new(layout));
        if pane.is_clean() && self.changed.last() != Some(&reaches_us) {
            self.changed.push(reaches_us);
        }
        pane
    }

    /// Counts what a pane has more now: bytes and groups.
    fn add_growth(&mut self, before: (usize, usize), after: (usize, usize)) {
        self.held_bytes += after.0.saturating_sub(before.0);
        self.group_count += after.1 - before.1;
    }

    /// Counts a group as changed, though it keeps its values.
    pub(super) fn touch(&mut self, layout: &Layout, key: &[u8]) -> Result<()> {
        let pane = self.pane(layout, FOREVER);
        let before = (pane.bytes(), pane.len());
        let touched = pane.touch(key);
        let after = (pane.bytes(), pane.len());
        self.add_growth(before, after);
        touched
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
    pub(super) fn for_each(&self, mut each: impl FnMut(&Groups, u32) -> Result<()>) -> Result<()> {
        for pane in self.panes.values() {
            (0..pane.len() as u32).try_for_each(|group| each(pane.groups(), group))?;
        }
        Ok(())
    }

    /// Calls `each` with every group that expired in the batch.
    pub(super) fn for_each_expired(&self, mut each: impl FnMut(&Groups, u32) -> Result<()>) -> Result<()> {
        for expired in &self.expired {
            let groups = expired.pane.groups();
            match &expired.groups {
                None => (0..expired.pane.len() as u32).try_for_each(|group| each(groups, group))?,
                Some(some) => some.iter().try_for_each(|&group| each(groups, group))?,
            }
        }
        Ok(())
    }

    /// Takes out all that ends at or before the watermark (µs), and says how many groups that were.
    pub(super) fn expire(&mut self, layout: &Layout, lifetime: Lifetime, watermark_us: i64) -> Result<usize> {
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
            let kept = pane.retain(layout, |key| !ends(key))?;
            self.held_bytes += kept.bytes();
            count += some.len();
            self.group_count -= some.len();
            if let Some(pane) = self.panes.insert(reaches_us, kept) {
                self.expired.push(Expired { reaches_us, pane, groups: Some(some) });
            }
        }
        Ok(count)
    }

    /// The least event time (µs) at which something may expire.
    pub(super) fn first_end_us(&self, lifetime: Lifetime) -> Option<i64> {
        let (&reaches_us, pane) = self.panes.first_key_value().filter(|(reaches_us, _)| **reaches_us != FOREVER)?;
        if lifetime.pane_us == 1 {
            return Some(reaches_us);
        }
        (0..pane.len() as u32).filter_map(|group| KeyCodec::event_time_us(pane.groups().key(group), lifetime.end)).min()
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
        self.group_count = self.panes.values().map(Pane::len).sum();
    }

    /// Puts a group that was read in its place.
    pub(super) fn put(
        &mut self,
        layout: &Layout,
        lifetime: Option<Lifetime>,
        (from, group): (&Groups, u32),
    ) -> Result<()> {
        let reaches_us = lifetime.map_or(FOREVER, |lifetime| lifetime.pane_of(from.key(group)));
        let pane = self.pane(layout, reaches_us);
        let before = (pane.bytes(), pane.len());
        let put = pane.put(from, group);
        let after = (pane.bytes(), pane.len());
        self.add_growth(before, after);
        put
    }

    /// Groups.
    pub(super) fn len(&self) -> usize {
        self.group_count
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.held_bytes + self.panes.len() * (size_of::<Pane>() + size_of::<i64>())
    }
}
