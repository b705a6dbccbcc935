//! Texts within texts.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, Int32Array, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::ScalarValue;
use millstream_core::Result;

use super::{long_texts, of_strings, rows};
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::failure::index_of_zero;
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

static TRANSLATE: Function = Function::total("translate", |one| {
    Ok(rows::<StringArray, _>(one, |row| {
        let mut to = one.strings(2).value(row).chars();
        let mut table = HashMap::new();
        for letter in one.strings(1).value(row).chars() {
            let other = to.next();
            table.entry(letter).or_insert(other);
        }
        let exchange = |letter| table.get(&letter).copied().unwrap_or(Some(letter));
        one.strings(0).value(row).chars().filter_map(exchange).collect::<String>()
    }))
});

pub(super) fn translate(call: &FunctionCall<'_>) -> Result<Resolved> {
    of_strings(call, &TRANSLATE, DataType::Utf8)
}

static REPLACE: Function = Function::total("replace", |one| {
    long_texts(one, "replace", |row, room| {
        let (text, search) = (one.strings(0).value(row), one.strings(1).value(row));
        if search.is_empty() {
            return Ok(text.to_owned());
        }
        let with = one.strings(2).value(row);
        let places = if with.len() > search.len() { text.matches(search).count() } else { 0 };
        room.take(text.len() + places.saturating_mul(with.len() - search.len().min(with.len())))?;
        Ok(text.replace(search, with))
    })
});

pub(super) fn replace(call: &FunctionCall<'_>) -> Result<Resolved> {
    let mut arguments = call.all_strings()?;
    if arguments.len() == 2 {
        arguments.push(TypedExpr::literal(ScalarValue::from(""), ""));
    }
    scalar(REPLACE.call(arguments, DataType::Utf8, call))
}

/// The place of a character among characters, from 1.
fn place(text: &str, byte: usize) -> i32 {
    text[..byte].chars().count() as i32 + 1
}

static INSTR: Function = Function::total("instr", |one| {
    Ok(rows::<Int32Array, _>(one, |row| {
        let text = one.strings(0).value(row);
        text.find(one.strings(1).value(row)).map_or(0, |byte| place(text, byte))
    }))
});

pub(super) fn instr(call: &FunctionCall<'_>) -> Result<Resolved> {
    of_strings(call, &INSTR, DataType::Int32)
}

static LOCATE: Function = Function::total("locate", |one| {
    let starts = one.numbers::<Int32Type>(2);
    // A NULL among the texts is NULL, a NULL as the start finds nothing.
    let locate = |row: usize| {
        if starts.is_null(row) {
            return Some(0);
        }
        if !one.all_valid(row) {
            return None;
        }
        let (search, text) = (one.strings(0).value(row), one.strings(1).value(row));
        let Ok(skipped) = usize::try_from(i64::from(starts.value(row)) - 1) else { return Some(0) };
        if search.is_empty() {
            return Some(1);
        }
        let begin = text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(skipped);
        Some(begin.and_then(|begin| Some(place(text, begin + text[begin..].find(search)?))).unwrap_or(0))
    };
    Ok(Arc::new((0..one.rows).map(locate).collect::<Int32Array>()))
});

pub(super) fn locate(call: &FunctionCall<'_>) -> Result<Resolved> {
    let start = if call.count() > 2 { call.int(2)? } else { TypedExpr::literal(ScalarValue::Int32(Some(1)), "1") };
    let (search, text) = (call.string(0)?, call.string(1)?);
    let nullable = search.nullable || text.nullable;
    let [search_sql, text_sql] = [&search.sql, &text.sql];
    let sql = format!("{}({search_sql}, {text_sql}, {})", call.name.to_lowercase(), start.sql);
    let arguments = [search, text, start];
    scalar(LOCATE.over(arguments, DataType::Int32, nullable, &call.context.settings).with_sql(sql))
}

fn test(one: &Evaluation<'_>, matches: fn(&[u8], &[u8]) -> bool) -> arrow::array::ArrayRef {
    let value = |one: &Evaluation<'_>, index: usize, row: usize| match one.columns[index].data_type() {
        DataType::Binary => one.binary(index).value(row).to_vec(),
        _ => one.strings(index).value(row).as_bytes().to_vec(),
    };
    rows::<BooleanArray, _>(one, |row| matches(&value(one, 0, row), &value(one, 1, row)))
}

static STARTSWITH: Function = Function::total("startswith", |one| Ok(test(one, <[u8]>::starts_with)));
static ENDSWITH: Function = Function::total("endswith", |one| Ok(test(one, <[u8]>::ends_with)));
static CONTAINS: Function = Function::total("contains", |one| {
    Ok(test(one, |text, part| part.is_empty() || text.windows(part.len()).any(|window| window == part)))
});

fn resolve_test(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let sql = format!("{}({}, {})", call.name.to_lowercase(), call.arguments[0].sql, call.arguments[1].sql);
    if (0..2).all(|index| *call.data_type(index) == DataType::Binary) {
        return scalar(
            function.call_nullable([call.argument(0), call.argument(1)], DataType::Boolean, call).with_sql(sql),
        );
    }
    scalar(function.call(call.all_strings()?, DataType::Boolean, call).with_sql(sql))
}

pub(super) fn startswith(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_test(call, &STARTSWITH)
}

pub(super) fn endswith(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_test(call, &ENDSWITH)
}

pub(super) fn contains(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve_test(call, &CONTAINS)
}

static LEVENSHTEIN: Function = Function::total("levenshtein", |one| {
    let limited = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let distance = distance(one.strings(0).value(row), one.strings(1).value(row), one)?;
        Ok(Some(match one.columns.get(2) {
            Some(_) if distance > one.numbers::<Int32Type>(2).value(row) => -1,
            _ => distance,
        }))
    };
    Ok(Arc::new((0..one.rows).map(limited).collect::<Result<Int32Array>>()?))
});

/// So many comparisons may pass before a kernel looks whether it is still wanted: some ten microseconds.
const COMPARISONS_MAX: usize = 1 << 14;

fn distance(text: &str, other: &str, evaluation: &Evaluation<'_>) -> Result<i32> {
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<i32> = (0..=other.len() as i32).collect();
    let mut comparisons = 0;
    for (row, letter) in text.chars().enumerate() {
        comparisons += other.len();
        if comparisons > COMPARISONS_MAX {
            evaluation.check()?;
            comparisons = 0;
        }
        let mut current = vec![row as i32 + 1];
        for (column, &target) in other.iter().enumerate() {
            let exchange = before[column] + i32::from(letter != target);
            current.push(exchange.min(before[column + 1] + 1).min(current[column] + 1));
        }
        before = current;
    }
    Ok(before[other.len()])
}

pub(super) fn levenshtein(call: &FunctionCall<'_>) -> Result<Resolved> {
    let mut arguments = vec![call.string(0)?, call.string(1)?];
    if call.count() > 2 {
        arguments.push(call.int(2)?);
    }
    scalar(LEVENSHTEIN.call(arguments, DataType::Int32, call))
}

static SPLIT_PART: Function = Function::new("split_part", |one| {
    let places = one.numbers::<Int32Type>(2);
    let part = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let (text, delimiter, place) = (one.strings(0).value(row), one.strings(1).value(row), places.value(row));
        let parts: Vec<&str> = if delimiter.is_empty() { vec![text] } else { text.split(delimiter).collect() };
        let index = match place {
            0 => return Err(index_of_zero()),
            1.. => place as usize - 1,
            _ => parts.len().wrapping_sub(place.unsigned_abs() as usize),
        };
        Ok(Some(parts.get(index).copied().unwrap_or("")))
    };
    Ok(Arc::new((0..one.rows).map(part).collect::<Result<StringArray>>()?))
})
.placeless();

pub(super) fn split_part(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(SPLIT_PART.call_nullable([call.string(0)?, call.string(1)?, call.int(2)?], DataType::Utf8, call))
}
