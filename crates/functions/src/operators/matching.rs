//! LIKE, ILIKE and RLIKE.
//!
//! LIKE becomes a regular expression of the `regex` crate, which has all that an SQL pattern has. ILIKE is LIKE of both
//! in lower case, as in Spark. RLIKE is Java's.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::logical_expr::Expr;
use millstream_core::{Error, Result, spark_error};
use regex::Regex;

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::columns::patterns::Patterns;
use crate::failure::sql_value;
use crate::kernel::{Evaluation, Function, native};

static LIKE: Function = Function::new("like", |one| like_matches(one, |text| Cow::Borrowed(text)));
static ILIKE: Function = Function::new("ilike", |one| like_matches(one, |text| Cow::Owned(text.to_lowercase())));

static RLIKE: Function = Function::new("rlike", regex_matches);
static REGEXP: Function = Function::new("regexp", regex_matches);
static REGEXP_LIKE: Function = Function::new("regexp_like", regex_matches);

fn regex_matches(one: &Evaluation<'_>) -> Result<ArrayRef> {
    let (texts, patterns) = (one.strings(0), one.strings(1));
    let mut compiled = Patterns::of(one.name);
    let test = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let (text, compiled) = (texts.value(row), compiled.get(patterns.value(row))?);
        compiled.regex.is_found_in(text).map(Some).map_err(|error| compiled.given_up(text, error))
    };
    Ok(Arc::new((0..texts.len()).map(test).collect::<Result<BooleanArray>>()?))
}

fn escape(one: &Evaluation<'_>, row: usize) -> char {
    if one.columns.len() < 3 {
        return '\\';
    }
    one.strings(2).value(row).chars().next().unwrap_or('\\')
}

/// Whether texts fit SQL patterns, both in a form of them.
fn like_matches(one: &Evaluation<'_>, form: fn(&str) -> Cow<'_, str>) -> Result<ArrayRef> {
    let (texts, patterns) = (one.strings(0), one.strings(1));
    let mut compiled: Option<(&str, char, Regex)> = None;
    let mut test = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let (pattern, escape) = (patterns.value(row), escape(one, row));
        if compiled.as_ref().is_none_or(|known| (known.0, known.1) != (pattern, escape)) {
            compiled = Some((pattern, escape, like_regex(&form(pattern), escape)?));
        }
        Ok(compiled.as_ref().map(|(_, _, regex)| regex.is_match(&form(texts.value(row)))))
    };
    Ok(Arc::new((0..texts.len()).map(&mut test).collect::<Result<BooleanArray>>()?))
}

/// The regular expression of an SQL pattern.
fn like_regex(pattern: &str, escape: char) -> Result<Regex> {
    let mut text = String::from("(?s)^");
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter == escape {
            match letters.next() {
                Some(next) if next == '_' || next == '%' || next == escape => {
                    text.push_str(&regex::escape(&next.to_string()));
                }
                Some(next) => {
                    return Err(spark_error!(
                        "INVALID_FORMAT.ESC_IN_THE_MIDDLE",
                        format = sql_value(pattern),
                        char = sql_value(&next.to_string()),
                    ));
                }
                None => return Err(spark_error!("INVALID_FORMAT.ESC_AT_THE_END", format = sql_value(pattern))),
            }
        } else {
            match letter {
                '_' => text.push('.'),
                '%' => text.push_str(".*"),
                other => text.push_str(&regex::escape(&other.to_string())),
            }
        }
    }
    text.push('$');
    Regex::new(&text).map_err(|error| Error::data(format!("the pattern '{pattern}' is too large")).with_source(error))
}

fn resolve(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    scalar(function.call(call.all_strings()?, DataType::Boolean, call))
}

/// `LIKE ANY` and its kin: whether the text fits one of the patterns, or all of them.
fn quantified(call: &FunctionCall<'_>, negated: bool, join: fn(Expr, Expr) -> Expr) -> Result<Resolved> {
    let mut arguments = call.all_strings()?.into_iter();
    let text = arguments.next().ok_or_else(|| Error::internal("LIKE without a text"))?;
    let sql = format!("{}({})", call.name, text.sql);
    let test = |pattern| {
        let test = LIKE.call([text.clone(), pattern], DataType::Boolean, call).expr;
        if negated { Expr::Not(Box::new(test)) } else { test }
    };
    let all = arguments.map(test).reduce(join).ok_or_else(|| Error::internal("LIKE without a pattern"))?;
    scalar(native(all, DataType::Boolean, true).with_sql(sql))
}

pub(super) fn like_any(call: &FunctionCall<'_>) -> Result<Resolved> {
    quantified(call, false, Expr::or)
}

pub(super) fn like_all(call: &FunctionCall<'_>) -> Result<Resolved> {
    quantified(call, false, Expr::and)
}

pub(super) fn not_like_any(call: &FunctionCall<'_>) -> Result<Resolved> {
    quantified(call, true, Expr::or)
}

pub(super) fn not_like_all(call: &FunctionCall<'_>) -> Result<Resolved> {
    quantified(call, true, Expr::and)
}

pub(super) fn like(call: &FunctionCall<'_>) -> Result<Resolved> {
    let texts: Vec<&str> = call.arguments.iter().map(|one| one.sql.as_str()).collect();
    match (resolve(call, &LIKE)?, texts.as_slice()) {
        (Resolved::Scalar(matched), [text, pattern, escape]) => {
            scalar(matched.with_sql(format!("{text} LIKE {pattern} ESCAPE '{escape}'")))
        }
        (matched, _) => Ok(matched),
    }
}

pub(super) fn ilike(call: &FunctionCall<'_>) -> Result<Resolved> {
    let texts: Vec<&str> = call.arguments.iter().map(|one| one.sql.as_str()).collect();
    match (resolve(call, &ILIKE)?, texts.as_slice()) {
        // The escape does not show.
        (Resolved::Scalar(matched), [text, pattern, _]) => {
            scalar(matched.with_sql(format!("ilike({text}, {pattern})")))
        }
        (matched, _) => Ok(matched),
    }
}

pub(super) fn rlike(call: &FunctionCall<'_>) -> Result<Resolved> {
    // An error names the function as it was called.
    resolve(
        call,
        match call.name.to_lowercase().as_str() {
            "regexp" => &REGEXP,
            "regexp_like" => &REGEXP_LIKE,
            _ => &RLIKE,
        },
    )
}
