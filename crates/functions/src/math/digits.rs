//! Numbers in other bases, and the factorial.

use std::sync::Arc;

use arrow::array::{Int64Array, StringArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use millstream_core::Result;

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::failure::arithmetic_overflow;
use crate::kernel::Function;

static BIN: Function = Function::new("bin", |one| {
    let values = one.numbers::<Int64Type>(0);
    Ok(Arc::new(values.iter().map(|value| value.map(|value| format!("{value:b}"))).collect::<StringArray>()))
});

pub(super) fn bin(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(BIN.call([call.bigint(0)?], DataType::Utf8, call))
}

static CONV: Function = Function::new("conv", |one| {
    let (from, to) = (one.numbers::<Int32Type>(1), one.numbers::<Int32Type>(2));
    let convert = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        convert(one.strings(0).value(row), from.value(row), to.value(row), one.settings.ansi)
    };
    Ok(Arc::new((0..one.rows).map(convert).collect::<Result<StringArray>>()?))
});

/// Digits up to the first that the base has not; more than 64 bits are an overflow, or all bits set.
fn convert(text: &str, from: i32, to: i32, ansi: bool) -> Result<Option<String>> {
    let text = text.trim_matches(' ');
    let bases = 2..=36;
    if !bases.contains(&from) || !bases.contains(&to.saturating_abs()) || text.is_empty() {
        return Ok(None);
    }
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let mut value: u64 = 0;
    for digit in digits.chars().map_while(|letter| letter.to_digit(from as u32)) {
        match value.checked_mul(from as u64).and_then(|value| value.checked_add(digit.into())) {
            Some(next) => value = next,
            None if ansi => return Err(arithmetic_overflow("Overflow in function conv()", "")),
            None => {
                value = u64::MAX;
                break;
            }
        }
    }
    if negative && to > 0 {
        value = if (value as i64) < 0 { u64::MAX } else { (value as i64).wrapping_neg() as u64 };
    }
    let mut shown_negative = negative && to < 0;
    if to < 0 && (value as i64) < 0 {
        shown_negative = true;
        value = (value as i64).wrapping_neg() as u64;
    }
    let mut out = Vec::new();
    loop {
        let digit = (value % u64::from(to.unsigned_abs())) as u32;
        out.push(char::from_digit(digit, to.unsigned_abs()).unwrap_or('0').to_ascii_uppercase());
        value /= u64::from(to.unsigned_abs());
        if value == 0 {
            break;
        }
    }
    if shown_negative {
        out.push('-');
    }
    Ok(Some(out.into_iter().rev().collect()))
}

pub(super) fn conv(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(CONV.call_nullable([call.string(0)?, call.int(1)?, call.int(2)?], DataType::Utf8, call))
}

static FACTORIAL: Function = Function::new("factorial", |one| {
    let of = |value: i32| (0..=20).contains(&value).then(|| (1..=i64::from(value)).product::<i64>());
    let values = one.numbers::<Int32Type>(0);
    Ok(Arc::new(values.iter().map(|value| value.and_then(of)).collect::<Int64Array>()))
});

pub(super) fn factorial(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(FACTORIAL.call_nullable([call.int(0)?], DataType::Int64, call))
}
