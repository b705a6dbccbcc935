//! How much memory the producer's records may hold: `buffer.memory`, counted in the caller's budget besides.
//!
//! What is refused waits for answers to the records that are there. When none is there, nothing would ever be given
//! back, so then a record is taken without asking: one at a time gets through whatever the budget says.

use std::sync::Arc;

use crate::buffers::MemoryBudget;

/// The budget is asked for this much at least, because asking costs more than counting.
const STEP_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Room {
    budget: Arc<dyn MemoryBudget>,
    limit: usize,
    used: usize,
    /// Taken from the budget.
    reserved: usize,
}

impl Room {
    pub(super) fn new(budget: Arc<dyn MemoryBudget>, limit: usize) -> Self {
        Self { budget, limit, used: 0, reserved: 0 }
    }

    /// Takes this many bytes, or refuses.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let used = self.used + bytes;
        if used > self.limit && self.used > 0 {
            return false;
        }
        if used > self.reserved {
            let exact = used - self.reserved;
            let step = exact.max(STEP_BYTES);
            if self.budget.try_reserve(step) {
                self.reserved += step;
            } else if self.budget.try_reserve(exact) {
                self.reserved += exact;
            } else if self.used > 0 {
                return false;
            }
        }
        self.used = used;
        true
    }

    /// Gives back what was taken.
    pub(super) fn give_back(&mut self, bytes: usize) {
        self.used -= bytes;
        let spare = self.reserved.saturating_sub(self.used);
        // Some is kept for the next records, but not when all is quiet.
        let kept = if self.used == 0 { 0 } else { STEP_BYTES };
        if spare > kept {
            self.budget.release(spare - kept);
            self.reserved -= spare - kept;
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.release(self.reserved);
    }
}

#[cfg(test)]
mod tests;
