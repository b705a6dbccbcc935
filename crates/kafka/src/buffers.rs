//! The buffers that responses are read into: used again, counted, bounded.
//!
//! A fresh buffer of megabytes costs a page fault every 4 kB, which is a third of what reading a row costs; so large
//! buffers go round. What is out is bounded by the reader's own limit and by the caller's [`MemoryBudget`]; beyond it a
//! reader stops reading, and TCP holds the broker back.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// Responses smaller than this are not worth keeping a buffer for.
const POOLED_BYTES_MIN: usize = 64 << 10;
/// Large buffers kept for the next response.
const KEPT_MAX: usize = 3;
/// How often a budget that refused is asked again; others give back without telling us.
const BUDGET_POLL: Duration = Duration::from_millis(5);
/// Refused for this long, a fetcher goes on uncounted, within its own limit: who holds the budget may be waiting for
/// what this one reads.
const BUDGET_PATIENCE: Duration = Duration::from_secs(1);

/// Where a caller counts the bytes that readers hold.
pub trait MemoryBudget: Send + Sync + std::fmt::Debug {
    /// Takes this many bytes, or refuses.
    fn try_reserve(&self, bytes: usize) -> bool;
    /// Gives back what was taken.
    fn release(&self, bytes: usize);
}

/// A budget that refuses nothing.
#[derive(Debug, Clone, Copy)]
pub struct Unlimited;

impl MemoryBudget for Unlimited {
    fn try_reserve(&self, _bytes: usize) -> bool {
        true
    }

    fn release(&self, _bytes: usize) {}
}

/// The buffers of one fetcher.
#[derive(Debug)]
pub(crate) struct BufferPool {
    budget: Arc<dyn MemoryBudget>,
    bytes_max: usize,
    state: Mutex<State>,
    returned: Notify,
}

#[derive(Debug, Default)]
struct State {
    kept: Vec<Vec<u8>>,
    /// Capacity of all buffers, out or kept.
    bytes: usize,
    out: usize,
}

impl BufferPool {
    pub(crate) fn new(budget: Arc<dyn MemoryBudget>, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { budget, bytes_max, state: Mutex::default(), returned: Notify::new() })
    }

    /// An empty buffer with room for `len` bytes, as soon as limit and budget have it. One buffer is always allowed by
    /// the limit, however large, so that a huge record comes through.
    pub(crate) async fn take(self: &Arc<Self>, len: usize) -> Buffer {
        let mut refused_since = None;
        loop {
            let returned = self.returned.notified();
            let patient = refused_since.is_none_or(|since: Instant| since.elapsed() < BUDGET_PATIENCE);
            match self.try_take(len, patient) {
                Ok((bytes, counted)) => return Buffer { bytes, counted, pool: Arc::clone(self) },
                Err(Refused::ByLimit) => refused_since = None,
                Err(Refused::ByBudget) => drop(refused_since.get_or_insert_with(Instant::now)),
            }
            let _again = timeout(BUDGET_POLL, returned).await;
        }
    }

    /// A buffer, and whether the budget knows of it.
    fn try_take(&self, len: usize, patient: bool) -> Result<(Vec<u8>, bool), Refused> {
        let mut state = self.state.lock();
        if len >= POOLED_BYTES_MIN
            && let Some(index) = state.kept.iter().position(|buffer| buffer.capacity() >= len)
        {
            state.out += 1;
            return Ok((state.kept.swap_remove(index), true));
        }
        while state.bytes + len > self.bytes_max
            && let Some(buffer) = state.kept.pop()
        {
            state.bytes -= buffer.capacity();
            self.budget.release(buffer.capacity());
        }
        if state.bytes + len > self.bytes_max && state.out > 0 {
            return Err(Refused::ByLimit);
        }
        let counted = self.budget.try_reserve(len);
        if !counted && patient {
            return Err(Refused::ByBudget);
        }
        state.bytes += len;
        state.out += 1;
        Ok((Vec::with_capacity(len), counted))
    }

    fn give_back(&self, mut buffer: Vec<u8>, counted: bool) {
        let mut state = self.state.lock();
        state.out -= 1;
        let capacity = buffer.capacity();
        if counted && capacity >= POOLED_BYTES_MIN && state.kept.len() < KEPT_MAX {
            buffer.clear();
            state.kept.push(buffer);
        } else {
            state.bytes -= capacity;
            if counted {
                self.budget.release(capacity);
            }
        }
        drop(state);
        self.returned.notify_waiters();
    }
}

impl Drop for BufferPool {
    fn drop(&mut self) {
        for buffer in self.state.get_mut().kept.drain(..) {
            self.budget.release(buffer.capacity());
        }
    }
}

/// A buffer that goes back to its pool.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    counted: bool,
    pool: Arc<BufferPool>,
}

/// Who does not give a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    ByLimit,
    ByBudget,
}

impl Buffer {
    /// The memory it holds.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// For filling it up to the length it was taken for; growing beyond would escape the count.
    pub(crate) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes), self.counted);
    }
}

#[cfg(test)]
mod tests;
