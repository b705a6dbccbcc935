//! Spark's interval text: `10 minutes`, `interval 1 hour 30 minutes`, `1.5 seconds`, `5m`.
//!
//! Source: Spark's `SparkIntervalUtils.stringToInterval` for the units and signs, and `JavaUtils.timeStringAs` for the
//! short forms of options. Months are kept apart from days and microseconds, because their length varies.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::spark_error;

/// Microseconds in a day of 24 hours.
pub const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// A span of calendar time (Spark: `CalendarInterval`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CalendarInterval {
    /// Whole months; a year is twelve.
    pub months: i32,
    /// Whole days; a week is seven.
    pub days: i32,
    /// Microseconds beside months and days.
    pub microseconds: i64,
}

impl CalendarInterval {
    /// Days and microseconds together, a day having 24 hours; `None` with months in it or beyond 64 bits.
    pub fn fixed_us(self) -> Option<i64> {
        if self.months != 0 {
            return None;
        }
        i64::from(self.days).checked_mul(DAY_US)?.checked_add(self.microseconds)
    }

    /// The length with months of 31 days, which Spark takes for watermark delays.
    pub fn delay_us(self) -> Option<i64> {
        let days = i64::from(self.months).checked_mul(31)?.checked_add(i64::from(self.days))?;
        days.checked_mul(DAY_US)?.checked_add(self.microseconds)
    }

    fn add(&mut self, value: Decimal, unit: &str) -> Option<()> {
        let (months, days, us) = match unit {
            "year" | "years" | "y" => (12, 0, 0),
            "month" | "months" | "mon" | "mons" => (1, 0, 0),
            "week" | "weeks" | "w" => (0, 7, 0),
            "day" | "days" | "d" => (0, 1, 0),
            "hour" | "hours" | "h" => (0, 0, 3_600_000_000),
            "minute" | "minutes" | "m" | "min" | "mins" => (0, 0, 60_000_000),
            "second" | "seconds" | "s" | "sec" | "secs" => (0, 0, 1_000_000),
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => (0, 0, 1000),
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" => (0, 0, 1),
            _ => return None,
        };
        // Spark takes a fraction for seconds only.
        if value.fraction_us != 0 && us != 1_000_000 {
            return None;
        }
        let whole32 = || i32::try_from(value.whole).ok();
        if months != 0 {
            self.months = self.months.checked_add(whole32()?.checked_mul(months)?)?;
        } else if days != 0 {
            self.days = self.days.checked_add(whole32()?.checked_mul(days)?)?;
        } else {
            let added = value.whole.checked_mul(us)?.checked_add(value.fraction_us)?;
            self.microseconds = self.microseconds.checked_add(added)?;
        }
        Some(())
    }
}

#[derive(Clone, Copy)]
struct Decimal {
    whole: i64,
    fraction_us: i64,
}

/// Parses an interval, with or without the word `interval` before it.
///
/// # Errors
/// Spark's `CANNOT_PARSE_INTERVAL` with the text.
pub fn parse_interval(text: &str) -> Result<CalendarInterval> {
    try_parse(text).ok_or_else(|| spark_error!("CANNOT_PARSE_INTERVAL", intervalString = format!("'{text}'")))
}

/// Parses an interval without months as a time span that is not negative.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let us = parse_interval(text)?.fixed_us().and_then(|us| u64::try_from(us).ok());
    us.map(Duration::from_micros).ok_or_else(|| Error::illegal_argument(format!("'{text}' is not a time span")))
}

fn try_parse(text: &str) -> Option<CalendarInterval> {
    let lower = text.trim().to_ascii_lowercase();
    let body = match lower.strip_prefix("interval") {
        Some(rest) if rest.starts_with(char::is_whitespace) => rest,
        _ => lower.as_str(),
    };
    let mut rest = body.trim_start();
    if rest.is_empty() {
        return None;
    }
    let mut interval = CalendarInterval::default();
    while !rest.is_empty() {
        let (value, after) = take_number(rest)?;
        let after = after.trim_start();
        let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        interval.add(value, &after[..unit_end])?;
        rest = after[unit_end..].trim_start();
    }
    Some(interval)
}

fn take_number(text: &str) -> Option<(Decimal, &str)> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text[1..].trim_start()),
        b'+' => (false, text[1..].trim_start()),
        _ => (false, text),
    };
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
    let (number, rest) = digits.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.len() > 9 || fraction.contains('.') {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let micros = format!("{fraction:0<6}")[..6].parse::<i64>().ok()?;
    let sign = if negative { -1 } else { 1 };
    Some((Decimal { whole: whole.checked_mul(sign)?, fraction_us: micros * sign }, rest))
}

#[cfg(test)]
mod tests;
