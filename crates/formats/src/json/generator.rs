//! JSON text that is written anew from tokens, as the generators of Spark's JSON library write it.
//!
//! Blanks go, escapes are made as few as possible, numbers with a point become doubles and print as such. There are two
//! kinds: one writes bytes and escapes every character beyond U+FFFF as two UTF-16 units, the other writes characters
//! and keeps them. Spark uses the second for what it puts into the first as it stands.

use std::io::Write;

use super::tokens::{Bad, Token, Tokens, lone_surrogate};
use crate::text::double::push_double;

/// What becomes of characters beyond U+FFFF, and of halves of them that stand alone, in a quoted string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surrogates {
    /// They are escaped. A half cannot be written without quotes.
    Escaped,
    /// They are kept, halves as three bytes each.
    Kept,
}

/// A text in the making.
#[derive(Debug)]
pub(super) struct Generator {
    out: Vec<u8>,
    surrogates: Surrogates,
    /// For the text itself and each array or object that is open: `true` if something stands in it already.
    begun: Vec<bool>,
    /// `true` directly after a field's name.
    after_name: bool,
}

impl Generator {
    pub(super) fn new(surrogates: Surrogates) -> Self {
        Self { out: Vec::new(), surrogates, begun: vec![false], after_name: false }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Copies the value that begins with the current token; ends at its last token.
    ///
    /// # Errors
    /// There is no value here, or it cannot be read to its end.
    pub(super) fn copy(&mut self, tokens: &mut Tokens<'_>) -> Result<(), Bad> {
        let mut depth = 0;
        let mut token = tokens.current().ok_or(Bad)?;
        loop {
            match token {
                Token::StartObject | Token::StartArray => {
                    self.open(if token == Token::StartObject { b'{' } else { b'[' });
                    depth += 1;
                }
                Token::EndObject | Token::EndArray => {
                    if depth == 0 {
                        return Err(Bad);
                    }
                    self.close(if token == Token::EndObject { b'}' } else { b']' });
                    depth -= 1;
                }
                Token::FieldName => {
                    self.separate(b',');
                    self.push_quoted(tokens.name().ok_or(Bad)?);
                    self.out.push(b':');
                    self.after_name = true;
                }
                Token::String => {
                    self.before_value();
                    self.push_quoted(tokens.string()?.0);
                }
                scalar => {
                    self.before_value();
                    push_scalar(&mut self.out, scalar, tokens.number());
                }
            }
            if depth == 0 {
                return Ok(());
            }
            token = tokens.next()?.ok_or(Bad)?;
        }
    }

    pub(super) fn open_array(&mut self) {
        self.open(b'[');
    }

    pub(super) fn close_array(&mut self) {
        self.close(b']');
    }

    /// Writes a value that is JSON already.
    ///
    /// # Errors
    /// There is half a character in it, and those cannot be kept.
    pub(super) fn raw_value(&mut self, json: &[u8]) -> Result<(), Bad> {
        self.before_value();
        self.raw(json)
    }

    /// Writes a text as it is, without a comma before it.
    ///
    /// # Errors
    /// There is half a character in it, and those cannot be kept.
    pub(super) fn raw(&mut self, text: &[u8]) -> Result<(), Bad> {
        if self.surrogates == Surrogates::Escaped && std::str::from_utf8(text).is_err() {
            return Err(Bad);
        }
        self.out.extend_from_slice(text);
        Ok(())
    }

    fn open(&mut self, bracket: u8) {
        self.before_value();
        self.out.push(bracket);
        self.begun.push(false);
    }

    fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.begun.pop();
    }

    /// Values of the text itself are kept apart by a blank.
    fn before_value(&mut self) {
        if !std::mem::take(&mut self.after_name) {
            self.separate(if self.begun.len() == 1 { b' ' } else { b',' });
        }
    }

    fn separate(&mut self, separator: u8) {
        if let Some(begun) = self.begun.last_mut()
            && std::mem::replace(begun, true)
        {
            self.out.push(separator);
        }
    }

    fn push_quoted(&mut self, mut text: &[u8]) {
        let (out, escaped) = (&mut self.out, self.surrogates == Surrogates::Escaped);
        out.push(b'"');
        while let Some(&byte) = text.first() {
            let mut width = 1;
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                8 => out.extend_from_slice(b"\\b"),
                9 => out.extend_from_slice(b"\\t"),
                10 => out.extend_from_slice(b"\\n"),
                12 => out.extend_from_slice(b"\\f"),
                13 => out.extend_from_slice(b"\\r"),
                0..=0x1f => push_escape(out, u16::from(byte)),
                _ => match surrogates(text).filter(|_| escaped) {
                    Some((units, bytes)) => {
                        units.into_iter().flatten().for_each(|unit| push_escape(out, unit));
                        width = bytes;
                    }
                    None => out.push(byte),
                },
            }
            text = &text[width..];
        }
        out.push(b'"');
    }
}

/// The text of the value that begins with the current token, as it goes into a STRING column; ends at its last token.
pub(super) fn copy_structure(tokens: &mut Tokens<'_>) -> Result<Vec<u8>, Bad> {
    let mut generator = Generator::new(Surrogates::Escaped);
    generator.copy(tokens)?;
    Ok(generator.into_bytes())
}

/// The surrogates of the character at the head of the text, and how many bytes it takes there; `None` if it has none.
fn surrogates(text: &[u8]) -> Option<([Option<u16>; 2], usize)> {
    if let Some(unit) = lone_surrogate(text) {
        return Some(([Some(unit), None], 3));
    }
    let bytes = text.get(..4).filter(|bytes| bytes[0] >= 0xf0)?;
    let character = std::str::from_utf8(bytes).ok()?.chars().next()?;
    let mut units = [0; 2];
    character.encode_utf16(&mut units);
    Some((units.map(Some), 4))
}

fn push_scalar(out: &mut Vec<u8>, token: Token, number: &[u8]) {
    match token {
        Token::True => out.extend_from_slice(b"true"),
        Token::False => out.extend_from_slice(b"false"),
        Token::Integer => push_integer(out, number),
        Token::NonNumber(value) => push_number(out, value),
        Token::Fraction => {
            let value = std::str::from_utf8(number).ok().and_then(|text| text.parse().ok());
            push_number(out, value.unwrap_or(f64::NAN));
        }
        _ => out.extend_from_slice(b"null"),
    }
}

/// Whole numbers keep their digits, but for a minus before zero and allowed leading zeros.
fn push_integer(out: &mut Vec<u8>, number: &[u8]) {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    let zeros = digits.iter().take_while(|&&byte| byte == b'0').count();
    if zeros == digits.len() {
        return out.push(b'0');
    }
    if digits.len() < number.len() {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[zeros..]);
}

/// What is not finite is a string, for which JSON needs quotes.
fn push_number(out: &mut Vec<u8>, value: f64) {
    let mut text = String::new();
    push_double(&mut text, value);
    let quote: &[u8] = if value.is_finite() { b"" } else { b"\"" };
    for part in [quote, text.as_bytes(), quote] {
        out.extend_from_slice(part);
    }
}

fn push_escape(out: &mut Vec<u8>, unit: u16) {
    write!(out, "\\u{unit:04X}").expect("a vector takes every write");
}
