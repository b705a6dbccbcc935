//! The common aggregates, each in the form that fits its argument.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use millstream_core::Result;

use super::best::Best;
use super::cells::Cells;
use super::count::Count;
use super::decimal_sum::DecimalSum;
use super::exact_float_sum::ExactFloatSum;
use super::extreme::Extreme;
use super::float_sum::FloatSum;
use super::int_sum::IntSum;
use super::text_best::TextBest;
use super::wide_sum::WideSum;
use super::{Column, KeyedAggregate, Overflow};

/// What an aggregate computes, said by who puts it into a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NativeAggregate {
    /// The rows in which no argument is NULL.
    Count,
    /// The sum of what is not NULL.
    Sum(Overflow),
    /// The mean of what is not NULL.
    Avg(Overflow),
    /// The least value; NaN is greater than all numbers, and TRUE than FALSE.
    Min,
    /// The greatest value.
    Max,
}

/// In which form values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueForm {
    /// Integers, and what is an integer inside: dates, timestamps, durations, booleans.
    Int64,
    /// FLOAT and DOUBLE.
    Float64,
    /// Decimals, without their scale.
    Decimal,
    /// STRING and BINARY.
    Bytes,
}

/// A native aggregate over an argument of a type.
#[derive(Debug)]
struct Native {
    aggregate: NativeAggregate,
    input: DataType,
    output: DataType,
    /// The form of its argument; `None` where only rows are counted.
    form: Option<ValueForm>,
    /// Rows may be taken back.
    takes_changes: bool,
}

impl NativeAggregate {
    /// The aggregate over arguments of these types; `None` where it has no form for them.
    pub fn over(self, arguments: &[DataType]) -> Option<Arc<dyn KeyedAggregate>> {
        self.in_form(arguments, false)
    }

    /// The aggregate over rows that may be taken back: values can be taken out of its columns.
    pub fn over_changes(self, arguments: &[DataType]) -> Option<Arc<dyn KeyedAggregate>> {
        self.in_form(arguments, true)
    }

    fn in_form(self, arguments: &[DataType], takes_changes: bool) -> Option<Arc<dyn KeyedAggregate>> {
        let input = arguments.first().cloned().unwrap_or(DataType::Null);
        if self == Self::Count {
            let output = DataType::Int64;
            return Some(Arc::new(Native { aggregate: self, input, output, form: None, takes_changes }));
        }
        let form = value_form(&input)?;
        let output = match (self, form, &input) {
            (Self::Sum(_), ValueForm::Int64, _) if input.is_integer() => DataType::Int64,
            (Self::Sum(_) | Self::Avg(_), ValueForm::Float64, _) => DataType::Float64,
            (Self::Avg(_), ValueForm::Int64, _) if input.is_integer() => DataType::Float64,
            (Self::Sum(_), _, DataType::Decimal128(precision, scale)) => decimal(precision + 10, *scale),
            (Self::Avg(_), _, DataType::Decimal128(precision, scale)) => decimal(precision + 4, scale + 4),
            (Self::Min | Self::Max, ..) => input.clone(),
            _ => return None,
        };
        // The mean of integers is the sum of doubles, as in Spark. Where values are taken out, it is kept exactly.
        let is_mean = matches!(self, Self::Avg(_)) && !takes_changes;
        let form = if is_mean && form == ValueForm::Int64 { ValueForm::Float64 } else { form };
        Some(Arc::new(Native { aggregate: self, input, output, form: Some(form), takes_changes }))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum(_) => "sum",
            Self::Avg(_) => "avg",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl Native {
    /// A column from which values can be taken out.
    fn new_changing_column(&self) -> Box<dyn Column> {
        use NativeAggregate::{Avg, Count as Counts, Max, Min, Sum};
        let (is_least, is_text) = (self.aggregate == Min, self.input == DataType::Utf8);
        match (self.aggregate, self.form) {
            (Counts, _) | (_, None) => Box::new(Cells::new(Count)),
            (Sum(overflow), Some(ValueForm::Int64)) => Box::new(Cells::new(WideSum::Int(overflow))),
            (Avg(_), Some(ValueForm::Int64)) => Box::new(Cells::new(WideSum::IntMean)),
            (Sum(overflow) | Avg(overflow), Some(ValueForm::Decimal)) => {
                Box::new(Cells::new(WideSum::Decimal(self.decimal_sum(overflow))))
            }
            (Sum(_), Some(_)) => Box::new(Cells::new(ExactFloatSum { is_mean: false })),
            (Avg(_), Some(_)) => Box::new(Cells::new(ExactFloatSum { is_mean: true })),
            (Min | Max, Some(form)) => Box::new(Cells::new(Extreme { is_least, form, is_text })),
        }
    }

    fn decimal_sum(&self, overflow: Overflow) -> DecimalSum {
        let parts = |data_type: &DataType| match data_type {
            DataType::Decimal128(precision, scale) => (*precision, *scale),
            _ => (38, 0),
        };
        let is_mean = matches!(self.aggregate, NativeAggregate::Avg(_));
        DecimalSum { input: parts(&self.input), output: parts(&self.output), is_mean, overflow }
    }
}

impl KeyedAggregate for Native {
    fn describe(&self) -> String {
        match self.aggregate {
            NativeAggregate::Count => "count".to_owned(),
            aggregate => {
                let changes = if self.takes_changes { " of changes" } else { "" };
                format!("{}({}){changes}", aggregate.name(), self.input)
            }
        }
    }

    fn output(&self) -> &DataType {
        &self.output
    }

    fn new_column(&self) -> Box<dyn Column> {
        use NativeAggregate::{Avg, Count as Counts, Max, Min, Sum};
        if self.takes_changes {
            return self.new_changing_column();
        }
        let is_least = self.aggregate == Min;
        match (self.aggregate, self.form) {
            (Counts, _) | (_, None) => Box::new(Cells::new(Count)),
            (Sum(overflow) | Avg(overflow), Some(ValueForm::Int64)) => Box::new(Cells::new(IntSum { overflow })),
            (Sum(overflow) | Avg(overflow), Some(ValueForm::Decimal)) => {
                Box::new(Cells::new(self.decimal_sum(overflow)))
            }
            (Sum(_), Some(_)) => Box::new(Cells::new(FloatSum { is_mean: false })),
            (Avg(_), Some(_)) => Box::new(Cells::new(FloatSum { is_mean: true })),
            (Min | Max, Some(ValueForm::Int64)) => Box::new(Cells::new(Best::<Int64Type>::new(is_least))),
            (Min | Max, Some(ValueForm::Float64)) => Box::new(Cells::new(Best::<Float64Type>::new(is_least))),
            (Min | Max, Some(ValueForm::Decimal)) => Box::new(Cells::new(Best::<Decimal128Type>::new(is_least))),
            (Min | Max, Some(ValueForm::Bytes)) => {
                Box::new(Cells::new(TextBest { is_least, is_text: self.input == DataType::Utf8 }))
            }
        }
    }

    fn present(&self, results: ArrayRef) -> Result<ArrayRef> {
        converted(&results, &self.output)
    }

    fn prepare(&self, arguments: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let form = match self.form {
            None => return Ok(vec![]),
            Some(ValueForm::Int64) => DataType::Int64,
            Some(ValueForm::Float64) => DataType::Float64,
            Some(ValueForm::Bytes) => DataType::Binary,
            Some(ValueForm::Decimal) => self.input.clone(),
        };
        arguments.iter().map(|argument| converted(argument, &form)).collect()
    }

    fn skips_null(&self) -> bool {
        true
    }
}

/// A column in another type of the same values.
fn converted(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let through_days = |from: &DataType| Ok(cast(&cast(values, &DataType::Int32)?, from)?);
    match (values.data_type(), to) {
        (from, to) if from == to => Ok(ArrayRef::clone(values)),
        // Arrow knows the days of a date as INT only.
        (DataType::Date32, DataType::Int64) | (DataType::Int64, DataType::Date32) => through_days(to),
        // Decimals are kept without their scale, so a column of them says a wrong one.
        (DataType::Decimal128(..), DataType::Decimal128(..)) => {
            Ok(Arc::new(values.as_primitive::<Decimal128Type>().clone().with_data_type(to.clone())))
        }
        (_, to) => Ok(cast(values, to)?),
    }
}

fn value_form(input: &DataType) -> Option<ValueForm> {
    match input {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Date32
        | DataType::Timestamp(..)
        | DataType::Duration(_) => Some(ValueForm::Int64),
        DataType::Float32 | DataType::Float64 => Some(ValueForm::Float64),
        DataType::Decimal128(..) => Some(ValueForm::Decimal),
        DataType::Utf8 | DataType::Binary => Some(ValueForm::Bytes),
        _ => None,
    }
}

/// Spark's `DecimalType.bounded`.
fn decimal(precision: u8, scale: i8) -> DataType {
    DataType::Decimal128(precision.min(38), scale.min(38))
}
