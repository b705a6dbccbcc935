//! The functions that take a regular expression.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::ScalarValue;
use millstream_core::error::SparkException;
use millstream_core::{Error, Result, spark_error};
use regex::{Captures, Regex};

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::columns::java_regex::{Patterns, java_regex};
use crate::data_type::array;
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

/// A value of the text and the compiled pattern of each row.
fn each<C, T>(one: &Evaluation<'_>, mut value: impl FnMut(usize, &str, &Regex) -> Result<Option<T>>) -> Result<ArrayRef>
where
    C: FromIterator<Option<T>> + Array + 'static,
{
    let mut patterns = Patterns::default();
    let compute = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let regex = patterns.get(one.strings(1).value(row), |pattern| java_regex(pattern, one.name))?;
        value(row, one.strings(0).value(row), regex)
    };
    Ok(Arc::new((0..one.rows).map(compute).collect::<Result<C>>()?))
}

static SPLIT: Function = Function::new("split", |one| {
    let limits = one.numbers::<Int32Type>(2);
    let field = Field::new_list_field(DataType::Utf8, false);
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(field);
    let mut patterns = Patterns::default();
    for row in 0..one.rows {
        if !one.all_valid(row) {
            lists.append_null();
            continue;
        }
        let regex = patterns.get(one.strings(1).value(row), |pattern| java_regex(pattern, one.name))?;
        for part in parts(one.strings(0).value(row), regex, limits.value(row)) {
            lists.values().append_value(part);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
});

/// Java's `split`: a match of no length at the beginning splits nothing off. Spark keeps trailing empty parts for any
/// limit that is not positive.
fn parts<'t>(text: &'t str, regex: &Regex, limit: i32) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for found in regex.find_iter(text) {
        if limit > 0 && parts.len() + 1 == limit as usize {
            break;
        }
        if found.is_empty() && (found.start() == 0 || found.start() == text.len()) {
            continue;
        }
        if found.end() == 0 {
            continue;
        }
        parts.push(&text[from..found.start()]);
        from = found.end();
    }
    parts.push(&text[from..]);
    parts
}

pub(super) fn split(call: &FunctionCall<'_>) -> Result<Resolved> {
    let limit = if call.count() > 2 { call.int(2)? } else { TypedExpr::literal(ScalarValue::Int32(Some(-1)), "-1") };
    let sql = if call.count() > 2 {
        String::new()
    } else {
        format!("{}({}, {}, -1)", call.name, call.arguments[0].sql, call.arguments[1].sql)
    };
    let arguments = [call.string(0)?, call.string(1)?, limit];
    scalar(SPLIT.call(arguments, array(DataType::Utf8, false), call).with_sql(sql))
}

static REPLACE: Function = Function::new("regexp_replace", |one| {
    let starts = one.numbers::<Int32Type>(3);
    let mut room = one.room("regexp_replace");
    each::<StringArray, String>(one, |row, text, regex| {
        room.take(text.len())?;
        let skipped = starts.value(row).saturating_sub(1).max(0) as usize;
        let begin = text.char_indices().map(|(at, _)| at).nth(skipped).unwrap_or(text.len());
        if skipped > 0 && begin == text.len() {
            return Ok(Some(text.to_owned()));
        }
        let replacement = one.strings(2).value(row);
        let mut failure = None;
        let replaced = regex.replace_all(&text[begin..], |captures: &Captures<'_>| {
            let mut out = String::new();
            // After a failure nothing more is made: the text may be long, and so may be what stands for each match.
            if failure.is_none() {
                failure = expand(replacement, captures, &mut out).and_then(|()| room.take(out.len())).err();
            }
            if failure.is_some() { String::new() } else { out }
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(Some(format!("{}{replaced}", &text[..begin]))),
        }
    })
});

/// Java's replacement: `$1`, `${name}`, and a backslash before a letter that is meant as it is.
fn expand(replacement: &str, captures: &Captures<'_>, out: &mut String) -> Result<()> {
    let invalid = || Error::data(format!("Illegal group reference in the replacement '{replacement}'"));
    let mut letters = replacement.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.push(letters.next().ok_or_else(invalid)?),
            '$' if letters.peek() == Some(&'{') => {
                letters.next();
                let name: String = letters.by_ref().take_while(|letter| *letter != '}').collect();
                out.push_str(captures.name(&name).ok_or_else(invalid)?.as_str());
            }
            '$' => {
                let mut group = letters.next().and_then(|one| one.to_digit(10)).ok_or_else(invalid)? as usize;
                if group >= captures.len() {
                    return Err(Error::data(format!("No group {group}")).with_exception(SparkException::Runtime));
                }
                // As many digits as still name a group.
                while let Some(digit) = letters.peek().and_then(|one| one.to_digit(10)) {
                    let longer = group * 10 + digit as usize;
                    if longer >= captures.len() {
                        break;
                    }
                    group = longer;
                    letters.next();
                }
                out.push_str(captures.get(group).map_or("", |found| found.as_str()));
            }
            other => out.push(other),
        }
    }
    Ok(())
}

pub(super) fn regexp_replace(call: &FunctionCall<'_>) -> Result<Resolved> {
    let start = if call.count() > 3 { call.int(3)? } else { TypedExpr::literal(ScalarValue::Int32(Some(1)), "1") };
    let texts: Vec<_> = (0..3).map(|index| call.string(index)).collect::<Result<_>>()?;
    let sql = if call.count() > 3 { String::new() } else { with_last(call, "1") };
    scalar(REPLACE.call(texts.into_iter().chain([start]), DataType::Utf8, call).with_sql(sql))
}

/// The call's text with the default that Spark shows.
fn with_last(call: &FunctionCall<'_>, default: &str) -> String {
    let texts: Vec<&str> = call.arguments.iter().map(|one| one.sql.as_str()).chain([default]).collect();
    format!("{}({})", call.name, texts.join(", "))
}

fn group_index(regex: &Regex, group: i32, function: &str) -> Result<usize> {
    let count = regex.captures_len() - 1;
    usize::try_from(group).ok().filter(|&group| group <= count).ok_or_else(|| {
        spark_error!(
            "INVALID_PARAMETER_VALUE.REGEX_GROUP_INDEX",
            parameter = "`idx`",
            functionName = format!("`{function}`"),
            groupCount = count,
            groupIndex = group,
        )
    })
}

static EXTRACT: Function = Function::new("regexp_extract", |one| {
    let groups = one.numbers::<Int32Type>(2);
    each::<StringArray, String>(one, |row, text, regex| {
        let Some(captures) = regex.captures(text) else { return Ok(Some(String::new())) };
        let group = group_index(regex, groups.value(row), one.name)?;
        Ok(Some(captures.get(group).map_or("", |found| found.as_str()).to_owned()))
    })
});

fn with_group(call: &FunctionCall<'_>) -> Result<(Vec<TypedExpr>, String)> {
    let group = if call.count() > 2 { call.int(2)? } else { TypedExpr::literal(ScalarValue::Int32(Some(1)), "1") };
    let sql = if call.count() > 2 { String::new() } else { with_last(call, "1") };
    Ok((vec![call.string(0)?, call.string(1)?, group], sql))
}

pub(super) fn regexp_extract(call: &FunctionCall<'_>) -> Result<Resolved> {
    let (arguments, sql) = with_group(call)?;
    scalar(EXTRACT.call(arguments, DataType::Utf8, call).with_sql(sql))
}

static EXTRACT_ALL: Function = Function::new("regexp_extract_all", |one| {
    let groups = one.numbers::<Int32Type>(2);
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Field::new_list_field(DataType::Utf8, true));
    let mut patterns = Patterns::default();
    for row in 0..one.rows {
        if !one.all_valid(row) {
            lists.append_null();
            continue;
        }
        let regex = patterns.get(one.strings(1).value(row), |pattern| java_regex(pattern, one.name))?;
        let group = group_index(regex, groups.value(row), one.name)?;
        for captures in regex.captures_iter(one.strings(0).value(row)) {
            lists.values().append_value(captures.get(group).map_or("", |found| found.as_str()));
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
});

pub(super) fn regexp_extract_all(call: &FunctionCall<'_>) -> Result<Resolved> {
    let (arguments, sql) = with_group(call)?;
    scalar(EXTRACT_ALL.call(arguments, array(DataType::Utf8, true), call).with_sql(sql))
}

static SUBSTR: Function = Function::new("regexp_substr", |one| {
    each::<StringArray, String>(one, |_, text, regex| {
        Ok(regex.find(text).map(|found| found.as_str().to_owned()).filter(|found| !found.is_empty()))
    })
});

pub(super) fn regexp_substr(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(SUBSTR.call_nullable(call.all_strings()?, DataType::Utf8, call))
}

static COUNT: Function = Function::new("regexp_count", |one| {
    each::<Int32Array, i32>(one, |_, text, regex| Ok(Some(regex.find_iter(text).count() as i32)))
});

pub(super) fn regexp_count(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(COUNT.call(call.all_strings()?, DataType::Int32, call))
}

static INSTR: Function = Function::new("regexp_instr", |one| {
    each::<Int32Array, i32>(one, |_, text, regex| {
        Ok(Some(regex.find(text).map_or(0, |found| text[..found.start()].chars().count() as i32 + 1)))
    })
});

pub(super) fn regexp_instr(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(INSTR.call([call.string(0)?, call.string(1)?], DataType::Int32, call))
}
