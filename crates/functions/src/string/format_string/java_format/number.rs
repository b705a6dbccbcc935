//! Numbers by the flags, width and precision of a specifier.
//!
//! Doubles are printed from the shortest digits that mean them, rounded half up, as Java does it.

use millstream_formats::text::double::{push_double, push_float};

use super::{Refusal, Specifier};

/// A number's text by `%s`.
pub(super) fn double_text(value: f64) -> String {
    let mut text = String::new();
    push_double(&mut text, value);
    text
}

/// A number's text by `%s`.
pub(super) fn float_text(value: f32) -> String {
    let mut text = String::new();
    push_float(&mut text, value);
    text
}

/// What stands before and behind the digits.
fn signs(specifier: &Specifier, negative: bool) -> (&'static str, &'static str) {
    match negative {
        true if specifier.has('(') => ("(", ")"),
        true => ("-", ""),
        false if specifier.has('+') => ("+", ""),
        false if specifier.has(' ') => (" ", ""),
        false => ("", ""),
    }
}

/// A number with its sign, commas where they are wanted, and zeros up to the width. `tail` stands behind the digits.
fn signed(specifier: &Specifier, negative: bool, digits: &str, tail: &str) -> String {
    let (before, behind) = signs(specifier, negative);
    let mut number = if specifier.has(',') { grouped(digits) } else { digits.to_owned() };
    if specifier.has('0') {
        let others = before.len() + behind.len() + tail.len();
        let width = specifier.width.unwrap_or(0).saturating_sub(others);
        number = "0".repeat(width.saturating_sub(number.len())) + &number;
    }
    format!("{before}{number}{tail}{behind}")
}

/// Digits with a comma after every third before the point.
fn grouped(digits: &str) -> String {
    let (whole, fraction) = digits.find('.').map_or((digits, ""), |point| digits.split_at(point));
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out + fraction
}

/// `%d`
pub(super) fn decimal(specifier: &Specifier, value: i64) -> String {
    signed(specifier, value < 0, &value.unsigned_abs().to_string(), "")
}

/// A whole number in octal or hexadecimal digits, negative ones as the bits of their type.
pub(super) fn other_base(specifier: &Specifier, value: i64, bits: u32) -> String {
    let value = if bits == 64 { value as u64 } else { (value as u64) & ((1 << bits) - 1) };
    let (digits, before) =
        if specifier.conversion == 'o' { (format!("{value:o}"), "0") } else { (format!("{value:x}"), "0x") };
    let before = if specifier.has('#') { before } else { "" };
    let width = specifier.width.filter(|_| specifier.has('0')).unwrap_or(0).saturating_sub(before.len());
    let text = format!("{before}{digits:0>width$}");
    if specifier.upper { text.to_uppercase() } else { text }
}

/// `%e`, `%f`, `%g` and `%a`.
pub(super) fn double(specifier: &Specifier, value: f64) -> Result<String, Refusal> {
    let negative = value.is_sign_negative() && !value.is_nan();
    let text = if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        let (before, behind) = signs(specifier, negative);
        format!("{before}Infinity{behind}")
    } else {
        let digits = Digits::of(value.abs());
        match specifier.conversion {
            'f' => fixed(specifier, negative, digits),
            'e' => scientific(specifier, negative, digits),
            'g' => general(specifier, negative, digits),
            _ => hexadecimal(specifier, negative, value.abs())?,
        }
    };
    Ok(if specifier.upper { text.to_uppercase() } else { text })
}

/// The digits of a number, `0.digits × 10^point`.
struct Digits {
    digits: Vec<u8>,
    point: i64,
}

impl Digits {
    fn of(value: f64) -> Self {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).collect();
        Self { digits, point: exponent.parse::<i64>().unwrap_or(0) + 1 }
    }

    fn is_zero(&self) -> bool {
        self.digits == b"0"
    }

    /// Rounds to so many digits, half up; a negative number of them changes nothing.
    fn round(&mut self, keep: i64) {
        let Ok(keep) = usize::try_from(keep) else { return };
        if keep >= self.digits.len() {
            return;
        }
        let up = self.digits[keep] >= b'5';
        self.digits[keep..].fill(b'0');
        if !up {
            return;
        }
        match self.digits[..keep].iter().rposition(|digit| *digit != b'9') {
            Some(last) => {
                self.digits[last] += 1;
                self.digits[last + 1..].fill(b'0');
            }
            None => {
                self.digits.fill(b'0');
                self.digits[0] = b'1';
                self.point += 1;
            }
        }
    }

    fn text(&self, from: usize, to: usize) -> String {
        (from..to).map(|place| self.digits.get(place).map_or('0', |digit| char::from(*digit))).collect()
    }

    /// Plain notation with so many places behind the point.
    fn plain(&self, places: usize) -> String {
        let (whole, behind) = match usize::try_from(self.point) {
            Ok(point) if point > 0 => (self.text(0, point), self.text(point, point + places)),
            _ => {
                let zeros = self.point.unsigned_abs() as usize;
                let zeros = zeros.min(places);
                ("0".to_owned(), "0".repeat(zeros) + &self.text(0, places - zeros))
            }
        };
        if places == 0 { whole } else { format!("{whole}.{behind}") }
    }
}

fn with_point(specifier: &Specifier, digits: String, places: usize) -> String {
    if places == 0 && specifier.has('#') { digits + "." } else { digits }
}

fn fixed(specifier: &Specifier, negative: bool, mut digits: Digits) -> String {
    let places = specifier.precision.unwrap_or(6);
    digits.round(digits.point.saturating_add(places as i64));
    signed(specifier, negative, &with_point(specifier, digits.plain(places), places), "")
}

fn scientific(specifier: &Specifier, negative: bool, digits: Digits) -> String {
    let places = specifier.precision.unwrap_or(6);
    scientific_with(specifier, negative, digits, places)
}

fn scientific_with(specifier: &Specifier, negative: bool, mut digits: Digits, places: usize) -> String {
    digits.round(places as i64 + 1);
    let exponent = if digits.is_zero() { 0 } else { digits.point - 1 };
    let mantissa = digits.text(0, 1);
    let mantissa = if places == 0 { mantissa } else { format!("{mantissa}.{}", digits.text(1, 1 + places)) };
    let sign = if exponent < 0 { '-' } else { '+' };
    let tail = format!("e{sign}{:02}", exponent.abs());
    signed(specifier, negative, &with_point(specifier, mantissa, places), &tail)
}

fn general(specifier: &Specifier, negative: bool, mut digits: Digits) -> String {
    let precision = specifier.precision.unwrap_or(6).max(1);
    if digits.is_zero() {
        return signed(specifier, negative, &digits.plain(precision - 1), "");
    }
    digits.round(precision as i64);
    let exponent = digits.point - 1;
    if exponent < -4 || exponent >= precision as i64 {
        return scientific_with(specifier, negative, digits, precision - 1);
    }
    let places = usize::try_from(precision as i64 - digits.point).unwrap_or(0);
    signed(specifier, negative, &digits.plain(places), "")
}

/// Java's `Double.toHexString`.
fn hexadecimal(specifier: &Specifier, negative: bool, value: f64) -> Result<String, Refusal> {
    if specifier.precision.is_some() {
        return Err(Refusal::Unbuilt("%a with a precision in format_string".to_owned()));
    }
    let bits = value.to_bits();
    let (fraction, exponent) = (bits & ((1 << 52) - 1), (bits >> 52) as i64);
    let digits = format!("{fraction:013x}");
    let digits = digits.trim_end_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    let (whole, exponent) = match exponent {
        0 if fraction == 0 => (0, 0),
        0 => (0, -1022),
        other => (1, other - 1023),
    };
    let number = format!("{whole}.{digits}p{exponent}");
    let (before, behind) = signs(specifier, negative);
    let width = specifier.width.filter(|_| specifier.has('0')).unwrap_or(0);
    let zeros = width.saturating_sub(before.len() + 2 + number.len());
    Ok(format!("{before}0x{}{number}{behind}", "0".repeat(zeros)))
}
