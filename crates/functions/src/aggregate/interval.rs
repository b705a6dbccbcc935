//! `sum` and `avg` of ANSI intervals: months and microseconds, added in 128 bits.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, DurationMicrosecondType, Field, FieldRef, Int64Type, IntervalUnit, IntervalYearMonthType,
};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use millstream_core::Result;
use millstream_engine::error::to_datafusion;

use super::{aggregate, resolved};
use crate::call::{FunctionCall, Resolved};
use crate::columns::decimal::divide_half_up;
use crate::failure::interval_overflow_of;

/// Whether the type is an interval that can be added up.
pub(super) fn is_summed(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Duration(_) | DataType::Interval(IntervalUnit::YearMonth))
}

pub(super) fn sum(call: &FunctionCall<'_>, tolerates: bool) -> Result<Resolved> {
    resolve(call, false, tolerates)
}

pub(super) fn average(call: &FunctionCall<'_>, tolerates: bool) -> Result<Resolved> {
    resolve(call, true, tolerates)
}

fn resolve(call: &FunctionCall<'_>, averages: bool, tolerates: bool) -> Result<Resolved> {
    let value = call.argument(0);
    let signature = Signature::any(1, Volatility::Immutable);
    let data_type = value.data_type.clone();
    let function = IntervalSum { averages, tolerates, data_type: data_type.clone(), signature };
    let function = Arc::new(AggregateUDF::new_from_impl(function));
    resolved(aggregate(call, function, vec![value.expr], data_type, true))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct IntervalSum {
    averages: bool,
    /// An overflow is NULL and no error.
    tolerates: bool,
    data_type: DataType,
    signature: Signature,
}

impl IntervalSum {
    fn interval(&self, value: Option<i64>) -> DataFusionResult<ScalarValue> {
        Ok(match (&self.data_type, value) {
            (_, None) => ScalarValue::try_from(&self.data_type)?,
            (DataType::Duration(_), us) => ScalarValue::DurationMicrosecond(us),
            (_, Some(months)) => ScalarValue::IntervalYearMonth(Some(months as i32)),
        })
    }

    /// The sum in the interval's range; none beyond it.
    fn fitting(&self, value: i128) -> Option<i64> {
        match self.data_type {
            DataType::Duration(_) => i64::try_from(value).ok(),
            _ => i32::try_from(value).ok().map(i64::from),
        }
    }

    fn result(&self, sum: i128, count: i64) -> DataFusionResult<ScalarValue> {
        if count == 0 {
            return self.interval(None);
        }
        let fitting = self.fitting(sum);
        if fitting.is_none() && !self.tolerates {
            return Err(to_datafusion(interval_overflow_of("try_add")));
        }
        let averaged = |sum: i64| divide_half_up(sum.into(), count.into()) as i64;
        self.interval(fitting.map(|sum| if self.averages { averaged(sum) } else { sum }))
    }
}

impl AggregateUDFImpl for IntervalSum {
    fn name(&self) -> &str {
        if self.averages { "avg" } else { "sum" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.data_type.clone())
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        let seen = arguments.is_distinct.then(BTreeSet::new);
        Ok(Box::new(Added { function: self.clone(), sum: 0, count: 0, seen }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        if arguments.is_distinct {
            let values = Field::new_list_field(DataType::Int64, true);
            return Ok(vec![Arc::new(Field::new_list("values", values, true))]);
        }
        let field = |name: &str, data_type: DataType| Arc::new(Field::new(name, data_type, true));
        Ok(vec![field("sum", DataType::Decimal128(38, 0)), field("count", DataType::Int64)])
    }
}

#[derive(Debug)]
struct Added {
    function: IntervalSum,
    sum: i128,
    count: i64,
    /// What has been added, where each value counts once.
    seen: Option<BTreeSet<i64>>,
}

impl Added {
    fn add(&mut self, values: impl Iterator<Item = i64>, sign: i64) {
        for value in values {
            if let Some(seen) = &mut self.seen
                && !seen.insert(value)
            {
                continue;
            }
            // As many values as there may be cannot leave 128 bits.
            self.sum += i128::from(value) * i128::from(sign);
            self.count += sign;
        }
    }

    fn update(&mut self, column: &ArrayRef, sign: i64) {
        match column.data_type() {
            DataType::Duration(_) => self.add(column.as_primitive::<DurationMicrosecondType>().iter().flatten(), sign),
            _ => {
                let months = column.as_primitive::<IntervalYearMonthType>().iter().flatten().map(i64::from);
                self.add(months, sign);
            }
        }
    }
}

impl Accumulator for Added {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        self.update(&values[0], 1);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        self.update(&values[0], -1);
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.seen.is_none()
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        self.function.result(self.sum, self.count)
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        if let Some(seen) = &self.seen {
            let values: Vec<_> = seen.iter().map(|value| ScalarValue::Int64(Some(*value))).collect();
            return Ok(vec![ScalarValue::List(ScalarValue::new_list_nullable(&values, &DataType::Int64))]);
        }
        Ok(vec![ScalarValue::Decimal128(Some(self.sum), 38, 0), ScalarValue::Int64(Some(self.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        if self.seen.is_some() {
            for list in states[0].as_list::<i32>().iter().flatten() {
                self.add(list.as_primitive::<Int64Type>().iter().flatten(), 1);
            }
            return Ok(());
        }
        let sums = states[0].as_primitive::<arrow::datatypes::Decimal128Type>();
        self.sum += sums.iter().flatten().sum::<i128>();
        self.count += states[1].as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        Ok(())
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.seen.as_ref().map_or(0, |seen| seen.len() * size_of::<i64>() * 2)
    }
}
