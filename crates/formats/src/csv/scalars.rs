//! From the text of a field to the value of a column.

use std::str::from_utf8;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use chrono_tz::Tz;
use millstream_core::{Options, Result};

use super::options::CsvOptions;
use crate::calendar::to_local_us;
use crate::columns::{Column, Values};
use crate::datetime::{parse_date, parse_timestamp, parse_timestamp_ntz};
use crate::decimal::parse_decimal;
use millstream_core::interval::DAY_US;

/// The text is no value of the column's type.
pub(super) struct Unread;

/// Appends what a text says, which does not stand for NULL.
pub(super) fn append(column: &mut Column, text: &[u8], options: &CsvOptions) -> std::result::Result<(), Unread> {
    if let Values::String(_) | Values::Binary(_) = column.values {
        match (&column.values, from_utf8(text)) {
            (Values::String(_), Err(_)) => column.append_bytes(String::from_utf8_lossy(text).as_bytes()),
            _ => column.append_bytes(text),
        }
        return Ok(());
    }
    let text = from_utf8(text).map_err(|_| Unread)?;
    match &mut column.values {
        Values::Boolean(values) => values.append(boolean(text).ok_or(Unread)?),
        Values::Int8(values) => values.push(text.parse().map_err(|_| Unread)?),
        Values::Int16(values) => values.push(text.parse().map_err(|_| Unread)?),
        Values::Int32(values) => values.push(text.parse().map_err(|_| Unread)?),
        Values::Int64(values) => values.push(text.parse().map_err(|_| Unread)?),
        Values::Float32(values) => values.push(match word(text, options) {
            Some(value) => value as f32,
            None => {
                java_number(text).and_then(|number| number.parse().ok()).or_else(|| java_word(text)).ok_or(Unread)?
            }
        }),
        Values::Float64(values) => values.push(match word(text, options) {
            Some(value) => value,
            None => double(text).ok_or(Unread)?,
        }),
        Values::Decimal { values, precision, scale } => {
            values.push(decimal(text, *precision, *scale).ok_or(Unread)?);
        }
        Values::Date(values) => values.push(date(text, options).ok_or(Unread)?),
        Values::Timestamp(values) => values.push(timestamp(text, options).ok_or(Unread)?),
        Values::TimestampNtz(values) => values.push(match &options.timestamp_ntz_pattern {
            Some(pattern) => pattern.as_ref().and_then(|pattern| pattern.parse_without_zone(text)).ok_or(Unread)?,
            None => parse_timestamp_ntz(text).ok_or(Unread)?,
        }),
        _ => return Err(Unread),
    }
    column.append_valid();
    Ok(())
}

/// A text as an array of one value, as a field without options is read; `None` where it is no value of the type.
///
/// # Errors
/// A type that a text has no values of.
pub fn value_of_text(text: &str, data_type: &DataType, zone: Tz) -> Result<Option<ArrayRef>> {
    let options = CsvOptions::from_options(&Options::new(), zone)?;
    let mut column = Column::new(data_type)?;
    match append(&mut column, text.as_bytes(), &options) {
        Ok(()) => column.finish().map(Some),
        Err(Unread) => Ok(None),
    }
}

/// The words for true and false.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The numbers that options have words for.
pub(super) fn word(text: &str, options: &CsvOptions) -> Option<f64> {
    let [positive, negative] = &options.infinities;
    match text {
        _ if text == options.nan => Some(f64::NAN),
        _ if text == *negative => Some(f64::NEG_INFINITY),
        _ if text == *positive => Some(f64::INFINITY),
        _ => None,
    }
}

/// A double as Java reads it.
pub(super) fn double(text: &str) -> Option<f64> {
    java_number(text).and_then(|number| number.parse().ok()).or_else(|| java_word(text).map(f64::from))
}

/// The digits of a number as Java reads one: white space around it, and the letter of a type behind it, are let pass.
fn java_number(text: &str) -> Option<&str> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let number = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let unsigned = number.strip_prefix(['+', '-']).unwrap_or(number);
    let ends_plainly = number.ends_with(|c: char| c.is_ascii_digit() || c == '.');
    (ends_plainly && unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')).then_some(number)
}

/// The words of Java for numbers that are none.
fn java_word(text: &str) -> Option<f32> {
    let text = text.trim_matches(|c: char| c <= ' ');
    match text.strip_prefix(['+', '-']).unwrap_or(text) {
        "NaN" => Some(f32::NAN),
        "Infinity" if text.starts_with('-') => Some(f32::NEG_INFINITY),
        "Infinity" => Some(f32::INFINITY),
        _ => None,
    }
}

fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    if text.contains(',') {
        return parse_decimal(&text.replace(',', ""), precision, scale);
    }
    parse_decimal(text, precision, scale)
}

/// Old Spark wrote zones as `GMT+01:00`; where the text is no timestamp, it is tried without the letters.
fn without_gmt(text: &str) -> Option<String> {
    text.split_once("GMT").map(|(before, after)| format!("{before}{after}"))
}

fn date(text: &str, options: &CsvOptions) -> Option<i32> {
    let plain = || parse_date(text).or_else(|| parse_date(&without_gmt(text)?));
    let Some((_, pattern)) = &options.date_pattern else { return plain() };
    let zone = options.time_zone;
    let us = pattern.as_ref().and_then(|pattern| pattern.parse(text, zone).ok());
    let days = us.and_then(|us| i32::try_from(to_local_us(us, zone).div_euclid(DAY_US)).ok());
    days.or_else(|| if options.falls_back { plain() } else { None })
}

/// A timestamp, in microseconds since the epoch.
pub(super) fn timestamp(text: &str, options: &CsvOptions) -> Option<i64> {
    let zone = options.time_zone;
    let plain = || {
        let clock = || parse_timestamp(&of_today(text, options)?, zone);
        parse_timestamp(text, zone).or_else(|| parse_timestamp(&without_gmt(text)?, zone)).or_else(clock)
    };
    let Some(pattern) = &options.timestamp_pattern else { return plain() };
    let us = pattern.as_ref().and_then(|pattern| pattern.parse(text, zone).ok());
    us.or_else(|| if options.falls_back { plain() } else { None })
}

/// A time alone is one of today.
fn of_today(text: &str, options: &CsvOptions) -> Option<String> {
    let begins_with_hour = text.find(':').is_some_and(|at| at <= 2) && !text.contains('-');
    let mut day = String::new();
    crate::text::push_date(&mut day, options.today);
    begins_with_hour.then(|| format!("{day}T{text}"))
}

/// Whether a text is a date when types are guessed.
pub(super) fn is_date(text: &str, options: &CsvOptions) -> bool {
    match &options.date_pattern {
        Some((_, pattern)) => pattern.as_ref().is_some_and(|pattern| pattern.parse(text, options.time_zone).is_ok()),
        None => text.len() == "2020-01-01".len() && parse_date(text).is_some(),
    }
}
