//! From a pattern's text to its parts, as Spark prepares it for java.time's formatter.

use super::item::{Digits, Field, Item, Number, OffsetForm, Part, Sign, Style};
use super::legacy;
use millstream_core::condition::DOCROOT;
use millstream_core::{Error, Result, spark_error};

/// A text as a literal of SQL.
fn sql_value(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Why a pattern is none.
#[derive(Debug)]
enum Illegal {
    /// A letter of week-based years.
    WeekBased(char),
    /// A letter that Spark takes out.
    Letter(char),
    /// Too many letters of one kind, these.
    Length(String),
    /// The formatter does not know it.
    Unknown,
}

/// Compiles a pattern to print by, or to read by.
///
/// # Errors
/// `INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION` for a pattern that only Spark 2 knew, else
/// `INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN` and `INVALID_DATETIME_PATTERN.*`.
pub(super) fn compile(pattern: &str, to_read: bool) -> Result<Vec<Item>> {
    items(pattern, to_read).map_err(|illegal| {
        if legacy::accepts(pattern) {
            return spark_error!(
                "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION",
                pattern = sql_value(pattern),
                config = "\"spark.sql.legacy.timeParserPolicy\"",
                docroot = DOCROOT,
            );
        }
        refused(pattern, illegal)
    })
}

/// Compiles a pattern where Spark does not ask what Spark 2 knew.
///
/// # Errors
/// `INVALID_DATETIME_PATTERN.WITH_SUGGESTION`
pub(super) fn compile_new(pattern: &str, to_read: bool) -> Result<Vec<Item>> {
    items(pattern, to_read).map_err(|_| refused(pattern, Illegal::Unknown))
}

fn items(pattern: &str, to_read: bool) -> Result<Vec<Item>, Illegal> {
    let text = prepare(pattern, to_read)?;
    if to_read && text.contains('S') { build_by_parts(&text) } else { build(&text) }
}

fn refused(pattern: &str, illegal: Illegal) -> Error {
    match illegal {
        Illegal::WeekBased(letter) => {
            spark_error!("INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_WEEK_BASED_PATTERN", c = letter)
        }
        Illegal::Letter(letter) => {
            spark_error!("INVALID_DATETIME_PATTERN.ILLEGAL_CHARACTER", c = letter, pattern = pattern)
        }
        Illegal::Length(letters) => spark_error!("INVALID_DATETIME_PATTERN.LENGTH", pattern = letters),
        Illegal::Unknown => {
            spark_error!("INVALID_DATETIME_PATTERN.WITH_SUGGESTION", pattern = sql_value(pattern), docroot = DOCROOT)
        }
    }
}

/// Refuses what Spark takes out of the formatter's letters, outside of quotes; `y` becomes the year that may be
/// negative, unless there is an era.
fn prepare(pattern: &str, to_read: bool) -> Result<String, Illegal> {
    let parts: Vec<&str> = pattern.split('\'').collect();
    let plain = || parts.iter().step_by(2);
    for part in plain() {
        if let Some(letter) = part.chars().find(|letter| "YWwuec".contains(*letter)) {
            return Err(Illegal::WeekBased(letter));
        }
        let taken_out = |letter: &char| "ABnNp".contains(*letter) || to_read && "EFqQ".contains(*letter);
        if let Some(letter) = part.chars().find(taken_out) {
            return Err(Illegal::Letter(letter));
        }
        for letters in ["GGGGG", "MMMMM", "LLLLL", "EEEEE", "QQQQQ", "qqqqq", "yyyyyyy"] {
            if part.contains(letters) {
                return Err(Illegal::Length(letters.to_owned()));
            }
        }
    }
    if plain().any(|part| part.contains('G')) {
        return Ok(pattern.to_owned());
    }
    let parts: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(index, part)| if index % 2 == 0 { part.replace('y', "u") } else { (*part).to_owned() })
        .collect();
    Ok(parts.join("'"))
}

fn build(pattern: &str) -> Result<Vec<Item>, Illegal> {
    let mut builder = Builder::default();
    builder.pattern(pattern)?;
    Ok(builder.finish())
}

/// A pattern to read by that has fractions of seconds: those take as many digits as there are, up to their letters. It
/// is cut at its quotes for that, so that a quote need not be closed.
fn build_by_parts(pattern: &str) -> Result<Vec<Item>, Illegal> {
    let mut builder = Builder::default();
    let parts: Vec<&str> = pattern.trim_end_matches('\'').split('\'').collect();
    for (index, part) in parts.into_iter().enumerate() {
        if part.is_empty() && index > 0 {
            builder.literal('\'');
        } else if index % 2 == 1 {
            part.chars().for_each(|letter| builder.literal(letter));
        } else {
            let mut rest = part;
            while !rest.is_empty() {
                let (before, fraction) = rest.split_at(rest.find('S').unwrap_or(rest.len()));
                let after = fraction.trim_start_matches('S');
                builder.pattern(before)?;
                if fraction.len() > after.len() {
                    builder.fraction(1, fraction.len() - after.len())?;
                }
                rest = after;
            }
        }
    }
    Ok(builder.finish())
}

/// Puts parts together. A level is an optional section that is open.
struct Builder(Vec<Level>);

#[derive(Default)]
struct Level {
    items: Vec<Item>,
    /// The number to which digits of the numbers directly behind it are added.
    active: Option<usize>,
}

impl Default for Builder {
    fn default() -> Self {
        Self(vec![Level::default()])
    }
}

impl Builder {
    fn level(&mut self) -> &mut Level {
        self.0.last_mut().expect("the first level is never closed")
    }

    fn finish(mut self) -> Vec<Item> {
        while self.0.len() > 1 {
            self.close();
        }
        std::mem::take(&mut self.level().items)
    }

    fn close(&mut self) {
        let closed = self.0.pop().map(|level| level.items).unwrap_or_default();
        if !closed.is_empty() {
            self.push(Item::Optional(closed));
        }
    }

    fn push(&mut self, item: Item) {
        let level = self.level();
        level.items.push(item);
        level.active = None;
    }

    fn literal(&mut self, letter: char) {
        match self.level().items.last_mut() {
            Some(Item::Literal(text)) => text.push(letter),
            _ => self.level().items.push(Item::Literal(letter.to_string())),
        }
        self.level().active = None;
    }

    /// A number directly behind a number of variable width takes digits away from it if its own width is fixed, and
    /// else takes its place.
    fn number(&mut self, number: Number) {
        let level = self.level();
        let place = level.items.len();
        level.items.push(Item::Number(number));
        match level.active {
            Some(active) => {
                if let Item::Number(base) = &mut level.items[active] {
                    base.following = if number.is_fixed() { base.following + number.most } else { 0 };
                }
                if !number.is_fixed() {
                    level.active = Some(place);
                }
            }
            None => level.active = Some(place),
        }
    }

    fn fraction(&mut self, least: usize, most: usize) -> Result<(), Illegal> {
        if most > 9 {
            return Err(Illegal::Unknown);
        }
        let number = Number { digits: Digits::Fraction, ..Number::new(Field::Nano, least, most, Sign::Never) };
        if least == most {
            self.number(number);
        } else {
            self.push(Item::Number(number));
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &str) -> Result<(), Illegal> {
        let letters: Vec<char> = pattern.chars().collect();
        let mut at = 0;
        while let Some(&letter) = letters.get(at) {
            match letter {
                'a'..='z' | 'A'..='Z' => {
                    let count = letters[at..].iter().take_while(|next| **next == letter).count();
                    self.letters(letter, count)?;
                    at += count;
                    continue;
                }
                '\'' => {
                    at = self.quoted(&letters, at + 1)?;
                    continue;
                }
                '[' => {
                    self.level().active = None;
                    self.0.push(Level::default());
                }
                ']' if self.0.len() > 1 => self.close(),
                ']' | '{' | '}' | '#' => return Err(Illegal::Unknown),
                other => self.literal(other),
            }
            at += 1;
        }
        Ok(())
    }

    /// A quoted text, from behind its quote; gives the place behind it.
    fn quoted(&mut self, letters: &[char], start: usize) -> Result<usize, Illegal> {
        let mut at = start;
        loop {
            match (letters.get(at), letters.get(at + 1)) {
                (None, _) => return Err(Illegal::Unknown),
                (Some('\''), Some('\'')) => {
                    self.literal('\'');
                    at += 2;
                }
                (Some('\''), _) => {
                    if at == start {
                        self.literal('\'');
                    }
                    return Ok(at + 1);
                }
                (Some(letter), _) => {
                    self.literal(*letter);
                    at += 1;
                }
            }
        }
    }

    fn letters(&mut self, letter: char, count: usize) -> Result<(), Illegal> {
        let style = if count == 4 { Style::Full } else { Style::Short };
        let item = match (letter, count) {
            ('y' | 'u', _) => {
                self.year(if letter == 'y' { Field::YearOfEra } else { Field::Year }, count);
                return Ok(());
            }
            ('M' | 'L', 3 | 4) => Item::Text(Field::Month, style),
            ('M' | 'L', 1 | 2) => return self.plain(Field::Month, count),
            ('Q' | 'q', 3 | 4) => Item::Text(Field::Quarter, style),
            ('Q' | 'q', 1 | 2) => return self.plain(Field::Quarter, count),
            ('E', 1..=4) => Item::Text(Field::DayOfWeek, style),
            ('G', 1..=4) => Item::Text(Field::Era, style),
            ('a', 1) => Item::Text(Field::HalfDay, Style::Short),
            ('S', _) => return self.fraction(count, count),
            ('F', 1) => return self.plain(Field::DayOfWeekInMonth, 1),
            ('g', 1..=19) => {
                self.number(Number::new(Field::JulianDay, count, 19, Sign::Normal));
                return Ok(());
            }
            ('D', 1) => return self.plain(Field::DayOfYear, 1),
            ('D', 2 | 3) => {
                self.number(Number::new(Field::DayOfYear, count, 3, Sign::Never));
                return Ok(());
            }
            ('d', _) => return self.plain(Field::Day, count),
            ('h', _) => return self.plain(Field::ClockHourOfHalfDay, count),
            ('H', _) => return self.plain(Field::Hour, count),
            ('k', _) => return self.plain(Field::ClockHour, count),
            ('K', _) => return self.plain(Field::HourOfHalfDay, count),
            ('m', _) => return self.plain(Field::Minute, count),
            ('s', _) => return self.plain(Field::Second, count),
            ('z', 1..=4) => Item::ZoneName { style, generic: false },
            ('v', 1 | 4) => Item::ZoneName { style, generic: true },
            ('V', 2) => Item::ZoneId,
            ('O', 1 | 4) | ('Z', 4) => Item::LocalizedOffset(style),
            ('X' | 'x' | 'Z', _) => Item::Offset(offset_form(letter, count).ok_or(Illegal::Unknown)?),
            _ => return Err(Illegal::Unknown),
        };
        self.push(item);
        Ok(())
    }

    fn plain(&mut self, field: Field, count: usize) -> Result<(), Illegal> {
        match count {
            1 => self.number(Number::new(field, 1, 19, Sign::Normal)),
            2 => self.number(Number::new(field, 2, 2, Sign::Never)),
            _ => return Err(Illegal::Unknown),
        }
        Ok(())
    }

    fn year(&mut self, field: Field, count: usize) {
        self.number(match count {
            2 => Number { digits: Digits::LastTwo, ..Number::new(field, 2, 2, Sign::Never) },
            1 | 3 => Number::new(field, count, 19, Sign::Normal),
            _ => Number::new(field, count, 19, Sign::ExceedsPad),
        });
    }
}

fn offset_form(letter: char, count: usize) -> Option<OffsetForm> {
    let (minutes, seconds, colon) = match (letter, count) {
        ('X' | 'x', 1) => (Part::NotZero, Part::Never, false),
        ('X' | 'x', 2) | ('Z', 1..=3) => (Part::Always, Part::Never, false),
        ('X' | 'x', 3) => (Part::Always, Part::Never, true),
        ('X' | 'x', 4) => (Part::Always, Part::NotZero, false),
        ('X' | 'x' | 'Z', 5) => (Part::Always, Part::NotZero, true),
        _ => return None,
    };
    let zero = match (letter, count) {
        ('X', _) | ('Z', 5) => "Z",
        ('x', 1) => "+00",
        ('x', 3 | 5) => "+00:00",
        _ => "+0000",
    };
    Some(OffsetForm { zero, minutes, seconds, colon })
}
