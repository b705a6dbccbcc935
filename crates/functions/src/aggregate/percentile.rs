//! Percentiles: exact and interpolated (`percentile`, `median`), or a value of the column (`percentile_approx`).
//!
//! `percentile_approx` is exact here: the value at the rank, which is within any accuracy that was asked for.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::{cast, sort};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use millstream_core::Result;

use super::collect::Collected;
use super::{aggregate, array_of, resolved};
use crate::argument::constant_of;
use crate::call::{FunctionCall, Resolved};
use crate::failure::{non_foldable, value_out_of_range};
use crate::typed_expr::TypedExpr;

pub(super) fn median(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = call.double(0)?;
    resolve(call, value, Percentages { values: vec![0.5_f64.to_bits()], is_array: false }, true)
}

pub(super) fn percentile(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.count() == 3 {
        return Err(millstream_core::Error::unsupported("percentile with frequencies is not supported."));
    }
    let value = call.double(0)?;
    resolve(call, value, percentages(call)?, true)
}

pub(super) fn percentile_approx(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = match call.data_type(0) {
        DataType::Date32 | DataType::Timestamp(_, _) => call.argument(0),
        _ => call.numeric(0)?,
    };
    resolve(call, value, percentages(call)?, false)
}

/// Constants between 0 and 1, as bits so that they can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Percentages {
    values: Vec<u64>,
    is_array: bool,
}

fn percentages(call: &FunctionCall<'_>) -> Result<Percentages> {
    let (values, is_array) = match constant_of(&call.argument(1).expr) {
        Some(ScalarValue::List(list)) => (list.value(0), true),
        Some(value) => match value.to_array() {
            Ok(values) => (values, false),
            Err(_) => return non_foldable(call, 1, "percentage", "DOUBLE"),
        },
        None => return non_foldable(call, 1, "percentage", "DOUBLE"),
    };
    let values = cast(&values, &DataType::Float64)?;
    let values: &Float64Array = values.as_primitive();
    let beyond = values.iter().find(|value| value.is_none_or(|value| !(0.0..=1.0).contains(&value)));
    if let Some(value) = beyond {
        let shown = value.map_or_else(|| "NULL".to_owned(), |value| format!("{value:?}D"));
        return Err(value_out_of_range(call, "percentage", "[0.0, 1.0]", &shown));
    }
    Ok(Percentages { values: values.values().iter().map(|value| value.to_bits()).collect(), is_array })
}

fn resolve(
    call: &FunctionCall<'_>,
    value: TypedExpr,
    percentages: Percentages,
    interpolates: bool,
) -> Result<Resolved> {
    let data_type = if percentages.is_array { array_of(&value.data_type) } else { value.data_type.clone() };
    let function = Percentile {
        percentages,
        interpolates,
        data_type: data_type.clone(),
        values: array_of(&value.data_type),
        signature: Signature::any(1, Volatility::Immutable),
    };
    // Spark shows the frequency of 1 and the accuracy that are not given.
    let hidden = if function.interpolates { "1" } else { "10000" };
    let sql = match call.arguments.as_slice() {
        [of, share] => format!("{}({}, {}, {hidden})", call.name, of.sql, share.sql),
        _ => String::new(),
    };
    let function = Arc::new(AggregateUDF::new_from_impl(function));
    resolved(aggregate(call, function, vec![value.expr], data_type, true).with_sql(sql))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Percentile {
    percentages: Percentages,
    interpolates: bool,
    data_type: DataType,
    /// ARRAY of what is collected.
    values: DataType,
    signature: Signature,
}

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        if self.interpolates { "percentile" } else { "percentile_approx" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.data_type.clone())
    }

    fn accumulator(&self, arguments: AccumulatorArgs<'_>) -> DataFusionResult<Box<dyn Accumulator>> {
        let collected = Collected::new(&self.values, arguments.is_distinct);
        Ok(Box::new(Ranked { collected, function: self.clone() }))
    }

    fn state_fields(&self, _arguments: StateFieldsArgs<'_>) -> DataFusionResult<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new("values", self.values.clone(), true))])
    }
}

#[derive(Debug)]
struct Ranked {
    collected: Collected,
    function: Percentile,
}

impl Ranked {
    fn at(&self, sorted: &ArrayRef, percentage: f64) -> DataFusionResult<ScalarValue> {
        let count = sorted.len();
        if !self.function.interpolates {
            // The first value of which at least this share is not greater.
            let rank = ((percentage * count as f64).ceil() as usize).clamp(1, count);
            return ScalarValue::try_from_array(sorted, rank - 1);
        }
        let values = sorted.as_primitive::<Float64Type>();
        let position = percentage * (count - 1) as f64;
        let (low, high) = (position.floor(), position.ceil());
        let (below, above) = (values.value(low as usize), values.value(high as usize));
        let value =
            if low == high || below == above { below } else { (high - position) * below + (position - low) * above };
        Ok(ScalarValue::Float64(Some(value)))
    }
}

impl Accumulator for Ranked {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        self.collected.update_batch(values)
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        let values = self.collected.values()?;
        if values.is_empty() {
            return ScalarValue::try_from(&self.function.data_type);
        }
        let sorted = sort(&values, None)?;
        let percentages = self.function.percentages.values.iter().map(|&bits| f64::from_bits(bits));
        let found = percentages.map(|one| self.at(&sorted, one)).collect::<DataFusionResult<Vec<_>>>()?;
        if !self.function.percentages.is_array {
            return found.into_iter().next().map_or_else(|| ScalarValue::try_from(&self.function.data_type), Ok);
        }
        let values = ScalarValue::iter_to_array(found)?;
        let list = SingleRowListArrayBuilder::new(values);
        Ok(match super::element_of(&self.function.data_type) {
            Some(element) => list.with_field(element).build_list_scalar(),
            None => list.build_list_scalar(),
        })
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.collected.size()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        self.collected.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        self.collected.merge_batch(states)
    }
}
