//! The place of a shard, with what can be asked of it without its lock: a batch of few rows meets few of 256 shards,
//! and passes by the others.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::Mutex;

use crate::state::lifetime::FOREVER;
use crate::state::shard::Shard;
use crate::state::spilled::Shape;
use crate::state::values::Values;

/// A shard and its marks. The marks are written under the lock; who reads them without it has waited for the tasks that
/// change shards.
#[derive(Debug)]
pub(super) struct Slot<V> {
    pub(super) shard: Mutex<Shard<V>>,
    /// The running batch changed the shard.
    is_met: AtomicBool,
    /// No entry of it ends before that event time (µs).
    first_end_us: AtomicI64,
}

/// Written out, because derived it would ask the same of the values.
impl<V> Default for Slot<V> {
    fn default() -> Self {
        Self { shard: Mutex::default(), is_met: AtomicBool::new(false), first_end_us: AtomicI64::new(FOREVER) }
    }
}

impl<V: Values> Slot<V> {
    /// Whether the running batch changed the shard.
    pub(super) fn is_met(&self) -> bool {
        self.is_met.load(Ordering::Relaxed)
    }

    /// Whether something in the shard may end by the watermark (µs).
    pub(super) fn ends_by(&self, watermark_us: i64) -> bool {
        self.first_end_us.load(Ordering::Relaxed) <= watermark_us
    }

    /// Notes that the running batch has changed the shard, which is locked.
    pub(super) fn note_change(&self, shard: &Shard<V>, shape: Shape<'_, V>) {
        self.is_met.store(true, Ordering::Relaxed);
        self.first_end_us.store(shard.first_end_us(shape), Ordering::Relaxed);
    }

    /// Notes that the running batch has ended, for better or worse. The shard is locked.
    pub(super) fn end_batch(&self, shard: &Shard<V>, shape: Shape<'_, V>) {
        self.note_change(shard, shape);
        self.is_met.store(false, Ordering::Relaxed);
    }
}
