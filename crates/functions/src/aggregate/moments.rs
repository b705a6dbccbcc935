//! Variance, deviation, covariance, correlation and linear regression. A sample of one has none: NULL.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::functions_aggregate as native;
use datafusion::logical_expr::{AggregateUDF, Expr};
use millstream_core::Result;

use super::{aggregate, resolved};
use crate::call::{FunctionCall, Resolved};

fn resolve(call: &FunctionCall<'_>, function: Arc<AggregateUDF>) -> Result<Resolved> {
    let arguments: Vec<Expr> = (0..call.count())
        .map(|index| Ok(call.cast(call.numeric(index)?, &DataType::Float64)?.expr))
        .collect::<Result<_>>()?;
    resolved(aggregate(call, function, arguments, DataType::Float64, true))
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

pub(super) fn regr_slope(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::regr::regr_slope_udaf())
}

pub(super) fn regr_intercept(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::regr::regr_intercept_udaf())
}

pub(super) fn regr_r2(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::regr::regr_r2_udaf())
}

pub(super) fn regr_avgx(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::regr::regr_avgx_udaf())
}

pub(super) fn regr_avgy(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::regr::regr_avgy_udaf())
}

pub(super) fn regr_sxx(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::regr::regr_sxx_udaf())
}

pub(super) fn regr_syy(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::regr::regr_syy_udaf())
}

pub(super) fn regr_sxy(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, native::regr::regr_sxy_udaf())
}

pub(super) fn regr_count(call: &FunctionCall<'_>) -> Result<Resolved> {
    let both = call.arguments.iter().map(|one| one.expr.clone().is_not_null()).reduce(Expr::and);
    let counted = super::counted_where(both.unwrap_or_else(|| datafusion::logical_expr::lit(true)))?;
    resolved(aggregate(call, super::counting(), vec![counted], DataType::Int64, false))
}
