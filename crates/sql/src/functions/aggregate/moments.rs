//! Variance, deviation, covariance and correlation. A sample of one has none: NULL.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::functions_aggregate as native;
use datafusion::logical_expr::{AggregateUDF, Expr};
use millstream_core::Result;

use super::{aggregate, resolved};
use crate::functions::call::{FunctionCall, Resolved};

fn resolve(call: &FunctionCall<'_>, function: Arc<AggregateUDF>) -> Result<Resolved> {
    let arguments: Vec<Expr> = (0..call.count())
        .map(|index| Ok(call.cast(call.numeric(index)?, &DataType::Float64)?.expr))
        .collect::<Result<_>>()?;
    resolved(aggregate(call, function, arguments, (DataType::Float64, true)))
}

pub(super) fn stddev_samp(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::stddev::stddev_udaf())
}

pub(super) fn stddev_pop(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::stddev::stddev_pop_udaf())
}

pub(super) fn var_samp(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::variance::var_samp_udaf())
}

pub(super) fn var_pop(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::variance::var_pop_udaf())
}

pub(super) fn corr(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::correlation::corr_udaf())
}

pub(super) fn covar_samp(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::covariance::covar_samp_udaf())
}

pub(super) fn covar_pop(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::covariance::covar_pop_udaf())
}
