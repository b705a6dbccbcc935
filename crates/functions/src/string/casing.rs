//! Letter case.

use arrow::datatypes::DataType;
use millstream_core::Result;

use super::{map_text, of_strings};
use crate::call::{FunctionCall, Resolved};
use crate::kernel::Function;

static UPPER: Function = Function::total("upper", |one| Ok(map_text(one, str::to_uppercase)));
static LOWER: Function = Function::total("lower", |one| Ok(map_text(one, str::to_lowercase)));
static INITCAP: Function = Function::total("initcap", |one| Ok(map_text(one, capitalized)));

pub(super) fn upper(call: &FunctionCall<'_>) -> Result<Resolved> {
    of_strings(call, &UPPER, DataType::Utf8)
}

pub(super) fn lower(call: &FunctionCall<'_>) -> Result<Resolved> {
    of_strings(call, &LOWER, DataType::Utf8)
}

pub(super) fn initcap(call: &FunctionCall<'_>) -> Result<Resolved> {
    of_strings(call, &INITCAP, DataType::Utf8)
}

/// Words are what lies between blanks.
fn capitalized(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut starts = true;
    for letter in text.to_lowercase().chars() {
        if starts {
            out.extend(letter.to_uppercase());
        } else {
            out.push(letter);
        }
        starts = letter == ' ';
    }
    out
}
