//! The walks over a shard that an operator chooses from when it decides what a batch gives.

use millstream_core::Result;

use super::Shard;
use crate::state::codec::Reader;
use crate::state::entries::Entries;
use crate::state::pane::Pane;
use crate::state::spilled::{Shape, SpilledEntry};
use crate::state::values::Values;

impl<V: Values> Shard<V> {
    /// Calls `each` with every entry that the batch changed and did not remove. What expires is still among them before
    /// [`Shard::expire`].
    pub(in crate::state) fn for_each_changed(
        &self,
        mut each: impl FnMut(&Entries<V>, u32) -> Result<()>,
    ) -> Result<()> {
        for pane in self.changed_panes() {
            let there = |entry: &u32| !pane.entries().is_removed(*entry);
            pane.changed().filter(there).try_for_each(|entry| each(pane.entries(), entry))?;
        }
        Ok(())
    }

    /// Appends every entry that the batch changed, removed ones too, to a delta.
    pub(in crate::state) fn write_changed(&self, delta: &mut Vec<u8>) {
        for pane in self.changed_panes() {
            pane.changed().for_each(|entry| pane.entries().write(entry, delta));
        }
    }

    /// Calls `each` with every entry that was there before the batch and that the batch changed: its key, the values
    /// before the batch and the place among them. To be asked before [`Shard::expire`].
    pub(in crate::state) fn for_each_old(
        &self,
        shape: Shape<'_, V>,
        mut each: impl FnMut(&[u8], &V, u32) -> Result<()>,
    ) -> Result<()> {
        for pane in self.changed_panes() {
            let mut old = pane.old_values(self.line.gone_us());
            old.try_for_each(|(entry, values, place)| each(pane.entries().key(entry), values, place))?;
        }
        let Some(spilled) = self.disk.spilled.as_ref().filter(|_| self.disk.has_copies) else { return Ok(()) };
        // What was read back, or went to disk while the batch changed it, is as it was before the batch on disk only.
        let (mut lookup, mut scratch) = (spilled.lookup(), Entries::new(shape.layout));
        for pane in self.changed_panes() {
            for entry in pane.changed_new() {
                if let Some(written) = lookup.find(shape, pane.entries().key(entry))? {
                    scratch.truncate(0);
                    scratch.push_read(&mut Reader::new(written), shape.layout)?;
                    each(scratch.key(0), scratch.values(), 0)?;
                }
            }
        }
        Ok(())
    }

    fn changed_panes(&self) -> impl Iterator<Item = &Pane<V>> {
        self.changed.iter().filter_map(|reaches_us| self.panes.get(reaches_us))
    }

    /// Entries that the batch changed.
    pub(in crate::state) fn changed_count(&self) -> usize {
        self.changed_panes().map(Pane::changed_count).sum()
    }

    /// Calls `each` with every entry.
    pub(in crate::state) fn for_each(
        &self,
        shape: Shape<'_, V>,
        mut each: impl FnMut(&Entries<V>, u32) -> Result<()>,
    ) -> Result<()> {
        for pane in self.panes.values() {
            let there = |entry: &u32| !pane.is_absent(*entry, self.line.gone_us());
            (0..pane.len() as u32).filter(there).try_for_each(|entry| each(pane.entries(), entry))?;
        }
        let Some(spilled) = &self.disk.spilled else { return Ok(()) };
        let mut scratch = Entries::new(shape.layout);
        spilled.for_each(shape, |entry| {
            if self.hides(shape, entry) { Ok(()) } else { read_single(&mut scratch, shape, entry, &mut each) }
        })
    }

    /// Whether an entry on disk is in memory too.
    pub(super) fn hides(&self, shape: Shape<'_, V>, entry: SpilledEntry<'_>) -> bool {
        let pane = self.panes.get(&shape.pane_of(entry.key));
        pane.is_some_and(|pane| pane.find(entry.key, entry.place.hash).is_some())
    }

    /// Calls `each` with every entry that expired in the batch.
    pub(in crate::state) fn for_each_expired(
        &self,
        shape: Shape<'_, V>,
        mut each: impl FnMut(&Entries<V>, u32) -> Result<()>,
    ) -> Result<()> {
        for expired in &self.expired {
            let entries = expired.pane.entries();
            let mut give = |entry: u32| if entries.is_removed(entry) { Ok(()) } else { each(entries, entry) };
            match &expired.entries {
                None => (0..expired.pane.len() as u32).try_for_each(&mut give)?,
                Some(ended) => ended.iter().copied().try_for_each(&mut give)?,
            }
        }
        self.for_each_below_line(&mut each)?;
        let Some(spilled) = &self.disk.spilled else { return Ok(()) };
        let mut scratch = Entries::new(shape.layout);
        spilled.for_each_expired(shape, |entry| {
            let reaches_us = shape.pane_of(entry.key);
            let mut panes = self.expired.iter().filter(|expired| expired.reaches_us == reaches_us);
            let is_hidden = panes.any(|expired| expired.pane.find(entry.key, entry.place.hash).is_some());
            if is_hidden || self.hides(shape, entry) {
                return Ok(());
            }
            read_single(&mut scratch, shape, entry, &mut each)
        })
    }

    /// Calls `each` with every entry in memory that the batch let go by its value.
    fn for_each_below_line(&self, each: &mut impl FnMut(&Entries<V>, u32) -> Result<()>) -> Result<()> {
        let Some(gone_before_us) = self.line.gone_before_us() else { return Ok(()) };
        for pane in self.panes.values() {
            let ends = |entry: u32| pane.entries().values().end_us(entry).is_some_and(|end| end <= self.line.gone_us());
            let went = |entry: &u32| ends(*entry) && !pane.is_absent(*entry, gone_before_us);
            (0..pane.len() as u32).filter(went).try_for_each(|entry| each(pane.entries(), entry))?;
        }
        Ok(())
    }
}

/// Calls `each` with an entry that is on disk; `scratch` holds it meanwhile.
fn read_single<V: Values>(
    scratch: &mut Entries<V>,
    shape: Shape<'_, V>,
    entry: SpilledEntry<'_>,
    each: &mut impl FnMut(&Entries<V>, u32) -> Result<()>,
) -> Result<()> {
    scratch.truncate(0);
    scratch.push_read(&mut Reader::new(entry.written), shape.layout)?;
    each(scratch, 0)
}
