//! The functions that take a regular expression.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::ScalarValue;
use millstream_core::{Error, Result, spark_error};

use crate::argument::{constant_of, scalar};
use crate::call::{FunctionCall, Resolved};
use crate::columns::patterns::{Compiled, Patterns};
use crate::data_type::array;
use crate::failure::{non_foldable, value_out_of_range};
use crate::kernel::{Evaluation, Function};
use crate::room::Room;
use crate::typed_expr::TypedExpr;
use millstream_java_regex::{JavaRegex, LimitError, Replacement, Wanted};

/// A value of the text and the compiled pattern of each row. Errors name `function`.
fn each<C, T>(
    one: &Evaluation<'_>,
    function: &'static str,
    mut value: impl FnMut(usize, &str, &Compiled) -> Result<Option<T>>,
) -> Result<ArrayRef>
where
    C: FromIterator<Option<T>> + Array + 'static,
{
    let mut patterns = Patterns::of(function);
    let compute = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let compiled = patterns.get(one.strings(1).value(row))?;
        value(row, one.strings(0).value(row), compiled)
    };
    Ok(Arc::new((0..one.rows).map(compute).collect::<Result<C>>()?))
}

static SPLIT: Function = Function::new("split", |one| {
    let limits = one.numbers::<Int32Type>(2);
    let field = Field::new_list_field(DataType::Utf8, false);
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(field);
    let mut patterns = Patterns::with_java_errors();
    for row in 0..one.rows {
        if !one.all_valid(row) {
            lists.append_null();
            continue;
        }
        let compiled = patterns.get(one.strings(1).value(row))?;
        for part in compiled.split(one.strings(0).value(row), limits.value(row))? {
            lists.values().append_value(part);
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
});

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
    each::<StringArray, String>(one, one.name, |row, text, compiled| {
        let skipped = usize::try_from(i64::from(starts.value(row)) - 1).unwrap_or(0);
        // A start behind the text leaves it as it is, and so does one just behind its end.
        if skipped > 0 && skipped >= text.encode_utf16().count() {
            return Ok(Some(text.to_owned()));
        }
        Replacing { compiled, text, skipped, replacement: one.strings(2).value(row) }.replaced(&mut room).map(Some)
    })
});

/// One value of `regexp_replace`.
struct Replacing<'a> {
    compiled: &'a Compiled,
    text: &'a str,
    /// UTF-16 units before the place where the search begins.
    skipped: usize,
    replacement: &'a str,
}

impl Replacing<'_> {
    fn replaced(&self, room: &mut Room<'_>) -> Result<String> {
        let Self { compiled, text, .. } = self;
        let given_up = |error| compiled.given_up(text, error);
        let replacement = match Replacement::new(self.replacement, &compiled.regex) {
            Ok(replacement) => replacement,
            // Java reads the replacement when there is something to replace.
            Err(error) => {
                let mut matcher = compiled.regex.matcher_behind(text, Wanted::Span, self.skipped);
                return if matcher.find().map_err(given_up)? {
                    Err(self.invalid().with_hint(error.message()))
                } else {
                    Ok((*text).to_owned())
                };
            }
        };
        let (mut taken, mut failure) = (0, None);
        let mut has_room = |bytes: usize| {
            let more = room.take(bytes.saturating_sub(taken));
            taken = taken.max(bytes);
            more.map_err(|error| failure = Some(error)).is_ok()
        };
        let matcher = compiled.regex.matcher_behind(text, Wanted::Groups, self.skipped);
        let replaced = matcher.replace_all(&replacement, &mut has_room);
        match (replaced, failure) {
            (_, Some(error)) => Err(error),
            (replaced, None) => replaced.map_err(given_up),
        }
    }

    fn invalid(&self) -> Error {
        spark_error!(
            "INVALID_REGEXP_REPLACE",
            source = self.text,
            pattern = self.compiled.pattern(),
            replacement = self.replacement,
            position = self.skipped + 1,
        )
    }
}

pub(super) fn regexp_replace(call: &FunctionCall<'_>) -> Result<Resolved> {
    let start = if call.count() > 3 { position(call)? } else { TypedExpr::literal(ScalarValue::Int32(Some(1)), "1") };
    let texts: Vec<_> = (0..3).map(|index| call.string(index)).collect::<Result<_>>()?;
    let sql = if call.count() > 3 { String::new() } else { with_last(call, "1") };
    scalar(REPLACE.call(texts.into_iter().chain([start]), DataType::Utf8, call).with_sql(sql))
}

/// Where `regexp_replace` begins: a constant, from 1.
fn position(call: &FunctionCall<'_>) -> Result<TypedExpr> {
    let position = call.int(3)?;
    match constant_of(&position.expr) {
        None => non_foldable(call, 3, "position", "INT"),
        Some(ScalarValue::Int32(Some(value))) if value < 1 => {
            Err(value_out_of_range(call, "position", "(0, 2147483647]", &value.to_string()))
        }
        Some(_) => Ok(position),
    }
}

/// The call's text with the default that Spark shows.
fn with_last(call: &FunctionCall<'_>, default: &str) -> String {
    let texts: Vec<&str> = call.arguments.iter().map(|one| one.sql.as_str()).chain([default]).collect();
    format!("{}({})", call.name, texts.join(", "))
}

fn group_index(regex: &JavaRegex, group: i32, function: &str) -> Result<usize> {
    let count = regex.group_count();
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

/// What has to be known of a match for this group of it.
fn wanted(group: i32) -> Wanted {
    if group == 0 { Wanted::Span } else { Wanted::Groups }
}

static EXTRACT: Function = Function::new("regexp_extract", |one| {
    let groups = one.numbers::<Int32Type>(2);
    each::<StringArray, String>(one, one.name, |row, text, compiled| {
        let group = groups.value(row);
        let mut matcher = compiled.regex.matcher(text, wanted(group));
        if !matcher.find().map_err(|error| compiled.given_up(text, error))? {
            return Ok(Some(String::new()));
        }
        Ok(Some(matcher.group(group_index(&compiled.regex, group, one.name)?).into_owned()))
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
    let mut patterns = Patterns::of(one.name);
    for row in 0..one.rows {
        if !one.all_valid(row) {
            lists.append_null();
            continue;
        }
        let (text, compiled) = (one.strings(0).value(row), patterns.get(one.strings(1).value(row))?);
        let group = groups.value(row);
        let mut matcher = compiled.regex.matcher(text, wanted(group));
        while matcher.find().map_err(|error| compiled.given_up(text, error))? {
            lists.values().append_value(matcher.group(group_index(&compiled.regex, group, one.name)?));
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
});

pub(super) fn regexp_extract_all(call: &FunctionCall<'_>) -> Result<Resolved> {
    let (arguments, sql) = with_group(call)?;
    scalar(EXTRACT_ALL.call(arguments, array(DataType::Utf8, true), call).with_sql(sql))
}

// Spark makes this and the next of the functions that their errors name.
static SUBSTR: Function = Function::new("regexp_substr", |one| {
    each::<StringArray, String>(one, "regexp_extract", |_, text, compiled| {
        let mut matcher = compiled.regex.matcher(text, Wanted::Span);
        let found = matcher.find().map_err(|error| compiled.given_up(text, error))?;
        Ok(found.then(|| matcher.group(0).into_owned()).filter(|found| !found.is_empty()))
    })
});

pub(super) fn regexp_substr(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(SUBSTR.call_nullable(call.all_strings()?, DataType::Utf8, call))
}

static COUNT: Function = Function::new("regexp_count", |one| {
    each::<Int32Array, i32>(one, "regexp_extract_all", |_, text, compiled| {
        let count = || -> std::result::Result<i32, LimitError> {
            let (mut matcher, mut count) = (compiled.regex.matcher(text, Wanted::Span), 0);
            while matcher.find()? {
                count += 1;
            }
            Ok(count)
        };
        count().map(Some).map_err(|error| compiled.given_up(text, error))
    })
});

pub(super) fn regexp_count(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(COUNT.call(call.all_strings()?, DataType::Int32, call))
}

static INSTR: Function = Function::new("regexp_instr", |one| {
    each::<Int32Array, i32>(one, one.name, |_, text, compiled| {
        let mut matcher = compiled.regex.matcher(text, Wanted::Span);
        matcher.find().map_err(|error| compiled.given_up(text, error))?;
        Ok(Some(matcher.span(0).map_or(0, |found| matcher.units_before(found.start) as i32 + 1)))
    })
});

pub(super) fn regexp_instr(call: &FunctionCall<'_>) -> Result<Resolved> {
    let sql = if call.count() > 2 { String::new() } else { with_last(call, "0") };
    scalar(INSTR.call([call.string(0)?, call.string(1)?], DataType::Int32, call).with_sql(sql))
}
