//! Numbers as places in bitmaps of 4,096 bytes.

use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Int64Type};
use millstream_core::Result;

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::failure::unexpected_input_type;
use crate::kernel::{Evaluation, Function};

/// Bits of a bitmap.
const BITS: i64 = 8 * 4096;

fn of_numbers(evaluation: &Evaluation<'_>, place: fn(i64) -> i64) -> Int64Array {
    evaluation.numbers::<Int64Type>(0).unary(place)
}

static BIT_POSITION: Function = Function::total("bitmap_bit_position", |evaluation| {
    let position = |number: i64| if number > 0 { (number - 1) % BITS } else { number.wrapping_neg() % BITS };
    Ok(Arc::new(of_numbers(evaluation, position)))
});

static BUCKET_NUMBER: Function = Function::total("bitmap_bucket_number", |evaluation| {
    let bucket = |number: i64| if number > 0 { 1 + (number - 1) / BITS } else { number / BITS };
    Ok(Arc::new(of_numbers(evaluation, bucket)))
});

static COUNT: Function = Function::total("bitmap_count", |evaluation| {
    let ones = |bytes: &[u8]| bytes.iter().map(|byte| i64::from(byte.count_ones())).sum::<i64>();
    Ok(Arc::new(evaluation.binary(0).iter().map(|bytes| bytes.map(ones)).collect::<Int64Array>()))
});

pub(super) fn bit_position(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(BIT_POSITION.call([call.bigint(0)?], DataType::Int64, call))
}

pub(super) fn bucket_number(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(BUCKET_NUMBER.call([call.bigint(0)?], DataType::Int64, call))
}

pub(super) fn count(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) != DataType::Binary {
        return unexpected_input_type(call, 0, "\"BINARY\"");
    }
    scalar(COUNT.call([call.argument(0)], DataType::Int64, call))
}
