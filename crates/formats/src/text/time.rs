//! Dates and times as text: ISO, years beyond four digits with a sign, no trailing zeros in fractions.

use std::fmt::Write;

use chrono_tz::Tz;

use crate::datetime::{SECOND_US, civil_from_days, offset_at};

const DAY_US: i64 = 86_400 * SECOND_US;

/// Appends `yyyy-MM-dd`.
pub fn push_date(out: &mut String, days: i32) {
    push_days(out, i64::from(days));
}

fn push_days(out: &mut String, days: i64) {
    let (year, month, day) = civil_from_days(days);
    let sign = match year {
        10_000.. => "+",
        0..=9999 => "",
        _ => "-",
    };
    write!(out, "{sign}{:04}-{month:02}-{day:02}", year.abs()).expect("a string takes every write");
}

/// Appends `yyyy-MM-dd HH:mm:ss[.ffffff]` as the clock in `zone` shows it.
pub fn push_timestamp(out: &mut String, micros: i64, zone: Tz) {
    let offset = i64::from(offset_at(zone, micros.div_euclid(SECOND_US)));
    push_moment(out, i128::from(micros) + i128::from(offset) * i128::from(SECOND_US));
}

/// Appends `yyyy-MM-dd HH:mm:ss[.ffffff]`.
pub fn push_timestamp_ntz(out: &mut String, micros: i64) {
    push_moment(out, i128::from(micros));
}

/// In 128 bits, because the first and last moments have neighbours in other zones.
fn push_moment(out: &mut String, micros: i128) {
    let day = i128::from(DAY_US);
    let days = i64::try_from(micros.div_euclid(day)).expect("a day has more than one microsecond");
    let within = i64::try_from(micros.rem_euclid(day)).expect("a day's microseconds fit");
    push_days(out, days);
    out.push(' ');
    push_time_of_day(out, within);
}

/// Appends `HH:mm:ss[.ffffff]`.
pub(super) fn push_time_of_day(out: &mut String, micros: i64) {
    let seconds = micros / SECOND_US;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    write!(out, "{hour:02}:{minute:02}:{second:02}").expect("a string takes every write");
    push_fraction(out, micros % SECOND_US);
}

/// Appends a fraction of a second without trailing zeros, nothing for none.
pub(super) fn push_fraction(out: &mut String, micros: i64) {
    if micros != 0 {
        let digits = format!("{micros:06}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
}
