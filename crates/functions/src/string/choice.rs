//! Texts out of lists, and texts made unreadable.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, BooleanArray, Int32Array, StringArray, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::ScalarValue;
use millstream_core::{Result, spark_error};
use regex::Regex;

use super::{map_text, of_strings, rows};
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::failure::{invalid_array_index, sql_expr, unexpected_input_type};
use crate::kernel::Function;
use crate::typed_expr::TypedExpr;

static ELT: Function = Function::new("elt", |one| {
    let places = one.numbers::<Int32Type>(0);
    let values: Vec<&dyn Array> = one.columns[1..].iter().map(AsRef::as_ref).collect();
    let null = new_null_array(one.data_type, 1);
    let pick = |row: usize| {
        if places.is_null(row) {
            return Ok((values.len(), 0));
        }
        let place = places.value(row);
        match usize::try_from(place).ok().filter(|place| (1..=values.len()).contains(place)) {
            Some(place) => Ok((place - 1, row)),
            None if one.settings.ansi => Err(invalid_array_index(place.into(), values.len())),
            None => Ok((values.len(), 0)),
        }
    };
    let picked = (0..one.rows).map(pick).collect::<Result<Vec<_>>>()?;
    let all: Vec<&dyn Array> = values.iter().copied().chain([null.as_ref()]).collect();
    Ok(interleave(&all, &picked)?)
});

/// `elt(place, value, …)`: the value at a place. If all are binary, so is the answer.
pub(super) fn elt(call: &FunctionCall<'_>) -> Result<Resolved> {
    let mut arguments = vec![call.int(0)?];
    let binary = (1..call.count()).all(|index| *call.data_type(index) == DataType::Binary);
    for index in 1..call.count() {
        arguments.push(if binary { call.argument(index) } else { call.string(index)? });
    }
    let data_type = if binary { DataType::Binary } else { DataType::Utf8 };
    scalar(ELT.call_nullable(arguments, data_type, call))
}

static FIND_IN_SET: Function = Function::total("find_in_set", |one| {
    Ok(rows::<Int32Array, _>(one, |row| {
        let (wanted, list) = (one.strings(0).value(row), one.strings(1).value(row));
        if wanted.contains(',') {
            return 0;
        }
        list.split(',').position(|text| text == wanted).map_or(0, |at| at as i32 + 1)
    }))
});

pub(super) fn find_in_set(call: &FunctionCall<'_>) -> Result<Resolved> {
    of_strings(call, &FIND_IN_SET, DataType::Int32)
}

/// Upper case, lower case, digit or other, by the character's general category alone.
fn kind_of(ch: char) -> usize {
    static CATEGORIES: LazyLock<[Regex; 3]> = LazyLock::new(|| {
        [r"\p{Lu}", r"\p{Ll}", r"\p{Nd}"].map(|one| Regex::new(one).expect("the pattern of a category is one"))
    });
    match ch {
        'A'..='Z' => 0,
        'a'..='z' => 1,
        '0'..='9' => 2,
        ch if ch.is_ascii() => 3,
        ch => {
            let text = ch.encode_utf8(&mut [0; 4]).to_owned();
            CATEGORIES.iter().position(|category| category.is_match(&text)).unwrap_or(3)
        }
    }
}

static MASK: Function = Function::total("mask", |one| {
    let instead = |index: usize, row: usize| {
        let texts = one.strings(index);
        if texts.is_valid(row) { texts.value(row).chars().next() } else { None }
    };
    let mask = |row: usize| {
        let texts = one.strings(0);
        if texts.is_null(row) {
            return None;
        }
        let kinds = [1, 2, 3, 4].map(|index| instead(index, row));
        // Spark goes by the two halves of a letter beyond 16 bits.
        let masked = |ch: char| match kinds[kind_of(ch)] {
            Some(instead) => std::iter::repeat_n(instead, ch.len_utf16()),
            None => std::iter::repeat_n(ch, 1),
        };
        Some(texts.value(row).chars().flat_map(masked).collect::<String>())
    };
    Ok(Arc::new((0..one.rows).map(mask).collect::<StringArray>()))
});

/// `mask(text, upper, lower, digit, other)`, where NULL keeps letters as they are.
pub(super) fn mask(call: &FunctionCall<'_>) -> Result<Resolved> {
    let mut arguments = vec![call.argument(0)];
    for (index, default) in [(1, Some("X")), (2, Some("x")), (3, Some("n")), (4, None)] {
        arguments.push(match call.arguments.get(index) {
            Some(given) => given.clone(),
            None => TypedExpr::literal(ScalarValue::Utf8(default.map(str::to_owned)), default.unwrap_or("NULL")),
        });
    }
    let whole = FunctionCall { arguments, filter: None, order_by: Vec::new(), ordered: Vec::new(), ..*call };
    let sql = whole.sql();
    for (index, given) in whole.arguments.iter().enumerate() {
        if !matches!(given.data_type, DataType::Utf8 | DataType::Null) {
            return unexpected_input_type(&whole, index, "\"STRING\"");
        }
    }
    for (index, name) in [(1, "upperChar"), (2, "lowerChar"), (3, "digitChar"), (4, "otherChar")] {
        if let Some(text) = whole.constant_string(index, name)?
            && text.chars().count() != 1
        {
            return Err(spark_error!(
                "DATATYPE_MISMATCH.INPUT_SIZE_NOT_ONE",
                sqlExpr = sql_expr(&sql),
                exprName = name,
            ));
        }
    }
    let arguments = whole.all_strings()?;
    scalar(MASK.call_nullable(arguments, DataType::Utf8, call).with_sql(sql))
}

static LUHN: Function = Function::total("luhn_check", |one| {
    Ok(rows::<BooleanArray, _>(one, |row| {
        let text = one.strings(0).value(row);
        let digits: Option<Vec<u32>> = text.chars().rev().map(|ch| ch.to_digit(10)).collect();
        let sum = |digits: Vec<u32>| {
            let doubled = |(at, digit): (usize, u32)| if at % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit };
            digits.into_iter().enumerate().map(doubled).sum::<u32>()
        };
        digits.filter(|digits| !digits.is_empty()).is_some_and(|digits| sum(digits) % 10 == 0)
    }))
});

pub(super) fn luhn_check(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(LUHN.call_nullable(call.all_strings()?, DataType::Boolean, call))
}

static QUOTE: Function =
    Function::total("quote", |one| Ok(map_text(one, |text| format!("'{}'", text.replace('\'', "\\'")))));

pub(super) fn quote(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(QUOTE.call_nullable([call.string(0)?], DataType::Utf8, call))
}
