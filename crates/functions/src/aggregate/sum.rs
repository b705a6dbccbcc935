//! `sum`: DataFusion's for floating-point numbers; ours for integers and decimals, where an overflow must be noticed.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::functions_aggregate as native;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use millstream_core::Result;
use millstream_core::query_context::QueryContext;
use millstream_engine::error::to_datafusion;
use millstream_engine::functions::StreamAggregate;
use millstream_engine::state::{NativeAggregate, Overflow};

use super::{aggregate, interval, resolved};
use crate::call::{FunctionCall, Resolved};
use crate::data_type::{decimal, is_integral};
use crate::failure::{arithmetic_overflow, unexpected_input_type};

pub(super) fn sum(call: &FunctionCall<'_>) -> Result<Resolved> {
    let decimal = matches!(call.data_type(0), DataType::Decimal128(_, _));
    resolve(
        call,
        match (call.context.settings.ansi, decimal) {
            (true, _) => Overflow::Error,
            (false, true) => Overflow::Null,
            (false, false) => Overflow::Wrap,
        },
    )
}

pub(super) fn try_sum(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, Overflow::Null)
}

fn resolve(call: &FunctionCall<'_>, on_overflow: Overflow) -> Result<Resolved> {
    if interval::is_summed(call.data_type(0)) {
        return interval::sum(call, call.name.eq_ignore_ascii_case("try_sum"));
    }
    let value = call.numeric(0).or_else(|_| unexpected_input_type(call, 0, "\"NUMERIC\" or \"ANSI INTERVAL\""))?;
    let (value, data_type) = match value.data_type {
        DataType::Decimal128(precision, scale) => (value, decimal(precision.saturating_add(10), scale)),
        ref one if is_integral(one) => (call.cast(value, &DataType::Int64)?, DataType::Int64),
        _ => (call.cast(value, &DataType::Float64)?, DataType::Float64),
    };
    let function = match data_type {
        DataType::Float64 => native::sum::sum_udaf(),
        _ => Arc::new(AggregateUDF::new_from_impl(ExactSum::new(data_type.clone(), on_overflow))),
    };
    let function = StreamAggregate::wrap(function, NativeAggregate::Sum(on_overflow));
    resolved(aggregate(call, function, vec![value.expr], data_type, true))
}

/// A sum of integers or decimals.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactSum {
    data_type: DataType,
    on_overflow: Overflow,
    signature: Signature,
}

impl ExactSum {
    fn new(data_type: DataType, on_overflow: Overflow) -> Self {
        Self { data_type, on_overflow, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for ExactSum {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.data_type.clone())
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        let state = SumState::new(self.data_type.clone(), self.on_overflow);
        Ok(if arguments.is_distinct { Box::new(DistinctSum::new(state)) } else { Box::new(state) })
    }

    fn create_sliding_accumulator(&self, _arguments: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        Ok(Box::new(SumState::new(self.data_type.clone(), self.on_overflow)))
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        if arguments.is_distinct {
            let values = Field::new_list_field(self.data_type.clone(), true);
            return Ok(vec![Arc::new(Field::new_list("values", values, true))]);
        }
        Ok(vec![
            Arc::new(Field::new("sum", self.data_type.clone(), true)),
            Arc::new(Field::new("count", DataType::Int64, false)),
        ])
    }
}

/// The sum in 128 bits, which no column of integers overflows, and the number of values in it.
#[derive(Debug)]
pub(super) struct SumState {
    sum: i128,
    count: i64,
    /// Beyond 128 bits.
    lost: bool,
    data_type: DataType,
    on_overflow: Overflow,
}

impl SumState {
    pub(super) fn new(data_type: DataType, on_overflow: Overflow) -> Self {
        Self { sum: 0, count: 0, lost: false, data_type, on_overflow }
    }

    /// How many values have been added.
    pub(super) fn count(&self) -> i64 {
        self.count
    }

    fn add(&mut self, values: impl Iterator<Item = i128>) {
        for value in values {
            match self.sum.checked_add(value) {
                Some(sum) => self.sum = sum,
                None => self.lost = true,
            }
        }
    }

    fn update(&mut self, column: &ArrayRef, sign: i64) {
        self.count += sign * (column.len() - column.null_count()) as i64;
        match column.data_type() {
            DataType::Int64 => {
                self.add(
                    column.as_primitive::<Int64Type>().iter().flatten().map(|one| i128::from(one) * i128::from(sign)),
                );
            }
            _ => self.add(column.as_primitive::<Decimal128Type>().iter().flatten().map(|one| one * i128::from(sign))),
        }
    }

    fn value(&self) -> Result<ScalarValue> {
        let overflow = || match self.on_overflow {
            Overflow::Error => {
                Err(arithmetic_overflow("overflow", "try_add").with_query_context(|| QueryContext::Unknown))
            }
            Overflow::Wrap | Overflow::Null => Ok(()),
        };
        let there = self.count > 0;
        Ok(match self.data_type {
            DataType::Decimal128(precision, scale) => {
                let fits = !self.lost && self.sum.unsigned_abs() < 10_u128.pow(precision.into());
                if !fits && there {
                    overflow()?;
                }
                let value = fits.then_some(self.sum);
                ScalarValue::Decimal128(value.filter(|_| there), precision, scale)
            }
            _ => {
                let value = match i64::try_from(self.sum) {
                    // A part that overflowed has no sum.
                    Ok(_) if self.lost => None,
                    Ok(value) => Some(value),
                    Err(_) if self.on_overflow == Overflow::Wrap => Some(self.sum as i64),
                    Err(_) => {
                        overflow()?;
                        None
                    }
                };
                ScalarValue::Int64(value.filter(|_| there))
            }
        })
    }
}

impl Accumulator for SumState {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        self.update(&values[0], 1);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        self.update(&values[0], -1);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        self.value().map_err(to_datafusion)
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        let partial = self.value().map_err(to_datafusion)?;
        Ok(vec![partial, ScalarValue::Int64(Some(self.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        match states[0].data_type() {
            DataType::Int64 => self.add(states[0].as_primitive::<Int64Type>().iter().flatten().map(i128::from)),
            _ => self.add(states[0].as_primitive::<Decimal128Type>().iter().flatten()),
        }
        let counts = states[1].as_primitive::<Int64Type>();
        for row in 0..counts.len() {
            self.count += counts.value(row);
            self.lost |= counts.value(row) > 0 && states[0].is_null(row);
        }
        Ok(())
    }
}

/// Sums each value once.
#[derive(Debug)]
pub(super) struct DistinctSum {
    state: SumState,
    seen: BTreeSet<i128>,
}

impl DistinctSum {
    pub(super) fn new(state: SumState) -> Self {
        Self { state, seen: BTreeSet::new() }
    }

    /// How many different values have been added.
    pub(super) fn count(&self) -> i64 {
        self.seen.len() as i64
    }
}

impl Accumulator for DistinctSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        match values[0].data_type() {
            DataType::Int64 => self.seen.extend(values[0].as_primitive::<Int64Type>().iter().flatten().map(i128::from)),
            _ => self.seen.extend(values[0].as_primitive::<Decimal128Type>().iter().flatten()),
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        let mut total = SumState::new(self.state.data_type.clone(), self.state.on_overflow);
        total.count = self.seen.len() as i64;
        total.add(self.seen.iter().copied());
        total.evaluate()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.seen.len() * size_of::<i128>() * 2
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        let scalar = |value: &i128| match self.state.data_type {
            DataType::Decimal128(precision, scale) => ScalarValue::Decimal128(Some(*value), precision, scale),
            _ => ScalarValue::Int64(Some(*value as i64)),
        };
        let values: Vec<_> = self.seen.iter().map(scalar).collect();
        let list = ScalarValue::new_list_nullable(&values, &self.state.data_type);
        Ok(vec![ScalarValue::List(list)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        let lists = states[0].as_list::<i32>();
        for list in lists.iter().flatten() {
            self.update_batch(&[list])?;
        }
        Ok(())
    }
}
