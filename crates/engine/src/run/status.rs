//! What a query is doing right now (Spark: `StreamingQueryStatus`), in Spark's words.

use std::borrow::Cow;

use serde::Serialize;

/// A query's state for people and for PySpark's `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamingQueryStatus {
    /// One of Spark's sentences, such as `Processing new data`.
    pub message: Cow<'static, str>,
    /// Whether the last look at the sources found something new.
    pub is_data_available: bool,
    /// Whether a batch is being made right now, rather than waited for.
    pub is_trigger_active: bool,
}

impl StreamingQueryStatus {
    pub(crate) const fn idle(message: &'static str) -> Self {
        Self { message: Cow::Borrowed(message), is_data_available: false, is_trigger_active: false }
    }

    pub(crate) const fn active(message: &'static str, is_data_available: bool) -> Self {
        Self { message: Cow::Borrowed(message), is_data_available, is_trigger_active: true }
    }

    pub(crate) fn getting_offsets(source: &str) -> Self {
        let message = Cow::Owned(format!("Getting offsets from {source}"));
        Self { message, is_data_available: false, is_trigger_active: true }
    }

    pub(crate) fn terminated(cause: &str) -> Self {
        let message = Cow::Owned(format!("Terminated with exception: {cause}"));
        Self { message, is_data_available: false, is_trigger_active: false }
    }
}

pub(crate) const INITIALIZING: StreamingQueryStatus = StreamingQueryStatus::idle("Initializing sources");
pub(crate) const WAITING_FOR_DATA: StreamingQueryStatus = StreamingQueryStatus::idle("Waiting for data to arrive");
pub(crate) const WAITING_FOR_TRIGGER: StreamingQueryStatus = StreamingQueryStatus::idle("Waiting for next trigger");
pub(crate) const PROCESSING: StreamingQueryStatus = StreamingQueryStatus::active("Processing new data", true);
pub(crate) const CLEANING: StreamingQueryStatus =
    StreamingQueryStatus::active("No new data but cleaning up state", false);
pub(crate) const STOPPED: StreamingQueryStatus = StreamingQueryStatus::idle("Stopped");
