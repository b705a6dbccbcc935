//! The parts of a compiled pattern, with the names of java.time.

use crate::datetime::Zone;
use chrono_tz::Tz;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// Text as it stands.
    Literal(String),
    /// A section that may be missing, `[…]`.
    Optional(Vec<Item>),
    /// A field as digits.
    Number(Number),
    /// A field as a word.
    Text(Field, Style),
    /// The id of a zone, `VV`.
    ZoneId,
    /// The name of a zone, `z` and `v`.
    ZoneName { style: Style, generic: bool },
    /// `X`, `x`, `Z`
    Offset(OffsetForm),
    /// An offset behind `GMT`: `O` and `ZZZZ`.
    LocalizedOffset(Style),
}

/// A field of a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Era,
    YearOfEra,
    Year,
    Quarter,
    Month,
    Day,
    DayOfYear,
    DayOfWeek,
    /// `F`, which counts from 1 to 7 from the first day of the month on.
    DayOfWeekInMonth,
    /// `g`, modified Julian days.
    JulianDay,
    HalfDay,
    HourOfHalfDay,
    ClockHourOfHalfDay,
    Hour,
    ClockHour,
    Minute,
    Second,
    Nano,
    OffsetSeconds,
}

/// How many fields there are.
pub(super) const FIELDS: usize = Field::OffsetSeconds as usize + 1;

/// The length of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Short,
    Full,
}

/// When a number has a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// A minus before negative numbers.
    Normal,
    /// Also a plus before numbers of more digits than the least.
    ExceedsPad,
    /// A number has no sign.
    Never,
}

/// How the digits mean the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digits {
    Whole,
    /// The last two digits of a year from 2000 to 2099.
    LastTwo,
    /// The first digits behind the point of a second.
    Fraction,
}

/// A field as digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) field: Field,
    pub(super) digits: Digits,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) sign: Sign,
    /// How many digits belong to the numbers of fixed width that follow directly: they are left for them.
    pub(super) following: usize,
}

impl Number {
    pub(super) fn new(field: Field, least: usize, most: usize, sign: Sign) -> Self {
        Self { field, digits: Digits::Whole, least, most, sign, following: 0 }
    }

    /// A number that has always the same width, and leaves digits to what follows.
    pub(super) fn is_fixed(&self) -> bool {
        self.least == self.most && self.sign == Sign::Never
    }
}

/// How an offset from UTC is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetForm {
    /// What stands for no offset.
    pub(super) zero: &'static str,
    pub(super) minutes: Part,
    pub(super) seconds: Part,
    /// Colons stand between hours, minutes and seconds.
    pub(super) colon: bool,
}

/// When minutes or seconds are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Never,
    NotZero,
    Always,
}

/// A date, with a time of day and a zone or without.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    /// Microseconds since 1970-01-01 of the clock's time.
    pub(super) local_us: i64,
    /// `false` for a mere date.
    pub(super) has_time: bool,
    pub(super) zone: Option<ShownZone>,
}

/// The zone of a moment that is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShownZone {
    pub(super) zone: Tz,
    /// The moment in seconds since the epoch.
    pub(super) utc_s: i64,
    pub(super) offset_s: i32,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReadFields {
    values: [Option<i64>; FIELDS],
    pub(super) zone: Option<Zone>,
}

impl Default for ReadFields {
    fn default() -> Self {
        Self { values: [None; FIELDS], zone: None }
    }
}

impl ReadFields {
    pub(super) fn get(&self, field: Field) -> Option<i64> {
        self.values[field as usize]
    }

    pub(super) fn take(&mut self, field: Field) -> Option<i64> {
        self.values[field as usize].take()
    }

    /// Sets a field; `false` if it has another value already.
    pub(super) fn set(&mut self, field: Field, value: i64) -> bool {
        self.values[field as usize].replace(value).is_none_or(|known| known == value)
    }
}
