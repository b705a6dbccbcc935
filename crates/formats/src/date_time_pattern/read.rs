//! A text read by the parts of a pattern, step by step as java.time's formatter does it. Letters match in any case.

use crate::datetime::Zone;
use chrono_tz::{TZ_VARIANTS, Tz};

use super::item::{Digits, Field, Item, Number, OffsetForm, Part, ReadFields, Sign, Style};
use super::words::words;
use super::zone_names;

/// Reads the parts from a place of the text on: the place behind them, or the one at which the text does not fit. Both
/// count bytes.
pub(super) fn read(items: &[Item], text: &str, at: usize, fields: &mut ReadFields) -> Result<usize, usize> {
    items.iter().try_fold(at, |at, item| read_item(item, text, at, fields))
}

fn read_item(item: &Item, text: &str, at: usize, fields: &mut ReadFields) -> Result<usize, usize> {
    match item {
        Item::Literal(literal) => prefix(&text[at..], literal).map(|length| at + length).ok_or(at),
        Item::Optional(items) => {
            let before = fields.clone();
            read(items, text, at, fields).or_else(|_| {
                *fields = before;
                Ok(at)
            })
        }
        Item::Number(number) if number.digits == Digits::Fraction => read_fraction(number, text, at, fields),
        Item::Number(number) => read_number(number, text, at, fields),
        Item::Text(field, style) => {
            let words = words(*field, *style);
            let matching = words.iter().enumerate().find_map(|(index, word)| Some((index, prefix(&text[at..], word)?)));
            let (index, length) = matching.ok_or(at)?;
            let first = i64::from(!matches!(field, Field::Era | Field::HalfDay));
            set(fields, *field, index as i64 + first, at, at + length)
        }
        Item::ZoneId => read_zone(text, at, fields, None),
        Item::ZoneName { style, .. } => read_zone(text, at, fields, Some(*style)),
        Item::Offset(form) => {
            let (offset, end) = read_offset(form, text, at).ok_or(at)?;
            set(fields, Field::OffsetSeconds, offset, at, end)
        }
        Item::LocalizedOffset(style) => {
            let (offset, end) = read_localized_offset(*style, text, at).ok_or(at)?;
            set(fields, Field::OffsetSeconds, offset, at, end)
        }
    }
}

/// A field that has two values is an error at the second.
fn set(fields: &mut ReadFields, field: Field, value: i64, start: usize, end: usize) -> Result<usize, usize> {
    if fields.set(field, value) { Ok(end) } else { Err(start) }
}

/// The length of the word at the head of the text, whatever its letters' case.
fn prefix(text: &str, word: &str) -> Option<usize> {
    let mut letters = text.char_indices();
    for wanted in word.chars() {
        let (_, letter) = letters.next()?;
        let same = letter == wanted
            || letter.to_uppercase().eq(wanted.to_uppercase())
            || letter.to_lowercase().eq(wanted.to_lowercase());
        if !same {
            return None;
        }
    }
    Some(letters.offset())
}

/// How many of at most so many bytes are digits.
fn digits_at(text: &[u8], at: usize, most: usize) -> usize {
    text[at.min(text.len())..].iter().take(most).take_while(|byte| byte.is_ascii_digit()).count()
}

fn read_number(number: &Number, text: &str, at: usize, fields: &mut ReadFields) -> Result<usize, usize> {
    let bytes = text.as_bytes();
    let sign = bytes.get(at).copied().ok_or(at)?;
    let (positive, negative) = (sign == b'+', sign == b'-');
    let start = at + usize::from(positive || negative);
    let sign_fits = match number.sign {
        Sign::Normal => !positive,
        Sign::ExceedsPad => true,
        Sign::Never => !positive && !negative,
    };
    if !sign_fits {
        return Err(at);
    }
    let mut length = digits_at(bytes, start, number.most + number.following);
    if number.following > 0 {
        length = digits_at(bytes, start, length.saturating_sub(number.following).max(number.least));
    }
    if length < number.least {
        return Err(start);
    }
    let value = bytes[start..start + length].iter().fold(0_i128, |value, byte| value * 10 + i128::from(byte - b'0'));
    let wrong_sign = match (negative, number.sign == Sign::ExceedsPad, positive) {
        // There is no minus zero.
        (true, _, _) => value == 0,
        // A plus stands before numbers that are longer than the least, and only before them.
        (false, true, true) => length <= number.least,
        (false, true, false) => {
            if length > number.least {
                return Err(start);
            }
            false
        }
        _ => false,
    };
    if wrong_sign {
        return Err(at);
    }
    // A number beyond a long leaves its last digit.
    let (value, length) = if value > i128::from(i64::MAX) { (value / 10, length - 1) } else { (value, length) };
    let value = i64::try_from(if negative { -value } else { value }).map_err(|_| at)?;
    let value = if number.digits == Digits::LastTwo { 2000 + value } else { value };
    set(fields, number.field, value, start, start + length)
}

fn read_fraction(number: &Number, text: &str, at: usize, fields: &mut ReadFields) -> Result<usize, usize> {
    let length = digits_at(text.as_bytes(), at, number.most);
    if length < number.least {
        return Err(at);
    }
    let digits = format!("{:0<9}", &text[at..at + length]);
    set(fields, Field::Nano, digits.parse().map_err(|_| at)?, at, at + length)
}

/// Two digits below 60.
fn two_digits(text: &[u8], at: usize) -> Option<i64> {
    if digits_at(text, at, 2) < 2 {
        return None;
    }
    let value = i64::from(text[at] - b'0') * 10 + i64::from(text[at + 1] - b'0');
    (value < 60).then_some(value)
}

/// An offset in seconds, and the place behind it.
fn read_offset(form: &OffsetForm, text: &str, at: usize) -> Option<(i64, usize)> {
    if let Some(length) = prefix(&text[at..], form.zero) {
        return Some((0, at + length));
    }
    let bytes = text.as_bytes();
    let negative = match bytes.get(at)? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let mut parts = [two_digits(bytes, at + 1)?, 0, 0];
    let mut end = at + 3;
    for (index, part) in [(1, form.minutes), (2, form.seconds)] {
        if part == Part::Never {
            break;
        }
        let start = end + usize::from(form.colon);
        let value = if form.colon && bytes.get(end) != Some(&b':') { None } else { two_digits(bytes, start) };
        match (value, part) {
            (Some(value), _) => {
                parts[index] = value;
                end = start + 2;
            }
            (None, Part::Always) => return None,
            (None, _) => {}
        }
    }
    let [hours, minutes, seconds] = parts;
    (hours < 24).then_some((negative * (hours * 3600 + minutes * 60 + seconds), end))
}

fn read_localized_offset(style: Style, text: &str, at: usize) -> Option<(i64, usize)> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| i64::from(byte - b'0'));
    let pair = |at: usize| Some(digit(at)? * 10 + digit(at + 1)?);
    let mut end = at + prefix(&text[at..], "GMT")?;
    let negative = match bytes.get(end) {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Some((0, end)),
    };
    end += 1;
    // Minutes and seconds, where a colon and two digits stand for them.
    let part_at = |end: usize| if bytes.get(end) == Some(&b':') { pair(end + 1) } else { None };
    let hours = match style {
        Style::Full => pair(end)?,
        Style::Short => pair(end).or_else(|| digit(end))?,
    };
    end += if style == Style::Full || pair(end).is_some() { 2 } else { 1 };
    let minutes = part_at(end);
    if style == Style::Full && minutes.is_none() {
        return None;
    }
    let seconds = minutes.and_then(|_| part_at(end + 3));
    end += 3 * (usize::from(minutes.is_some()) + usize::from(seconds.is_some()));
    Some((negative * (hours * 3600 + minutes.unwrap_or(0) * 60 + seconds.unwrap_or(0)), end))
}

/// The forms of an offset that a zone's id may have.
const ID_OFFSET: OffsetForm = OffsetForm { zero: "Z", minutes: Part::Always, seconds: Part::NotZero, colon: true };

/// A zone: an offset, one with a prefix, a region's id, and with a style a region's name.
fn read_zone(text: &str, at: usize, fields: &mut ReadFields, names: Option<Style>) -> Result<usize, usize> {
    let rest = &text[at..];
    if rest.is_empty() {
        return Err(at);
    }
    if rest.starts_with(['+', '-']) {
        let (offset, end) = read_offset(&ID_OFFSET, text, at).ok_or(at)?;
        return set_zone(fields, fixed(offset), at, end);
    }
    for word in ["UTC", "UT", "GMT"] {
        let Some(length) = prefix(rest, word) else { continue };
        let behind = at + length;
        if word == "GMT" && text[behind..].starts_with('0') {
            return set_zone(fields, fixed(0), at, behind + 1);
        }
        let offset = if text[behind..].starts_with(['0', 'Z', 'z']) {
            None
        } else {
            read_offset(&OffsetForm { zero: "0", ..ID_OFFSET }, text, behind)
        };
        let (offset, end) = offset.unwrap_or((0, behind));
        return set_zone(fields, fixed(offset), at, end);
    }
    let named = names.and_then(|style| zone_names::zone_at(rest, style, prefix));
    let region = TZ_VARIANTS.iter().filter_map(|zone| Some((prefix(rest, zone.name())?, *zone)));
    let region = region.max_by_key(|(length, _)| *length);
    let longest: Option<(usize, Tz)> = match (named, region) {
        (Some(named), Some(region)) => Some(if region.0 > named.0 { region } else { named }),
        (named, region) => named.or(region),
    };
    match longest {
        Some((length, zone)) => set_zone(fields, Some(Zone::Region(zone)), at, at + length),
        None if rest.starts_with(['Z', 'z']) => set_zone(fields, fixed(0), at, at + 1),
        None => Err(at),
    }
}

/// A fixed offset; none beyond 18 hours.
fn fixed(offset_s: i64) -> Option<Zone> {
    (offset_s.abs() <= 18 * 3600).then_some(Zone::Fixed(offset_s as i32))
}

fn set_zone(fields: &mut ReadFields, zone: Option<Zone>, start: usize, end: usize) -> Result<usize, usize> {
    fields.zone = Some(zone.ok_or(start)?);
    Ok(end)
}
