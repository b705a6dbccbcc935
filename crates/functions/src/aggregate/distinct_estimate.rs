//! `approx_count_distinct`: HyperLogLog++ over Spark's 64-bit hash.
//!
//! Registers, their number, and the counts of few values (by empty registers) and of many are Spark's, so that these
//! answers are equal. In between Spark corrects its estimate by measured tables; here Ertl's estimator needs none, and
//! keeps the same error.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use millstream_core::{Result, spark_error};
use millstream_engine::error::to_datafusion;

use super::{aggregate, resolved};
use crate::argument::constant_of;
use crate::call::{FunctionCall, Resolved};
use crate::columns::ordering::normal_column;
use crate::failure::{sql_id, unexpected_input_type};
use crate::hash::distinct_hash;

/// The relative error unless the user says otherwise.
const ERROR: f64 = 0.05;
/// The largest relative error, which needs 4 bits of the hash.
const ERROR_MAX: f64 = 0.39;
/// The most bits of the hash that choose a register.
const BITS_MAX: u32 = 24;
/// By bits from 4 on: up to this count the empty registers tell more.
const FEW: [f64; 15] = [
    10.0, 20.0, 40.0, 80.0, 220.0, 400.0, 900.0, 1800.0, 3100.0, 6500.0, 11500.0, 20000.0, 50000.0, 120000.0, 350000.0,
];

/// `approx_count_distinct(value, error)`
pub(super) fn approx_count_distinct(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = call.argument(0);
    if matches!(value.data_type, DataType::Map(_, _)) {
        return unexpected_input_type(call, 0, "\"ANY\"");
    }
    let error = if call.count() > 1 { relative_error(call)? } else { ERROR };
    if !(error > 0.0 && error <= ERROR_MAX) {
        return Err(spark_error!("FAILED_FUNCTION_CALL", funcName = sql_id(call.name)));
    }
    let bits = (2.0 * (1.106 / error).log2()).ceil().clamp(4.0, f64::from(BITS_MAX)) as u32;
    let function = DistinctEstimate { bits, signature: Signature::any(1, Volatility::Immutable) };
    let function = Arc::new(AggregateUDF::new_from_impl(function));
    let sql = format!("{}({})", call.name, value.sql);
    resolved(aggregate(call, function, vec![value.expr], DataType::Int64, false).with_sql(sql))
}

fn relative_error(call: &FunctionCall<'_>) -> Result<f64> {
    match constant_of(&call.arguments[1].expr) {
        Some(ScalarValue::Float64(Some(error))) => Ok(error),
        Some(ScalarValue::Decimal128(Some(unscaled), _, scale)) => Ok(unscaled as f64 / 10_f64.powi(scale.into())),
        _ => Err(spark_error!("_LEGACY_ERROR_TEMP_1104")),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DistinctEstimate {
    bits: u32,
    signature: Signature,
}

impl AggregateUDFImpl for DistinctEstimate {
    fn name(&self) -> &str {
        "approx_count_distinct"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Int64)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn accumulator(&self, _arguments: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        Ok(Box::new(Registers::new(self.bits)))
    }

    fn state_fields(&self, _arguments: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new("registers", DataType::Binary, false))])
    }

    fn default_value(&self, _data_type: &DataType) -> DataFusionResult<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }
}

/// For each of the numbers that the first bits of a hash make, the longest run of zeros met behind them, and one.
#[derive(Debug)]
struct Registers {
    bits: u32,
    longest: Vec<u8>,
}

impl Registers {
    fn new(bits: u32) -> Self {
        Self { bits, longest: vec![0; 1 << bits] }
    }

    fn add(&mut self, hash: u64) {
        let register = &mut self.longest[(hash >> (64 - self.bits)) as usize];
        // The bit set behind the hash ends a run of nothing but zeros.
        let run = (hash << self.bits | 1 << (self.bits - 1)).leading_zeros() as u8 + 1;
        *register = run.max(*register);
    }

    fn estimate(&self) -> f64 {
        let count = self.longest.len() as f64;
        let empty = self.longest.iter().filter(|run| **run == 0).count() as f64;
        if empty > 0.0 {
            let few = count * (count / empty).ln();
            if FEW.get(self.bits as usize - 4).is_some_and(|limit| few <= *limit) {
                return few;
            }
        }
        let alpha = match self.bits {
            4 => 0.673,
            5 => 0.697,
            6 => 0.709,
            _ => 0.7213 / (1.0 + 1.079 / count),
        };
        let raw = alpha * count * count / self.longest.iter().map(|run| 0.5_f64.powi((*run).into())).sum::<f64>();
        if raw < 5.0 * count { self.unbiased() } else { raw }
    }

    /// Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6.
    fn unbiased(&self) -> f64 {
        let last = (64 - self.bits) as usize;
        let mut counts = vec![0_u32; last + 2];
        for run in &self.longest {
            counts[usize::from(*run)] += 1;
        }
        let count = self.longest.len() as f64;
        let mut sum = count * tau(1.0 - f64::from(counts[last + 1]) / count);
        for run in (1..=last).rev() {
            sum = 0.5 * (sum + f64::from(counts[run]));
        }
        sum += count * sigma(f64::from(counts[0]) / count);
        count * count / (2.0 * std::f64::consts::LN_2 * sum)
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}

impl Accumulator for Registers {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let column = normal_column(&values[0]);
        for row in (0..column.len()).filter(|row| column.is_valid(*row)) {
            self.add(distinct_hash(&column, row).map_err(to_datafusion)?);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        Ok(ScalarValue::Int64(Some(self.estimate().round() as i64)))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.longest.capacity()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Binary(Some(self.longest.clone()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        for registers in states[0].as_binary::<i32>().iter().flatten() {
            for (own, other) in self.longest.iter_mut().zip(registers) {
                *own = (*own).max(*other);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
