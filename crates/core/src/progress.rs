//! `lastProgress`: plain data with Spark's JSON names (Spark: `StreamingQueryProgress`).
//!
//! The JSON is a contract with PySpark's parser and with every dashboard built on it, so it has tests of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::query::{QueryId, RunId};

/// What one batch did.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamingQueryProgress {
    /// The query.
    pub id: QueryId,
    /// Its run.
    pub run_id: RunId,
    /// Its name, if the user gave one.
    pub name: Option<String>,
    /// When the trigger fired: ISO 8601 with milliseconds, in UTC.
    pub timestamp: String,
    /// The batch.
    pub batch_id: u64,
    /// Milliseconds from trigger to commit.
    pub batch_duration: i64,
    /// The same to the nanosecond, which Spark does not report.
    #[serde(skip)]
    pub took: Duration,
    /// Milliseconds by phase, under Spark's names.
    pub duration_ms: BTreeMap<&'static str, i64>,
    /// Event times of the batch; empty without a watermark.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub event_time: BTreeMap<&'static str, String>,
    /// The stateful operators, from the sink down to the sources.
    pub state_operators: Vec<StateOperatorProgress>,
    /// The sources, in the plan's order.
    pub sources: Vec<SourceProgress>,
    /// The sink.
    pub sink: SinkProgressReport,
    /// Results of `observe`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub observed_metrics: BTreeMap<String, Value>,
}

/// What one stateful operator did.
#[derive(Debug, Clone, PartialEq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct StateOperatorProgress {
    /// Spark's name of the operator, such as `stateStoreSave`.
    pub operator_name: String,
    /// Keys in state after the batch.
    pub num_rows_total: i64,
    /// Keys written.
    pub num_rows_updated: i64,
    /// Milliseconds spent updating.
    pub all_updates_time_ms: i64,
    /// Keys evicted.
    pub num_rows_removed: i64,
    /// Milliseconds spent evicting.
    pub all_removals_time_ms: i64,
    /// Milliseconds spent committing.
    pub commit_time_ms: i64,
    /// Bytes held by the state.
    pub memory_used_bytes: i64,
    /// Rows dropped because they came after the watermark.
    pub num_rows_dropped_by_watermark: i64,
    /// Partitions of the operator, as Spark counts them.
    pub num_shuffle_partitions: i64,
    /// State stores, as Spark counts them.
    pub num_state_store_instances: i64,
    /// Further figures.
    pub custom_metrics: BTreeMap<String, i64>,
}

/// What one source gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceProgress {
    /// Such as `KafkaV2[Subscribe[t]]`.
    pub description: String,
    /// Where the batch began; null in the first batch of a query.
    pub start_offset: Value,
    /// Where it ended.
    pub end_offset: Value,
    /// The newest position known.
    pub latest_offset: Value,
    /// Rows read.
    pub num_input_rows: i64,
    /// Rows per second since the last trigger; absent when that is not known.
    #[serde(skip_serializing_if = "is_not_finite")]
    pub input_rows_per_second: f64,
    /// Rows per second of processing.
    #[serde(skip_serializing_if = "is_not_finite")]
    pub processed_rows_per_second: f64,
    /// Further figures, as text.
    pub metrics: BTreeMap<String, String>,
}

/// What the sink took.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SinkProgressReport {
    /// The sink's own text.
    pub description: String,
    /// Rows written; -1 where the sink does not count.
    pub num_output_rows: i64,
    /// Further figures, as text.
    pub metrics: BTreeMap<String, String>,
}

impl StreamingQueryProgress {
    /// Rows read from all sources.
    pub fn num_input_rows(&self) -> i64 {
        self.sources.iter().map(|source| source.num_input_rows).sum()
    }

    /// Spark's JSON on one line.
    pub fn json(&self) -> String {
        let sum = |rate: fn(&SourceProgress) -> f64| self.sources.iter().map(rate).sum();
        let whole = Whole {
            progress: self,
            num_input_rows: self.num_input_rows(),
            input_rows_per_second: sum(|source| source.input_rows_per_second),
            processed_rows_per_second: sum(|source| source.processed_rows_per_second),
        };
        serde_json::to_string(&whole).expect("progress holds only text, numbers and maps keyed by text")
    }
}

/// The progress with the sums over its sources, as Spark's JSON has them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'p> {
    #[serde(flatten)]
    progress: &'p StreamingQueryProgress,
    num_input_rows: i64,
    #[serde(skip_serializing_if = "is_not_finite")]
    input_rows_per_second: f64,
    #[serde(skip_serializing_if = "is_not_finite")]
    processed_rows_per_second: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_not_finite(value: &f64) -> bool {
    !value.is_finite()
}

#[cfg(test)]
mod tests;
