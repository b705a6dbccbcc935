//! Spark's tokens: what sqlparser's tokenizer finds, classified as Spark's lexer does.
//!
//! Each token keeps its place in the text, because errors quote it and some clauses (`SET k = v`) take the text as it
//! stands. The value of a string literal is decoded here, since Spark's escapes are not those of other dialects.

use sqlparser::tokenizer::{Location, Token as Lexeme, Tokenizer, Whitespace};

use super::dialect::SparkDialect;
use super::error::SyntaxError;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word that may be a keyword or a name.
    Word,
    /// A name in backticks.
    Quoted,
    /// A string literal; the text is its decoded value.
    Text,
    /// The digits of `X'…'`.
    Hex,
    /// A number with its suffix.
    Number,
    /// An operator or punctuation.
    Symbol,
    /// What Spark's lexer does not know.
    Unknown,
    /// The end of the text.
    End,
}

/// One token and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// The decoded value: names without backticks, strings without quotes.
    pub(crate) text: String,
    /// Byte offset of the first character.
    pub(crate) start: usize,
    /// Byte offset after the last character.
    pub(crate) end: usize,
}

/// Longest first, so that a run of operator characters is cut as Spark's lexer cuts it.
const SYMBOLS: [&str; 38] = [
    "<=>", ">>>", "|>", "<=", ">=", "<>", "!=", "==", "!>", "!<", "<<", ">>", "||", "->", "=>", "::", "(", ")", "[",
    "]", ",", ".", ";", ":", "=", "<", ">", "+", "-", "*", "/", "%", "~", "&", "|", "^", "!", "?",
];

/// Cuts the text into tokens; the last is [`Kind::End`].
pub(crate) fn tokenize(source: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut tokens = tokenize_part(source, 0)?;
    tokens.push(Token { kind: Kind::End, text: String::new(), start: source.len(), end: source.len() });
    Ok(tokens)
}

fn tokenize_part(source: &str, base: usize) -> Result<Vec<Token>, SyntaxError> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut begin = 0;
    while let Some(raw) = tokenize_to_raw(&source[begin..], base + begin, &mut tokens)? {
        begin = raw - base;
    }
    Ok(tokens)
}

/// Cuts the text up to its end, or to that of the first raw string which the tokenizer would end elsewhere: to it each
/// backslash is an escape, also the one of `r'\'`. Gives the place behind such a string.
fn tokenize_to_raw(source: &str, base: usize, tokens: &mut Vec<Token>) -> Result<Option<usize>, SyntaxError> {
    let mut places = Places::new(source);
    let mut lexemes = Vec::new();
    let mut tokenizer = Tokenizer::new(&SparkDialect, source).with_unescape(false);
    let is_whole = tokenizer.tokenize_with_location_into_buf(&mut lexemes).is_ok();
    let spans: Vec<(usize, usize)> =
        lexemes.iter().map(|lexeme| (places.offset(lexeme.span.start), places.offset(lexeme.span.end))).collect();
    for (index, (lexeme, &(start, end))) in lexemes.iter().zip(&spans).enumerate() {
        push(tokens, &lexeme.token, Slice { text: &source[start..end], start: base + start })?;
        let Some(raw_end) = raw_string_end(source, start, end) else { continue };
        if spans.get(index + 1).is_none_or(|&(_, next_end)| next_end != raw_end) {
            push_text(tokens, Slice { text: &source[end..raw_end], start: base + end });
            return Ok(Some(base + raw_end));
        }
    }
    if is_whole { Ok(None) } else { Err(unclosed(source, spans.last().map_or(0, |&(_, end)| end), base)) }
}

/// The end of the raw string that the word between `start` and `end` begins, if it does.
fn raw_string_end(source: &str, start: usize, end: usize) -> Option<usize> {
    let quote = source[end..].chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let inner = end + 1;
    source[start..end].eq_ignore_ascii_case("r").then(|| source[inner..].find(quote).map(|at| inner + at + 1))?
}

/// The error of a text that was cut up to the string, name or comment that does not end.
fn unclosed(source: &str, start: usize, base: usize) -> SyntaxError {
    let at = start + source[start..].len() - source[start..].trim_start().len();
    if source[at..].starts_with("/*") {
        return SyntaxError::unclosed_comment(base + at);
    }
    let quote = source[at..].chars().next().map(String::from).unwrap_or_default();
    SyntaxError::near(&quote, base + at)
}

/// A piece of the text and its byte offset in the whole.
#[derive(Clone, Copy)]
struct Slice<'a> {
    text: &'a str,
    start: usize,
}

impl Slice<'_> {
    fn token(self, kind: Kind, text: impl Into<String>) -> Token {
        Token { kind, text: text.into(), start: self.start, end: self.start + self.text.len() }
    }
}

fn push(tokens: &mut Vec<Token>, lexeme: &Lexeme, slice: Slice<'_>) -> Result<(), SyntaxError> {
    match lexeme {
        Lexeme::Whitespace(Whitespace::MultiLineComment(text)) if text.starts_with('+') => push_hint(tokens, slice)?,
        Lexeme::Whitespace(_) => {}
        Lexeme::Word(word) if word.quote_style.is_some() => {
            let inner = &slice.text[1..slice.text.len() - 1];
            tokens.push(slice.token(Kind::Quoted, inner.replace("``", "`")));
        }
        Lexeme::Word(_) | Lexeme::Number(..) => push_word(tokens, slice),
        Lexeme::SingleQuotedString(_) | Lexeme::DoubleQuotedString(_) => push_text(tokens, slice),
        Lexeme::HexStringLiteral(_) if slice.text.ends_with('\'') => {
            tokens.push(slice.token(Kind::Hex, &slice.text[2..slice.text.len() - 1]));
        }
        Lexeme::HexStringLiteral(_) => push_word(tokens, slice),
        Lexeme::NationalStringLiteral(_) => {
            tokens.push(Slice { text: &slice.text[..1], ..slice }.token(Kind::Word, &slice.text[..1]));
            push_text(tokens, Slice { text: &slice.text[1..], start: slice.start + 1 });
        }
        _ => push_symbols(tokens, slice),
    }
    Ok(())
}

/// A word or a number. The tokenizer cuts `1e3BD` and `0x1f` in two; Spark has one token for a run without a gap.
fn push_word(tokens: &mut Vec<Token>, slice: Slice<'_>) {
    if let Some(last) = tokens.last_mut()
        && last.end == slice.start
        && last.kind == Kind::Number
    {
        last.text.push_str(slice.text);
        last.end = slice.start + slice.text.len();
        last.kind = if is_number(&last.text) { Kind::Number } else { Kind::Word };
        return;
    }
    let kind = if is_number(slice.text) { Kind::Number } else { Kind::Word };
    tokens.push(slice.token(kind, slice.text));
}

/// Digits with an optional point, exponent and type suffix. `1a` is a name.
fn is_number(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let body = ["BD", "L", "S", "Y", "D", "F"].iter().find_map(|suffix| upper.strip_suffix(suffix)).unwrap_or(&upper);
    let (mantissa, exponent) = body.split_once('E').map_or((body, None), |(m, e)| (m, Some(e)));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_is_right = exponent.is_none_or(|text| {
        let text = text.strip_prefix(['+', '-']).unwrap_or(text);
        !text.is_empty() && digits(text)
    });
    digits(whole) && digits(fraction) && whole.len() + fraction.len() > 0 && exponent_is_right
}

/// A string literal; one directly after `r` is raw.
fn push_text(tokens: &mut Vec<Token>, slice: Slice<'_>) {
    let inner = &slice.text[1..slice.text.len() - 1];
    let raw = tokens
        .last()
        .is_some_and(|last| last.kind == Kind::Word && last.end == slice.start && last.text.eq_ignore_ascii_case("r"));
    if raw {
        let prefix = tokens.pop().map_or(slice.start, |last| last.start);
        let mut token = slice.token(Kind::Text, inner);
        token.start = prefix;
        tokens.push(token);
    } else {
        let quote = &slice.text[..1];
        tokens.push(slice.token(Kind::Text, unescape(inner, quote)));
    }
}

fn push_symbols(tokens: &mut Vec<Token>, slice: Slice<'_>) {
    let mut rest = slice.text;
    let mut start = slice.start;
    while let Some(first) = rest.chars().next() {
        if let Some(last) = tokens.last_mut()
            && last.end == start
            && ((last.text == ">>" && first == '>')
                || (last.text == "!" && matches!(first, '<' | '>'))
                || (last.text == "|" && first == '>'))
        {
            last.text.push(first);
            last.end += 1;
            rest = &rest[1..];
            start += 1;
            continue;
        }
        let (kind, length) = match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(symbol) => (Kind::Symbol, symbol.len()),
            None => (Kind::Unknown, first.len_utf8()),
        };
        tokens.push(Slice { text: &rest[..length], start }.token(kind, &rest[..length]));
        rest = &rest[length..];
        start += length;
    }
}

/// `/*+ … */` becomes its opening, its tokens and its closing.
fn push_hint(tokens: &mut Vec<Token>, slice: Slice<'_>) -> Result<(), SyntaxError> {
    let inner_end = slice.text.len() - 2;
    tokens.push(Slice { text: &slice.text[..3], ..slice }.token(Kind::Symbol, "/*+"));
    tokens.extend(tokenize_part(&slice.text[3..inner_end], slice.start + 3)?);
    tokens.push(Slice { text: "*/", start: slice.start + inner_end }.token(Kind::Symbol, "*/"));
    Ok(())
}

/// Spark's escapes: a doubled quote, `\n` and friends, `\u0041`, `\U0001F600`, `\101`; `\%` and `\_` stay for LIKE.
fn unescape(inner: &str, quote: &str) -> String {
    let undoubled;
    let inner = if inner.contains(quote) && !inner.contains('\\') {
        undoubled = inner.replace(&quote.repeat(2), quote);
        return undoubled;
    } else {
        inner
    };
    let quote = quote.chars().next().unwrap_or('\'');
    let chars: Vec<char> = inner.chars().collect();
    let mut out = String::with_capacity(inner.len());
    let mut at = 0;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('\\', Some(_)) => at += push_escape(&mut out, &chars[at + 1..]) + 1,
            (ch, Some(next)) if ch == quote && *next == quote => {
                out.push(quote);
                at += 2;
            }
            (ch, _) => {
                out.push(ch);
                at += 1;
            }
        }
    }
    out
}

/// Decodes what follows a backslash; gives the number of characters it took.
fn push_escape(out: &mut String, rest: &[char]) -> usize {
    let number = |length: usize, radix: u32| {
        let digits: String = rest.get(1..=length)?.iter().collect();
        char::from_u32(u32::from_str_radix(&digits, radix).ok()?)
    };
    let octal = || {
        let digits: String = rest.get(..3)?.iter().collect();
        let value = u32::from_str_radix(&digits, 8).ok().filter(|value| *value < 128)?;
        char::from_u32(value)
    };
    if let ('u', Some(ch)) = (rest[0], number(4, 16)) {
        out.push(ch);
        return 5;
    }
    if let ('U', Some(ch)) = (rest[0], number(8, 16)) {
        out.push(ch);
        return 9;
    }
    if let Some(ch) = octal() {
        out.push(ch);
        return 3;
    }
    match rest[0] {
        '0' => out.push('\0'),
        'b' => out.push('\u{8}'),
        'n' => out.push('\n'),
        'r' => out.push('\r'),
        't' => out.push('\t'),
        'Z' => out.push('\u{1A}'),
        wildcard @ ('%' | '_') => out.extend(['\\', wildcard]),
        other => out.push(other),
    }
    1
}

/// Turns the tokenizer's lines and columns into byte offsets, walking along: they only ever grow.
struct Places<'a> {
    source: &'a str,
    offset: usize,
    line: u64,
    column: u64,
}

impl<'a> Places<'a> {
    fn new(source: &'a str) -> Self {
        Self { source, offset: 0, line: 1, column: 1 }
    }

    fn offset(&mut self, location: Location) -> usize {
        for ch in self.source[self.offset..].chars() {
            if (self.line, self.column) >= (location.line, location.column) {
                break;
            }
            self.offset += ch.len_utf8();
            (self.line, self.column) = if ch == '\n' { (self.line + 1, 1) } else { (self.line, self.column + 1) };
        }
        self.offset
    }
}
