//! Texts out of lists, and texts made unreadable.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, BooleanArray, Int32Array, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::ScalarValue;
use millstream_core::Result;
use regex::Regex;

use super::{of_strings, rows};
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::failure::invalid_array_index;
use crate::kernel::Function;
use crate::typed_expr::TypedExpr;

static ELT: Function = Function::new("elt", |one| {
    let places = one.numbers::<Int32Type>(0);
    let pick = |row: usize| {
        if places.is_null(row) {
            return Ok(None);
        }
        let place = places.value(row);
        match usize::try_from(place).ok().filter(|place| (1..one.columns.len()).contains(place)) {
            Some(place) => {
                let texts = one.strings(place);
                Ok(texts.is_valid(row).then(|| texts.value(row).to_owned()))
            }
            None if one.settings.ansi => Err(invalid_array_index(place.into(), one.columns.len() - 1)),
            None => Ok(None),
        }
    };
    Ok(Arc::new((0..one.rows).map(pick).collect::<Result<StringArray>>()?))
});

/// `elt(place, text, …)`: the text at a place.
pub(super) fn elt(call: &FunctionCall<'_>) -> Result<Resolved> {
    let mut arguments = vec![call.int(0)?];
    for index in 1..call.count() {
        arguments.push(call.string(index)?);
    }
    scalar(ELT.call_nullable(arguments, DataType::Utf8, call))
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
        let masked = |ch: char| kinds[kind_of(ch)].unwrap_or(ch);
        Some(texts.value(row).chars().map(masked).collect::<String>())
    };
    Ok(Arc::new((0..one.rows).map(mask).collect::<StringArray>()))
});

/// `mask(text, upper, lower, digit, other)`, where NULL keeps letters as they are.
pub(super) fn mask(call: &FunctionCall<'_>) -> Result<Resolved> {
    let mut arguments = vec![call.string(0)?];
    let mut texts = vec![arguments[0].sql.clone()];
    for (index, default) in [(1, Some("X")), (2, Some("x")), (3, Some("n")), (4, None)] {
        let given = if call.count() > index {
            call.string(index)?
        } else {
            TypedExpr::literal(ScalarValue::Utf8(default.map(str::to_owned)), default.unwrap_or("NULL"))
        };
        texts.push(given.sql.clone());
        arguments.push(given);
    }
    let masked = MASK.call_nullable(arguments, DataType::Utf8, call);
    scalar(masked.with_sql(format!("{}({})", call.name, texts.join(", "))))
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
