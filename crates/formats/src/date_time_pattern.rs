//! Spark's date-time patterns (`yyyy-MM-dd HH:mm:ss.SSS`), to print by and to read by.
//!
//! Spark gives a pattern to java.time's formatter, after taking out some letters; what is here takes that formatter's
//! steps. Names are English. Deliberately not here: week-based fields and day periods, which Spark refuses as well,
//! and other languages.

mod compile;
mod item;
mod legacy;
mod print;
mod read;
mod resolve;
mod words;
mod zone_names;

use crate::datetime::{SECOND_US, Zone, offset_at};
use chrono_tz::Tz;
use millstream_core::error::SparkException;
use millstream_core::interval::DAY_US;
use millstream_core::{Error, Result};

use self::item::{Item, ReadFields, Shown, ShownZone};
use crate::calendar::to_local_us;

/// A pattern to print by.
#[derive(Debug, Clone)]
pub struct PrintPattern(Vec<Item>);

impl PrintPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The pattern is none: `INVALID_DATETIME_PATTERN.*`, or `INCONSISTENT_BEHAVIOR_CROSS_VERSION.*` if Spark 2 had it.
    pub fn new(pattern: &str) -> Result<Self> {
        compile::compile(pattern, false).map(Self)
    }

    /// Compiles a pattern for times without zone, where Spark does not ask what Spark 2 knew.
    ///
    /// # Errors
    /// `INVALID_DATETIME_PATTERN.WITH_SUGGESTION`
    pub fn of_local_times(pattern: &str) -> Result<Self> {
        compile::compile_new(pattern, false).map(Self)
    }

    /// A moment, in microseconds since the epoch, as text in a zone.
    pub fn format(&self, us: i64, zone: Tz) -> String {
        let utc_s = us.div_euclid(SECOND_US);
        let shown = ShownZone { zone, utc_s, offset_s: offset_at(zone, utc_s) };
        let shown = Shown { local_us: to_local_us(us, zone), has_time: true, zone: Some(shown) };
        self.print(&shown).unwrap_or_default()
    }

    /// A clock's time, in microseconds since 1970-01-01, as text.
    ///
    /// # Errors
    /// The pattern needs a zone.
    pub fn format_local(&self, local_us: i64) -> Result<String> {
        self.print(&Shown { local_us, has_time: true, zone: None }).map_err(no_such_part)
    }

    /// A date, in days since 1970-01-01, as text.
    ///
    /// # Errors
    /// The pattern needs a time or a zone.
    pub fn format_date(&self, days: i32) -> Result<String> {
        let shown = Shown { local_us: i64::from(days) * DAY_US, has_time: false, zone: None };
        self.print(&shown).map_err(no_such_part)
    }

    fn print(&self, shown: &Shown) -> std::result::Result<String, String> {
        let mut out = String::new();
        print::print(&self.0, shown, &mut out)?;
        Ok(out)
    }
}

/// Why a text could not be read.
#[derive(Debug, PartialEq, Eq)]
pub enum NotRead {
    /// It does not follow the pattern, in Java's words.
    Unfit(String),
    /// It is a moment that a timestamp cannot hold.
    Beyond,
}

/// A pattern to read by.
#[derive(Debug, Clone)]
pub struct ReadPattern(Vec<Item>);

impl ReadPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Those of [`PrintPattern::new`]; fewer letters can be read than printed.
    pub fn new(pattern: &str) -> Result<Self> {
        compile::compile(pattern, true).map(Self)
    }

    /// Compiles a pattern for times without zone, where Spark does not ask what Spark 2 knew.
    ///
    /// # Errors
    /// `INVALID_DATETIME_PATTERN.WITH_SUGGESTION`
    pub fn of_local_times(pattern: &str) -> Result<Self> {
        compile::compile_new(pattern, true).map(Self)
    }

    /// The moment that a text means, in microseconds since the epoch; without a zone in it, in `zone`.
    ///
    /// # Errors
    /// The text does not fit, or the moment is beyond a TIMESTAMP.
    pub fn parse(&self, text: &str, zone: Tz) -> std::result::Result<i64, NotRead> {
        let read = self.read(text).map_err(NotRead::Unfit)?;
        let local_s = i64::try_from(read.local_us.div_euclid(i128::from(SECOND_US))).map_err(|_| NotRead::Beyond)?;
        let utc_s = read.zone.unwrap_or(Zone::Region(zone)).to_utc_s(local_s);
        let us = i128::from(utc_s) * i128::from(SECOND_US) + read.local_us.rem_euclid(i128::from(SECOND_US));
        i64::try_from(us).map_err(|_| NotRead::Beyond)
    }

    /// The time of a clock that a text means, in microseconds since 1970-01-01, whatever zone it names.
    ///
    /// # Errors
    /// The text does not fit, or the time is beyond a TIMESTAMP_NTZ.
    pub fn parse_local(&self, text: &str) -> std::result::Result<i64, NotRead> {
        i64::try_from(self.read(text).map_err(NotRead::Unfit)?.local_us).map_err(|_| NotRead::Beyond)
    }

    /// The time of a clock that a text means, in microseconds since 1970-01-01; none if it names a zone or does not
    /// fit.
    pub fn parse_without_zone(&self, text: &str) -> Option<i64> {
        let read = self.read(text).ok().filter(|read| read.zone.is_none())?;
        i64::try_from(read.local_us).ok()
    }

    fn read(&self, text: &str) -> std::result::Result<resolve::Resolved, String> {
        let mut fields = ReadFields::default();
        let units = |bytes: usize| text[..bytes].encode_utf16().count();
        match read::read(&self.0, text, 0, &mut fields) {
            Err(at) => Err(format!("Text '{}' could not be parsed at index {}", shortened(text), units(at))),
            Ok(end) if end < text.len() => Err(format!(
                "Text '{}' could not be parsed, unparsed text found at index {}",
                shortened(text),
                units(end)
            )),
            Ok(_) => resolve::resolve(fields).map_err(|unresolved| {
                if unresolved.early {
                    format!("Text '{}' could not be parsed: {}", shortened(text), unresolved.message)
                } else {
                    unresolved.message
                }
            }),
        }
    }
}

/// Java's own error: Spark gives it no class.
fn no_such_part(message: String) -> Error {
    Error::data(message).with_exception(SparkException::DateTime)
}

/// A text as Java's sentences have it.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(64) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The compiled pattern of the row before.
#[derive(Debug)]
pub struct CompiledPatterns<P> {
    compile: fn(&str) -> Result<P>,
    last: Option<(String, P)>,
}

impl<P> CompiledPatterns<P> {
    /// With nothing compiled yet; `compile` makes a pattern of a text.
    pub fn new(compile: fn(&str) -> Result<P>) -> Self {
        Self { compile, last: None }
    }

    /// The compiled form of this pattern.
    pub fn get(&mut self, pattern: &str) -> Result<&P> {
        if self.last.as_ref().is_none_or(|(known, _)| known != pattern) {
            self.last = Some((pattern.to_owned(), (self.compile)(pattern)?));
        }
        self.last.as_ref().map(|(_, compiled)| compiled).ok_or_else(|| Error::internal("a pattern was not kept"))
    }
}

#[cfg(test)]
mod tests;
