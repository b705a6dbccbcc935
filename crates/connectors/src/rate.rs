//! Rows out of nothing, for trying and measuring: `rate` (so many a second) and `rate-micro-batch` (so many a batch).
//!
//! Columns `timestamp` and `value`, the value counting from 0. What a range gives depends on the range and the options
//! alone.

mod per_batch;
mod per_second;
mod rows;

use millstream_core::{Error, Options, Result, SourceConfig, spark_error};

pub use self::per_batch::RatePerBatch;
pub use self::per_second::RatePerSecond;

/// A whole number from `least` on; errors are in Spark's words.
fn number(options: &Options, name: &str, default: u64, least: u64) -> Result<u64> {
    let Some(text) = options.get(name) else { return check(name, i128::from(default), least) };
    let value: i128 = text
        .trim()
        .parse()
        .map_err(|_| Error::number_format(text).with_hint(format!("the option '{name}' must be a number")))?;
    check(name, value, least)
}

fn check(name: &str, value: i128, least: u64) -> Result<u64> {
    u64::try_from(value).ok().filter(|&value| value >= least && i64::try_from(value).is_ok()).ok_or_else(|| {
        let wanted = if least > 0 { "positive" } else { "non-negative" };
        Error::illegal_argument(format!("Invalid value '{value}'. The option '{name}' must be {wanted}"))
    })
}

/// These sources have one schema; a user's is refused.
fn refuse_user_schema(config: &SourceConfig, provider: &str) -> Result<()> {
    if config.user_schema.is_none() {
        return Ok(());
    }
    Err(spark_error!("_LEGACY_ERROR_TEMP_2242", provider = provider))
}

#[cfg(test)]
mod tests;
