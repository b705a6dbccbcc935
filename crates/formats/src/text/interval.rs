//! Intervals as text. Arrow does not keep the fields of a type such as INTERVAL HOUR TO MINUTE, so all fields show.

use std::fmt::Write;

use arrow::datatypes::IntervalMonthDayNano;

use super::time::push_fraction;

/// Appends `INTERVAL '1-2' YEAR TO MONTH`.
pub(super) fn push_year_month(out: &mut String, months: i32) {
    let sign = if months < 0 { "-" } else { "" };
    let months = months.unsigned_abs();
    write!(out, "INTERVAL '{sign}{}-{}' YEAR TO MONTH", months / 12, months % 12).expect("a string takes every write");
}

/// Appends `INTERVAL '1 02:03:04.5' DAY TO SECOND`.
pub(super) fn push_day_time(out: &mut String, micros: i64) {
    let sign = if micros < 0 { "-" } else { "" };
    let magnitude = micros.unsigned_abs();
    let (seconds, fraction) = (magnitude / 1_000_000, magnitude % 1_000_000);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    write!(out, "INTERVAL '{sign}{days} {hours:02}:{minutes:02}:{:02}", seconds % 60)
        .expect("a string takes every write");
    push_fraction(out, fraction as i64);
    out.push_str("' DAY TO SECOND");
}

/// Appends `1 years 2 months 3 days 4 hours`, parts that are zero left out.
pub(super) fn push_calendar(out: &mut String, interval: IntervalMonthDayNano) {
    let start = out.len();
    let mut part = |amount: i64, unit: &str| {
        if amount != 0 {
            let blank = if out.len() > start { " " } else { "" };
            write!(out, "{blank}{amount} {unit}").expect("a string takes every write");
        }
    };
    part(i64::from(interval.months / 12), "years");
    part(i64::from(interval.months % 12), "months");
    part(i64::from(interval.days), "days");
    let micros = interval.nanoseconds / 1000;
    part(micros / 3_600_000_000, "hours");
    part(micros / 60_000_000 % 60, "minutes");
    let seconds = micros % 60_000_000;
    if seconds != 0 {
        let blank = if out.len() > start { " " } else { "" };
        let sign = if seconds < 0 { "-" } else { "" };
        write!(out, "{blank}{sign}{}", seconds.abs() / 1_000_000).expect("a string takes every write");
        push_fraction(out, seconds.abs() % 1_000_000);
        out.push_str(" seconds");
    }
    if out.len() == start {
        out.push_str("0 seconds");
    }
}
