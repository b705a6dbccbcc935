//! The common aggregates as expressions, for who builds plans in Rust. They keep native state over streams.

use std::sync::Arc;

use datafusion::functions_aggregate::{average, count, min_max, sum};
use datafusion::logical_expr::{AggregateUDF, Expr};

use super::StreamAggregate;
use crate::state::{NativeAggregate, Overflow};

/// The number of rows in which a value is not NULL; of a constant, the number of rows.
pub fn count(value: Expr) -> Expr {
    call(count::count_udaf(), NativeAggregate::Count, value)
}

/// The sum. What an overflow does, `overflow` says.
pub fn sum(value: Expr, overflow: Overflow) -> Expr {
    call(sum::sum_udaf(), NativeAggregate::Sum(overflow), value)
}

/// The mean. What an overflow of a decimal does, `overflow` says.
pub fn avg(value: Expr, overflow: Overflow) -> Expr {
    call(average::avg_udaf(), NativeAggregate::Avg(overflow), value)
}

/// The least value.
pub fn min(value: Expr) -> Expr {
    call(min_max::min_udaf(), NativeAggregate::Min, value)
}

/// The greatest value.
pub fn max(value: Expr) -> Expr {
    call(min_max::max_udaf(), NativeAggregate::Max, value)
}

fn call(function: Arc<AggregateUDF>, native: NativeAggregate, value: Expr) -> Expr {
    StreamAggregate::wrap(function, native).call(vec![value])
}
