//! The tokens of a JSON text, with the leniency and the stumbling of the reader that Spark is built on.
//!
//! Spark's answers to malformed text follow from how its reader moves: the first token of a field's value is read
//! together with its name, the text of a string only when somebody asks for it, and after an error reading goes on
//! where it stopped. The same steps are taken here, so that the same fields survive. The text must be valid UTF-8.

use std::ops::Range;

use super::fast::find_special;
use super::options::JsonSyntax;

/// A token. What belongs to it (name, text, number) is asked of [`Tokens`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token {
    FieldName,
    StartObject,
    EndObject,
    StartArray,
    EndArray,
    String,
    /// A number without point and exponent.
    Integer,
    /// A number with point or exponent.
    Fraction,
    /// `NaN`, `Infinity` and their like.
    NonNumber(f64),
    True,
    False,
    Null,
}

/// The text cannot be read on, or a value does not fit its type: for Spark both are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bad;

/// Deepest nesting; deeper is malformed.
const DEPTH_MAX: usize = 1000;
/// Longest number; longer is malformed.
const NUMBER_CHARS_MAX: usize = 1000;
/// Longest name of a field in UTF-16 units; longer is malformed.
const NAME_UNITS_MAX: usize = 50_000;

#[derive(Debug, Clone, Copy)]
struct Scope {
    is_object: bool,
    /// Whether an entry has been begun, so that a comma must come before the next.
    begun: bool,
    /// Where its current field name begins among the names.
    name_start: usize,
}

/// Memory that outlives a record.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    scopes: Vec<Scope>,
    /// The current field names of all open objects, one after the other.
    names: Vec<u8>,
    /// The current string, when its text is not in the record as it stands.
    unescaped: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    /// Not read yet; the content begins here.
    Pending,
    /// As it stands in the record.
    Plain,
    /// In the buffer; `surrogates` says that it contains lone ones, three bytes each.
    Unescaped { surrogates: bool },
}

/// Reads one record.
pub(super) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    syntax: JsonSyntax,
    buffers: &'a mut Buffers,
    token: Option<Token>,
    ahead: Option<Token>,
    state: Text,
    span: Range<usize>,
}

/// A position to come back to.
#[derive(Clone)]
pub(super) struct Mark {
    at: usize,
    token: Option<Token>,
    ahead: Option<Token>,
    state: Text,
    span: Range<usize>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str, syntax: JsonSyntax, buffers: &'a mut Buffers) -> Self {
        buffers.scopes.clear();
        buffers.names.clear();
        Self { text: text.as_bytes(), at: 0, syntax, buffers, token: None, ahead: None, state: Text::Plain, span: 0..0 }
    }

    /// The current token; `None` before the first.
    pub(super) fn current(&self) -> Option<Token> {
        self.token
    }

    /// The current position, which is at a field name.
    pub(super) fn mark(&self) -> Mark {
        Mark { at: self.at, token: self.token, ahead: self.ahead, state: self.state, span: self.span.clone() }
    }

    /// Back to a position in the same object.
    pub(super) fn reset(&mut self, mark: Mark) {
        (self.at, self.token, self.ahead) = (mark.at, mark.token, mark.ahead);
        (self.state, self.span) = (mark.state, mark.span);
    }

    /// Where the current value lies: all of a number, the content of a string once it has been read, else its first
    /// byte.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where reading goes on.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The name that the current token stands under, `None` within an array.
    pub(super) fn name(&self) -> Option<&[u8]> {
        let scopes = &self.buffers.scopes;
        let opening = matches!(self.token, Some(Token::StartObject | Token::StartArray));
        let index = scopes.len().checked_sub(1 + usize::from(opening))?;
        let end = if opening { scopes[index + 1].name_start } else { self.buffers.names.len() };
        scopes[index].is_object.then(|| &self.buffers.names[scopes[index].name_start..end])
    }

    /// Moves to the next token; `None` at the end of the text.
    pub(super) fn next(&mut self) -> Result<Option<Token>, Bad> {
        if let (Some(Token::FieldName), Some(value)) = (self.token, self.ahead.take()) {
            return self.enter(value).map(Some);
        }
        if self.state == Text::Pending {
            self.skip_string()?;
        }
        let Some(first) = self.next_significant()? else {
            return if self.buffers.scopes.is_empty() {
                self.token = None;
                Ok(None)
            } else {
                Err(Bad)
            };
        };
        if matches!(first, b'}' | b']') {
            return self.leave(first).map(Some);
        }
        let (in_object, first) = match self.buffers.scopes.last_mut() {
            Some(scope) => {
                let in_object = scope.is_object;
                let first = if std::mem::replace(&mut scope.begun, true) { self.after_comma(first)? } else { first };
                (in_object, first)
            }
            None => (false, first),
        };
        if in_object {
            self.read_name(first)?;
            self.token = Some(Token::FieldName);
            let start = self.after_colon()?;
            self.ahead = Some(self.read_value(start)?);
            return Ok(self.token);
        }
        let value = self.read_value(first)?;
        self.enter(value).map(Some)
    }

    /// Moves to the next token; `false` at the token that ends what is being read, and at the end of the text.
    pub(super) fn next_until(&mut self, end: Token) -> Result<bool, Bad> {
        Ok(self.next()?.is_some_and(|token| token != end))
    }

    /// From the start of an object or array moves to its end; elsewhere does nothing.
    pub(super) fn skip_children(&mut self) -> Result<(), Bad> {
        if !matches!(self.token, Some(Token::StartObject | Token::StartArray)) {
            return Ok(());
        }
        let mut depth = 1;
        while depth > 0 {
            match self.next()?.ok_or(Bad)? {
                Token::StartObject | Token::StartArray => depth += 1,
                Token::EndObject | Token::EndArray => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// Text of the current number.
    pub(super) fn number(&self) -> &'a [u8] {
        &self.text[self.span.clone()]
    }

    /// Text of the current string as it lies in memory: lone surrogates take three bytes each, and are told of.
    pub(super) fn string(&mut self) -> Result<(&[u8], bool), Bad> {
        if self.state == Text::Pending {
            // Not pending any more, even if it cannot be read: reading then goes on from the place of the error.
            self.state = Text::Plain;
            self.read_string(b'"')?;
        }
        match self.state {
            Text::Unescaped { surrogates } => Ok((&self.buffers.unescaped, surrogates)),
            Text::Plain | Text::Pending => Ok((&self.text[self.span.clone()], false)),
        }
    }

    fn enter(&mut self, value: Token) -> Result<Token, Bad> {
        if matches!(value, Token::StartObject | Token::StartArray) {
            if self.buffers.scopes.len() >= DEPTH_MAX {
                return Err(Bad);
            }
            let name_start = self.buffers.names.len();
            self.buffers.scopes.push(Scope { is_object: value == Token::StartObject, begun: false, name_start });
        }
        self.token = Some(value);
        Ok(value)
    }

    fn leave(&mut self, closing: u8) -> Result<Token, Bad> {
        let is_object = closing == b'}';
        match self.buffers.scopes.last() {
            Some(scope) if scope.is_object == is_object => self.buffers.names.truncate(scope.name_start),
            _ => return Err(Bad),
        }
        self.buffers.scopes.pop();
        let token = if is_object { Token::EndObject } else { Token::EndArray };
        self.token = Some(token);
        Ok(token)
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.text.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    /// The next byte that is neither blank nor within a comment.
    fn next_significant(&mut self) -> Result<Option<u8>, Bad> {
        while let Some(byte) = self.take() {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => {}
                b'/' if self.syntax.allow_comments => self.skip_comment()?,
                other => return Ok(Some(other)),
            }
        }
        Ok(None)
    }

    fn skip_comment(&mut self) -> Result<(), Bad> {
        match self.take() {
            Some(b'*') => {
                let end = memchr::memmem::find(&self.text[self.at..], b"*/").ok_or(Bad)?;
                self.at += end + 2;
                Ok(())
            }
            Some(b'/') => {
                let rest = &self.text[self.at..];
                self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                Ok(())
            }
            _ => Err(Bad),
        }
    }

    fn after_comma(&mut self, byte: u8) -> Result<u8, Bad> {
        if byte != b',' {
            return Err(Bad);
        }
        self.next_significant()?.ok_or(Bad)
    }

    fn after_colon(&mut self) -> Result<u8, Bad> {
        if self.next_significant()? != Some(b':') {
            return Err(Bad);
        }
        self.next_significant()?.ok_or(Bad)
    }

    fn read_name(&mut self, first: u8) -> Result<(), Bad> {
        let start = match self.buffers.scopes.last() {
            Some(scope) => scope.name_start,
            None => return Err(Bad),
        };
        self.buffers.names.truncate(start);
        match first {
            b'"' => self.read_string(b'"')?,
            b'\'' if self.syntax.allow_single_quotes => self.read_string(b'\'')?,
            _ if self.syntax.allow_unquoted_field_names && is_bare_name_byte(first) => {
                let name_start = self.at - 1;
                let length = self.text[name_start..].iter().take_while(|&&byte| is_bare_name_byte(byte)).count();
                self.at = name_start + length;
                self.span = name_start..self.at;
                self.state = Text::Plain;
            }
            _ => return Err(Bad),
        }
        let buffers = &mut *self.buffers;
        match self.state {
            Text::Unescaped { .. } => buffers.names.extend_from_slice(&buffers.unescaped),
            Text::Plain | Text::Pending => buffers.names.extend_from_slice(&self.text[self.span.clone()]),
        }
        let name = &buffers.names[start..];
        if name.len() > NAME_UNITS_MAX && utf16_units(name) > NAME_UNITS_MAX { Err(Bad) } else { Ok(()) }
    }

    fn read_value(&mut self, first: u8) -> Result<Token, Bad> {
        self.state = Text::Plain;
        let start = self.at - 1;
        self.span = start..self.at;
        Ok(match first {
            b'"' => {
                self.state = Text::Pending;
                self.span = self.at..self.at;
                Token::String
            }
            b'\'' if self.syntax.allow_single_quotes => {
                self.read_string(b'\'')?;
                Token::String
            }
            b'{' => Token::StartObject,
            b'[' => Token::StartArray,
            b't' => self.expect(b"rue", Token::True)?,
            b'f' => self.expect(b"alse", Token::False)?,
            b'n' => self.expect(b"ull", Token::Null)?,
            b'-' | b'0'..=b'9' => self.read_number(start, first)?,
            b'N' | b'I' | b'+' => self.read_non_number(start)?,
            _ => return Err(Bad),
        })
    }

    fn expect(&mut self, rest: &[u8], token: Token) -> Result<Token, Bad> {
        if !self.text[self.at..].starts_with(rest) {
            return Err(Bad);
        }
        self.at += rest.len();
        // A word goes on until something stands there that cannot belong to one.
        let goes_on = match self.text.get(self.at) {
            Some(&byte) if byte.is_ascii() => byte.is_ascii_alphanumeric() || byte == b'_',
            Some(&byte) => {
                let character = self.text.get(self.at..self.at + byte.leading_ones() as usize);
                let character = character.and_then(|bytes| std::str::from_utf8(bytes).ok());
                character.is_some_and(|text| text.chars().all(char::is_alphanumeric))
            }
            None => false,
        };
        if goes_on { Err(Bad) } else { Ok(token) }
    }

    fn read_non_number(&mut self, start: usize) -> Result<Token, Bad> {
        const WORDS: [(&[u8], f64); 6] = [
            (b"NaN", f64::NAN),
            (b"Infinity", f64::INFINITY),
            (b"+Infinity", f64::INFINITY),
            (b"+INF", f64::INFINITY),
            (b"-Infinity", f64::NEG_INFINITY),
            (b"-INF", f64::NEG_INFINITY),
        ];
        let rest = &self.text[start..];
        match WORDS.iter().find(|(word, _)| rest.starts_with(word)) {
            Some((word, value)) if self.syntax.allow_non_numeric_numbers => {
                self.at = start + word.len();
                Ok(Token::NonNumber(*value))
            }
            _ => Err(Bad),
        }
    }

    fn digits(&mut self) -> usize {
        let count = self.text[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn read_number(&mut self, start: usize, first: u8) -> Result<Token, Bad> {
        self.at = start + usize::from(first == b'-');
        let whole = self.at;
        match self.digits() {
            0 => return self.read_non_number(start),
            1 => {}
            _ if self.text[whole] == b'0' && !self.syntax.allow_numeric_leading_zeros => return Err(Bad),
            _ => {}
        }
        let mut token = Token::Integer;
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            token = Token::Fraction;
            if self.digits() == 0 {
                return Err(Bad);
            }
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            token = Token::Fraction;
            if matches!(self.text.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(Bad);
            }
        }
        self.span = start..self.at;
        let followed = self.text.get(self.at).is_some_and(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        // A number that is the whole text is not followed by anything but blanks.
        if self.span.len() > NUMBER_CHARS_MAX || self.buffers.scopes.is_empty() && followed {
            Err(Bad)
        } else {
            Ok(token)
        }
    }

    /// The string that begins here. On an error the position is just behind what is wrong.
    fn read_string(&mut self, quote: u8) -> Result<(), Bad> {
        let start = self.at;
        if quote == b'"' {
            // Nothing before the first special character needs a look.
            self.at += find_special(&self.text[start..]).map_or(0, |(length, _)| length);
        }
        while let Some(byte) = self.take() {
            match byte {
                b'\\' => {
                    self.at -= 1;
                    self.buffers.unescaped.clear();
                    self.buffers.unescaped.extend_from_slice(&self.text[start..self.at]);
                    return self.read_escaped(quote);
                }
                0..=0x1f if !self.syntax.allow_unquoted_control_chars => return Err(Bad),
                byte if byte == quote => {
                    self.span = start..self.at - 1;
                    self.state = Text::Plain;
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(Bad)
    }

    /// The rest of a string from its first escape on, into the buffer.
    fn read_escaped(&mut self, quote: u8) -> Result<(), Bad> {
        let mut high: Option<u32> = None;
        let mut surrogates = false;
        while let Some(byte) = self.take() {
            if byte == b'\\' {
                let unit = self.read_escape()?;
                let unescaped = &mut self.buffers.unescaped;
                match (high.take(), unit) {
                    (Some(first), 0xdc00..=0xdfff) => {
                        // The first half has been written as if it were alone.
                        unescaped.truncate(unescaped.len() - 3);
                        let scalar = 0x10000 + ((first - 0xd800) << 10) + (unit - 0xdc00);
                        push_scalar(unescaped, scalar);
                    }
                    (_, unit) => {
                        if (0xd800..0xdc00).contains(&unit) {
                            high = Some(unit);
                        }
                        surrogates |= (0xd800..0xe000).contains(&unit);
                        push_scalar(unescaped, unit);
                    }
                }
                continue;
            }
            high = None;
            if byte == quote {
                self.state = Text::Unescaped { surrogates };
                return Ok(());
            }
            if byte < 0x20 && !self.syntax.allow_unquoted_control_chars {
                return Err(Bad);
            }
            self.buffers.unescaped.push(byte);
        }
        Err(Bad)
    }

    /// What follows a backslash: a UTF-16 unit, or a scalar above for a character that is escaped without need.
    fn read_escape(&mut self) -> Result<u32, Bad> {
        Ok(match self.take().ok_or(Bad)? {
            b'b' => 8,
            b't' => 9,
            b'n' => 10,
            b'f' => 12,
            b'r' => 13,
            byte @ (b'"' | b'/' | b'\\') => u32::from(byte),
            b'u' => {
                let mut unit = 0;
                for _ in 0..4 {
                    let digit = char::from(self.take().ok_or(Bad)?).to_digit(16).ok_or(Bad)?;
                    unit = unit * 16 + digit;
                }
                unit
            }
            b'\'' if self.syntax.allow_single_quotes => u32::from(b'\''),
            byte if self.syntax.allow_backslash_escaping_any_character => {
                // The character may have several bytes.
                let start = self.at - 1;
                let width = byte.leading_ones().max(1) as usize;
                let bytes = self.text.get(start..start + width).ok_or(Bad)?;
                self.at = start + width;
                let character = std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next());
                u32::from(character.ok_or(Bad)?)
            }
            _ => return Err(Bad),
        })
    }

    /// Passes over a string that nobody has asked for; it must be well-formed all the same.
    fn skip_string(&mut self) -> Result<(), Bad> {
        self.state = Text::Plain;
        self.read_string(b'"')
    }
}

/// The length of an UTF-8 text in UTF-16: a character has one byte that continues none, and a second unit if that says
/// four bytes.
fn utf16_units(text: &[u8]) -> usize {
    text.iter().map(|byte| usize::from(byte & 0xc0 != 0x80) + usize::from(*byte >= 0xf0)).sum()
}

fn is_bare_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"@#*-+$_".contains(&byte)
}

/// Appends a scalar value as UTF-8, a lone surrogate in the same way, though UTF-8 does not know it.
fn push_scalar(out: &mut Vec<u8>, scalar: u32) {
    if let Some(character) = char::from_u32(scalar) {
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        let continuation = |shift: u32| 0x80 | (scalar >> shift & 0x3f) as u8;
        out.extend_from_slice(&[0xe0 | (scalar >> 12) as u8, continuation(6), continuation(0)]);
    }
}

/// The three bytes of a lone surrogate at the head of `bytes`, as its UTF-16 unit.
pub(super) fn lone_surrogate(bytes: &[u8]) -> Option<u16> {
    match bytes {
        [0xed, middle @ 0xa0..=0xbf, last, ..] => Some(0xd000 | u16::from(middle & 0x3f) << 6 | u16::from(last & 0x3f)),
        _ => None,
    }
}
