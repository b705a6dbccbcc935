//! Keyed state: in memory, undone when a batch fails, written as deltas with the batch and as snapshots behind it.

mod operator;

pub use operator::StatefulOperator;
