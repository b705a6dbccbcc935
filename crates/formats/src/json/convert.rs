//! The general way from tokens into columns: any order of keys, any nesting, every oddity of Spark.
//!
//! A value that does not fit spoils the innermost field, array or map that holds it, and the record counts as
//! malformed; fields beside it keep their values.

use super::JsonOptions;
use super::generator::copy_structure;
use super::scalars::{append_number, append_text};
use super::tokens::{Bad, Token, Tokens, lone_surrogate};
use crate::columns::{Column, Values};

/// How a value came in, when it came in at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    Whole,
    /// Something within it did not fit and is NULL now.
    Partial,
}

impl Read {
    fn and(self, other: Self) -> Self {
        if other == Self::Whole { self } else { Self::Partial }
    }
}

/// Appends exactly one value, or on [`Bad`] nothing.
pub(super) fn append_value(column: &mut Column, tokens: &mut Tokens<'_>, options: &JsonOptions) -> Result<Read, Bad> {
    let token = match tokens.current() {
        Some(Token::FieldName) => tokens.next()?,
        other => other,
    };
    let Some(token) = token.filter(|&token| token != Token::Null) else {
        column.append_null();
        return Ok(Read::Whole);
    };
    match (&mut column.values, token) {
        (Values::Void, _) => column.append_null(),
        (Values::String(_), Token::String) => append_string(column, tokens)?,
        (Values::String(_), _) => column.append_bytes(&copy_structure(tokens)?),
        (Values::Boolean(values), Token::True | Token::False) => {
            values.append(token == Token::True);
            column.append_valid();
        }
        (Values::Struct { .. }, Token::StartObject) => return append_object(column, tokens, options),
        (Values::List { .. }, Token::StartArray) => return append_array(column, tokens, options),
        (Values::Map { .. }, Token::StartObject) => return append_map(column, tokens, options),
        (_, Token::Integer | Token::Fraction | Token::NonNumber(_)) => {
            append_number(column, token, tokens.number())?;
        }
        (_, Token::String) => {
            let (text, surrogates) = tokens.string()?;
            // No text with a lone surrogate is a number, a time or base 64.
            let text = std::str::from_utf8(text).map_err(|_| Bad)?;
            if surrogates {
                return Err(Bad);
            }
            append_text(column, text, options)?;
        }
        _ => return Err(Bad),
    }
    Ok(Read::Whole)
}

fn append_string(column: &mut Column, tokens: &mut Tokens<'_>) -> Result<(), Bad> {
    match tokens.string()? {
        (text, false) => column.append_bytes(text),
        (text, true) => column.append_bytes(&without_surrogates(text)),
    }
    Ok(())
}

/// Lone surrogates become question marks.
pub(super) fn without_surrogates(mut text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    while let Some(&first) = text.first() {
        let width = if lone_surrogate(text).is_some() {
            out.push(b'?');
            3
        } else {
            out.push(first);
            1
        };
        text = &text[width..];
    }
    out
}

/// The fields of an object into the columns of a struct; the current token is its start.
fn append_object(column: &mut Column, tokens: &mut Tokens<'_>, options: &JsonOptions) -> Result<Read, Bad> {
    let row = column.len();
    let Values::Struct { fields, columns } = &mut column.values else { return Err(Bad) };
    let mut hint = 0;
    let read = append_fields(columns, tokens, options, |name| {
        // Keys mostly come in the order of the schema.
        let matches = |index: &usize| fields[*index].name().as_bytes() == name;
        let found = Some(hint).filter(|index| *index < fields.len() && matches(index));
        let found = found.or_else(|| (0..fields.len()).find(matches));
        hint = found.map_or(hint, |index| index + 1);
        found
    });
    match read {
        Ok(read) => {
            column.append_valid();
            Ok(read)
        }
        Err(bad) => {
            column.truncate(row);
            Err(bad)
        }
    }
}

/// One row for each of `columns`. On an error they are of different lengths.
pub(super) fn append_fields(
    columns: &mut [Column],
    tokens: &mut Tokens<'_>,
    options: &JsonOptions,
    mut find: impl FnMut(&[u8]) -> Option<usize>,
) -> Result<Read, Bad> {
    // The struct's own length is not known here, but no column has this row yet.
    let row = columns.first().map_or(0, Column::len);
    let mut read = Read::Whole;
    while tokens.next_until(Token::EndObject)? {
        match tokens.name().and_then(&mut find) {
            Some(index) => match append_field(&mut columns[index], row, tokens, options) {
                Ok(field) => read = read.and(field),
                Err(Bad) => {
                    read = Read::Partial;
                    tokens.skip_children()?;
                }
            },
            None => tokens.skip_children()?,
        }
    }
    if tokens.current() != Some(Token::EndObject) {
        return Err(Bad);
    }
    for column in columns.iter_mut().filter(|column| column.len() == row) {
        column.append_null();
    }
    Ok(read)
}

/// Of a key that comes twice the later value counts, unless it does not fit.
fn append_field(column: &mut Column, row: usize, tokens: &mut Tokens<'_>, options: &JsonOptions) -> Result<Read, Bad> {
    let before = column.len();
    if before == row {
        return append_value(column, tokens, options);
    }
    let mark = tokens.mark();
    append_value(column, tokens, options)?;
    // It fits: read once more, into the place of the earlier one.
    column.truncate(row);
    tokens.reset(mark);
    append_value(column, tokens, options)
}

/// The current token is the array's start. A value that does not fit spoils the array.
fn append_array(column: &mut Column, tokens: &mut Tokens<'_>, options: &JsonOptions) -> Result<Read, Bad> {
    let row = column.len();
    let Values::List { element, .. } = &mut column.values else { return Err(Bad) };
    let read = append_elements(element, tokens, options);
    match read {
        Ok(_) => column.seal(),
        Err(Bad) => column.truncate(row),
    }
    read
}

fn append_elements(element: &mut Column, tokens: &mut Tokens<'_>, options: &JsonOptions) -> Result<Read, Bad> {
    let mut read = Read::Whole;
    while tokens.next_until(Token::EndArray)? {
        read = read.and(append_value(element, tokens, options)?);
    }
    if tokens.current() == Some(Token::EndArray) { Ok(read) } else { Err(Bad) }
}

/// A lone object where the root is an array of structs: an array of one.
pub(super) fn append_single(column: &mut Column, tokens: &mut Tokens<'_>, options: &JsonOptions) -> Result<Read, Bad> {
    let row = column.len();
    let Values::List { element, .. } = &mut column.values else { return Err(Bad) };
    if !matches!(element.values, Values::Struct { .. }) {
        return Err(Bad);
    }
    let read = append_object(element, tokens, options);
    match read {
        Ok(_) => column.seal(),
        Err(Bad) => column.truncate(row),
    }
    read
}

/// The current token is the map's start. A value that does not fit spoils the map, which is read to its end first.
fn append_map(column: &mut Column, tokens: &mut Tokens<'_>, options: &JsonOptions) -> Result<Read, Bad> {
    let row = column.len();
    let Values::Map { keys, values, .. } = &mut column.values else { return Err(Bad) };
    let read = append_entries(keys, values, tokens, options);
    match read {
        Ok(_) => column.seal(),
        Err(Bad) => column.truncate(row),
    }
    read
}

fn append_entries(
    keys: &mut Column,
    values: &mut Column,
    tokens: &mut Tokens<'_>,
    options: &JsonOptions,
) -> Result<Read, Bad> {
    let (mut read, mut spoiled) = (Read::Whole, false);
    while tokens.next_until(Token::EndObject)? {
        keys.append_bytes(&without_surrogates(tokens.name().unwrap_or_default()));
        match append_value(values, tokens, options) {
            Ok(value) => read = read.and(value),
            Err(Bad) => {
                spoiled = true;
                tokens.skip_children()?;
            }
        }
    }
    if spoiled || tokens.current() != Some(Token::EndObject) { Err(Bad) } else { Ok(read) }
}
