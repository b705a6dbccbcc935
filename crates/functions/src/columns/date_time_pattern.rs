//! Spark's date-time patterns (`yyyy-MM-dd HH:mm:ss.SSS`), to print by and to read by.
//!
//! Letters: `G y M L d D E a h H k K m s S Q q u z Z X x V O`, quoted texts, and `[optional]` sections in reading.
//! Names are English. Deliberately not here: week-based fields, which Spark refuses as well, and other languages.

use chrono_tz::Tz;
use millstream_core::condition::DOCROOT;
use millstream_core::interval::DAY_US;
use millstream_core::{Error, Result, spark_error};
use millstream_formats::datetime::{SECOND_US, Zone, checked_days, civil_from_days, days_from_civil, offset_at};

use super::calendar::{to_local_us, weekday_of};
use crate::failure::sql_value;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct DateTimePattern(Vec<Item>);

#[derive(Debug, Clone)]
enum Item {
    Text(String),
    Field(char, usize),
    Optional(Vec<Item>),
}

impl DateTimePattern {
    /// Compiles a pattern.
    pub(crate) fn new(pattern: &str) -> Result<Self> {
        let letters: Vec<char> = pattern.chars().collect();
        let mut at = 0;
        let items = compile(&letters, &mut at, pattern)?;
        if at < letters.len() { Err(invalid(pattern)) } else { Ok(Self(items)) }
    }

    /// A moment as text, in a zone.
    pub(crate) fn format(&self, us: i64, zone: Tz) -> String {
        let local = to_local_us(us, zone);
        let offset_s = offset_at(zone, us.div_euclid(SECOND_US));
        let mut out = String::new();
        Printer { local, offset_s, zone }.push(&self.0, &mut out);
        out
    }

    /// The moment that a text means; without a zone in it, in `zone`. The error is the byte where it stops fitting.
    pub(crate) fn parse(&self, text: &str, zone: Tz) -> std::result::Result<i64, usize> {
        let mut parser = Parser { text, at: 0, fields: Fields::default() };
        parser.read(&self.0)?;
        if parser.at < text.len() {
            return Err(parser.at);
        }
        parser.fields.moment(zone).ok_or(0)
    }
}

fn compile(letters: &[char], at: &mut usize, pattern: &str) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    let push_text = |items: &mut Vec<Item>, letter: char| match items.last_mut() {
        Some(Item::Text(text)) => text.push(letter),
        _ => items.push(Item::Text(letter.to_string())),
    };
    while let Some(&letter) = letters.get(*at) {
        match letter {
            '\'' => {
                *at += 1;
                if letters.get(*at) == Some(&'\'') {
                    push_text(&mut items, '\'');
                    *at += 1;
                    continue;
                }
                while let Some(&quoted) = letters.get(*at) {
                    *at += 1;
                    if quoted != '\'' {
                        push_text(&mut items, quoted);
                    } else if letters.get(*at) == Some(&'\'') {
                        push_text(&mut items, '\'');
                        *at += 1;
                    } else {
                        break;
                    }
                }
            }
            '[' => {
                *at += 1;
                items.push(Item::Optional(compile(letters, at, pattern)?));
                *at += 1;
            }
            ']' => return Ok(items),
            'Y' | 'W' | 'w' | 'e' | 'c' => return Err(week_based(pattern)),
            letter if letter.is_ascii_alphabetic() => {
                let count = letters[*at..].iter().take_while(|one| **one == letter).count();
                let longest = match letter {
                    'y' | 'u' => 6,
                    'S' => 9,
                    'M' | 'L' | 'E' | 'G' | 'Q' | 'q' | 'z' | 'O' => 4,
                    'Z' | 'X' | 'x' => 5,
                    'D' => 3,
                    'd' | 'H' | 'h' | 'k' | 'K' | 'm' | 's' | 'V' => 2,
                    'a' => 1,
                    _ => 0,
                };
                if count > longest || (letter == 'V' && count != 2) {
                    return Err(invalid(pattern));
                }
                items.push(Item::Field(letter, count));
                *at += count;
            }
            '#' | '{' | '}' => return Err(invalid(pattern)),
            other => {
                push_text(&mut items, other);
                *at += 1;
            }
        }
    }
    Ok(items)
}

fn invalid(pattern: &str) -> Error {
    spark_error!("INVALID_DATETIME_PATTERN.WITH_SUGGESTION", pattern = sql_value(pattern), docroot = DOCROOT)
}

/// Fields of week-based years, which Spark knew before version 3 and has refused since.
fn week_based(pattern: &str) -> Error {
    spark_error!(
        "INCONSISTENT_BEHAVIOR_CROSS_VERSION.DATETIME_PATTERN_RECOGNITION",
        pattern = sql_value(pattern),
        config = "\"spark.sql.legacy.timeParserPolicy\"",
        docroot = DOCROOT,
    )
}

/// A moment while it is printed.
struct Printer {
    local: i64,
    offset_s: i32,
    zone: Tz,
}

impl Printer {
    fn push(&self, items: &[Item], out: &mut String) {
        for item in items {
            match item {
                Item::Text(text) => out.push_str(text),
                Item::Optional(items) => self.push(items, out),
                Item::Field(letter, count) => out.push_str(&self.field(*letter, *count)),
            }
        }
    }

    fn field(&self, letter: char, count: usize) -> String {
        let days = self.local.div_euclid(DAY_US);
        let (year, month, day) = civil_from_days(days);
        let within = self.local.rem_euclid(DAY_US);
        let (hour, minute, second) = (within / 3_600_000_000, within / 60_000_000 % 60, within / SECOND_US % 60);
        let padded = |value: i64| format!("{value:0count$}");
        let year_of_era = if year > 0 { year } else { 1 - year };
        match letter {
            'y' | 'u' if count == 2 => format!("{:02}", year_of_era.rem_euclid(100)),
            'y' => padded(year_of_era),
            'u' => padded(year),
            'M' | 'L' => name_or_number(&MONTHS, month - 1, month, count),
            'd' => padded(day),
            'D' => padded(days - days_from_civil(year, 1, 1) + 1),
            'E' => name_or_number(&DAYS, weekday_of(days), 0, count.max(3)),
            'a' => if hour < 12 { "AM" } else { "PM" }.to_owned(),
            'h' => padded((hour + 11) % 12 + 1),
            'H' => padded(hour),
            'k' => padded((hour + 23) % 24 + 1),
            'K' => padded(hour % 12),
            'm' => padded(minute),
            's' => padded(second),
            'S' => format!("{:09}", within % SECOND_US * 1000)[..count].to_owned(),
            'Q' | 'q' => quarter((month + 2) / 3, count),
            'G' => match (count, year > 0) {
                (4, true) => "Anno Domini".to_owned(),
                (4, false) => "Before Christ".to_owned(),
                (_, true) => "AD".to_owned(),
                (_, false) => "BC".to_owned(),
            },
            'V' => self.zone.name().to_owned(),
            'z' => self.zone_name(),
            _ => offset_text(self.offset_s, letter, count),
        }
    }

    fn zone_name(&self) -> String {
        use chrono::TimeZone;
        let seconds = (self.local / SECOND_US) - i64::from(self.offset_s);
        let Some(utc) = chrono::DateTime::from_timestamp(seconds, 0) else { return self.zone.name().to_owned() };
        self.zone.offset_from_utc_datetime(&utc.naive_utc()).to_string()
    }
}

fn name_or_number(names: &[&str], index: i64, number: i64, count: usize) -> String {
    let name = names.get(usize::try_from(index).unwrap_or(0)).copied().unwrap_or("");
    match count {
        1 => number.to_string(),
        2 => format!("{number:02}"),
        3 => name[..3].to_owned(),
        _ => name.to_owned(),
    }
}

fn quarter(quarter: i64, count: usize) -> String {
    match count {
        1 => quarter.to_string(),
        2 => format!("{quarter:02}"),
        3 => format!("Q{quarter}"),
        _ => {
            format!("{}{} quarter", quarter, ["st", "nd", "rd", "th"][usize::try_from(quarter - 1).unwrap_or(3).min(3)])
        }
    }
}

/// `Z`, `+01`, `+0100`, `+01:00`, `GMT+1`.
fn offset_text(offset_s: i32, letter: char, count: usize) -> String {
    let sign = if offset_s < 0 { '-' } else { '+' };
    let size = offset_s.unsigned_abs();
    let (hours, minutes, seconds) = (size / 3600, size / 60 % 60, size % 60);
    match (letter, count) {
        ('X', _) if offset_s == 0 => "Z".to_owned(),
        ('X' | 'x', 1) if minutes == 0 => format!("{sign}{hours:02}"),
        ('X' | 'x', 1 | 2) | ('Z', 1..=3) => format!("{sign}{hours:02}{minutes:02}"),
        ('Z', 5) if offset_s == 0 => "Z".to_owned(),
        ('X' | 'x', 4) if seconds != 0 => format!("{sign}{hours:02}{minutes:02}{seconds:02}"),
        ('X' | 'x', 4) => format!("{sign}{hours:02}{minutes:02}"),
        ('O' | 'Z', 1 | 4) if offset_s == 0 => "GMT".to_owned(),
        ('O', 1) if minutes == 0 => format!("GMT{sign}{hours}"),
        ('O', 1) => format!("GMT{sign}{hours}:{minutes:02}"),
        ('O' | 'Z', 4) => format!("GMT{sign}{hours:02}:{minutes:02}"),
        _ if seconds != 0 => format!("{sign}{hours:02}:{minutes:02}:{seconds:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}"),
    }
}

/// What has been read so far; what has not is the first of its kind.
#[derive(Debug, Clone, Default)]
struct Fields {
    year: Option<i64>,
    before_christ: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: Option<i64>,
    half_day: Option<i64>,
    hour_of_half: Option<i64>,
    minute: i64,
    second: i64,
    fraction_us: i64,
    weekday: Option<i64>,
    zone: Option<Zone>,
}

impl Fields {
    fn moment(&self, zone: Tz) -> Option<i64> {
        let year = self.year.unwrap_or(1970);
        let year = if self.before_christ { 1 - year } else { year };
        let days = match self.day_of_year {
            Some(day) if self.month.is_none() => {
                let days = days_from_civil(year, 1, 1) + day - 1;
                (civil_from_days(days).0 == year).then_some(days)?
            }
            _ => checked_days(year, self.month.unwrap_or(1), self.day.unwrap_or(1))?,
        };
        if self.weekday.is_some_and(|weekday| weekday != weekday_of(days)) {
            return None;
        }
        let hour = match (self.hour, self.hour_of_half) {
            (Some(hour), _) => hour,
            (None, Some(hour)) => hour + 12 * self.half_day.unwrap_or(0),
            (None, None) => 0,
        };
        if !(0..24).contains(&hour) || !(0..60).contains(&self.minute) || !(0..60).contains(&self.second) {
            return None;
        }
        let local_s = days * 86_400 + hour * 3600 + self.minute * 60 + self.second;
        let seconds = self.zone.unwrap_or(Zone::Region(zone)).to_utc_s(local_s);
        seconds.checked_mul(SECOND_US)?.checked_add(self.fraction_us)
    }
}

/// Reads a text by a pattern.
struct Parser<'t> {
    text: &'t str,
    at: usize,
    fields: Fields,
}

impl Parser<'_> {
    fn read(&mut self, items: &[Item]) -> std::result::Result<(), usize> {
        for (index, item) in items.iter().enumerate() {
            match item {
                Item::Text(text) => {
                    if !self.text[self.at..].starts_with(text.as_str()) {
                        return Err(self.at);
                    }
                    self.at += text.len();
                }
                Item::Optional(items) => {
                    let (at, fields) = (self.at, self.fields.clone());
                    if self.read(items).is_err() {
                        (self.at, self.fields) = (at, fields);
                    }
                }
                Item::Field(letter, count) => {
                    // Directly before another number, a number has just its digits.
                    let adjacent = matches!(items.get(index + 1), Some(Item::Field(next, _)) if next.is_ascii_alphabetic() && !"aEGzZXxOV".contains(*next));
                    self.field(*letter, *count, adjacent)?;
                }
            }
        }
        Ok(())
    }

    fn field(&mut self, letter: char, count: usize, adjacent: bool) -> std::result::Result<(), usize> {
        let most = |widest: usize| if adjacent || count > 1 { count } else { widest };
        match letter {
            'y' | 'u' => {
                let year = match count {
                    2 => 2000 + self.number(2, 2)?,
                    _ => self.number(count.min(4), if adjacent { count } else { 6 })?,
                };
                self.fields.year = Some(year);
            }
            'M' | 'L' if count >= 3 => self.fields.month = Some(self.name(&MONTHS, count)? + 1),
            'M' | 'L' => self.fields.month = Some(self.number(count, most(2))?),
            'd' => self.fields.day = Some(self.number(count, most(2))?),
            'D' => self.fields.day_of_year = Some(self.number(count, if adjacent { count } else { 3 })?),
            'E' => self.fields.weekday = Some(self.name(&DAYS, count.max(3))?),
            'H' => self.fields.hour = Some(self.number(count, most(2))?),
            'k' => self.fields.hour = Some(self.number(count, most(2))? % 24),
            'h' => self.fields.hour_of_half = Some(self.number(count, most(2))? % 12),
            'K' => self.fields.hour_of_half = Some(self.number(count, most(2))?),
            'a' => self.fields.half_day = Some(self.word(&["AM", "PM"])?),
            'G' => self.fields.before_christ = self.word(&["AD", "BC"])? == 1,
            'm' => self.fields.minute = self.number(count, most(2))?,
            's' => self.fields.second = self.number(count, most(2))?,
            'S' => self.fraction(count)?,
            'X' | 'x' | 'Z' | 'O' | 'V' | 'z' => self.zone()?,
            _ => return Err(self.at),
        }
        Ok(())
    }

    fn number(&mut self, least: usize, most: usize) -> std::result::Result<i64, usize> {
        let rest = &self.text.as_bytes()[self.at..];
        let digits = rest.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        if digits < least.max(1) {
            return Err(self.at);
        }
        let value = rest[..digits].iter().fold(0, |value, byte| value * 10 + i64::from(byte - b'0'));
        self.at += digits;
        Ok(value)
    }

    fn fraction(&mut self, count: usize) -> std::result::Result<(), usize> {
        let rest = &self.text.as_bytes()[self.at..];
        let digits = rest.iter().take(count).take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(self.at);
        }
        let text = &self.text[self.at..self.at + digits];
        self.fields.fraction_us = format!("{text:0<6}")[..6].parse().map_err(|_| self.at)?;
        self.at += digits;
        Ok(())
    }

    fn word(&mut self, words: &[&str]) -> std::result::Result<i64, usize> {
        let rest = &self.text[self.at..];
        let found =
            words.iter().position(|word| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)));
        let index = found.ok_or(self.at)?;
        self.at += words[index].len();
        Ok(index as i64)
    }

    fn name(&mut self, names: &[&str], count: usize) -> std::result::Result<i64, usize> {
        let names: Vec<&str> = names.iter().map(|name| if count == 3 { &name[..3] } else { name }).collect();
        self.word(&names)
    }

    fn zone(&mut self) -> std::result::Result<(), usize> {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|letter: char| !(letter.is_ascii_alphanumeric() || "+-:/_".contains(letter)))
            .unwrap_or(rest.len());
        self.fields.zone = Some(Zone::parse(&rest[..end]).ok_or(self.at)?);
        self.at += end;
        Ok(())
    }
}

/// The compiled pattern of the row before.
#[derive(Debug, Default)]
pub(crate) struct CompiledPatterns(Option<(String, DateTimePattern)>);

impl CompiledPatterns {
    pub(crate) fn get(&mut self, pattern: &str) -> Result<&DateTimePattern> {
        if self.0.as_ref().is_none_or(|(known, _)| known != pattern) {
            self.0 = Some((pattern.to_owned(), DateTimePattern::new(pattern)?));
        }
        self.0.as_ref().map(|(_, compiled)| compiled).ok_or_else(|| Error::internal("a pattern was not kept"))
    }
}
