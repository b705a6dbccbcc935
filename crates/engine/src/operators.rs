//! Physical operators of a streaming plan, one a file. All that changes from batch to batch they read from the
//! [`crate::BatchContext`]; state that outlives a batch is in `crate::state`.

mod collect_metrics_exec;
mod consolidate_exec;
mod context;
mod deduplicate_exec;
mod event_time_watermark_exec;
mod gathering;
mod global_limit_exec;
mod late_rows;
mod map_exec;
mod repeat_exec;
mod session_window_exec;
mod source_scan_exec;
mod stateful_aggregate_exec;
mod stream_join;
mod top_rows;
mod unary;

pub(crate) use collect_metrics_exec::CollectMetrics;
pub use collect_metrics_exec::ObservedMetrics;
pub(crate) use consolidate_exec::{Consolidated, Consolidation};
pub use context::OperatorContext;
pub(crate) use deduplicate_exec::{Deduplication, SeenKeys};
pub(crate) use event_time_watermark_exec::FollowEventTime;
pub(crate) use global_limit_exec::{GlobalLimit, RowLimit};
pub(crate) use map_exec::Map;
pub(crate) use repeat_exec::Repeat;
pub(crate) use session_window_exec::SessionWindowAggregation;
pub(crate) use source_scan_exec::{ScanTarget, SourceScanExec};
pub(crate) use stateful_aggregate_exec::{
    AggregateColumn, AggregateColumns, DistinctColumns, DistinctValues, SeenValues, StatefulAggregation, output_schema,
};
pub(crate) use stream_join::{
    ChangesJoin, ChangesSide, Eviction, JoinKeys, JoinKind, JoinOutput, JoinSide, PairFilter, Side, StreamJoin,
    StreamJoinExec, TwoSided, row_layout,
};
pub(crate) use top_rows::{Numbering, Shown, TopRows, TopRowsColumns, row_layout as top_rows_layout};
pub use unary::{BatchInput, Operator, Unary};
