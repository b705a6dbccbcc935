//! When the next batch is due (Spark: `org.apache.spark.sql.streaming.Trigger`).

use std::time::Duration;

/// When a query runs its batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trigger {
    /// As soon as there is data and the last batch is done. Spark spells it `processingTime = '0 seconds'`.
    #[default]
    Default,
    /// At multiples of the interval since the epoch; a batch that overruns is followed by the next at once.
    ProcessingTime(Duration),
    /// All that is there at the start, in as many batches as the read limits ask for, then stop.
    AvailableNow,
    /// One batch of all that is there, then stop (deprecated in Spark).
    Once,
}

impl Trigger {
    /// A processing-time trigger; an interval of zero is the default trigger.
    pub fn processing_time(interval: Duration) -> Self {
        if interval.is_zero() { Self::Default } else { Self::ProcessingTime(interval) }
    }

    /// Whether the query ends by itself once present data is done.
    pub fn stops_by_itself(self) -> bool {
        matches!(self, Self::AvailableNow | Self::Once)
    }
}
