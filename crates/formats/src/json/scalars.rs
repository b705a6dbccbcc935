//! From the text of one JSON scalar to the value of a column.

use chrono_tz::Tz;

use super::JsonOptions;
use super::tokens::{Bad, Token};
use crate::columns::{Column, Values};
use crate::datetime::{SECOND_US, parse_date, parse_timestamp, parse_timestamp_ntz};
use crate::decimal::parse_decimal;

/// Appends a number, bare in the text: `token` says of which kind.
pub(super) fn append_number(column: &mut Column, token: Token, text: &[u8]) -> Result<(), Bad> {
    let text = std::str::from_utf8(text).map_err(|_| Bad)?;
    let integer = token == Token::Integer;
    match &mut column.values {
        Values::Int8(values) if integer => {
            // The reader lets unsigned bytes pass and wraps them.
            let value: i16 = parse_integer(text).filter(|value| (-128..=255).contains(value)).ok_or(Bad)?;
            values.push(value as i8);
        }
        Values::Int16(values) if integer => values.push(parse_integer(text).ok_or(Bad)?),
        Values::Int32(values) if integer => values.push(parse_integer(text).ok_or(Bad)?),
        Values::Int64(values) if integer => values.push(parse_integer(text).ok_or(Bad)?),
        Values::Float32(values) => values.push(match token {
            Token::NonNumber(value) => value as f32,
            _ => match integer.then(|| parse_integer::<i64>(text)).flatten() {
                Some(value) => value as f32,
                None => text.parse().map_err(|_| Bad)?,
            },
        }),
        Values::Float64(values) => values.push(match token {
            Token::NonNumber(value) => value,
            _ => match integer.then(|| parse_integer::<i64>(text)).flatten() {
                Some(value) => value as f64,
                None => text.parse().map_err(|_| Bad)?,
            },
        }),
        Values::Decimal { values, precision, scale } => {
            values.push(parse_decimal(text, *precision, *scale).ok_or(Bad)?);
        }
        Values::Timestamp(values) if integer => {
            // Seconds; what does not fit wraps around, as in Spark.
            values.push(parse_integer::<i64>(text).ok_or(Bad)?.wrapping_mul(SECOND_US));
        }
        _ => return Err(Bad),
    }
    column.append_valid();
    Ok(())
}

fn parse_integer<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Appends what a string says to a column of any type but STRING.
pub(super) fn append_text(column: &mut Column, text: &str, options: &JsonOptions) -> Result<(), Bad> {
    if let Values::Binary(_) = column.values {
        column.append_bytes(&decode_base64(text)?);
        return Ok(());
    }
    if text.is_empty() {
        return Err(Bad);
    }
    match &mut column.values {
        Values::Float32(values) => values.push(parse_non_number(text, options).ok_or(Bad)? as f32),
        Values::Float64(values) => values.push(parse_non_number(text, options).ok_or(Bad)?),
        Values::Decimal { values, precision, scale } => {
            values.push(parse_decimal(&text.replace(',', ""), *precision, *scale).ok_or(Bad)?);
        }
        Values::Date(values) => values.push(match &options.date_parser {
            Some(parse) => parse(text).and_then(|days| i32::try_from(days).ok()).ok_or(Bad)?,
            None => read_date(text).ok_or(Bad)?,
        }),
        Values::Timestamp(values) => values.push(match &options.timestamp_parser {
            Some(parse) => parse(text).ok_or(Bad)?,
            None => read_timestamp(text, options.time_zone).ok_or(Bad)?,
        }),
        Values::TimestampNtz(values) => values.push(match &options.timestamp_ntz_parser {
            Some(parse) => parse(text).ok_or(Bad)?,
            None => parse_timestamp_ntz(text).ok_or(Bad)?,
        }),
        _ => return Err(Bad),
    }
    column.append_valid();
    Ok(())
}

/// Old Spark wrote zones as `GMT+01:00`; where the text is no timestamp, it is tried without the letters.
fn without_gmt(text: &str) -> Option<String> {
    text.split_once("GMT").map(|(before, after)| format!("{before}{after}"))
}

fn read_timestamp(text: &str, zone: Tz) -> Option<i64> {
    parse_timestamp(text, zone).or_else(|| parse_timestamp(&without_gmt(text)?, zone))
}

/// Very old Spark wrote dates as a number of days.
fn read_date(text: &str) -> Option<i32> {
    parse_date(text).or_else(|| parse_date(&without_gmt(text)?)).or_else(|| text.parse().ok())
}

fn parse_non_number(text: &str, options: &JsonOptions) -> Option<f64> {
    if !options.syntax.allow_non_numeric_numbers {
        return None;
    }
    match text {
        "NaN" => Some(f64::NAN),
        "+INF" | "+Infinity" | "Infinity" => Some(f64::INFINITY),
        "-INF" | "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Base 64 with padding; blanks are let pass between groups of four only.
fn decode_base64(text: &str) -> Result<Vec<u8>, Bad> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut bytes = text.bytes();
    loop {
        let Some(first) = bytes.find(|&byte| byte > b' ') else { return Ok(out) };
        let mut group = u32::from(sextet(first)?);
        let mut missing = 0;
        for index in 1..4 {
            let byte = bytes.next().ok_or(Bad)?;
            group <<= 6;
            if byte == b'=' && index >= 2 {
                missing += 1;
            } else if missing > 0 {
                return Err(Bad);
            } else {
                group |= u32::from(sextet(byte)?);
            }
        }
        let [_, decoded @ ..] = group.to_be_bytes();
        out.extend_from_slice(&decoded[..3 - missing]);
    }
}

fn sextet(byte: u8) -> Result<u8, Bad> {
    match byte {
        b'A'..=b'Z' => Ok(byte - b'A'),
        b'a'..=b'z' => Ok(byte - b'a' + 26),
        b'0'..=b'9' => Ok(byte - b'0' + 52),
        b'+' => Ok(62),
        b'/' => Ok(63),
        _ => Err(Bad),
    }
}
