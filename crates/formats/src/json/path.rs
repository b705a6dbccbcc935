//! JSON paths (`$.store.book[0].title`, `[*]`), and what lies at the top of a JSON text.
//!
//! A path is walked over the tokens of the text, as Spark does it, so that everything that follows from the order of
//! reading is the same: the first of two fields of one name that has something is taken, a text is read as far as the
//! path needs it and no farther, and what was written before a part that turned out to have nothing stays.
//!
//! Deliberately not here: filters and recursive descent, which Spark has not either. `.*` is a step that nothing
//! matches, as in Spark.

use super::convert::without_surrogates;
use super::generator::{Generator, Surrogates};
use super::options::JsonSyntax;
use super::tokens::{Bad, Buffers, Token, Tokens};
use millstream_core::error::{Error, ErrorKind, Result, SparkException};

/// What Spark lets pass where no options can be given.
const SYNTAX: JsonSyntax = JsonSyntax {
    allow_comments: false,
    allow_unquoted_field_names: false,
    allow_single_quotes: true,
    allow_numeric_leading_zeros: false,
    allow_non_numeric_numbers: false,
    allow_unquoted_control_chars: true,
    allow_backslash_escaping_any_character: false,
};

/// A parsed path.
#[derive(Debug, PartialEq, Eq)]
pub struct JsonPath(Vec<Step>);

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The field of an object: `.name`, `['name']`.
    Field(String),
    /// One element of an array: `[7]`.
    Index(i64),
    /// All elements of an array: `[*]`.
    Elements,
    /// What nothing matches: `.*`, `['*']`.
    Nothing,
}

impl JsonPath {
    /// The path of this text; `None` for a text that is none, for which Spark answers NULL.
    ///
    /// # Errors
    /// An index beyond BIGINT, Spark's NumberFormatException.
    pub fn parse(text: &str) -> Result<Option<Self>> {
        let Some(mut rest) = text.strip_prefix('$') else { return Ok(None) };
        let mut steps = Vec::new();
        while let Some((step, behind)) = parse_step(rest)? {
            steps.push(step);
            rest = behind;
        }
        Ok(skip_blanks(rest).is_empty().then_some(Self(steps)))
    }
}

/// The step with which the text begins, and the text behind it. Blanks stand where Spark's grammar lets them.
fn parse_step(text: &str) -> Result<Option<(Step, &str)>> {
    let unblanked = skip_blanks(text);
    if let Some(behind) = unblanked.strip_prefix(".*").or_else(|| unblanked.strip_prefix("['*']")) {
        return Ok(Some((Step::Nothing, behind)));
    }
    if let Some(name) = text.strip_prefix('.').map(skip_blanks) {
        let (name, behind) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
        return Ok((!name.is_empty()).then(|| (Step::Field(name.to_owned()), behind)));
    }
    if let Some(name) = unblanked.strip_prefix("['").map(skip_blanks) {
        let (name, behind) = name.split_at(name.find(['\'', '?']).unwrap_or(name.len()));
        let behind = behind.strip_prefix("']").filter(|_| !name.is_empty());
        return Ok(behind.map(|behind| (Step::Field(name.to_owned()), behind)));
    }
    let Some(inside) = text.strip_prefix('[') else { return Ok(None) };
    if let Some(behind) = inside.strip_prefix('*') {
        return Ok(behind.strip_prefix(']').map(|behind| (Step::Elements, behind)));
    }
    let inside = skip_blanks(inside);
    let (digits, behind) =
        inside.split_at(inside.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(inside.len()));
    if digits.is_empty() {
        return Ok(None);
    }
    let index = digits.parse().map_err(|_| too_large(digits))?;
    Ok(behind.strip_prefix(']').map(|behind| (Step::Index(index), behind)))
}

/// The text without what Java's `\s` matches at its head.
fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r'])
}

fn too_large(digits: &str) -> Error {
    Error::new(ErrorKind::Data, format!("For input string: \"{digits}\"")).with_exception(SparkException::NumberFormat)
}

/// How a match is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// A string without its quotes.
    Raw,
    /// A match as JSON.
    Quoted,
    /// As JSON, and of an array its elements.
    Flattened,
}

/// Reads JSON texts one after the other, and keeps its memory between them.
#[derive(Debug, Default)]
pub struct JsonTexts(Buffers);

impl JsonTexts {
    fn tokens<'a>(&'a mut self, text: &'a str) -> Tokens<'a> {
        Tokens::new(text, SYNTAX, &mut self.0)
    }

    /// What a path finds, by `get_json_object`: a string as it is, everything else as JSON. `None` for nothing, and for
    /// a text that cannot be read as far as the path needs it.
    pub fn find(&mut self, text: &str, path: &JsonPath) -> Option<String> {
        let mut tokens = self.tokens(text);
        let mut out = Generator::new(Surrogates::Escaped);
        let found = tokens.next().and_then(|_| walk(&mut tokens, &mut out, Style::Raw, &path.0));
        if found == Ok(true) { String::from_utf8(out.into_bytes()).ok() } else { None }
    }

    /// The number of elements of an array; `None` for what is no array or malformed within it.
    pub fn array_length(&mut self, text: &str) -> Option<i32> {
        let mut tokens = self.tokens(text);
        if tokens.next() != Ok(Some(Token::StartArray)) {
            return None;
        }
        let mut length = 0;
        while tokens.next_until(Token::EndArray).ok()? {
            length += 1;
            tokens.skip_children().ok()?;
        }
        Some(length)
    }

    /// The names of an object's fields in their order, also those that come again; `None` for what is no object or
    /// malformed within it.
    pub fn object_keys(&mut self, text: &str) -> Option<Vec<String>> {
        let mut tokens = self.tokens(text);
        if tokens.next() != Ok(Some(Token::StartObject)) {
            return None;
        }
        let mut keys = Vec::new();
        while tokens.next_until(Token::EndObject).ok()? {
            keys.push(String::from_utf8(without_surrogates(tokens.name()?)).ok()?);
            tokens.next().and_then(|_| tokens.skip_children()).ok()?;
        }
        Some(keys)
    }

    /// The values of an object's fields of these names, by `json_tuple`: of fields with one name the last that is not
    /// null. All are `None` for what is no object or malformed within it.
    pub fn fields(&mut self, text: &str, names: &[Option<&str>]) -> Vec<Option<String>> {
        self.read_fields(text, names).unwrap_or_else(|Bad| vec![None; names.len()])
    }

    fn read_fields(&mut self, text: &str, names: &[Option<&str>]) -> Result<Vec<Option<String>>, Bad> {
        let mut values = vec![None; names.len()];
        let mut tokens = self.tokens(text);
        if tokens.next()? != Some(Token::StartObject) {
            return Ok(values);
        }
        while tokens.next_until(Token::EndObject)? {
            let name = tokens.name().ok_or(Bad)?;
            let wanted = |known: &Option<&str>| known.is_some_and(|known| known.as_bytes() == name);
            let wanted: Vec<usize> = (0..names.len()).filter(|&index| wanted(&names[index])).collect();
            if tokens.next()? != Some(Token::Null) && !wanted.is_empty() {
                let mut out = Generator::new(Surrogates::Escaped);
                walk(&mut tokens, &mut out, Style::Raw, &[])?;
                let value = String::from_utf8(out.into_bytes()).map_err(|_| Bad)?;
                wanted.iter().for_each(|&index| values[index] = Some(value.clone()));
            }
            tokens.skip_children()?;
        }
        Ok(values)
    }
}

/// Writes what the path finds from the current token on, and moves to the last token of the value that begins there.
/// `true` if something was found.
fn walk(tokens: &mut Tokens<'_>, out: &mut Generator, style: Style, path: &[Step]) -> Result<bool, Bad> {
    match (tokens.current(), path) {
        (Some(Token::String), []) if style == Style::Raw => {
            out.raw(tokens.string()?.0)?;
            Ok(true)
        }
        (Some(Token::StartArray), []) if style == Style::Flattened => Ok(elements(tokens, out, style, &[])? > 0),
        (_, []) => {
            out.copy(tokens)?;
            Ok(true)
        }
        (Some(Token::StartObject), [Step::Field(name), rest @ ..]) => {
            let mut found = false;
            while tokens.next_until(Token::EndObject)? {
                let wanted = !found && tokens.name() == Some(name.as_bytes());
                if tokens.next()? != Some(Token::Null) && wanted {
                    found = walk(tokens, out, style, rest)?;
                } else {
                    tokens.skip_children()?;
                }
            }
            Ok(found)
        }
        (Some(Token::StartArray), [Step::Elements, Step::Elements, rest @ ..]) => {
            in_array(tokens, out, Style::Flattened, rest)
        }
        (Some(Token::StartArray), [Step::Elements, rest @ ..]) => match style {
            Style::Raw => unwrapped(tokens, out, Style::Quoted, rest),
            Style::Flattened => unwrapped(tokens, out, style, rest),
            Style::Quoted => in_array(tokens, out, style, rest),
        },
        (Some(Token::StartArray), [Step::Index(index), rest @ ..]) => {
            // There is more than one result then, so strings need their quotes.
            let style = if rest.first() == Some(&Step::Elements) { Style::Quoted } else { style };
            element(tokens, *index, |tokens| walk(tokens, out, style, rest))
        }
        _ => {
            tokens.skip_children()?;
            Ok(false)
        }
    }
}

/// Walks over each element of the array that begins here; the number of those in which something was found.
fn elements(tokens: &mut Tokens<'_>, out: &mut Generator, style: Style, path: &[Step]) -> Result<usize, Bad> {
    let mut found = 0;
    while tokens.next_until(Token::EndArray)? {
        found += usize::from(walk(tokens, out, style, path)?);
    }
    Ok(found)
}

/// Writes an array of what was found; it is written also where that is nothing.
fn in_array(tokens: &mut Tokens<'_>, out: &mut Generator, style: Style, path: &[Step]) -> Result<bool, Bad> {
    out.open_array();
    let found = elements(tokens, out, style, path)?;
    out.close_array();
    Ok(found > 0)
}

/// Writes what was found: in an array if several elements had something, else as it is.
fn unwrapped(tokens: &mut Tokens<'_>, out: &mut Generator, style: Style, path: &[Step]) -> Result<bool, Bad> {
    let mut array = Generator::new(Surrogates::Kept);
    array.open_array();
    let found = elements(tokens, &mut array, style, path)?;
    array.close_array();
    let array = array.into_bytes();
    match found {
        0 => return Ok(false),
        1 => out.raw_value(&array[1..array.len() - 1])?,
        _ => out.raw_value(&array)?,
    }
    Ok(true)
}

/// Does something at an element of the array that begins here, and moves to its end. `false` if there is no such
/// element.
fn element(
    tokens: &mut Tokens<'_>,
    index: i64,
    visit: impl FnOnce(&mut Tokens<'_>) -> Result<bool, Bad>,
) -> Result<bool, Bad> {
    for _ in 0..index {
        if !tokens.next_until(Token::EndArray)? {
            return Ok(false);
        }
        tokens.skip_children()?;
    }
    if !tokens.next_until(Token::EndArray)? {
        return Ok(false);
    }
    let found = visit(tokens)?;
    while tokens.next_until(Token::EndArray)? {
        tokens.skip_children()?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
