//! Variance, deviation, covariance, correlation and linear regression. A sample of one has none: NULL.
//!
//! The sums are kept and merged as Spark's are (`CentralMomentAgg`, `Covariance`, `PearsonCorrelation`,
//! `linearRegression`), and what is not a number stays one.

mod accumulator;

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::functions_aggregate as native;
use datafusion::logical_expr::{AggregateUDF, Expr};
use millstream_core::Result;

use self::accumulator::{Moments, Statistic};
use super::{aggregate, resolved};
use crate::call::{FunctionCall, Resolved};

fn resolve(call: &FunctionCall<'_>, statistic: Statistic) -> Result<Resolved> {
    let arguments: Vec<Expr> = doubles(call)?;
    let function = Arc::new(AggregateUDF::new_from_impl(Moments::new(statistic, call.context.settings.ansi)));
    resolved(aggregate(call, function, arguments, DataType::Float64, true))
}

fn doubles(call: &FunctionCall<'_>) -> Result<Vec<Expr>> {
    (0..call.count()).map(|index| Ok(call.cast(call.numeric(index)?, &DataType::Float64)?.expr)).collect()
}

/// One function a line.
macro_rules! statistics {
    ($($name:ident = $statistic:ident;)*) => {
        $(pub(super) fn $name(call: &FunctionCall<'_>) -> Result<Resolved> {
            resolve(call, Statistic::$statistic)
        })*
    };
}

statistics! {
    stddev_samp = SampleDeviation;
    stddev_pop = Deviation;
    var_samp = SampleVariance;
    var_pop = Variance;
    corr = Correlation;
    covar_samp = SampleCovariance;
    covar_pop = Covariance;
    regr_slope = Slope;
    regr_intercept = Intercept;
    regr_r2 = Fit;
    regr_sxx = SquaresOfSecond;
    regr_syy = SquaresOfFirst;
    regr_sxy = Products;
}

/// The mean of one argument over the rows that have both.
fn mean_of(call: &FunctionCall<'_>, index: usize) -> Result<Resolved> {
    let arguments = doubles(call)?;
    let both = arguments[0].clone().is_not_null().and(arguments[1].clone().is_not_null());
    let value = super::present_where(both, arguments[index].clone())?;
    resolved(aggregate(call, native::average::avg_udaf(), vec![value], DataType::Float64, true))
}

pub(super) fn regr_avgx(call: &FunctionCall<'_>) -> Result<Resolved> {
    mean_of(call, 1)
}

pub(super) fn regr_avgy(call: &FunctionCall<'_>) -> Result<Resolved> {
    mean_of(call, 0)
}

pub(super) fn regr_count(call: &FunctionCall<'_>) -> Result<Resolved> {
    let both = call.arguments.iter().map(|one| one.expr.clone().is_not_null()).reduce(Expr::and);
    let counted = super::counted_where(both.unwrap_or_else(|| datafusion::logical_expr::lit(true)))?;
    resolved(aggregate(call, super::counting(), vec![counted], DataType::Int64, false))
}
