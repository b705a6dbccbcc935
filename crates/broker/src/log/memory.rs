//! How many bytes of records a broker without a folder may keep, over all its partitions.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A count that never passes its limit.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    limit: usize,
    used: AtomicUsize,
}

impl MemoryLimit {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    /// Takes this many bytes, or none and says so.
    pub(crate) fn reserve(&self, bytes: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|&used| bytes == 0 || used <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    pub(crate) fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How large a segment in memory grows: small beside the limit, so that retention can make room.
    pub(crate) fn segment_bytes(&self) -> u64 {
        (self.limit as u64 / 64).clamp(64 << 10, 16 << 20)
    }
}
