//! How a state keeps within the memory budget: what it holds is in the ledger, and when little is left there, shards go
//! to disk.

use std::sync::atomic::Ordering;

use millstream_core::Result;

use super::slot::Slot;
use super::{KeyedState, SHARDS};
use crate::state::values::Values;

/// While the ledger is only tight, not empty, a shard is spilled for no less than this part of what that writes again.
const WORTH_WRITING: u64 = 8;

impl<V: Values> KeyedState<V> {
    /// Counts in the ledger what is held more, and spills where it has not enough. An operator that locks shards for
    /// itself calls it when it has let go of them.
    pub fn settle(&self) -> Result<()> {
        if matches!(self.is_counted(), Ok(true)) { Ok(()) } else { self.make_room() }
    }

    /// Counts what is held. Says whether that leaves something for others; it is an error if there is not even enough.
    fn is_counted(&self) -> Result<bool> {
        let mut reservation = self.reservation.lock();
        let held = self.held_bytes.load(Ordering::Relaxed);
        if held > reservation.bytes() {
            reservation.resize(held)?;
        }
        Ok(!reservation.is_tight())
    }

    /// Spills shard by shard, the largest first, for as long as the ledger is short and it helps.
    fn make_room(&self) -> Result<()> {
        let _spilling = self.spilling.lock();
        loop {
            let counted = self.is_counted();
            if matches!(counted, Ok(true)) {
                return Ok(());
            }
            let spillable = |slot: &Slot<V>| slot.shard.lock().spillable_bytes();
            let largest = (0..SHARDS).map(|shard| (spillable(&self.shards[shard]), shard)).max();
            let Some(((bytes, again), shard)) = largest.filter(|((bytes, _), _)| *bytes > 0) else {
                return counted.map(|_| ());
            };
            if counted.is_ok() && (bytes as u64) < again / WORTH_WRITING {
                return Ok(());
            }
            self.spill(shard)?;
        }
    }

    fn spill(&self, shard: usize) -> Result<()> {
        let mut shard = self.shards[shard].shard.lock();
        let before = shard.bytes();
        shard.spill(self.shape(), &self.spill)?;
        self.held_bytes.fetch_add(shard.bytes(), Ordering::Relaxed);
        let held = self.held_bytes.fetch_sub(before, Ordering::Relaxed) - before;
        drop(shard);
        let mut reservation = self.reservation.lock();
        let bytes = reservation.bytes().min(held);
        reservation.resize(bytes)
    }
}
