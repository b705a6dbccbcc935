//! Random numbers: Spark's generator (XORShift) for a given seed, so that the first partition's numbers are Spark's.
//!
//! Each chunk of rows starts the generator anew from its seed. In a batch query that is the seed as written or drawn,
//! so that equal seeds give equal columns; in a streaming query each chunk of each batch has another one
//! ([`BatchSeed`]).

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::ScalarUDF;
use millstream_core::Result;
use millstream_engine::functions::BatchSeed;

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
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

fn resolve(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    let seed = if call.count() > 0 {
        call.constant_bigint(0, "seed")?.unwrap_or(0)
    } else {
        uuid::Uuid::new_v4().as_u64_pair().0 as i64
    };
    let seed = TypedExpr::new(ScalarUDF::from(BatchSeed::new(seed)).call(vec![]), DataType::Int64, false);
    scalar(function.over([seed], DataType::Float64, false, &call.context.settings))
}

pub(super) fn rand(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &RAND)
}

pub(super) fn randn(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &RANDN)
}
