//! A moment as text, by the parts of a pattern.

use std::fmt::Write;

use crate::datetime::{SECOND_US, civil_from_days, days_from_civil};
use millstream_core::interval::DAY_US;

use super::item::{Digits, Field, Item, Number, OffsetForm, Part, Shown, Sign, Style};
use super::words::words;
use super::zone_names;
use crate::calendar::weekday_of;

/// Appends the text of a moment. A part that needs what is not there ends the optional section that it stands in.
///
/// # Errors
/// A part outside of optional sections needs what is not there, in Java's words.
pub(super) fn print(items: &[Item], shown: &Shown, out: &mut String) -> Result<(), String> {
    let zone = || shown.zone.ok_or_else(|| "Unable to extract ZoneId from temporal".to_owned());
    let offset_s = || shown.zone.map(|zone| zone.offset_s).ok_or_else(|| unsupported("OffsetSeconds"));
    for item in items {
        match item {
            Item::Literal(text) => out.push_str(text),
            Item::Optional(items) => {
                let before = out.len();
                if print(items, shown, out).is_err() {
                    out.truncate(before);
                }
            }
            Item::Number(number) => push_number(number, shown, out)?,
            Item::Text(field, style) => {
                let index = value_of(*field, shown)? - i64::from(!matches!(field, Field::Era | Field::HalfDay));
                out.push_str(usize::try_from(index).map_or("", |index| words(*field, *style)[index]));
            }
            Item::ZoneId => out.push_str(zone()?.zone.name()),
            Item::ZoneName { style, generic } => {
                out.push_str(zone_names::name(zone()?.zone, *style, *generic, zone()?.utc_s));
            }
            Item::Offset(form) => push_offset(form, offset_s()?, out),
            Item::LocalizedOffset(style) => push_localized_offset(*style, offset_s()?, out),
        }
    }
    Ok(())
}

fn unsupported(field: &str) -> String {
    format!("Unsupported field: {field}")
}

/// The value of a field.
fn value_of(field: Field, shown: &Shown) -> Result<i64, String> {
    let java_name = match field {
        Field::HalfDay => "AmPmOfDay",
        Field::HourOfHalfDay => "HourOfAmPm",
        Field::ClockHourOfHalfDay => "ClockHourOfAmPm",
        Field::Hour => "HourOfDay",
        Field::ClockHour => "ClockHourOfDay",
        Field::Minute => "MinuteOfHour",
        Field::Second => "SecondOfMinute",
        Field::Nano => "NanoOfSecond",
        _ => return Ok(value_with_time(field, shown)),
    };
    if shown.has_time { Ok(value_with_time(field, shown)) } else { Err(unsupported(java_name)) }
}

fn value_with_time(field: Field, shown: &Shown) -> i64 {
    let days = shown.local_us.div_euclid(DAY_US);
    let within_us = shown.local_us.rem_euclid(DAY_US);
    let (year, month, day) = civil_from_days(days);
    let hour = within_us / (3600 * SECOND_US);
    match field {
        Field::Era => i64::from(year > 0),
        Field::YearOfEra => {
            if year > 0 {
                year
            } else {
                1 - year
            }
        }
        Field::Year => year,
        Field::Quarter => (month + 2) / 3,
        Field::Month => month,
        Field::Day => day,
        Field::DayOfYear => days - days_from_civil(year, 1, 1) + 1,
        Field::DayOfWeek => weekday_of(days) + 1,
        Field::DayOfWeekInMonth => (day - 1) % 7 + 1,
        Field::JulianDay => days + 40_587,
        Field::HalfDay => hour / 12,
        Field::HourOfHalfDay => hour % 12,
        Field::ClockHourOfHalfDay => (hour + 11) % 12 + 1,
        Field::Hour => hour,
        Field::ClockHour => (hour + 23) % 24 + 1,
        Field::Minute => within_us / (60 * SECOND_US) % 60,
        Field::Second => within_us / SECOND_US % 60,
        Field::Nano => within_us % SECOND_US * 1000,
        Field::OffsetSeconds => shown.zone.map_or(0, |zone| i64::from(zone.offset_s)),
    }
}

fn push_number(number: &Number, shown: &Shown, out: &mut String) -> Result<(), String> {
    let value = value_of(number.field, shown)?;
    match number.digits {
        Digits::Fraction => out.push_str(&format!("{value:09}")[..number.most]),
        Digits::LastTwo => push_padded(out, value.unsigned_abs() % 100, 2),
        Digits::Whole => {
            if value < 0 {
                out.push('-');
            } else if number.sign == Sign::ExceedsPad && value.to_string().len() > number.least {
                out.push('+');
            }
            push_padded(out, value.unsigned_abs(), number.least);
        }
    }
    Ok(())
}

fn push_padded(out: &mut String, value: u64, least: usize) {
    write!(out, "{value:0least$}").expect("a string takes every write");
}

/// Hours, minutes and seconds of an offset's size.
fn parts_of(offset_s: i32) -> [u64; 3] {
    let size = u64::from(offset_s.unsigned_abs());
    [size / 3600, size / 60 % 60, size % 60]
}

fn push_sign(out: &mut String, offset_s: i32) {
    out.push(if offset_s < 0 { '-' } else { '+' });
}

fn push_offset(form: &OffsetForm, offset_s: i32, out: &mut String) {
    let [hours, minutes, seconds] = parts_of(offset_s);
    let wanted = |part: Part, value: u64| part == Part::Always || part == Part::NotZero && value > 0;
    let colon = if form.colon { ":" } else { "" };
    let mut text = format!("{hours:02}");
    let mut sum = hours;
    if wanted(form.minutes, minutes) {
        sum += minutes;
        text += &format!("{colon}{minutes:02}");
        if wanted(form.seconds, seconds) {
            sum += seconds;
            text += &format!("{colon}{seconds:02}");
        }
    }
    if sum == 0 {
        return out.push_str(form.zero);
    }
    push_sign(out, offset_s);
    out.push_str(&text);
}

fn push_localized_offset(style: Style, offset_s: i32, out: &mut String) {
    let [hours, minutes, seconds] = parts_of(offset_s);
    out.push_str("GMT");
    if offset_s == 0 {
        return;
    }
    push_sign(out, offset_s);
    push_padded(out, hours, if style == Style::Full { 2 } else { 1 });
    if style == Style::Full || minutes != 0 || seconds != 0 {
        out.push(':');
        push_padded(out, minutes, 2);
    }
    if seconds != 0 {
        out.push(':');
        push_padded(out, seconds, 2);
    }
}
