//! Texts that mean a moment by a word: `epoch`, `now`, `today`, `tomorrow`, `yesterday`.
//!
//! Spark reads them where it casts a constant text, not in a column.

use arrow::datatypes::DataType;
use chrono_tz::Tz;
use datafusion::common::ScalarValue;
use millstream_core::interval::DAY_US;
use millstream_core::{Error, Result};
use millstream_formats::datetime::Zone;

use millstream_formats::calendar::{from_local_us, to_local_us};

/// A moment that a word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialMoment {
    /// 1970-01-01 at midnight, UTC.
    Epoch,
    /// The time of the query.
    Now,
    /// Midnight in the session's zone, so many days from today.
    Day(i64),
}

impl SpecialMoment {
    /// The moment that a text means, in any letter case; all but `now` may have a zone behind them, which changes
    /// nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(|letter: char| letter <= ' ');
        let (word, rest) = text.split_at(text.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(text.len()));
        let zone = rest.trim_start_matches([' ', '\t']);
        let moment = match word.to_ascii_lowercase().as_str() {
            "epoch" => Self::Epoch,
            "now" => return zone.is_empty().then_some(Self::Now),
            "today" => Self::Day(0),
            "tomorrow" => Self::Day(1),
            "yesterday" => Self::Day(-1),
            _ => return None,
        };
        (zone.is_empty() || Zone::parse(zone).is_some()).then_some(moment)
    }

    /// The moment as a value of a DATE, TIMESTAMP or TIMESTAMP_NTZ type. `now_us` is the time of the query in
    /// microseconds since the epoch, if it has one.
    ///
    /// # Errors
    /// The plan reads a stream, whose batches each have a time of their own.
    pub fn value(self, data_type: &DataType, now_us: Option<i64>, zone: Tz) -> Result<ScalarValue> {
        let instant_us = match (self, now_us) {
            (Self::Epoch, _) => 0,
            (_, Some(now_us)) => now_us,
            (_, None) => {
                return Err(Error::unsupported("a text that means now or a day beside it, in a streaming query")
                    .with_hint("use current_timestamp() or current_date()"));
            }
        };
        let now_us = to_local_us(instant_us, zone);
        let local_us = match self {
            Self::Epoch => 0,
            Self::Now => now_us,
            Self::Day(days) => (now_us.div_euclid(DAY_US) + days) * DAY_US,
        };
        Ok(match data_type {
            DataType::Date32 => ScalarValue::Date32(i32::try_from(local_us.div_euclid(DAY_US)).ok()),
            DataType::Timestamp(_, None) => ScalarValue::TimestampMicrosecond(Some(local_us), None),
            _ => {
                let us = match self {
                    Self::Epoch | Self::Now => Some(instant_us),
                    Self::Day(_) => from_local_us(local_us, zone),
                };
                ScalarValue::TimestampMicrosecond(us, Some("UTC".into()))
            }
        })
    }
}
