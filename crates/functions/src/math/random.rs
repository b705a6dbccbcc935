//! Random numbers: Spark's generator (XORShift) for a given seed, so that the first partition's numbers are Spark's.
//!
//! Each chunk of rows starts the generator anew from its seed. In a batch query that is the seed as written or drawn,
//! so that equal seeds give equal columns; in a streaming query each chunk of each batch has another one
//! ([`BatchSeed`]).

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringBuilder};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ScalarUDF;
use millstream_core::{Error, Result, spark_error};
use millstream_engine::functions::BatchSeed;

use crate::argument::{constant_of, null_of, scalar};
use crate::call::{FunctionCall, Resolved};
use crate::data_type::is_numeric;
use crate::failure::{non_foldable, unexpected_input_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

/// Spark's `XORShiftRandom`.
struct XorShift(i64);

impl XorShift {
    fn new(seed: i64) -> Self {
        let bytes = seed.to_be_bytes();
        let low = murmur(&bytes, 0x3c07_4a61);
        let high = murmur(&bytes, low);
        Self((i64::from(high) << 32) | i64::from(low as u32))
    }

    fn next(&mut self, bits: u32) -> i64 {
        let mut next = self.0 ^ (self.0 << 21);
        next ^= ((next as u64) >> 35) as i64;
        next ^= next << 4;
        self.0 = next;
        next & ((1 << bits) - 1)
    }

    fn next_int(&mut self) -> i32 {
        self.next(32) as i32
    }

    fn next_double(&mut self) -> f64 {
        let high = self.next(26) << 27;
        (high + self.next(27)) as f64 / (1_i64 << 53) as f64
    }
}

/// Scala's `MurmurHash3.bytesHash` of eight bytes.
fn murmur(bytes: &[u8; 8], seed: i32) -> i32 {
    let mix = |hash: i32, word: i32| {
        let word = word.wrapping_mul(0xcc9e_2d51_u32 as i32).rotate_left(15).wrapping_mul(0x1b87_3593);
        (hash ^ word).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64_u32 as i32)
    };
    let (words, _) = bytes.as_chunks::<4>();
    let hash = words.iter().fold(seed, |hash, word| mix(hash, i32::from_le_bytes(*word)));
    let mut hash = (hash ^ 8) as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    (hash ^ (hash >> 16)) as i32
}

fn generator(one: &Evaluation<'_>) -> XorShift {
    let seeds = one.numbers::<Int64Type>(0);
    XorShift::new(if one.rows == 0 { 0 } else { seeds.value(0) })
}

static RAND: Function = Function::volatile("rand", |one| {
    let mut random = generator(one);
    Ok(Arc::new(Float64Array::from_iter_values((0..one.rows).map(|_| random.next_double()))))
});

static RANDN: Function = Function::volatile("randn", normal);

/// Marsaglia's polar method, as Java's `nextGaussian`.
fn normal(one: &Evaluation<'_>) -> Result<ArrayRef> {
    let mut random = generator(one);
    let mut kept = None;
    let next = |_| {
        if let Some(value) = kept.take() {
            return value;
        }
        loop {
            let (x, y) = (2.0 * random.next_double() - 1.0, 2.0 * random.next_double() - 1.0);
            let size: f64 = x * x + y * y;
            if size < 1.0 && size != 0.0 {
                let factor = (-2.0 * size.ln() / size).sqrt();
                kept = Some(y * factor);
                return x * factor;
            }
        }
    };
    Ok(Arc::new(Float64Array::from_iter_values((0..one.rows).map(next))))
}

/// The seed at this place of the call, or one of chance.
fn seed_at(call: &FunctionCall<'_>, index: usize) -> Result<TypedExpr> {
    let seed = if call.count() > index {
        call.constant_bigint(index, "seed")?.unwrap_or(0)
    } else {
        uuid::Uuid::new_v4().as_u64_pair().0 as i64
    };
    Ok(TypedExpr::new(ScalarUDF::from(BatchSeed::new(seed)).call(vec![]), DataType::Int64, false))
}

fn resolve(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    scalar(function.over([seed_at(call, 0)?], DataType::Float64, false, &call.context.settings))
}

pub(super) fn rand(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &RAND)
}

pub(super) fn randn(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &RANDN)
}

static RANDSTR: Function = Function::volatile("randstr", |evaluation| {
    let mut random = generator(evaluation);
    let mut room = evaluation.room("randstr");
    let mut texts = StringBuilder::new();
    for row in 0..evaluation.rows {
        let length = evaluation.numbers::<Int32Type>(1).value(row).unsigned_abs() as usize;
        room.take(length)?;
        let text: String = (0..length).map(|_| letter(random.next_int())).collect();
        texts.append_value(text);
    }
    Ok(Arc::new(texts.finish()))
});

/// The digit or letter that Spark makes of a number.
fn letter(number: i32) -> char {
    const LETTERS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char::from(LETTERS[(number % 62).unsigned_abs() as usize])
}

pub(super) fn randstr(call: &FunctionCall<'_>) -> Result<Resolved> {
    let length = match constant_of(&call.int(0)?.expr) {
        Some(ScalarValue::Int32(length)) => length.unwrap_or(0),
        _ => return non_foldable(call, 0, "length", "INT"),
    };
    if length < 0 {
        return Err(spark_error!(
            "INVALID_PARAMETER_VALUE.LENGTH",
            parameter = "`length`",
            functionName = "`randstr`",
            length = length,
        ));
    }
    let length = TypedExpr::literal(ScalarValue::Int32(Some(length)), "");
    scalar(RANDSTR.over([seed_at(call, 1)?, length], DataType::Utf8, false, &call.context.settings))
}

static UNIFORM: Function = Function::volatile("uniform", |evaluation| {
    let mut random = generator(evaluation);
    let (least, most) = (evaluation.numbers::<Float64Type>(1), evaluation.numbers::<Float64Type>(2));
    let value = |row: usize| {
        let share = random.next_double();
        evaluation.all_valid(row).then(|| least.value(row) + (most.value(row) - least.value(row)) * share)
    };
    Ok(Arc::new((0..evaluation.rows).map(value).collect::<Float64Array>()))
});

/// The type of `uniform`: the wider evaluation of two whole numbers, else a floating-point number.
fn uniform_type(call: &FunctionCall<'_>) -> Result<DataType> {
    for (index, name) in ["min", "max"].into_iter().enumerate() {
        if !is_numeric(call.data_type(index)) && *call.data_type(index) != DataType::Null {
            return unexpected_input_type(call, index, "\"NUMERIC\"");
        }
        if constant_of(&call.arguments[index].expr).is_none() {
            return non_foldable(call, index, name, "integer or floating-point");
        }
    }
    let order = [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64, DataType::Float32];
    let place = |index: usize| order.iter().position(|evaluation| evaluation == call.data_type(index));
    match [call.data_type(0), call.data_type(1)] {
        [DataType::Decimal128(..), _] | [_, DataType::Decimal128(..)] => {
            Err(Error::unsupported("uniform between decimal numbers is not supported."))
        }
        _ => Ok(place(0)
            .zip(place(1))
            .map_or(DataType::Float64, |(evaluation, other)| order[evaluation.max(other)].clone())),
    }
}

pub(super) fn uniform(call: &FunctionCall<'_>) -> Result<Resolved> {
    let data_type = uniform_type(call)?;
    let bound = |index: usize| call.cast(call.argument(index), &DataType::Float64);
    let bounds = [bound(0)?, bound(1)?];
    let nullable = bounds.iter().any(|bound| bound.nullable);
    if bounds.iter().any(|bound| matches!(constant_of(&bound.expr), Some(value) if value.is_null())) {
        return null_of(&data_type);
    }
    let [least, most] = bounds;
    let arguments = [seed_at(call, 2)?, least, most];
    let value = UNIFORM.over(arguments, DataType::Float64, nullable, &call.context.settings);
    scalar(TypedExpr { nullable: false, sql: String::new(), ..call.cast(value, &data_type)? })
}
