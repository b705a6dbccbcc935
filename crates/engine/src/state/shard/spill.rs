//! How a shard goes to disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_core::Result;

use super::{Disk, Shard};
use crate::state::lifetime::FOREVER;
use crate::state::pane::Pane;
use crate::state::run::{Place, RunWriter};
use crate::state::spill_folder::SpillFolder;
use crate::state::spilled::{Shape, Spilled};
use crate::state::values::Values;

/// An entry in memory as it was before the batch.
#[derive(Debug)]
struct OldEntry {
    place: Place,
    reaches_us: i64,
    entry: u32,
    /// Where its value is, if the batch touched it.
    saved: Option<u32>,
}

impl<V: Values> Shard<V> {
    /// Bytes that [`Shard::spill`] would set free, and those that it would have to write again for it.
    pub(in crate::state) fn spillable_bytes(&self) -> (usize, u64) {
        let again = self.disk.spilled.as_ref().map_or(0, Spilled::file_bytes);
        // What the batch expired must stay as it is until the batch has ended.
        let has_expired = !self.expired.is_empty() || self.line.is_moved();
        if has_expired || self.disk.spilled.as_ref().is_some_and(Spilled::is_changed) {
            return (0, again);
        }
        let share = |pane: &Pane<V>| pane.bytes() * pane.old_count() / pane.len().max(1);
        (self.panes.values().map(share).sum(), again)
    }

    /// Writes all entries as they were before the batch to disk, and keeps in memory only what the batch changed. A
    /// failure changes nothing.
    pub(in crate::state) fn spill(&mut self, shape: Shape<'_, V>, folder: &Arc<SpillFolder>) -> Result<()> {
        let mut old = Vec::new();
        for (&reaches_us, pane) in &self.panes {
            for (entry, saved) in (0_u32..).zip(pane.saved_places()) {
                if pane.was_absent(entry, saved, self.line.gone_us()) {
                    continue;
                }
                old.push(OldEntry { place: shape.place(pane.entries().key(entry)), reaches_us, entry, saved });
            }
        }
        old.sort_unstable_by_key(|entry| entry.place);
        let mut writer = RunWriter::create(folder)?;
        self.merge(shape, old, &mut writer)?;
        let run = writer.finish()?;
        let mut changed = BTreeMap::new();
        for (&reaches_us, pane) in &self.panes {
            if let Some(pane) = pane.changed_only(shape.layout)? {
                changed.insert(reaches_us, pane);
            }
        }
        // What the batch changed stands in memory in front of what it was on disk.
        let has_copies = !changed.is_empty();
        self.panes = changed;
        self.changed = self.panes.keys().copied().collect();
        // The line knows of what is in memory. What was on disk may end earlier.
        let on_disk_us = self.disk.spilled.as_ref().and_then(Spilled::first_end_us).unwrap_or(FOREVER);
        let first_end_us = self.line.first_end_us(shape).map(|first_end_us| first_end_us.min(on_disk_us));
        let spilled = run.map(|run| Spilled::new(run, first_end_us));
        self.disk = Disk { spilled, has_copies };
        self.held_bytes = self.panes.values().map(Pane::bytes).sum();
        Ok(())
    }

    /// Writes what is on disk and what is in memory in the order of places. An entry that is in both is taken from
    /// memory.
    fn merge(&self, shape: Shape<'_, V>, old: Vec<OldEntry>, writer: &mut RunWriter) -> Result<()> {
        let (mut old, mut written) = (old.into_iter().peekable(), Vec::new());
        let mut write = |writer: &mut RunWriter, old: OldEntry| {
            written.clear();
            self.panes[&old.reaches_us].write_old(old.entry, old.saved, &mut written);
            writer.push(old.place, &written)
        };
        if let Some(spilled) = &self.disk.spilled {
            spilled.for_each(shape, |entry| {
                while let Some(before) = old.next_if(|old| old.place < entry.place) {
                    write(writer, before)?;
                }
                // Also an entry that was removed in memory stands for the one on disk, and is not written.
                let pane = self.panes.get(&shape.pane_of(entry.key)).filter(|_| self.disk.has_copies);
                if pane.is_some_and(|pane| pane.has_old(entry.key, entry.place.hash)) {
                    return Ok(());
                }
                writer.push(entry.place, entry.written)
            })?;
        }
        old.try_for_each(|entry| write(writer, entry))
    }
}
