//! JSON values that go into a STRING column: written anew, as Spark's generator writes them.
//!
//! Blanks go, escapes are made as few as possible, numbers with a point become doubles and print as such.

use std::io::Write;

use super::tokens::{Bad, Token, Tokens, lone_surrogate};
use crate::text::double::push_double;

/// The text of the value that begins with the current token; ends at its last token.
pub(super) fn copy_structure(tokens: &mut Tokens<'_>) -> Result<Vec<u8>, Bad> {
    let mut out = Vec::new();
    let mut depth = 0;
    // Whether a comma must come before what is written next.
    let mut begun = false;
    let mut token = tokens.current().ok_or(Bad)?;
    loop {
        let closing = matches!(token, Token::EndObject | Token::EndArray);
        if begun && !closing {
            out.push(b',');
        }
        begun = true;
        match token {
            Token::StartObject | Token::StartArray => {
                out.push(if token == Token::StartObject { b'{' } else { b'[' });
                depth += 1;
                begun = false;
            }
            Token::EndObject | Token::EndArray => {
                if depth == 0 {
                    return Err(Bad);
                }
                out.push(if token == Token::EndObject { b'}' } else { b']' });
                depth -= 1;
            }
            Token::FieldName => {
                push_quoted(&mut out, tokens.name().ok_or(Bad)?);
                out.push(b':');
                begun = false;
            }
            Token::String => push_quoted(&mut out, tokens.string()?.0),
            scalar => push_scalar(&mut out, scalar, tokens.number()),
        }
        if depth == 0 {
            return Ok(out);
        }
        token = tokens.next()?.ok_or(Bad)?;
    }
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

fn push_number(out: &mut Vec<u8>, value: f64) {
    let mut text = String::new();
    push_double(&mut text, value);
    if value.is_finite() {
        out.extend_from_slice(text.as_bytes());
    } else {
        push_quoted(out, text.as_bytes());
    }
}

/// A JSON string; lone surrogates are escaped.
pub(super) fn push_quoted(out: &mut Vec<u8>, mut text: &[u8]) {
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
            _ => match lone_surrogate(text) {
                Some(unit) => {
                    push_escape(out, unit);
                    width = 3;
                }
                None => out.push(byte),
            },
        }
        text = &text[width..];
    }
    out.push(b'"');
}

fn push_escape(out: &mut Vec<u8>, unit: u16) {
    write!(out, "\\u{unit:04X}").expect("a vector takes every write");
}
