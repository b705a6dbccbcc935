//! `avg` of decimals: the exact sum by the number of values, rounded half up, where DataFusion's cuts digits off.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use millstream_engine::error::to_datafusion;
use millstream_engine::state::Overflow;

use super::sum::{DistinctSum, SumState};
use crate::columns::decimal::{Rounding, divide, power_of_ten, rescale};
use crate::data_type::decimal;
use crate::failure::arithmetic_overflow;

/// The function and its type for DECIMAL(precision, scale).
pub(super) fn decimal_average(precision: u8, scale: i8, ansi: bool) -> (Arc<AggregateUDF>, DataType) {
    let average = DecimalAverage {
        sum: decimal(precision.saturating_add(10), scale),
        result: (precision.saturating_add(4).min(38), (scale + 4).min(38)),
        on_overflow: if ansi { Overflow::Error } else { Overflow::Null },
        signature: Signature::any(1, Volatility::Immutable),
    };
    let data_type = decimal(average.result.0, average.result.1);
    (Arc::new(AggregateUDF::new_from_impl(average)), data_type)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DecimalAverage {
    sum: DataType,
    result: (u8, i8),
    on_overflow: Overflow,
    signature: Signature,
}

impl AggregateUDFImpl for DecimalAverage {
    fn name(&self) -> &str {
        "avg"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(decimal(self.result.0, self.result.1))
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        let state = SumState::new(self.sum.clone(), self.on_overflow);
        let sum = if arguments.is_distinct { Summed::Distinct(DistinctSum::new(state)) } else { Summed::All(state) };
        Ok(Box::new(Average { sum, result: self.result, on_overflow: self.on_overflow }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        if arguments.is_distinct {
            let values = Field::new_list_field(self.sum.clone(), true);
            return Ok(vec![Arc::new(Field::new_list("values", values, true))]);
        }
        Ok(vec![
            Arc::new(Field::new("sum", self.sum.clone(), true)),
            Arc::new(Field::new("count", DataType::Int64, false)),
        ])
    }
}

#[derive(Debug)]
enum Summed {
    All(SumState),
    Distinct(DistinctSum),
}

#[derive(Debug)]
struct Average {
    sum: Summed,
    result: (u8, i8),
    on_overflow: Overflow,
}

impl Average {
    fn accumulator(&mut self) -> &mut dyn Accumulator {
        match &mut self.sum {
            Summed::All(sum) => sum,
            Summed::Distinct(sum) => sum,
        }
    }
}

impl Accumulator for Average {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        self.accumulator().update_batch(values)
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        let count = match &self.sum {
            Summed::All(sum) => sum.count(),
            Summed::Distinct(sum) => sum.count(),
        };
        let (precision, scale) = self.result;
        let ScalarValue::Decimal128(Some(sum), _, from_scale) = self.accumulator().evaluate()? else {
            return Ok(ScalarValue::Decimal128(None, precision, scale));
        };
        let shift = power_of_ten((scale - from_scale).max(0).unsigned_abs().into());
        let average = shift.and_then(|shift| sum.checked_mul(shift)).map(|sum| half_up(sum, count.into()));
        let average = average.and_then(|average| rescale(average, scale, precision, scale));
        if average.is_none() && self.on_overflow == Overflow::Error {
            return Err(to_datafusion(arithmetic_overflow("overflow", "try_avg")));
        }
        Ok(ScalarValue::Decimal128(average, precision, scale))
    }

    fn size(&self) -> usize {
        match &self.sum {
            Summed::All(sum) => sum.size(),
            Summed::Distinct(sum) => sum.size(),
        }
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        self.accumulator().state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        self.accumulator().merge_batch(states)
    }
}

fn half_up(sum: i128, count: i128) -> i128 {
    divide(sum, count, Rounding::HalfUp)
}
