//! What becomes of a sum that leaves its type.

use millstream_core::Error;
use millstream_core::condition::{arithmetic_overflow, decimal_out_of_range};
use millstream_core::query_context::QueryContext;

/// What a function does about an overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Overflow {
    /// It is an error (ANSI).
    Error,
    /// The result is NULL (`try_sum`, `try_avg`).
    Null,
    /// An integer wraps round, as in Java; a decimal becomes NULL.
    Wrap,
}

/// Spark's error for a BIGINT sum that does not fit.
pub(super) fn sum_overflow() -> Error {
    arithmetic_overflow("overflow", "try_add").with_query_context(|| QueryContext::Unknown)
}

/// Spark's error for a decimal that does not fit its type, here precision and scale.
pub(super) fn decimal_overflow(unscaled: &str, value_scale: i8, (precision, scale): (u8, i8)) -> Error {
    decimal_out_of_range(&with_point(unscaled, value_scale), precision, scale)
}

fn with_point(unscaled: &str, scale: i8) -> String {
    let Some(scale) = usize::try_from(scale).ok().filter(|&scale| scale > 0) else { return unscaled.to_owned() };
    let (sign, digits) = unscaled.strip_prefix('-').map_or(("", unscaled), |digits| ("-", digits));
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}
