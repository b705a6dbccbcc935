//! Percentiles: exact and interpolated (`percentile`, `median`), or a value of the column (`percentile_approx`).
//!
//! `percentile_approx` is exact here: the value at the rank, which is within any accuracy that was asked for.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::{SortOptions, sort};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, IntervalUnit};
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use millstream_core::{Error, Result, spark_error};
use millstream_engine::error::from_datafusion;

use super::collect::Collected;
use super::{aggregate, array_of, resolved};
use crate::argument::{computed, constant_of};
use crate::call::{FunctionCall, Resolved};
use crate::data_type::is_numeric;
use crate::failure::{non_foldable, sql_expr, sql_id, unexpected_input_type, unexpected_null, value_out_of_range};
use crate::typed_expr::TypedExpr;

/// What `percentile` takes.
const VALUES: &str = "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\")";

/// What `percentile_approx` takes.
const ORDERED_VALUES: &str = "(\"NUMERIC\" or \"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or \
                              \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")";

fn refuse_intervals(call: &FunctionCall<'_>) -> Result<()> {
    if matches!(call.data_type(0), DataType::Duration(_) | DataType::Interval(_)) {
        return Err(Error::unsupported(format!("{} of intervals is not supported.", call.name.to_lowercase())));
    }
    Ok(())
}

pub(super) fn median(call: &FunctionCall<'_>) -> Result<Resolved> {
    refuse_intervals(call)?;
    let value = call.numeric(0).or_else(|_| unexpected_input_type(call, 0, VALUES))?;
    let value = call.cast(value, &DataType::Float64)?;
    resolve(
        call,
        value,
        Shape { values: vec![0.5_f64.to_bits()], is_array: false, frequency: 1, descending: false },
        true,
    )
}

pub(super) fn percentile(call: &FunctionCall<'_>) -> Result<Resolved> {
    let call = &with_default(call, 1);
    refuse_intervals(call)?;
    let value = call.numeric(0).or_else(|_| unexpected_input_type(call, 0, VALUES))?;
    let value = call.cast(value, &DataType::Float64)?;
    let wanted = match call.data_type(1) {
        DataType::List(_) => "\"ARRAY<DOUBLE>\"",
        _ => "\"DOUBLE\"",
    };
    resolve(call, value, Shape { frequency: frequency(call)?, ..percentages(call, wanted)? }, true)
}

/// How often each value counts.
fn frequency(call: &FunctionCall<'_>) -> Result<u64> {
    if *call.data_type(2) == DataType::Null {
        return Ok(0);
    }
    if !call.data_type(2).is_signed_integer() {
        return unexpected_input_type(call, 2, "\"INTEGRAL\"");
    }
    let Some(times) = constant_of(&call.bigint(2)?.expr) else {
        return Err(Error::unsupported("percentile with frequencies that are columns is not supported."));
    };
    let ScalarValue::Int64(Some(times)) = times else { return Ok(0) };
    u64::try_from(times).map_err(|_| {
        spark_error!(
            "NEGATIVE_VALUES_IN_FREQUENCY_EXPRESSION",
            frequencyExpression = sql_expr(&call.arguments[2].sql),
            negativeValue = format!("{times}L"),
        )
    })
}

/// The call with the last argument that Spark shows where it is not given: a frequency or an accuracy.
fn with_default<'c>(call: &FunctionCall<'c>, last: i32) -> FunctionCall<'c> {
    let mut arguments = call.arguments.clone();
    if arguments.len() == 2 {
        arguments.push(TypedExpr::literal(ScalarValue::from(last), last.to_string()));
    }
    with_arguments(call, arguments)
}

fn with_arguments<'c>(call: &FunctionCall<'c>, arguments: Vec<TypedExpr>) -> FunctionCall<'c> {
    let (filter, order_by, ordered) = (call.filter.clone(), call.order_by.clone(), call.ordered.clone());
    FunctionCall { arguments, filter, order_by, ordered, ..*call }
}

pub(super) fn percentile_approx(call: &FunctionCall<'_>) -> Result<Resolved> {
    let call = &with_default(call, 10_000);
    let value = match call.data_type(0) {
        DataType::Date32 | DataType::Timestamp(_, _) | DataType::Duration(_) => call.argument(0),
        DataType::Interval(IntervalUnit::YearMonth) => call.argument(0),
        _ => call.numeric(0).or_else(|_| unexpected_input_type(call, 0, ORDERED_VALUES))?,
    };
    let percentages = percentages(call, "(\"DOUBLE\" or \"ARRAY<DOUBLE>\")")?;
    check_accuracy(call)?;
    resolve(call, value, percentages, false)
}

/// `percentile_cont(share) WITHIN GROUP (ORDER BY value)`
pub(super) fn percentile_cont(call: &FunctionCall<'_>) -> Result<Resolved> {
    within_group(call, true)
}

/// `percentile_disc(share) WITHIN GROUP (ORDER BY value)`: a value of the column.
pub(super) fn percentile_disc(call: &FunctionCall<'_>) -> Result<Resolved> {
    within_group(call, false)
}

/// The value that stands in WITHIN GROUP; refused in Spark's words if it is not the one thing there.
pub(super) fn ordered_value<'c>(call: &'c FunctionCall<'_>) -> Result<&'c TypedExpr> {
    let name = sql_id(call.name);
    match call.ordered.as_slice() {
        _ if call.distinct => {
            Err(spark_error!("INVALID_WITHIN_GROUP_EXPRESSION.DISTINCT_UNSUPPORTED", funcName = name))
        }
        [] => Err(spark_error!("INVALID_WITHIN_GROUP_EXPRESSION.WITHIN_GROUP_MISSING", funcName = name)),
        [value] => Ok(value),
        several => Err(wrong_orderings(call, 1, several.len())),
    }
}

/// WITHIN GROUP orders by more or fewer values than the function has.
pub(super) fn wrong_orderings(call: &FunctionCall<'_>, expected: usize, actual: usize) -> Error {
    spark_error!(
        "INVALID_WITHIN_GROUP_EXPRESSION.WRONG_NUM_ORDERINGS",
        funcName = sql_id(call.name),
        expectedNum = expected,
        actualNum = actual,
    )
}

fn within_group(call: &FunctionCall<'_>, interpolates: bool) -> Result<Resolved> {
    let value = ordered_value(call)?.clone();
    let descending = call.order_by.first().is_some_and(|key| !key.asc);
    let direction = if descending { " DESC" } else { "" };
    let name = call.name.to_lowercase();
    let sql = format!("{name}({}) WITHIN GROUP (ORDER BY {}{direction})", call.arguments[0].sql, value.sql);
    let inner = with_arguments(call, vec![value, call.argument(0)]);
    let inner = FunctionCall { order_by: Vec::new(), ..inner };
    refuse_intervals(&inner)?;
    let value = inner.numeric(0).or_else(|_| unexpected_input_type(&inner, 0, VALUES))?;
    let value = inner.cast(value, &DataType::Float64)?;
    let percentages = Shape { descending, ..percentages(&inner, "\"DOUBLE\"")? };
    match resolve(&inner, value, percentages, interpolates)? {
        Resolved::Aggregate(expr) => resolved(expr.with_sql(sql)),
        other => Ok(other),
    }
}

/// What is asked of the values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shape {
    /// Constants between 0 and 1, as bits so that they can be compared.
    values: Vec<u64>,
    is_array: bool,
    /// How often each value counts.
    frequency: u64,
    /// Whether the values are counted from the greatest.
    descending: bool,
}

/// The second argument: a share, or an array of them, which must not be able to hold NULL.
fn percentages(call: &FunctionCall<'_>, wanted: &str) -> Result<Shape> {
    let double = &DataType::Float64;
    let is_null = || matches!(computed(&call.arguments[1].expr), Ok(Some(value)) if value.is_null());
    let (argument, is_array) = match call.data_type(1) {
        DataType::List(element) if element.data_type() == double && is_null() => {
            return Err(unexpected_null(call, "percentage"));
        }
        DataType::List(element) if !element.is_nullable() => match element.data_type() {
            DataType::Null => (call.cast(call.argument(1), &array_of(double))?, true),
            one if is_numeric(one) => (call.cast(call.argument(1), &array_of(double))?, true),
            _ => return unexpected_input_type(call, 1, wanted),
        },
        DataType::Utf8 | DataType::Null => (call.cast(call.argument(1), double)?, false),
        one if is_numeric(one) => (call.cast(call.argument(1), double)?, false),
        _ => return unexpected_input_type(call, 1, wanted),
    };
    let values = match computed(&argument.expr)? {
        Some(value) if value.is_null() => return Err(unexpected_null(call, "percentage")),
        Some(ScalarValue::List(list)) => list.value(0),
        Some(value) => value.to_array().map_err(from_datafusion)?,
        None => return non_foldable(call, 1, "percentage", "DOUBLE"),
    };
    let values: &Float64Array = values.as_primitive();
    if values.values().iter().any(|value| *value < 0.0 || *value > 1.0) {
        let values: Vec<_> = values.values().iter().map(|value| format!("{value:?}D")).collect();
        return Err(value_out_of_range(call, "percentage", "[0.0, 1.0]", &values.join(",")));
    }
    let values = values.values().iter().map(|value| value.to_bits()).collect();
    Ok(Shape { values, is_array, frequency: 1, descending: false })
}

/// The accuracy of `percentile_approx` is checked, and then exceeded.
fn check_accuracy(call: &FunctionCall<'_>) -> Result<()> {
    let given = &call.arguments[2];
    if !given.data_type.is_signed_integer() && given.data_type != DataType::Null {
        return unexpected_input_type(call, 2, "\"INTEGRAL\"");
    }
    match call.constant_bigint(2, "accuracy")? {
        None => Err(unexpected_null(call, "accuracy")),
        Some(1..=0x7FFF_FFFF) => Ok(()),
        Some(other) => Err(value_out_of_range(call, "accuracy", "(0, 2147483647]", &format!("{other}L"))),
    }
}

fn resolve(call: &FunctionCall<'_>, value: TypedExpr, percentages: Shape, interpolates: bool) -> Result<Resolved> {
    if !interpolates && percentages.values.iter().any(|&bits| f64::from_bits(bits).is_nan()) {
        return Err(Error::illegal_argument("requirement failed: percentile should be in the range [0.0, 1.0]"));
    }
    let data_type = if percentages.is_array { array_of(&value.data_type) } else { value.data_type.clone() };
    let function = Percentile {
        percentages,
        interpolates,
        data_type: data_type.clone(),
        values: array_of(&value.data_type),
        signature: Signature::any(1, Volatility::Immutable),
    };
    let function = Arc::new(AggregateUDF::new_from_impl(function));
    resolved(aggregate(call, function, vec![value.expr], data_type, true).with_sql(call.sql()))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Percentile {
    percentages: Shape,
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
        let times = self.function.percentages.frequency;
        let position = percentage * (count as u64).saturating_mul(times).saturating_sub(1) as f64;
        let (low, high) = (position.floor(), position.ceil());
        let value_at = |place: f64| values.value(((place as u64 / times) as usize).min(count - 1));
        let (below, above) = (value_at(low), value_at(high));
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
        let asked = &self.function.percentages;
        if values.is_empty() || asked.values.is_empty() || asked.frequency == 0 {
            return ScalarValue::try_from(&self.function.data_type);
        }
        let options = SortOptions { descending: asked.descending, nulls_first: true };
        let sorted = sort(&values, Some(options))?;
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
