//! Keys that are only there or not: which rows bring a new one, and which keys are gone by their value.
//!
//! A key that is there is not touched, so it is not read back from disk either: it is in memory or on disk, never in both.

use std::iter;

use millstream_core::Result;

use super::{Shard, ShardRows};
use crate::state::accumulator::Rows;
use crate::state::groups::Groups;
use crate::state::lifetime::FOREVER;
use crate::state::pane::Pane;
use crate::state::spilled::{Shape, Spilled};

impl Shard {
    /// Adds the keys of these rows that are not there, each with the values of the first row that has it. That row goes to
    /// `first_rows`.
    pub(in crate::state) fn insert_new(
        &mut self,
        shape: Shape<'_>,
        batch: ShardRows<'_>,
        first_rows: &mut Vec<u32>,
    ) -> Result<()> {
        let mut rest = batch.rows;
        while let Some((reaches_us, run, others)) = batch.of_one_pane(shape, rest) {
            let (spilled, mut line) = (self.spilled.take(), self.line);
            let gone_us = line.first_end_us(shape).map(|_| line.gone_us());
            let (before, mut back) = (first_rows.len(), 0);
            batch.found.clear();
            let inserted = self.change(shape, (reaches_us, iter::empty()), |pane| {
                let mut on_disk = spilled.as_ref().map(Spilled::lookup);
                for &row in run {
                    let (key, hash) = (batch.keys.key(row as usize), batch.hashes[row as usize]);
                    let known = pane.find(key, hash);
                    let is_there = match known {
                        Some(group) => gone_us.is_none_or(|gone_us| !pane.is_gone(group, gone_us)),
                        None => on_disk.as_mut().map_or(Ok(false), |on_disk| on_disk.has(shape, key, hash))?,
                    };
                    if !is_there {
                        batch.found.push(pane.find_or_insert(key, hash)?);
                        first_rows.push(row);
                        back += usize::from(known.is_some());
                    }
                }
                let rows = Rows { rows: &first_rows[before..], groups: batch.found };
                pane.take_in(shape.layout, rows, batch.arguments)?;
                if gone_us.is_some() {
                    batch.found.iter().for_each(|&group| line.add(pane.groups().end_us(group)));
                }
                Ok(())
            });
            (self.spilled, self.line) = (spilled, line);
            self.group_count += back;
            inserted?;
            rest = others;
        }
        Ok(())
    }

    /// Whether a group in memory has gone by its value.
    pub(super) fn is_gone(&self, shape: Shape<'_>, pane: &Pane, group: u32) -> bool {
        shape.ends_by_value() && pane.is_gone(group, self.line.gone_us())
    }

    /// Whether a group, as it was before the batch, had gone by its value.
    pub(super) fn was_gone(&self, shape: Shape<'_>, pane: &Pane, (group, saved): (u32, Option<u32>)) -> bool {
        // Only a group that had gone is touched again.
        shape.ends_by_value() && (saved.is_some() || pane.is_gone(group, self.line.gone_us()))
    }

    /// Lets all go in memory that ends by the watermark (µs), and says how many groups that were.
    pub(super) fn move_line(&mut self, shape: Shape<'_>, watermark_us: i64) -> Result<usize> {
        if self.line.first_end_us(shape).is_none_or(|first_end_us| first_end_us > watermark_us) {
            return Ok(0);
        }
        let gone_us = self.line.gone_us();
        let (mut expired, mut first_end_us) = (0, FOREVER);
        for pane in self.panes.values_mut() {
            let mut gone = 0;
            for group in 0..pane.len() as u32 {
                let end_us = pane.groups().end_us(group);
                if pane.is_gone(group, gone_us) {
                    gone += 1;
                } else if end_us <= watermark_us {
                    expired += 1;
                } else {
                    first_end_us = first_end_us.min(end_us);
                }
            }
            // What had gone before the batch is never needed again.
            if gone > pane.len() / 2 {
                *pane = pane.retain(shape.layout, |group| !pane.is_gone(group, gone_us))?;
            }
        }
        self.held_bytes = self.panes.values().map(Pane::bytes).sum();
        self.line.move_to(watermark_us, first_end_us);
        self.group_count -= expired;
        Ok(expired)
    }

    /// Before a group that was read is put in its place: counts one that is there instead of one that had gone. Says whether
    /// it is worth putting there.
    pub(super) fn make_way(&mut self, shape: Shape<'_>, (from, group): (&Groups, u32), hash: u64) -> bool {
        let (end_us, gone_us) = (from.end_us(group), self.line.gone_us());
        if end_us <= gone_us {
            return false;
        }
        self.line.add(end_us);
        let key = from.key(group);
        let has_gone = |pane: &Pane| pane.find(key, hash).is_some_and(|group| pane.is_gone(group, gone_us));
        self.group_count += usize::from(self.panes.get(&shape.pane_of(key)).is_some_and(has_gone));
        true
    }
}
