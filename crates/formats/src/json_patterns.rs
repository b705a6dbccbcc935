//! JSON's options for dates and times: patterns, which the decoder and the writer take as functions.

use std::sync::Arc;

use crate::datetime::{parse_date, parse_timestamp};
use crate::json::{JsonOptions, TextParser};
use crate::json_text::{JsonTextOptions, TextPrinter};
use arrow::datatypes::DataType;
use chrono_tz::Tz;
use millstream_core::{Error, Options, Result};

use crate::calendar::to_local_us;
use crate::date_time_pattern::{PrintPattern, ReadPattern};
use millstream_core::interval::DAY_US;

const TIMESTAMP_FORMAT: &str = "timestampFormat";
const TIMESTAMP_NTZ_FORMAT: &str = "timestampNTZFormat";
const DATE_FORMAT: &str = "dateFormat";

/// The options without those that are here.
fn others(options: &Options) -> Options {
    let here = [TIMESTAMP_FORMAT, TIMESTAMP_NTZ_FORMAT, DATE_FORMAT];
    options.iter().filter(|(name, _)| !here.iter().any(|known| known.eq_ignore_ascii_case(name))).collect()
}

/// Names of months and days are English.
///
/// # Errors
/// There is a pattern, and another language for it.
fn check_locale(options: &Options) -> Result<()> {
    let has_pattern = options.contains(TIMESTAMP_FORMAT) || options.contains(DATE_FORMAT);
    match options.get("locale") {
        Some(locale) if has_pattern && !locale.to_ascii_lowercase().starts_with("en") => {
            Err(Error::unsupported(format!("the locale '{locale}' of JSON")))
        }
        _ => Ok(()),
    }
}

/// A pattern to read by. One that is none and that Spark 2 did not know either reads nothing: Spark takes it for a
/// fault of each record.
fn read_pattern(pattern: Result<ReadPattern>) -> Result<Option<ReadPattern>> {
    match pattern {
        Ok(pattern) => Ok(Some(pattern)),
        Err(error) if error.class().is_some_and(|class| class.ends_with("DATETIME_PATTERN_RECOGNITION")) => Err(error),
        Err(_) => Ok(None),
    }
}

/// The options of `from_json` for values of this type.
///
/// # Errors
/// Those of [`JsonOptions::from_options`]; a pattern that only Spark 2 knew, where there is a field for it.
pub fn to_read(options: &Options, session_zone: Tz, data_type: &DataType) -> Result<JsonOptions> {
    check_locale(options)?;
    let mut read = JsonOptions::from_options(&others(options), session_zone)?;
    let zone = read.time_zone;
    let falls_back = options.get_bool("enableDateTimeParsingFallback")? == Some(true);
    let fallback = move |text: &str, parse: fn(&str, Tz) -> Option<i64>| {
        if falls_back { parse(text, zone) } else { None }
    };
    if let Some(pattern) = options.get(TIMESTAMP_FORMAT).filter(|_| contains(data_type, is_timestamp)) {
        let pattern = read_pattern(ReadPattern::new(pattern))?;
        let parse: TextParser = Arc::new(move |text| {
            let us = pattern.as_ref()?.parse(text, zone).ok();
            us.or_else(|| fallback(text, parse_timestamp))
        });
        read.timestamp_parser = Some(parse);
    }
    if let Some(pattern) = options.get(DATE_FORMAT).filter(|_| contains(data_type, |one| *one == DataType::Date32)) {
        let pattern = read_pattern(ReadPattern::new(pattern))?;
        let parse: TextParser = Arc::new(move |text| {
            let us = pattern.as_ref()?.parse(text, zone).ok();
            let days = us.map(|us| to_local_us(us, zone).div_euclid(DAY_US));
            days.or_else(|| fallback(text, |text, _| parse_date(text).map(i64::from)))
        });
        read.date_parser = Some(parse);
    }
    if let Some(pattern) = options.get(TIMESTAMP_NTZ_FORMAT) {
        let pattern = ReadPattern::of_local_times(pattern).ok();
        let parse: TextParser = Arc::new(move |text| pattern.as_ref()?.parse_without_zone(text));
        read.timestamp_ntz_parser = Some(parse);
    }
    Ok(read)
}

fn is_timestamp(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(_, Some(_)))
}

/// Returns `true` if the type or one within it is such a type.
fn contains(data_type: &DataType, such: fn(&DataType) -> bool) -> bool {
    such(data_type)
        || match data_type {
            DataType::List(element) | DataType::Map(element, _) => contains(element.data_type(), such),
            DataType::Struct(fields) => fields.iter().any(|field| contains(field.data_type(), such)),
            _ => false,
        }
}

/// Patterns of `to_json` as texts, each if it was given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrintFormats {
    /// The pattern for timestamps.
    pub timestamp: Option<String>,
    /// The pattern for times without zone.
    pub timestamp_ntz: Option<String>,
    /// The pattern for dates.
    pub date: Option<String>,
}

impl PrintFormats {
    /// The patterns among the options.
    ///
    /// # Errors
    /// There is a pattern, and another language for it.
    pub fn from_options(options: &Options) -> Result<Self> {
        check_locale(options)?;
        let pattern = |name: &str| options.get(name).map(str::to_owned);
        Ok(Self {
            timestamp: pattern(TIMESTAMP_FORMAT),
            timestamp_ntz: pattern(TIMESTAMP_NTZ_FORMAT),
            date: pattern(DATE_FORMAT),
        })
    }

    /// Whether values of this type can be printed; that does not depend on the value.
    ///
    /// # Errors
    /// A pattern needs what dates or times without zone do not have.
    pub fn check(&self, data_type: &DataType) -> Result<()> {
        if let Some(pattern) = self.date.as_ref().filter(|_| contains(data_type, |one| *one == DataType::Date32)) {
            PrintPattern::new(pattern)?.format_date(0)?;
        }
        let local = |one: &DataType| matches!(one, DataType::Timestamp(_, None));
        if let Some(pattern) = self.timestamp_ntz.as_ref().filter(|_| contains(data_type, local)) {
            PrintPattern::of_local_times(pattern)?.format_local(0)?;
        }
        Ok(())
    }

    /// Puts the patterns into the options.
    ///
    /// # Errors
    /// A pattern is none, or needs what dates or times without zone do not have.
    pub fn set(&self, options: &mut JsonTextOptions) -> Result<()> {
        let zone = options.time_zone;
        if let Some(pattern) = &self.timestamp {
            let pattern = PrintPattern::new(pattern)?;
            let print: TextPrinter = Arc::new(move |us| pattern.format(us, zone));
            options.timestamp_printer = Some(print);
        }
        if let Some(pattern) = &self.timestamp_ntz {
            let pattern = PrintPattern::of_local_times(pattern)?;
            let print: TextPrinter = Arc::new(move |us| pattern.format_local(us).unwrap_or_default());
            options.timestamp_ntz_printer = Some(print);
        }
        if let Some(pattern) = &self.date {
            let pattern = PrintPattern::new(pattern)?;
            let days = |days: i64| i32::try_from(days).unwrap_or_default();
            let print: TextPrinter = Arc::new(move |value| pattern.format_date(days(value)).unwrap_or_default());
            options.date_printer = Some(print);
        }
        Ok(())
    }
}

/// The options of `to_json` for values of this type, and the patterns among them.
///
/// # Errors
/// Those of [`JsonTextOptions::from_options`] and of [`PrintFormats::set`].
pub fn to_print(options: &Options, session_zone: Tz, data_type: &DataType) -> Result<(JsonTextOptions, PrintFormats)> {
    let formats = PrintFormats::from_options(options)?;
    let mut print = JsonTextOptions::from_options(&others(options), session_zone)?;
    formats.set(&mut print)?;
    formats.check(data_type)?;
    Ok((print, formats))
}
