//! What changes from batch to batch. The physical plan is built once per query and reads all of it from here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use datafusion::execution::TaskContext;
use datafusion::prelude::SessionConfig;
use millstream_core::{BatchId, Error, OffsetRange, Result};
use parking_lot::Mutex;
use serde_json::Value;

/// The fixed inputs of one batch, and the counters that its operators fill in. Carried by DataFusion's task context.
#[derive(Debug)]
pub struct BatchContext {
    /// The batch.
    pub id: BatchId,
    /// `batchTimestampMs` of the offset log: what `current_timestamp()` says throughout the batch.
    pub timestamp_ms: i64,
    /// What to read of each source, by the source's index; `None` where there is nothing new.
    pub ranges: Vec<Option<OffsetRange>>,
    /// The query's watermark (ms) of this batch, if it has any.
    pub watermark_ms: Option<i64>,
    /// The watermarks of each stateful operator, by its number.
    pub watermarks: Vec<OperatorWatermarks>,
    /// What the log has fixed for the batch beside its ranges, by the name of the part that asked for it.
    pub pins: BTreeMap<String, Value>,
    /// Whether the sink is muted because only state is rebuilt.
    pub muted: bool,
    /// Rows read, by the source's index.
    pub input_rows: Vec<AtomicU64>,
    /// Event times seen, by the watermark operator's index.
    pub event_times: Vec<EventTimeStats>,
}

/// The two watermarks of a stateful operator in one batch, in milliseconds; none where no watermark is below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OperatorWatermarks {
    /// Rows at or before this event time are late: the operator's watermark of batch N−1.
    pub late_ms: Option<i64>,
    /// State at or before this event time is final: the operator's watermark of batch N.
    pub eviction_ms: Option<i64>,
}

impl OperatorWatermarks {
    /// The watermark for eviction in microseconds, as event times are.
    pub fn eviction_us(&self) -> Option<i64> {
        self.eviction_ms.map(|eviction_ms| eviction_ms.saturating_mul(1000))
    }
}

impl BatchContext {
    /// The watermarks of the stateful operator with this number.
    pub fn watermarks(&self, operator: usize) -> OperatorWatermarks {
        self.watermarks.get(operator).copied().unwrap_or_default()
    }

    /// Puts this context into the configuration from which a batch's task context is made.
    pub fn install(self: &Arc<Self>, config: SessionConfig) -> SessionConfig {
        config.with_extension(Arc::clone(self))
    }

    /// What the log has fixed for this part.
    pub fn pin(&self, name: &str) -> Option<&Value> {
        self.pins.get(name)
    }

    /// The context of the batch that a task belongs to.
    pub fn of(task: &TaskContext) -> Result<Arc<Self>> {
        task.session_config()
            .get_extension::<Self>()
            .ok_or_else(|| Error::internal("a streaming operator was executed outside a batch"))
    }
}

/// Event times of one batch, as the progress shows them. Filled by several tasks at once.
#[derive(Debug, Default)]
pub struct EventTimeStats {
    seen: Mutex<Option<Seen>>,
}

/// What was seen of the event times; some rows were.
#[derive(Debug, Clone, Copy)]
struct Seen {
    min_us: i64,
    max_us: i64,
    /// Wide enough for any number of rows at the ends of time.
    sum_ms: i128,
    count: u64,
}

impl EventTimeStats {
    /// Adds a task's share: least and greatest event time (µs), their sum (ms) and their number, which is not 0.
    pub fn add(&self, min_us: i64, max_us: i64, sum_ms: i128, count: u64) {
        let share = Seen { min_us, max_us, sum_ms, count };
        let mut seen = self.seen.lock();
        *seen = Some(seen.map_or(share, |seen| Seen {
            min_us: seen.min_us.min(min_us),
            max_us: seen.max_us.max(max_us),
            sum_ms: seen.sum_ms + sum_ms,
            count: seen.count + count,
        }));
    }

    /// `(min µs, max µs, average ms)`, if any row had an event time.
    pub fn get(&self) -> Option<(i64, i64, i64)> {
        let Seen { min_us, max_us, sum_ms, count } = (*self.seen.lock())?;
        let average_ms = i64::try_from(sum_ms / i128::from(count)).expect("an average lies between its values");
        Some((min_us, max_us, average_ms))
    }
}

#[cfg(test)]
mod tests;
