//! Sum and mean of vectors, place by place. A vector that is NULL or has a NULL is left out.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array};
use arrow::datatypes::{DataType, Field, FieldRef, Float32Type, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use millstream_core::Result;
use millstream_engine::error::to_datafusion;

use super::{aggregate, array_of, resolved};
use crate::call::{FunctionCall, Resolved};
use crate::collection::{differing_dimensions, vector};

pub(super) fn sum(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, false)
}

pub(super) fn avg(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, true)
}

fn resolve(call: &FunctionCall<'_>, mean: bool) -> Result<Resolved> {
    let value = vector(call, 0)?;
    let function = VectorSum { mean, signature: Signature::any(1, Volatility::Immutable) };
    let function = Arc::new(AggregateUDF::new_from_impl(function));
    resolved(aggregate(call, function, vec![value.expr], array_of(&DataType::Float32), true))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct VectorSum {
    mean: bool,
    signature: Signature,
}

impl AggregateUDFImpl for VectorSum {
    fn name(&self) -> &str {
        if self.mean { "vector_avg" } else { "vector_sum" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(array_of(&DataType::Float32))
    }

    fn accumulator(&self, _arguments: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        Ok(Box::new(Sums { function: self.clone(), sums: None, count: 0 }))
    }

    fn state_fields(&self, _arguments: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![
            Arc::new(Field::new("vector", array_of(&DataType::Float32), true)),
            Arc::new(Field::new("count", DataType::Int64, true)),
        ])
    }
}

/// The mean so far, or the sum.
#[derive(Debug)]
struct Sums {
    function: VectorSum,
    sums: Option<Vec<f32>>,
    count: i64,
}

impl Sums {
    /// Adds a vector that stands for so many.
    fn add(&mut self, vector: &[f32], count: i64) -> DataFusionResult<()> {
        let Some(sums) = &mut self.sums else {
            (self.sums, self.count) = (Some(vector.to_vec()), count);
            return Ok(());
        };
        if sums.len() != vector.len() {
            return Err(to_datafusion(differing_dimensions(self.function.name(), sums.len(), vector.len())));
        }
        self.count += count;
        for (sum, value) in sums.iter_mut().zip(vector) {
            if self.function.mean {
                *sum += (value - *sum) * (count as f32 / self.count as f32);
            } else {
                *sum += value;
            }
        }
        Ok(())
    }
}

impl Accumulator for Sums {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let mut whole = values[0].as_list::<i32>().iter().flatten().filter(|vector| vector.null_count() == 0);
        whole.try_for_each(|vector| self.add(vector.as_primitive::<Float32Type>().values(), 1))
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        let Some(sums) = &self.sums else { return ScalarValue::try_from(&array_of(&DataType::Float32)) };
        let element = Arc::new(Field::new("element", DataType::Float32, false));
        let element = super::element_of(&array_of(&DataType::Float32)).cloned().unwrap_or(element);
        let values = Arc::new(Float32Array::from(sums.clone()));
        Ok(SingleRowListArrayBuilder::new(values).with_field(&element).build_list_scalar())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.sums.as_ref().map_or(0, |sums| sums.capacity() * size_of::<f32>())
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?, ScalarValue::Int64(Some(self.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        let (vectors, counts) = (states[0].as_list::<i32>(), states[1].as_primitive::<Int64Type>());
        for (vector, count) in vectors.iter().zip(counts.values()) {
            if let Some(vector) = vector {
                self.add(vector.as_primitive::<Float32Type>().values(), *count)?;
            }
        }
        Ok(())
    }
}
