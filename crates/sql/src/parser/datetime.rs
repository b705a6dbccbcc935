//! The text of dates and times in literals, by Spark's rules (`SparkDateTimeUtils`): fields may lack leading zeros, and
//! what is missing at the end is the beginning of the period.

use chrono::NaiveDate;

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;

/// After so many years, which have so many days, the Gregorian calendar begins anew.
const CYCLE_YEARS: i32 = 400;
const CYCLE_DAYS: i64 = 146_097;

/// A timestamp's text, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimestampText {
    /// Microseconds since 1970 on a clock at that place.
    pub(crate) local_us: i64,
    /// The zone, if the text names one.
    pub(crate) zone: Option<String>,
}

/// `2024`, `2024-1`, `2024-01-31`, the last also with a time behind it that is ignored. Days since 1970.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let text = text.trim();
    let (date, has_time) = match text.find([' ', 'T']) {
        Some(at) => (&text[..at], true),
        None => (text, false),
    };
    let (days, fields) = days_of(date)?;
    (!has_time || fields == 3).then_some(days)
}

/// A date and a time, or either alone without the other where Spark allows it.
pub(crate) fn parse_timestamp(text: &str) -> Option<TimestampText> {
    let text = text.trim();
    let (date, time) = match text.find([' ', 'T']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (days, fields) = days_of(date)?;
    let midnight = i64::from(days).checked_mul(DAY_US)?;
    let Some(time) = time.filter(|time| !time.is_empty()) else {
        return Some(TimestampText { local_us: midnight, zone: None });
    };
    if fields != 3 {
        return None;
    }
    let clock_end = time.find(|ch: char| !ch.is_ascii_digit() && ch != ':' && ch != '.').unwrap_or(time.len());
    let zone = time[clock_end..].trim();
    // A zone may only follow seconds.
    if !zone.is_empty() && time[..clock_end].matches(':').count() != 2 {
        return None;
    }
    if !zone.is_empty() && fixed_offset_us(zone).is_none() && !is_region(zone) {
        return None;
    }
    let local_us = midnight.checked_add(clock_us(time[..clock_end].trim())?)?;
    Some(TimestampText { local_us, zone: (!zone.is_empty()).then(|| zone.to_owned()) })
}

/// The days, and how many of year, month and day were given.
fn days_of(text: &str) -> Option<(i32, usize)> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let fields: Vec<&str> = digits.split('-').collect();
    let year = fields.first().filter(|year| (4..=7).contains(&year.len())).and_then(|year| number(year))?;
    let part = |at: usize| match fields.get(at) {
        Some(field) if (1..=2).contains(&field.len()) => number(field),
        Some(_) => None,
        None => Some(1),
    };
    let (month, day) = (part(1)?, part(2)?);
    // The calendar repeats itself, and chrono's years are fewer than Spark's.
    let year = sign * i32::try_from(year).ok()?;
    let date = NaiveDate::from_ymd_opt(year.rem_euclid(CYCLE_YEARS), month, day)?;
    let in_cycle = date.signed_duration_since(NaiveDate::default()).num_days();
    let days = i32::try_from(in_cycle + i64::from(year.div_euclid(CYCLE_YEARS)) * CYCLE_DAYS).ok()?;
    (fields.len() <= 3).then_some((days, fields.len()))
}

/// `h[:m[:s[.fraction]]]` in microseconds.
fn clock_us(text: &str) -> Option<i64> {
    let mut fields = text.splitn(3, ':');
    let field = |text: Option<&str>, limit: u32| match text {
        Some(text) if (1..=2).contains(&text.len()) => number(text).filter(|value| *value < limit),
        Some(_) => None,
        None => Some(0),
    };
    let hours = field(fields.next(), 24)?;
    let minutes = field(fields.next(), 60)?;
    let (seconds, fraction) = match fields.next() {
        Some(text) => text.split_once('.').map_or((Some(text), ""), |(whole, part)| (Some(whole), part)),
        None => (None, ""),
    };
    let seconds = field(seconds, 60)?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let whole = i64::from(hours * 3600 + minutes * 60 + seconds);
    Some(whole * SECOND_US + micros.parse::<i64>().ok()?)
}

/// `Z`, `UTC`, `+8`, `-03:30`, `GMT+1` as microseconds east of Greenwich; `None` for what needs a zone table.
pub(crate) fn fixed_offset_us(zone: &str) -> Option<i64> {
    let upper = zone.to_ascii_uppercase();
    let offset = ["UTC", "GMT", "UT"].iter().find_map(|prefix| upper.strip_prefix(prefix)).unwrap_or(&upper);
    if offset.is_empty() || offset == "Z" {
        return Some(0);
    }
    let sign = match offset.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = offset[1..].split_once(':').unwrap_or((&offset[1..], "0"));
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 18 && minutes < 60).then_some(sign * i64::from(hours * 3600 + minutes * 60) * SECOND_US)
}

/// Whether the text has the shape of `Europe/Berlin` or `CET`.
fn is_region(zone: &str) -> bool {
    zone.starts_with(|ch: char| ch.is_ascii_alphabetic())
        && zone.len() > 2
        && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte))
}

fn number(digits: &str) -> Option<u32> {
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}
