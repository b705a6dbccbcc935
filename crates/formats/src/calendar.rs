//! Arithmetic of days, months, and the time that a zone's clock shows.

use crate::datetime::{SECOND_US, Zone, checked_days, civil_from_days, days_from_civil, offset_at};
use chrono_tz::Tz;

/// The clock's time in a zone at an instant, both in microseconds.
pub fn to_local_us(us: i64, zone: Tz) -> i64 {
    us.saturating_add(i64::from(offset_at(zone, us.div_euclid(SECOND_US))) * SECOND_US)
}

/// The instant at which a zone's clock shows this time, both in microseconds; none beyond the range of timestamps.
pub fn from_local_us(local_us: i64, zone: Tz) -> Option<i64> {
    let seconds = Zone::Region(zone).to_utc_s(local_us.div_euclid(SECOND_US));
    let us = i128::from(seconds) * i128::from(SECOND_US) + i128::from(local_us.rem_euclid(SECOND_US));
    i64::try_from(us).ok()
}

/// Monday is 0.
pub fn weekday_of(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

/// A number of days, this many months later; the day is cut at the month's end.
pub fn add_months_to_days(days: i64, months: i64) -> i64 {
    let (year, month, day) = civil_from_days(days);
    let total = year * 12 + month - 1 + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    let next = if month == 12 { days_from_civil(year + 1, 1, 1) } else { days_from_civil(year, month + 1, 1) };
    let first = days_from_civil(year, month, 1);
    first + day.min(next - first) - 1
}

/// A field's value within its range, the sentence of `java.time` otherwise.
pub fn java_field(name: &str, value: i64, least: i64, most: i64) -> Result<i64, String> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(format!("Invalid value for {name} (valid values {least} - {most}): {value}"))
}

/// A year that `java.time` has, or its sentence.
pub fn java_year(year: i64) -> Result<i64, String> {
    java_field("Year", year, -999_999_999, 999_999_999)
}

/// Days since 1970-01-01, or what `LocalDate.of` says of a date that there is not.
pub fn java_date(year: i64, month: i64, day: i64) -> Result<i64, String> {
    const MONTHS: [&str; 12] = [
        "JANUARY",
        "FEBRUARY",
        "MARCH",
        "APRIL",
        "MAY",
        "JUNE",
        "JULY",
        "AUGUST",
        "SEPTEMBER",
        "OCTOBER",
        "NOVEMBER",
        "DECEMBER",
    ];
    java_year(year)?;
    java_field("MonthOfYear", month, 1, 12)?;
    if !(1..=31).contains(&day) {
        return Err(format!("Invalid value for DayOfMonth (valid values 1 - 28/31): {day}"));
    }
    checked_days(year, month, day).ok_or_else(|| match (month, day) {
        (2, 29) => format!("Invalid date 'February 29' as '{year}' is not a leap year"),
        _ => format!("Invalid date '{} {day}'", MONTHS[month as usize - 1]),
    })
}
