//! Arithmetic of days, months, and the time that a zone's clock shows.

use chrono_tz::Tz;
use millstream_formats::datetime::{SECOND_US, Zone, civil_from_days, days_from_civil, offset_at};

/// The clock's time in a zone at an instant, both in microseconds.
pub(crate) fn to_local_us(us: i64, zone: Tz) -> i64 {
    us.saturating_add(i64::from(offset_at(zone, us.div_euclid(SECOND_US))) * SECOND_US)
}

/// The instant at which a zone's clock shows this time, both in microseconds; none beyond the range of timestamps.
pub(crate) fn from_local_us(local_us: i64, zone: Tz) -> Option<i64> {
    let seconds = Zone::Region(zone).to_utc_s(local_us.div_euclid(SECOND_US));
    let us = i128::from(seconds) * i128::from(SECOND_US) + i128::from(local_us.rem_euclid(SECOND_US));
    i64::try_from(us).ok()
}

/// Monday is 0.
pub(crate) fn weekday_of(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}

/// A number of days, this many months later; the day is cut at the month's end.
pub(crate) fn add_months_to_days(days: i64, months: i64) -> i64 {
    let (year, month, day) = civil_from_days(days);
    let total = year * 12 + month - 1 + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    let next = if month == 12 { days_from_civil(year + 1, 1, 1) } else { days_from_civil(year, month + 1, 1) };
    let first = days_from_civil(year, month, 1);
    first + day.min(next - first) - 1
}
