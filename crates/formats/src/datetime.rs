//! Dates, timestamps and time zones as Spark reads them out of text.
//!
//! The grammar is that of `cast(text as timestamp)`: any prefix of `[+-]y…-m-d[T ]h:m:s.f` that ends after a whole
//! part, then a zone. Local times are resolved as the JVM does it: forward over a gap, to the earlier offset in an
//! overlap.
//!
//! Deliberately not here: a time without a date (`12:00`), to which Spark gives the day on which it happens to run; a
//! record must not change its meaning with the day it is read, so that text is no timestamp here.

use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;

/// Microseconds in a second.
pub const SECOND_US: i64 = 1_000_000;
const DAY_S: i64 = 86_400;

/// A zone named in a text: a fixed offset or a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Seconds east of Greenwich.
    Fixed(i32),
    /// A region of the time zone database.
    Region(Tz),
}

impl Zone {
    /// A zone id as Spark takes it: `Z`, `+2`, `-08:00`, `UTC+3`, `Europe/Paris`, `PST`.
    pub fn parse(id: &str) -> Option<Self> {
        if let Some(target) = short_id(id) {
            return Self::parse(target);
        }
        if id == "Z" {
            return Some(Self::Fixed(0));
        }
        if id.starts_with(['+', '-']) {
            return parse_offset(id).map(Self::Fixed);
        }
        for prefix in ["UTC", "GMT", "UT"] {
            match id.strip_prefix(prefix) {
                Some("") => return Some(Self::Fixed(0)),
                Some(offset) if offset.starts_with(['+', '-']) => return parse_offset(offset).map(Self::Fixed),
                _ => {}
            }
        }
        Tz::from_str(id).ok().map(Self::Region)
    }

    /// The offset from UTC in seconds at an instant.
    pub fn offset_at(self, utc_s: i64) -> i32 {
        match self {
            Self::Fixed(offset) => offset,
            Self::Region(zone) => offset_at(zone, utc_s),
        }
    }

    /// The instant of a local time, both in seconds; forward over a gap, to the earlier offset in an overlap.
    pub fn to_utc_s(self, local_s: i64) -> i64 {
        let zone = match self {
            Self::Fixed(offset) => return local_s - i64::from(offset),
            Self::Region(Tz::UTC) => return local_s,
            Self::Region(zone) => zone,
        };
        let (near, shift) = within_rules(zone, local_s);
        let Some(local) = naive(near) else { return local_s };
        let offset = match zone.offset_from_local_datetime(&local) {
            chrono::LocalResult::Single(offset) => offset.fix().local_minus_utc(),
            // The first is the earlier instant, which has the offset of before the transition.
            chrono::LocalResult::Ambiguous(earlier, _) => earlier.fix().local_minus_utc(),
            chrono::LocalResult::None => offset_at(zone, near - DAY_S),
        };
        near - i64::from(offset) + shift
    }
}

/// The offset of a region in seconds at an instant.
pub fn offset_at(zone: Tz, utc_s: i64) -> i32 {
    if zone == Tz::UTC {
        return 0;
    }
    let (near, _) = within_rules(zone, utc_s);
    naive(near).map_or(0, |utc| zone.offset_from_utc_datetime(&utc).fix().local_minus_utc())
}

fn naive(seconds: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp(seconds, 0).map(|instant| instant.naive_utc())
}

/// The zone rules of the library end with the year 2100, and the calendar of chrono with 262142, while Spark's go on: a
/// later moment is answered by one of the same weekday and leap year before that. Also gives what was taken off.
pub fn within_rules(zone: Tz, seconds: i64) -> (i64, i64) {
    const LAST_S: i64 = 4_102_444_800; // 2100-01-01
    const CYCLE_S: i64 = 146_097 * DAY_S; // 400 years
    let mut near = seconds;
    if near < -62_167_219_200 - CYCLE_S {
        // Long before any rule: local mean time, whatever the year.
        near = near.rem_euclid(CYCLE_S) - 5 * CYCLE_S;
    }
    if near >= LAST_S && matches!(zone, Tz::Africa__Casablanca | Tz::Africa__El_Aaiun) {
        // Their rules follow the moon, are written down one by one, and end before that.
        near = LAST_S - DAY_S;
    } else if near >= LAST_S {
        near = LAST_S + (near - LAST_S).rem_euclid(CYCLE_S);
        let (year, _, _) = civil_from_days(near.div_euclid(DAY_S));
        let first = days_from_civil(year, 1, 1);
        let like = |candidate: &i64| {
            is_leap(*candidate) == is_leap(year)
                && days_from_civil(*candidate, 1, 1).rem_euclid(7) == first.rem_euclid(7)
        };
        if let Some(twin) = (2060..2100).find(like) {
            near += (days_from_civil(twin, 1, 1) - first) * DAY_S;
        }
    }
    (near, seconds - near)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar, which must be valid.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day comes last.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970-01-01 if there is such a date.
pub fn checked_days(year: i64, month: i64, day: i64) -> Option<i64> {
    let last = match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    (1..=last).contains(&day).then(|| days_from_civil(year, month, day))
}

/// A timestamp in microseconds since 1970-01-01T00:00:00Z; a text without a zone is in `zone`.
pub fn parse_timestamp(text: &str, zone: Tz) -> Option<i64> {
    let (local, named) = parse_local(text)?;
    let seconds = named.unwrap_or(Zone::Region(zone)).to_utc_s(local.seconds);
    micros(seconds, local.micros)
}

/// A timestamp without time zone, in microseconds; a text that names a zone is none.
pub fn parse_timestamp_ntz(text: &str) -> Option<i64> {
    match parse_local(text)? {
        (local, None) => micros(local.seconds, local.micros),
        (_, Some(_)) => None,
    }
}

/// What the clock shows, in microseconds as if it were UTC; a zone behind it says nothing, as in Spark's cast to
/// TIMESTAMP_NTZ.
pub fn parse_clock(text: &str) -> Option<i64> {
    let (local, _) = parse_local(text)?;
    micros(local.seconds, local.micros)
}

fn micros(seconds: i64, micros: i64) -> Option<i64> {
    // In 128 bits, because the first representable moment lies inside a second.
    i64::try_from(i128::from(seconds) * i128::from(SECOND_US) + i128::from(micros)).ok()
}

/// A date in days since 1970-01-01. What follows a blank or a `T` after a whole date is not looked at.
pub fn parse_date(text: &str) -> Option<i32> {
    let mut parts = Parts::new(text)?;
    let sign = parts.sign();
    let year = parts.number(4..=7)? * sign;
    let (mut month, mut day) = (1, 1);
    if parts.skip(b'-') {
        month = parts.number(1..=2)?;
        if parts.skip(b'-') {
            day = parts.number(1..=2)?;
            if !parts.is_done() && !parts.skip(b' ') && !parts.skip(b'T') {
                return None;
            }
            parts.rest = &[];
        }
    }
    if !parts.is_done() {
        return None;
    }
    i32::try_from(checked_days(year, month, day)?).ok()
}

struct Local {
    seconds: i64,
    micros: i64,
}

fn parse_local(text: &str) -> Option<(Local, Option<Zone>)> {
    let mut parts = Parts::new(text)?;
    let sign = parts.sign();
    let year = parts.number(4..=6)? * sign;
    let (mut month, mut day, mut time, mut micros) = (1, 1, [0; 3], 0);
    let mut zone = None;
    if parts.skip(b'-') {
        month = parts.number(1..=2)?;
        if parts.skip(b'-') {
            day = parts.number(1..=2)?;
            if parts.skip(b' ') || parts.skip(b'T') {
                (time, micros, zone) = parse_time_of_day(&mut parts)?;
            }
        }
    }
    if !parts.is_done() || time[0] > 23 || time[1] > 59 || time[2] > 59 {
        return None;
    }
    let days = checked_days(year, month, day)?;
    Some((Local { seconds: days * DAY_S + time[0] * 3600 + time[1] * 60 + time[2], micros }, zone))
}

type TimeOfDay = ([i64; 3], i64, Option<Zone>);

fn parse_time_of_day(parts: &mut Parts<'_>) -> Option<TimeOfDay> {
    let mut time = [0; 3];
    time[0] = parts.number(1..=2)?;
    if !parts.skip(b':') {
        return Some((time, 0, None));
    }
    time[1] = parts.number(1..=2)?;
    if !parts.skip(b':') {
        return Some((time, 0, None));
    }
    time[2] = parts.number(1..=2)?;
    let micros = if parts.skip(b'.') { parts.fraction() } else { 0 };
    // A zone may follow the seconds only.
    let zone = match std::str::from_utf8(std::mem::take(&mut parts.rest)).ok()?.trim() {
        "" => None,
        id => Some(Zone::parse(id)?),
    };
    Some((time, micros, zone))
}

/// What is left of a text to read.
struct Parts<'a> {
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Spark trims blanks and control characters off both ends.
    fn new(text: &'a str) -> Option<Self> {
        let rest = text.trim_matches(|c: char| c <= ' ' || c == '\u{7f}').as_bytes();
        (!rest.is_empty()).then_some(Self { rest })
    }

    fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    fn skip(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((&first, rest)) if first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn sign(&mut self) -> i64 {
        if self.skip(b'-') {
            return -1;
        }
        self.skip(b'+');
        1
    }

    /// As many digits as there are, which must be this many.
    fn number(&mut self, digits: std::ops::RangeInclusive<usize>) -> Option<i64> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !digits.contains(&count) {
            return None;
        }
        let (number, rest) = self.rest.split_at(count);
        self.rest = rest;
        Some(number.iter().fold(0, |value, byte| value * 10 + i64::from(byte - b'0')))
    }

    /// Digits after the point as microseconds; more than six are cut off.
    fn fraction(&mut self) -> i64 {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(count);
        self.rest = rest;
        let mut unit = 100_000;
        let mut micros = 0;
        for digit in digits.iter().take(6) {
            micros += i64::from(digit - b'0') * unit;
            unit /= 10;
        }
        micros
    }
}

/// `+h`, `+hh`, `+h:m`, `+hhmm`, `+hh:mm:ss` and `+hhmmss`, up to 18 hours.
fn parse_offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.as_bytes().split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let mut parts = Parts { rest: digits };
    let mut fields = [0; 3];
    if digits.contains(&b':') {
        for (index, field) in fields.iter_mut().enumerate() {
            // Spark pads hours and minutes; seconds must have both digits.
            *field = parts.number(if index == 2 { 2..=2 } else { 1..=2 })?;
            if parts.is_done() {
                break;
            }
            if index == 2 || !parts.skip(b':') {
                return None;
            }
        }
    } else {
        let number = |range: std::ops::Range<usize>| Parts { rest: digits.get(range)? }.number(1..=2);
        match digits.len() {
            1 => fields[0] = number(0..1)?,
            2 | 4 | 6 => {
                for (index, field) in fields.iter_mut().enumerate().take(digits.len() / 2) {
                    *field = number(index * 2..index * 2 + 2)?;
                }
            }
            _ => return None,
        }
    }
    let [hours, minutes, seconds] = fields;
    let total = hours * 3600 + minutes * 60 + seconds;
    if minutes > 59 || seconds > 59 || total > 18 * 3600 {
        return None;
    }
    i32::try_from(sign * total).ok()
}

/// The three-letter zones that the JVM knows and the database does not, or knows otherwise.
fn short_id(id: &str) -> Option<&'static str> {
    Some(match id {
        "ACT" => "Australia/Darwin",
        "AET" => "Australia/Sydney",
        "AGT" => "America/Argentina/Buenos_Aires",
        "ART" => "Africa/Cairo",
        "AST" => "America/Anchorage",
        "BET" => "America/Sao_Paulo",
        "BST" => "Asia/Dhaka",
        "CAT" => "Africa/Harare",
        "CNT" => "America/St_Johns",
        "CST" => "America/Chicago",
        "CTT" => "Asia/Shanghai",
        "EAT" => "Africa/Addis_Ababa",
        "ECT" => "Europe/Paris",
        "IET" => "America/Indiana/Indianapolis",
        "IST" => "Asia/Kolkata",
        "JST" => "Asia/Tokyo",
        "MIT" => "Pacific/Apia",
        "NET" => "Asia/Yerevan",
        "NST" => "Pacific/Auckland",
        "PLT" => "Asia/Karachi",
        "PNT" => "America/Phoenix",
        "PRT" => "America/Puerto_Rico",
        "PST" => "America/Los_Angeles",
        "SST" => "Pacific/Guadalcanal",
        "VST" => "Asia/Ho_Chi_Minh",
        "EST" => "-05:00",
        "MST" => "-07:00",
        "HST" => "-10:00",
        _ => return None,
    })
}
