//! From the fields that were read to a date and a time of day: java.time's strict resolving, and then Spark's defaults
//! for what was not read.

use crate::datetime::{SECOND_US, Zone, civil_from_days, days_from_civil};
use millstream_core::interval::DAY_US;

use super::item::{Field, ReadFields};
use crate::calendar::{java_date, java_field, java_year};

/// A date and time as text said it, and the zone that it named.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Resolved {
    /// Microseconds since 1970-01-01 of the clock's time.
    pub(super) local_us: i128,
    pub(super) zone: Option<Zone>,
}

/// Why fields are no date and time, in Java's words. `early` is what java.time itself finds, before Spark's defaults.
#[derive(Debug, PartialEq)]
pub(super) struct Unresolved {
    pub(super) message: String,
    pub(super) early: bool,
}

/// Resolves what was read.
pub(super) fn resolve(mut fields: ReadFields) -> Result<Resolved, Unresolved> {
    let early = |message| Unresolved { message, early: true };
    let late = |message| Unresolved { message, early: false };
    let date = resolve_date(&mut fields).map_err(early)?;
    let time = resolve_time(&mut fields).map_err(early)?;
    if let Some(days) = date {
        cross_check(&fields, days).map_err(early)?;
    }
    if let Some(time_ns) = time {
        cross_check_hour(&fields, time_ns).map_err(early)?;
    }
    let offset = fields.get(Field::OffsetSeconds);
    if offset.is_some_and(|seconds| seconds.abs() > 18 * 3600) {
        return Err(early("Zone offset not in valid range: -18:00 to +18:00".to_owned()));
    }
    let days = match date {
        Some(days) => days,
        None => default_date(&fields).map_err(late)?,
    };
    let time_ns = match time {
        Some(time_ns) => time_ns,
        None => default_time(&fields).map_err(late)?,
    };
    let zone = fields.zone.or(offset.map(|seconds| Zone::Fixed(seconds as i32)));
    Ok(Resolved { local_us: i128::from(days) * i128::from(DAY_US) + i128::from(time_ns / 1000), zone })
}

fn day_of_year(year: i64, day: i64) -> Result<i64, String> {
    if !(1..=366).contains(&day) {
        return Err(format!("Invalid value for DayOfYear (valid values 1 - 365/366): {day}"));
    }
    let days = days_from_civil(year, 1, 1) + day - 1;
    if civil_from_days(days).0 == year {
        Ok(days)
    } else {
        Err(format!("Invalid date 'DayOfYear 366' as '{year}' is not a leap year"))
    }
}

/// The date, if its fields are complete.
fn resolve_date(fields: &mut ReadFields) -> Result<Option<i64>, String> {
    if let Some(of_era) = fields.take(Field::YearOfEra) {
        let of_era = java_field("YearOfEra", of_era, 1, 1_000_000_000)?;
        match fields.take(Field::Era) {
            Some(era) => {
                let value = if era == 1 { of_era } else { 1 - of_era };
                if !fields.set(Field::Year, value) {
                    return Err("Conflict found: Year".to_owned());
                }
            }
            // An era is not invented, so this is no year.
            None => {
                fields.set(Field::YearOfEra, of_era);
            }
        }
    }
    if let Some(days) = fields.get(Field::JulianDay) {
        let days = java_field("ModifiedJulianDay", days, -365_243_178_575, 365_241_821_058)?;
        return Ok(Some(days - 40_587));
    }
    let Some(value) = fields.get(Field::Year) else { return Ok(None) };
    match (fields.get(Field::Month), fields.get(Field::Day), fields.get(Field::DayOfYear)) {
        (Some(month), Some(day), _) => java_date(value, month, day).map(Some),
        (_, _, Some(day)) => day_of_year(java_year(value)?, day).map(Some),
        _ => Ok(None),
    }
}

/// All that was read of a date must be true of the date that was found.
fn cross_check(fields: &ReadFields, days: i64) -> Result<(), String> {
    let (year, month, day) = civil_from_days(days);
    let values = [
        (Field::Year, year),
        (Field::Month, month),
        (Field::Day, day),
        (Field::DayOfYear, days - days_from_civil(year, 1, 1) + 1),
    ];
    let differing = values.iter().find(|(field, value)| fields.get(*field).is_some_and(|known| known != *value));
    differing.map_or(Ok(()), |(field, value)| {
        Err(format!("Conflict found: Field {field:?} {value} differs from what was read"))
    })
}

/// All that was read of a half of the day must be true of the time that was found.
fn cross_check_hour(fields: &ReadFields, time_ns: i64) -> Result<(), String> {
    let hour = time_ns / (3600 * SECOND_US * 1000);
    let values = [(Field::HalfDay, hour / 12), (Field::HourOfHalfDay, hour % 12)];
    let differing = values.iter().find(|(field, value)| fields.get(*field).is_some_and(|known| known != *value));
    differing.map_or(Ok(()), |(field, value)| {
        Err(format!("Conflict found: Field {field:?} {value} differs from what was read"))
    })
}

/// The time of day in nanoseconds, if its fields are complete; what there is of them is checked.
fn resolve_time(fields: &mut ReadFields) -> Result<Option<i64>, String> {
    if let Some(hour) = fields.take(Field::ClockHour) {
        let hour = java_field("ClockHourOfDay", hour, 1, 24)? % 24;
        hour_is(fields, Field::Hour, hour)?;
    }
    if let Some(hour) = fields.take(Field::ClockHourOfHalfDay) {
        let hour = java_field("ClockHourOfAmPm", hour, 1, 12)? % 12;
        hour_is(fields, Field::HourOfHalfDay, hour)?;
    }
    if let (Some(half), Some(hour)) = (fields.get(Field::HalfDay), fields.get(Field::HourOfHalfDay)) {
        fields.take(Field::HalfDay);
        fields.take(Field::HourOfHalfDay);
        let hour = java_field("HourOfAmPm", hour, 0, 11)? + half * 12;
        hour_is(fields, Field::Hour, hour)?;
    }
    for (field, name, most) in [
        (Field::Hour, "HourOfDay", 23),
        (Field::HourOfHalfDay, "HourOfAmPm", 11),
        (Field::Minute, "MinuteOfHour", 59),
        (Field::Second, "SecondOfMinute", 59),
    ] {
        fields.get(field).map_or(Ok(0), |value| java_field(name, value, 0, most))?;
    }
    let [hour, minute, second, nano] =
        [Field::Hour, Field::Minute, Field::Second, Field::Nano].map(|field| fields.get(field));
    // A larger unit must not be missing between two that are there.
    if hour.is_none() || minute.is_none() && (second.is_some() || nano.is_some()) || second.is_none() && nano.is_some()
    {
        return Ok(None);
    }
    Ok(Some(nanoseconds([hour, minute, second, nano])))
}

fn hour_is(fields: &mut ReadFields, field: Field, hour: i64) -> Result<(), String> {
    if fields.set(field, hour) { Ok(()) } else { Err("Conflict found: the hour".to_owned()) }
}

fn nanoseconds(parts: [Option<i64>; 4]) -> i64 {
    let [hour, minute, second, nano] = parts.map(|part| part.unwrap_or(0));
    (hour * 3600 + minute * 60 + second) * SECOND_US * 1000 + nano
}

/// Spark's date where something was not read: the first of its kind, in 1970.
fn default_date(fields: &ReadFields) -> Result<i64, String> {
    let value = java_year(fields.get(Field::Year).unwrap_or(1970))?;
    let (month, day) = (fields.get(Field::Month), fields.get(Field::Day));
    let Some(of_year) = fields.get(Field::DayOfYear) else {
        return java_date(value, month.unwrap_or(1), day.unwrap_or(1));
    };
    let days = day_of_year(value, of_year)?;
    cross_check(fields, days)?;
    Ok(days)
}

/// Spark's time of day where something was not read: zero, but noon for a lone PM.
fn default_time(fields: &ReadFields) -> Result<i64, String> {
    let noon = fields.get(Field::HalfDay).filter(|half| *half == 1).map(|_| 12);
    let hour = fields.get(Field::Hour).or(fields.get(Field::HourOfHalfDay)).or(noon);
    Ok(nanoseconds([hour, fields.get(Field::Minute), fields.get(Field::Second), fields.get(Field::Nano)]))
}
