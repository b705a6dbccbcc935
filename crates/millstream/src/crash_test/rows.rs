//! The rows of the input: each is made of its number alone, so that what a job should make of them is a matter of
//! arithmetic.

use chrono::{DateTime, SecondsFormat, TimeDelta};
use millstream_core::{Error, Result};

/// The value of a row unless the user says another.
pub(super) const DEFAULT_ROW: &str = r#"{"key": "${key}", "n": ${number}, "time": "${time}"}"#;

/// The event time of the first row: 2026-01-01T00:00:00Z.
const FIRST_SECOND: i64 = 1_767_225_600;
/// How much later the event of the next row is.
pub(super) const STEP_MS: i64 = 10;
/// How much later than it should be the event of the last rows is, so that every window before is over.
const LAST_LATER: TimeDelta = TimeDelta::days(1);

/// Makes rows.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pieces: Vec<Piece>,
    keys: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Number,
    Key,
    Time,
}

impl Rows {
    /// Rows of so many keys whose values are made by this template.
    pub(super) fn new(template: &str, keys: u32) -> Result<Self> {
        let (mut pieces, mut rest) = (Vec::new(), template);
        while let Some((text, behind)) = rest.split_once("${") {
            let unknown = || {
                Error::invalid(format!("the row template '{template}' has a ${{…}} without a meaning"))
                    .with_hint("${number}, ${key} and ${time} have one")
            };
            let (name, behind) = behind.split_once('}').ok_or_else(unknown)?;
            let piece = match name {
                "number" => Piece::Number,
                "key" => Piece::Key,
                "time" => Piece::Time,
                _ => return Err(unknown()),
            };
            pieces.extend([Piece::Text(text.to_owned()), piece]);
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self { pieces, keys: u64::from(keys) })
    }

    /// The key of a row.
    pub(super) fn key(&self, number: u64) -> String {
        format!("k{}", number % self.keys)
    }

    /// The value of a row; of one of the last, which end every window before.
    pub(super) fn value(&self, number: u64, is_last: bool) -> String {
        let mut value = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => value.push_str(text),
                Piece::Number => value.push_str(&number.to_string()),
                Piece::Key => value.push_str(&self.key(number)),
                Piece::Time => value.push_str(&time(number, is_last).to_rfc3339_opts(SecondsFormat::Millis, true)),
            }
        }
        value
    }

    /// The second of event time to which a row belongs that is none of the last.
    pub(super) fn second(number: u64) -> String {
        time(number, false).format("%H:%M:%S").to_string()
    }

    /// The second of event time to which a row belongs is an even one.
    pub(super) fn is_in_even_second(number: u64) -> bool {
        time(number, false).timestamp() % 2 == 0
    }
}

fn time(number: u64, is_last: bool) -> DateTime<chrono::Utc> {
    let first = DateTime::from_timestamp(FIRST_SECOND, 0).unwrap_or_default();
    let step = TimeDelta::milliseconds(i64::try_from(number).unwrap_or(i64::MAX / STEP_MS) * STEP_MS);
    first + step + if is_last { LAST_LATER } else { TimeDelta::zero() }
}

/// How many rows there are: those under load, and the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) under_load: u64,
    pub(super) last: u64,
}

impl Sent {
    pub(super) fn all(self) -> u64 {
        self.under_load + self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_made_of_its_number() {
        let rows = Rows::new(DEFAULT_ROW, 4).expect("valid");
        assert_eq!(rows.key(7), "k3");
        assert_eq!(rows.value(7, false), r#"{"key": "k3", "n": 7, "time": "2026-01-01T00:00:00.070Z"}"#);
        assert_eq!(rows.value(250, true), r#"{"key": "k2", "n": 250, "time": "2026-01-02T00:00:02.500Z"}"#);
        assert_eq!(Rows::second(250), "00:00:02");
    }

    #[test]
    fn a_template_is_read_or_refused() {
        assert_eq!(Rows::new("plain", 1).expect("valid").value(1, false), "plain");
        assert_eq!(Rows::new("${number}${number};$x", 1).expect("valid").value(5, false), "55;$x");
        for template in ["${name}", "${n", "${}"] {
            assert!(Rows::new(template, 1).is_err(), "{template}");
        }
    }
}
