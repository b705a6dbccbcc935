//! LIKE, ILIKE and RLIKE.
//!
//! All become regular expressions of the `regex` crate, which differs from Java's: it has no look-around, no
//! back-references and no possessive quantifiers. A pattern with one of these is refused, never matched otherwise.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::logical_expr::Expr;
use millstream_core::{Error, Result, spark_error};
use regex::Regex;

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::columns::java_regex::{Patterns, java_regex};
use crate::failure::sql_value;
use crate::kernel::{Evaluation, Function, native};

static LIKE: Function =
    Function::new("like", |one| matches(one, |one, pattern, row| like_regex(pattern, escape(one, row), false)));
static ILIKE: Function =
    Function::new("ilike", |one| matches(one, |one, pattern, row| like_regex(pattern, escape(one, row), true)));
static RLIKE: Function = Function::new("rlike", |one| matches(one, |one, pattern, _| java_regex(pattern, one.name)));

fn escape(one: &Evaluation<'_>, row: usize) -> char {
    if one.columns.len() < 3 {
        return '\\';
    }
    one.strings(2).value(row).chars().next().unwrap_or('\\')
}

fn matches(one: &Evaluation<'_>, compile: fn(&Evaluation<'_>, &str, usize) -> Result<Regex>) -> Result<ArrayRef> {
    let (texts, patterns) = (one.strings(0), one.strings(1));
    let mut compiled = Patterns::default();
    let test = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let regex = compiled.get(patterns.value(row), |pattern| compile(one, pattern, row))?;
        Ok(Some(regex.is_match(texts.value(row))))
    };
    Ok(Arc::new((0..texts.len()).map(test).collect::<Result<BooleanArray>>()?))
}

/// The regular expression of an SQL pattern.
fn like_regex(pattern: &str, escape: char, any_case: bool) -> Result<Regex> {
    let mut text = String::from(if any_case { "(?si)^" } else { "(?s)^" });
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
    resolve(call, &LIKE)
}

pub(super) fn ilike(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &ILIKE)
}

pub(super) fn rlike(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &RLIKE)
}
