//! Java's `DecimalFormat`, which `format_number` prints by: `#,##0.00`, `0.###E0`, `0 %`, `#,##0.00;(#,##0.00)`.
//!
//! Numbers are rounded half to even. Deliberately not here: other languages.

use std::cmp::Ordering;

/// Places behind the point at the most, for numbers that are no decimals.
const PLACES_MAX: usize = 340;

/// A compiled pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DecimalFormat {
    positive: Affixes,
    negative: Affixes,
    least_whole: usize,
    /// Digits before the point at the most, which counts with an exponent only.
    most_whole: usize,
    least_places: usize,
    most_places: usize,
    /// Digits between two commas, 0 for none.
    group: usize,
    shows_point: bool,
    /// How many digits the point moves to the right: 2 with `%`, 3 with `‰`.
    shift: i32,
    /// The digits that an exponent has at least, if it is shown.
    exponent: Option<usize>,
}

/// What stands before and behind a number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Affixes {
    prefix: String,
    suffix: String,
}

/// A number as its digits: `0.digits × 10^point`, without zeros at either end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    negative: bool,
    digits: Vec<u8>,
    point: i32,
    /// Not a decimal: places have a limit, and a tie was perhaps none before the digits were rounded.
    double: Option<f64>,
    limited: bool,
}

impl Number {
    /// A decimal of this scale.
    pub(super) fn decimal(value: i128, scale: i8) -> Self {
        let digits = value.unsigned_abs().to_string();
        let point = digits.len() as i32 - i32::from(scale);
        Self { limited: false, ..Self::normal(value < 0, digits.into_bytes(), point, None) }
    }

    /// A whole number.
    pub(super) fn integer(value: i64) -> Self {
        Self { limited: true, ..Self::decimal(value.into(), 0) }
    }

    /// A double that is finite.
    pub(super) fn double(value: f64) -> Self {
        let text = format!("{:e}", value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).collect();
        let point = exponent.parse::<i32>().unwrap_or(0) + 1;
        Self { limited: true, ..Self::normal(value.is_sign_negative(), digits, point, Some(value)) }
    }

    fn normal(negative: bool, mut digits: Vec<u8>, mut point: i32, double: Option<f64>) -> Self {
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..zeros);
        point -= zeros as i32;
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let point = if digits.is_empty() { 0 } else { point };
        Self { negative, digits, point, double, limited: false }
    }

    /// So many places, or the most that this kind of number can have.
    fn limit(&self, places: usize) -> usize {
        if self.limited { places.min(PLACES_MAX) } else { places }
    }

    /// Rounds to so many digits, half to even.
    fn round(&mut self, keep: i32) {
        if keep >= self.digits.len() as i32 {
            return;
        }
        let Ok(keep) = usize::try_from(keep) else {
            (self.digits, self.point) = (Vec::new(), 0);
            return;
        };
        let up = match self.against_half(keep) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => keep > 0 && (self.digits[keep - 1] - b'0') % 2 == 1,
        };
        self.digits.truncate(keep);
        if up {
            self.add_one();
        }
        *self = Self {
            limited: self.limited,
            ..Self::normal(self.negative, std::mem::take(&mut self.digits), self.point, None)
        };
    }

    /// What is behind the first digits, compared with a half of the last of them. The digits of a double are the
    /// shortest that mean it, so a half may stand for a little more or less.
    fn against_half(&self, keep: usize) -> Ordering {
        let rest = &self.digits[keep..];
        let half = rest[0].cmp(&b'5').then(if rest.len() > 1 { Ordering::Greater } else { Ordering::Equal });
        match (half, self.double) {
            (Ordering::Equal, Some(value)) => {
                let exact = format!("{:.800e}", value.abs());
                let digits: Vec<u8> =
                    exact.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).collect();
                let rest = &digits[keep.min(digits.len() - 1)..];
                let behind = rest[1..].iter().any(|digit| *digit != b'0');
                rest[0].cmp(&b'5').then(if behind { Ordering::Greater } else { Ordering::Equal })
            }
            (other, _) => other,
        }
    }

    fn add_one(&mut self) {
        for digit in self.digits.iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        self.digits.insert(0, b'1');
        self.point += 1;
    }

    /// The digit at this place, counted from the first.
    fn digit(&self, place: i32) -> char {
        let place = usize::try_from(place).ok();
        place.and_then(|place| self.digits.get(place)).map_or('0', |digit| char::from(*digit))
    }
}

impl DecimalFormat {
    /// Thousands, and so many places behind the point.
    pub(super) fn with_places(places: usize) -> Self {
        Self {
            negative: Affixes { prefix: "-".to_owned(), ..Affixes::default() },
            least_whole: 1,
            most_whole: usize::MAX,
            least_places: places,
            most_places: places,
            group: 3,
            ..Self::default()
        }
    }

    /// Compiles a pattern. The error is Java's sentence.
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        let letters: Vec<char> = pattern.chars().collect();
        let mut reader = Reader { pattern, letters: &letters, at: 0 };
        let (mut format, ends) = reader.positive()?;
        format.negative = format.positive.clone();
        let negative = if ends { None } else { Some(reader.negative()?) };
        match negative.filter(|negative| *negative != format.positive) {
            Some(negative) => format.negative = negative,
            None => format.negative.prefix.insert(0, '-'),
        }
        Ok(format)
    }

    /// The bytes that a number takes at the most.
    pub(super) fn bytes(&self, number: &Number) -> usize {
        let affixes = self.positive.prefix.len() + self.positive.suffix.len() + self.negative.prefix.len();
        let whole = self.least_whole.max(number.point.unsigned_abs() as usize + 3);
        2 * whole + number.limit(self.most_places) + affixes + self.negative.suffix.len() + 32
    }

    /// Positive or negative infinity.
    pub(super) fn infinity(&self, negative: bool) -> String {
        let affixes = if negative { &self.negative } else { &self.positive };
        format!("{}∞{}", affixes.prefix, affixes.suffix)
    }

    /// The text of a number.
    pub(super) fn format(&self, mut number: Number) -> String {
        if self.shift > 0 {
            number = match number.double {
                Some(value) => Number::double(value * 10_f64.powi(self.shift)),
                None if number.digits.is_empty() => number,
                None => Number { point: number.point + self.shift, ..number },
            };
        }
        let affixes = if number.negative { &self.negative } else { &self.positive };
        let mut out = affixes.prefix.clone();
        match self.exponent {
            Some(least_exponent) => self.push_scientific(&mut out, number, least_exponent),
            None => self.push_plain(&mut out, number),
        }
        out + &affixes.suffix
    }

    fn push_plain(&self, out: &mut String, mut number: Number) {
        let (least, most) = (number.limit(self.least_places), number.limit(self.most_places));
        number.round(i32::try_from(most).unwrap_or(i32::MAX).saturating_add(number.point));
        let whole = self.least_whole.max(usize::try_from(number.point).unwrap_or(0));
        for place in (0..whole).rev() {
            out.push(number.digit(number.point - 1 - place as i32));
            if place > 0 && self.group > 0 && place % self.group == 0 {
                out.push(',');
            }
        }
        let places = (number.digits.len() as i32 - number.point).max(0);
        let places = usize::try_from(places).unwrap_or(0).clamp(least, most.max(least));
        if places == 0 && whole == 0 {
            out.push('0');
        }
        if self.shows_point || places > 0 {
            out.push('.');
        }
        out.extend((0..places).map(|place| number.digit(number.point + place as i32)));
    }

    fn push_scientific(&self, out: &mut String, mut number: Number, least_exponent: usize) {
        let (least, most) = (number.limit(self.least_places), number.limit(self.most_places));
        let significant = self.most_whole.saturating_add(most);
        if significant > 0 {
            number.round(i32::try_from(significant).unwrap_or(i32::MAX));
        }
        let (mut exponent, mut least_whole) = (number.point, self.least_whole as i32);
        let repeat = i32::try_from(self.most_whole).unwrap_or(i32::MAX);
        if repeat > 1 && repeat > least_whole {
            // The exponent is a multiple of the digits before the point.
            exponent = if exponent >= 1 { (exponent - 1) / repeat } else { (exponent - repeat) / repeat } * repeat;
            least_whole = 1;
        } else {
            exponent -= least_whole;
        }
        let whole = if number.digits.is_empty() { least_whole } else { number.point - exponent };
        let count = (number.digits.len() as i32).max(whole).max(self.least_whole as i32 + least as i32);
        for place in 0..count {
            if place == whole {
                out.push('.');
            }
            out.push(number.digit(place));
        }
        if self.shows_point && count == whole {
            out.push('.');
        }
        let exponent = if number.digits.is_empty() { 0 } else { exponent };
        let sign = if exponent < 0 { "-" } else { "" };
        out.push_str(&format!("E{sign}{:0least_exponent$}", exponent.unsigned_abs()));
    }
}

/// Reads a pattern.
struct Reader<'p> {
    pattern: &'p str,
    letters: &'p [char],
    at: usize,
}

/// The digits of a pattern, by kind and in their order.
#[derive(Default)]
struct Counts {
    left: usize,
    zeros: usize,
    right: usize,
    point: Option<usize>,
    group: Option<usize>,
    exponent: Option<usize>,
}

fn is_digit_sign(letter: char) -> bool {
    matches!(letter, '#' | '0' | ',' | '.')
}

impl Reader<'_> {
    fn wrong(&self, sentence: &str) -> String {
        format!("{sentence} \"{}\"", self.pattern)
    }

    /// Everything up to `;` or the end; `true` if it is the end.
    fn positive(&mut self) -> Result<(DecimalFormat, bool), String> {
        let (mut affixes, mut shift) = (Affixes::default(), 0);
        let mut ends = self.affix(&mut affixes.prefix, &mut shift, true)?;
        let mut counts = Counts::default();
        if !ends {
            self.digits(&mut counts)?;
            ends = self.affix(&mut affixes.suffix, &mut shift, false)?;
            while !ends && self.letters.get(self.at) != Some(&';') {
                self.digits(&mut counts)?;
                ends = self.affix(&mut affixes.suffix, &mut shift, false)?;
            }
            self.at += 1;
        }
        let mut format = self.counted(counts)?;
        if self.pattern.is_empty() {
            (format.least_whole, format.most_places) = (0, PLACES_MAX);
        }
        (format.positive, format.shift) = (affixes, shift);
        Ok((format, ends))
    }

    /// Prefix and suffix for negative numbers; the digits between them say nothing.
    fn negative(&mut self) -> Result<Affixes, String> {
        let (mut affixes, mut shift) = (Affixes::default(), 0);
        let mut ends = self.affix(&mut affixes.prefix, &mut shift, false)?;
        while !ends {
            if self.letters[self.at] == ';' {
                return Err(self.wrong("Unquoted special character ';' in pattern"));
            }
            while self.letters.get(self.at).is_some_and(|letter| is_digit_sign(*letter) || *letter == 'E') {
                self.at += 1;
            }
            ends = self.affix(&mut affixes.suffix, &mut shift, false)?;
        }
        Ok(affixes)
    }

    /// Text before or behind the digits, up to a digit, `;` or the end; `true` if it is the end.
    fn affix(&mut self, out: &mut String, shift: &mut i32, first: bool) -> Result<bool, String> {
        let mut quoted = false;
        while let Some(&letter) = self.letters.get(self.at) {
            match letter {
                '\'' if self.letters.get(self.at + 1) == Some(&'\'') => {
                    out.push('\'');
                    self.at += 1;
                }
                '\'' => quoted = !quoted,
                _ if quoted => out.push(letter),
                ';' if first => return Err(self.wrong("Unquoted special character ';' in pattern")),
                ';' => return Ok(false),
                _ if is_digit_sign(letter) => return Ok(false),
                '%' | '‰' => {
                    if *shift != 0 {
                        return Err(self.wrong("Too many percent/per mille characters in pattern"));
                    }
                    *shift = if letter == '%' { 2 } else { 3 };
                    out.push(letter);
                }
                '¤' if self.letters.get(self.at + 1) == Some(&'¤') => {
                    out.push_str("USD");
                    self.at += 1;
                }
                '¤' => out.push('$'),
                other => out.push(other),
            }
            self.at += 1;
        }
        if quoted { Err(self.wrong("Malformed pattern")) } else { Ok(true) }
    }

    fn digits(&mut self, counts: &mut Counts) -> Result<(), String> {
        while let Some(&letter) = self.letters.get(self.at) {
            match letter {
                '#' if counts.zeros > 0 => counts.right += 1,
                '#' => counts.left += 1,
                '0' if counts.right > 0 => return Err(self.wrong("Unexpected '0' in pattern")),
                '0' => counts.zeros += 1,
                ',' => counts.group = Some(0),
                '.' if counts.point.is_some() => return Err(self.wrong("Multiple decimal separators in pattern")),
                '.' => counts.point = Some(counts.left + counts.zeros + counts.right),
                'E' if counts.exponent.is_some() => {
                    return Err(self.wrong("Multiple exponential symbols in pattern"));
                }
                'E' => return self.exponent(counts),
                _ => return Ok(()),
            }
            if matches!(letter, '#' | '0') && counts.point.is_none() {
                counts.group = counts.group.map(|digits| digits + 1);
            }
            self.at += 1;
        }
        Ok(())
    }

    fn exponent(&mut self, counts: &mut Counts) -> Result<(), String> {
        self.at += 1;
        let digits = self.letters[self.at..].iter().take_while(|letter| **letter == '0').count();
        if counts.left + counts.zeros < 1 || digits < 1 {
            return Err(self.wrong("Malformed exponential pattern"));
        }
        self.at += digits;
        counts.exponent = Some(digits);
        Ok(())
    }

    fn counted(&self, mut counts: Counts) -> Result<DecimalFormat, String> {
        if let Some(point) = counts.point.filter(|_| counts.zeros == 0 && counts.left > 0) {
            // A pattern without `0` has one before the point, or behind it where nothing is before it.
            let whole = point.max(1);
            counts.right = counts.left - whole;
            (counts.left, counts.zeros) = (whole - 1, 1);
        }
        let fits = match counts.point {
            None => counts.right == 0,
            Some(point) => (counts.left..=counts.left + counts.zeros).contains(&point),
        };
        if !fits || counts.group == Some(0) {
            return Err(self.wrong("Malformed pattern"));
        }
        let total = counts.left + counts.zeros + counts.right;
        let point = counts.point.unwrap_or(total);
        let least_whole = point - counts.left;
        let behind = |digits: usize| if counts.point.is_some() { digits - point } else { 0 };
        Ok(DecimalFormat {
            least_whole,
            most_whole: if counts.exponent.is_some() { counts.left + least_whole } else { usize::MAX },
            least_places: behind(counts.left + counts.zeros),
            most_places: behind(total),
            group: counts.group.unwrap_or(0),
            shows_point: counts.point.is_some_and(|point| point == 0 || point == total),
            exponent: counts.exponent,
            ..DecimalFormat::default()
        })
    }
}
