//! The quick way for records that look like one before: compare what lies between the values, scan the values.
//!
//! A template is learned from a flat record that the general way has read: for each value the exact bytes before it
//! (names, colons, commas, blanks, quotes, in whatever order and style the producer writes them) and the column it goes
//! to. Anything that a template does not expect means "no", and the record goes the general way; so a template never
//! has to be complete, only right.

use chrono_tz::Tz;

use super::JsonOptions;
use super::scalars::{append_number, append_text};
use super::tokens::{Buffers, Token, Tokens};
use crate::columns::{Column, Values};
use crate::datetime::{SECOND_US, Zone, checked_days};

/// Shapes kept at a time.
const TEMPLATES_MAX: usize = 4;
/// Shapes learned before hits must pay for more.
const CREDIT_MAX: u32 = 64;
/// Hits that pay for one.
const HITS_PER_CREDIT: u32 = 16;

/// The shapes known so far.
#[derive(Debug, Default)]
pub(super) struct Templates {
    known: Vec<Template>,
    last: usize,
    learned: u32,
    hits: u32,
    day: Day,
}

#[derive(Debug)]
struct Template {
    parts: Vec<Part>,
    suffix: Vec<u8>,
    /// Columns of which such a record has nothing.
    absent: Vec<usize>,
}

#[derive(Debug)]
struct Part {
    before: Literal,
    /// `None` for a value that nobody wants.
    column: Option<usize>,
    quoted: bool,
}

/// The day of the last timestamp.
#[derive(Debug, Default)]
struct Day {
    text: [u8; 10],
    /// Its midnight, in seconds since 1970 of local time.
    seconds: i64,
    /// What the session's zone is ahead of UTC on that day, where it is the same all day.
    offset: Option<i64>,
}

impl Day {
    /// The day `yyyy-MM-dd`; a zone's rules are asked once for the day instead of for each row.
    fn read(text: [u8; 10], zone: Tz) -> Option<Self> {
        let seconds = scan_date(&text)?;
        let ahead = |hour: i64| {
            let local = seconds + (hour * 3600).min(86_399);
            local - Zone::Region(zone).to_utc_s(local)
        };
        // No zone ever changed and changed back within six hours.
        let constant = [6, 12, 18, 24].into_iter().all(|hour| ahead(hour) == ahead(0));
        Some(Self { text, seconds, offset: constant.then(|| ahead(0)) })
    }
}

impl Templates {
    /// Appends one row to each column if the record has a known shape; otherwise leaves them as they are.
    #[inline]
    pub(super) fn append(&mut self, record: &[u8], columns: &mut [Column], row: usize, options: &JsonOptions) -> bool {
        for attempt in 0..self.known.len() {
            // The shape of the last record first, then the others.
            let index = (self.last + attempt) % self.known.len();
            if self.known[index].append(record, columns, &mut self.day, options).is_some() {
                self.last = index;
                self.hits = self.hits.saturating_add(1);
                return true;
            }
            columns.iter_mut().for_each(|column| column.truncate(row));
        }
        false
    }

    /// Takes the shape of a record that was read well, unless most of what was learned has been of no use.
    pub(super) fn learn(
        &mut self,
        record: &str,
        columns: &[Column],
        options: &JsonOptions,
        find: impl FnMut(&[u8]) -> Option<usize>,
    ) {
        if self.learned >= CREDIT_MAX.saturating_add(self.hits / HITS_PER_CREDIT) {
            return;
        }
        self.learned += 1;
        let Some(template) = Template::learn(record, columns, options, find) else { return };
        if self.known.len() == TEMPLATES_MAX {
            // The least recently hit is not known; any but the last will do.
            let victim = (self.last + 1) % TEMPLATES_MAX;
            self.known[victim] = template;
            self.last = victim;
        } else {
            self.last = self.known.len();
            self.known.push(template);
        }
    }
}

impl Template {
    fn learn(
        record: &str,
        columns: &[Column],
        options: &JsonOptions,
        mut find: impl FnMut(&[u8]) -> Option<usize>,
    ) -> Option<Self> {
        let mut buffers = Buffers::default();
        let mut tokens = Tokens::new(record, options.syntax, &mut buffers);
        let mut parts = Vec::new();
        // Columns without a key so far, and those whose value is NULL: no key may come twice.
        let mut absent: Vec<usize> = (0..columns.len()).collect();
        let mut nulls = Vec::new();
        let mut done = 0;
        tokens.next().ok()?.filter(|&token| token == Token::StartObject)?;
        while tokens.next_until(Token::EndObject).ok()? {
            let column = tokens.name().and_then(&mut find);
            let value = tokens.next().ok()??;
            if value == Token::String {
                tokens.string().ok()?;
            }
            if let Some(index) = column {
                let wanted = absent.iter().position(|&candidate| candidate == index)?;
                absent.remove(wanted);
                if value == Token::Null {
                    nulls.push(index);
                } else if !fits(&columns[index].values, value) {
                    return None;
                }
            }
            let span = tokens.span();
            let quoted = value == Token::String;
            let end = match value {
                Token::Null => continue,
                Token::True | Token::False => {
                    span.start + if value == Token::True { "true".len() } else { "false".len() }
                }
                Token::Integer | Token::Fraction => span.end,
                Token::String if record.as_bytes().get(span.end) == Some(&b'"') => span.end,
                _ => return None,
            };
            parts.push(Part { before: Literal::new(record.as_bytes().get(done..span.start)?), column, quoted });
            done = end;
        }
        absent.append(&mut nulls);
        let close = tokens.position();
        let suffix = record.as_bytes().get(done..close)?.to_vec();
        (!parts.is_empty()).then_some(Self { parts, suffix, absent })
    }

    #[inline]
    fn append(&self, record: &[u8], columns: &mut [Column], day: &mut Day, options: &JsonOptions) -> Option<()> {
        let mut rest = record;
        for part in &self.parts {
            rest = part.before.strip(rest)?;
            rest = match (part.column, part.quoted) {
                (Some(index), true) => append_quoted(&mut columns[index], rest, day, options)?,
                (Some(index), false) => append_bare(&mut columns[index], rest)?,
                (None, true) => &rest[scan_string(rest)?.0..],
                (None, false) => &rest[scan_bare(rest)?..],
            };
        }
        if !rest.starts_with(&self.suffix) {
            return None;
        }
        for &index in &self.absent {
            columns[index].append_null();
        }
        Some(())
    }
}

/// Whether a column takes such a value on the quick way.
fn fits(values: &Values, value: Token) -> bool {
    match value {
        Token::String => {
            !matches!(values, Values::Boolean(_) | Values::Struct { .. } | Values::List { .. } | Values::Map { .. })
        }
        Token::True | Token::False => matches!(values, Values::Boolean(_)),
        _ => !matches!(values, Values::String(_) | Values::Void),
    }
}

/// Bytes to compare with. The usual lengths take two comparisons of eight bytes that may overlap.
#[derive(Debug)]
struct Literal {
    bytes: Vec<u8>,
    head: u64,
    tail: u64,
}

impl Literal {
    fn new(bytes: &[u8]) -> Self {
        let word = |chunk: Option<&[u8; 8]>| chunk.map_or(0, |chunk| u64::from_le_bytes(*chunk));
        Self { bytes: bytes.to_vec(), head: word(bytes.first_chunk()), tail: word(bytes.last_chunk()) }
    }

    #[inline]
    fn strip<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let length = self.bytes.len();
        if !(8..=16).contains(&length) {
            return text.strip_prefix(self.bytes.as_slice());
        }
        let (literal, rest) = text.split_at_checked(length)?;
        let head = u64::from_le_bytes(*literal.first_chunk()?);
        let tail = u64::from_le_bytes(*literal.last_chunk()?);
        (head == self.head && tail == self.tail).then_some(rest)
    }
}

/// Appends the string that `text` begins with; gives what follows, from the closing quote on.
#[inline]
fn append_quoted<'a>(column: &mut Column, text: &'a [u8], day: &mut Day, options: &JsonOptions) -> Option<&'a [u8]> {
    if let Values::Timestamp(values) = &mut column.values
        && options.timestamp_parser.is_none()
        && let Some((micros, length)) = scan_timestamp(text, day, options.time_zone)
    {
        values.push(micros);
        column.append_valid();
        return Some(&text[length..]);
    }
    let (length, ascii) = scan_string(text)?;
    let (content, rest) = text.split_at(length);
    if matches!(column.values, Values::String(_)) {
        if !ascii && simdutf8::basic::from_utf8(content).is_err() {
            return None;
        }
        column.append_bytes(content);
    } else {
        append_text(column, std::str::from_utf8(content).ok()?, options).ok()?;
    }
    Some(rest)
}

/// Appends the number or truth value that `text` begins with; gives what follows.
#[inline]
fn append_bare<'a>(column: &mut Column, text: &'a [u8]) -> Option<&'a [u8]> {
    match &mut column.values {
        Values::Int64(values) => {
            if let Some((value, length)) = scan_integer(text) {
                values.push(value);
                column.append_valid();
                return Some(&text[length..]);
            }
        }
        Values::Int32(values) => {
            let (value, length) = scan_integer(text)?;
            values.push(i32::try_from(value).ok()?);
            column.append_valid();
            return Some(&text[length..]);
        }
        Values::Float64(values) => {
            if let Some((value, length)) = scan_double(text) {
                values.push(value);
                column.append_valid();
                return Some(&text[length..]);
            }
        }
        Values::Boolean(values) => {
            let value = text.starts_with(b"true");
            let rest = text.strip_prefix(if value { b"true".as_slice() } else { b"false" })?;
            values.append(value);
            column.append_valid();
            return Some(rest);
        }
        _ => {}
    }
    let (length, token) = scan_number(text)?;
    append_number(column, token, &text[..length]).ok()?;
    Some(&text[length..])
}

/// A value that nobody wants.
fn scan_bare(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b't' => text.starts_with(b"true").then_some(4),
        b'f' => text.starts_with(b"false").then_some(5),
        _ => scan_number(text).map(|(length, _)| length),
    }
}

#[inline]
fn count_digits(text: &[u8]) -> usize {
    // A plain loop: `take_while(…).count()` takes twice the instructions.
    let mut digits = 0;
    for &byte in text {
        if byte.wrapping_sub(b'0') > 9 {
            break;
        }
        digits += 1;
    }
    digits
}

/// The length of the JSON number that `text` begins with, and its kind.
#[inline]
fn scan_number(text: &[u8]) -> Option<(usize, Token)> {
    let mut length = usize::from(text.first() == Some(&b'-'));
    let whole = count_digits(&text[length..]);
    if whole == 0 || (whole > 1 && text[length] == b'0') {
        return None;
    }
    length += whole;
    let mut token = Token::Integer;
    if text.get(length) == Some(&b'.') {
        let digits = count_digits(&text[length + 1..]);
        if digits == 0 {
            return None;
        }
        length += 1 + digits;
        token = Token::Fraction;
    }
    // Exponents and very long numbers are for the general way.
    (!matches!(text.get(length), Some(b'e' | b'E')) && length < 64).then_some((length, token))
}

/// A whole number of at most 18 digits.
#[inline]
fn scan_integer(text: &[u8]) -> Option<(i64, usize)> {
    let negative = text.first() == Some(&b'-');
    let sign = usize::from(negative);
    let mut value: i64 = 0;
    let mut length = sign;
    for &byte in &text[sign..] {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
        length += 1;
    }
    let digits = length - sign;
    let plain = !matches!(text.get(length), Some(b'.' | b'e' | b'E'));
    if digits == 0 || digits > 18 || !plain || (digits > 1 && text[sign] == b'0') {
        return None;
    }
    Some((if negative { -value } else { value }, length))
}

/// A number of at most 15 digits and no exponent: one exact division gives the nearest double.
#[inline]
fn scan_double(text: &[u8]) -> Option<(f64, usize)> {
    const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
    let negative = text.first() == Some(&b'-');
    let sign = usize::from(negative);
    let mut value: u64 = 0;
    let mut length = sign;
    let mut point = None;
    for &byte in &text[sign..] {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        } else if byte == b'.' && point.is_none() {
            point = Some(length);
        } else {
            break;
        }
        length += 1;
    }
    let (whole, fraction) = match point {
        Some(at) => (at - sign, length - at - 1),
        None => (length - sign, 0),
    };
    let malformed = whole == 0 || (point.is_some() && fraction == 0) || (whole > 1 && text[sign] == b'0');
    if malformed || whole + fraction > 15 || matches!(text.get(length), Some(b'e' | b'E')) {
        return None;
    }
    let magnitude = value as f64 / POWERS[fraction];
    // A whole −0 is an integer, which has no sign.
    let negative = negative && (value != 0 || point.is_some());
    Some((if negative { -magnitude } else { magnitude }, length))
}

/// `yyyy-MM-ddTHH:mm:ss[.f…]` with `Z` or in the session's zone, up to the closing quote, in microseconds; also its
/// length.
#[inline]
fn scan_timestamp(text: &[u8], day: &mut Day, zone: Tz) -> Option<(i64, usize)> {
    let head: &[u8; 20] = text.first_chunk()?;
    let date: &[u8; 10] = head.first_chunk()?;
    if *date != day.text {
        *day = Day::read(*date, zone)?;
    }
    let digit = |at: usize| i64::from(head[at].wrapping_sub(b'0'));
    let pair = |at: usize| (digit(at) <= 9 && digit(at + 1) <= 9).then(|| digit(at) * 10 + digit(at + 1));
    let (hour, minute, second) = (pair(11)?, pair(14)?, pair(17)?);
    let separated = matches!(head[10], b'T' | b' ') && head[13] == b':' && head[16] == b':';
    if !separated || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut micros = (day.seconds + hour * 3600 + minute * 60 + second) * SECOND_US;
    let mut length = 19;
    if head[19] == b'.' {
        let mut unit = 100_000;
        length = 20;
        for &byte in &text[20..] {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            micros += i64::from(digit) * unit;
            unit /= 10;
            length += 1;
        }
    }
    match text[length..] {
        [b'"', ..] => Some((micros - day.offset? * SECOND_US, length)),
        [b'Z', b'"', ..] => Some((micros, length + 1)),
        _ => None,
    }
}

fn scan_date(date: &[u8; 10]) -> Option<i64> {
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
    };
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    Some(checked_days(number(&date[..4])?, number(&date[5..7])?, number(&date[8..])?)? * 86_400)
}

/// The length of a string without escapes up to its closing quote, and whether it is ASCII.
#[inline]
fn scan_string(text: &[u8]) -> Option<(usize, bool)> {
    let (length, ascii) = find_special(text)?;
    (text[length] == b'"').then_some((length, ascii))
}

/// Where the first quote, backslash or control character is, and whether all before it is ASCII.
#[inline]
pub(super) fn find_special(text: &[u8]) -> Option<(usize, bool)> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    // Flags zero bytes; flags above the first one may be wrong, the first is right.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let (words, tail) = text.as_chunks::<8>();
    let mut beyond = 0;
    for (index, chunk) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let quotes = zeros(word ^ (ONES * u64::from(b'"')));
        let escapes = zeros(word ^ (ONES * u64::from(b'\\')));
        let controls = word.wrapping_sub(ONES * 0x20) & !word & HIGHS;
        let found = quotes | escapes | controls;
        if found != 0 {
            let at = (found.trailing_zeros() / 8) as usize;
            let before = word & ((1u64 << (8 * at)) - 1);
            return Some((index * 8 + at, (beyond | before) & HIGHS == 0));
        }
        beyond |= word;
    }
    let at = tail.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20)?;
    Some((words.len() * 8 + at, beyond & HIGHS == 0 && tail[..at].is_ascii()))
}
