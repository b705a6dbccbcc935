//! The one ledger in which every buffer of the process is counted, with a hard cap.
//!
//! A part that wants bytes reserves them first. What does not fit is refused: the part then waits, spills or fails its
//! query with a clear error, and the process is never killed for memory.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::{Error, Result};
use crate::spark_error;

/// Who holds more than this part of a ledger does not get of its last quarter.
const LARGE_PART: usize = 16;

/// Counts bytes against one limit; clones share it.
#[derive(Clone)]
pub struct MemoryLedger {
    shared: Arc<Shared>,
}

struct Shared {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
}

impl MemoryLedger {
    /// A ledger with this many bytes to give.
    pub fn new(limit_bytes: usize) -> Self {
        Self { shared: Arc::new(Shared { limit_bytes, used_bytes: AtomicUsize::new(0) }) }
    }

    /// A ledger that refuses nothing, for tests.
    pub fn unlimited() -> Self {
        Self::new(usize::MAX)
    }

    /// The cap.
    pub fn limit_bytes(&self) -> usize {
        self.shared.limit_bytes
    }

    /// What is reserved now.
    pub fn used_bytes(&self) -> usize {
        self.shared.used_bytes.load(Ordering::Relaxed)
    }

    /// Whether little is left. Who holds what could lie on a disk puts it there now, so that the others find room.
    pub fn is_tight(&self) -> bool {
        self.used_bytes() > self.shared.limit_bytes / 4 * 3
    }

    /// An empty reservation for `owner`, who is named when there is not enough.
    pub fn reservation(&self, owner: impl Into<String>) -> Reservation {
        Reservation { ledger: self.clone(), owner: owner.into(), bytes: 0 }
    }

    fn take(&self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|&total| total <= self.shared.limit_bytes);
        self.shared.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.shared.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryLedger({} of {} bytes)", self.used_bytes(), self.limit_bytes())
    }
}

/// Bytes held by one part; given back when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    ledger: MemoryLedger,
    owner: String,
    bytes: usize,
}

impl Reservation {
    /// What is held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether little is left in the ledger: see [`MemoryLedger::is_tight`].
    pub fn is_tight(&self) -> bool {
        self.ledger.is_tight()
    }

    /// Holds exactly `bytes` from now on. When growing does not fit, nothing changes and the error names the owner.
    pub fn resize(&mut self, bytes: usize) -> Result<()> {
        if bytes > self.bytes {
            let more = bytes - self.bytes;
            if !self.ledger.take(more) {
                return Err(self.refused(more));
            }
        } else {
            self.ledger.give_back(self.bytes - bytes);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Holds this many bytes more.
    pub fn grow(&mut self, bytes: usize) -> Result<()> {
        self.resize(self.bytes.saturating_add(bytes))
    }

    /// Holds this many bytes more, but leaves the last quarter of the ledger to those that hold little: whoever is
    /// large must not starve the others.
    pub fn grow_fairly(&mut self, bytes: usize) -> Result<()> {
        let limit = self.ledger.limit_bytes();
        let is_large = self.bytes.saturating_add(bytes) > limit / LARGE_PART;
        if is_large && self.ledger.used_bytes().saturating_add(bytes) > limit / 4 * 3 {
            return Err(self.refused(bytes));
        }
        self.grow(bytes)
    }

    /// Holds this many bytes less.
    pub fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.ledger.give_back(bytes);
        self.bytes -= bytes;
    }

    fn refused(&self, more: usize) -> Error {
        // Spark's message names neither who asked nor what there is.
        spark_error!("UNABLE_TO_ACQUIRE_MEMORY": format!(
            "{} needs {more} bytes more, but {} of {} bytes are in use",
            self.owner,
            self.ledger.used_bytes(),
            self.ledger.limit_bytes()
        ))
        .with_hint("give the engine more with --memory, or bound the batch with maxOffsetsPerTrigger")
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.ledger.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests;
