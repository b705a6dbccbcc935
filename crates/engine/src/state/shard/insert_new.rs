//! Keys that are only there or not: which rows bring a new one.
//!
//! A key that is there is not touched, so it is not read back from disk either: it is in memory or on disk, never in
//! both.

use millstream_core::Result;

use super::{Assignment, Shard, ShardRows};
use crate::state::spilled::{Shape, Spilled};
use crate::state::values::Values;

impl<V: Values> Shard<V> {
    /// Adds the keys of these rows that are not there. The first row of each goes to `first_rows`, and its value is
    /// taken in.
    pub(in crate::state) fn insert_new(
        &mut self,
        shape: Shape<'_, V>,
        batch: ShardRows<'_>,
        first_rows: &mut Vec<u32>,
        take_in: &mut impl FnMut(&mut V, Assignment<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut rest = batch.rows;
        while let Some((reaches_us, run, others)) = batch.of_one_pane(shape, rest) {
            let before = first_rows.len();
            self.change(shape, reaches_us, |pane, disk, line| {
                let mut on_disk = disk.spilled.as_ref().map(Spilled::lookup);
                batch.found.clear();
                for &row in run {
                    let (key, hash) = (batch.keys.key(row as usize), batch.hashes[row as usize]);
                    let is_there = match (pane.find(key, hash), &mut on_disk) {
                        (Some(entry), _) => !pane.is_absent(entry, line.gone_us()),
                        (None, Some(on_disk)) => on_disk.find(shape, key)?.is_some(),
                        (None, None) => false,
                    };
                    if !is_there {
                        batch.found.push(pane.find_or_insert(shape.layout, key, hash, line.gone_us())?);
                        first_rows.push(row);
                    }
                }
                take_in(pane.values_mut(), Assignment { rows: &first_rows[before..], entries: batch.found })?;
                line.add_all(shape, pane, batch.found);
                Ok(())
            })?;
            rest = others;
        }
        Ok(())
    }
}
