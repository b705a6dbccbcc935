//! The aggregate functions that keep state, with Spark's types and errors.
//!
//! A function is recognised by its name in the plan, whatever library made it. Its state for one group is always the
//! same pair: how many values went in, and one number or text. So all functions share their storage
//! (`accumulator.rs`), and every one of them can later be told to take a value out again.

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use millstream_core::error::SparkException;
use millstream_core::{Error, ErrorKind, Result};

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd)]
pub(crate) enum AggregateKind {
    /// Rows whose arguments are all not NULL.
    Count,
    /// Their sum.
    Sum,
    /// Their mean.
    Avg,
    /// The least; NaN is greater than all numbers.
    Min,
    /// The greatest.
    Max,
}

/// In which form values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueForm {
    /// Not at all: only counted.
    None,
    /// Integers, and all that is one inside: dates, timestamps, durations, booleans.
    Int64,
    /// FLOAT and DOUBLE.
    Float64,
    /// Decimals, without their scale.
    Decimal,
    /// STRING and BINARY.
    Bytes,
}

/// One aggregate of a query.
#[derive(Debug, Clone)]
pub(crate) struct AggregateFunction {
    pub(crate) kind: AggregateKind,
    /// The type of its argument; count has any number of any type.
    pub(crate) input: DataType,
    /// The type of its result.
    pub(crate) output: DataType,
    pub(crate) form: ValueForm,
    /// Whether an overflow is an error (ANSI) rather than NULL or a wrapped number.
    pub(crate) ansi: bool,
}

impl AggregateKind {
    /// The function of this name; `None` for functions that keep no state here.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "count" => Some(Self::Count),
            "sum" => Some(Self::Sum),
            "avg" | "mean" => Some(Self::Avg),
            // FALSE is less than TRUE, so "all" is the least of them and "any" the greatest.
            "min" | "bool_and" => Some(Self::Min),
            "max" | "bool_or" => Some(Self::Max),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

impl AggregateFunction {
    /// A function over an argument of type `input`.
    ///
    /// # Errors
    /// A type that the function does not take here.
    pub(crate) fn try_new(kind: AggregateKind, input: &DataType, ansi: bool) -> Result<Self> {
        let refused = || Error::unsupported(format!("{}({input}) over a stream", kind.name()));
        let form = match kind {
            AggregateKind::Count => ValueForm::None,
            _ => value_form(input).ok_or_else(refused)?,
        };
        let output = match (kind, form, input) {
            (AggregateKind::Count, ..) => DataType::Int64,
            (AggregateKind::Sum, ValueForm::Int64, _) if input.is_integer() => DataType::Int64,
            (AggregateKind::Sum | AggregateKind::Avg, ValueForm::Float64, _) => DataType::Float64,
            (AggregateKind::Avg, ValueForm::Int64, _) if input.is_integer() => DataType::Float64,
            (AggregateKind::Sum, _, DataType::Decimal128(precision, scale)) => decimal(precision + 10, *scale),
            (AggregateKind::Avg, _, DataType::Decimal128(precision, scale)) => decimal(precision + 4, scale + 4),
            (AggregateKind::Min | AggregateKind::Max, ..) => input.clone(),
            _ => return Err(refused()),
        };
        // The mean of integers is the sum of doubles, as in Spark.
        let form = if kind == AggregateKind::Avg && form == ValueForm::Int64 { ValueForm::Float64 } else { form };
        Ok(Self { kind, input: input.clone(), output, form, ansi })
    }

    /// The function as it stands in a fingerprint.
    pub(crate) fn describe(&self) -> String {
        match self.kind {
            AggregateKind::Count => "count".to_owned(),
            kind => format!("{}({})", kind.name(), self.input),
        }
    }

    /// An argument in the form in which it is kept.
    pub(crate) fn prepare(&self, argument: &ArrayRef) -> Result<ArrayRef> {
        let form = match self.form {
            ValueForm::None => return Ok(ArrayRef::clone(argument)),
            ValueForm::Int64 => {
                if argument.data_type() == &DataType::Date32 {
                    return Ok(cast(&cast(argument, &DataType::Int32)?, &DataType::Int64)?);
                }
                DataType::Int64
            }
            ValueForm::Float64 => DataType::Float64,
            ValueForm::Decimal => return Ok(ArrayRef::clone(argument)),
            ValueForm::Bytes => DataType::Binary,
        };
        if argument.data_type() == &form { Ok(ArrayRef::clone(argument)) } else { Ok(cast(argument, &form)?) }
    }

    /// Results in the type that the query sees.
    pub(crate) fn present(&self, kept: ArrayRef) -> Result<ArrayRef> {
        match &self.output {
            output if kept.data_type() == output => Ok(kept),
            DataType::Date32 => Ok(cast(&cast(&kept, &DataType::Int32)?, &DataType::Date32)?),
            output => Ok(cast(&kept, output)?),
        }
    }

    /// The greatest unscaled value that the sum of decimals may reach.
    pub(crate) fn decimal_limit(&self) -> i128 {
        let precision = match (self.kind, &self.input) {
            (AggregateKind::Sum | AggregateKind::Avg, DataType::Decimal128(precision, _)) => (precision + 10).min(38),
            _ => 38,
        };
        10_i128.pow(u32::from(precision)) - 1
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

/// Spark's error for a BIGINT sum that does not fit.
pub(super) fn sum_overflow() -> Error {
    let alternative = " Use 'try_add' to tolerate overflow and return NULL instead.";
    Error::new(
        ErrorKind::Data,
        format!(
            "overflow.{alternative} If necessary set \"spark.sql.ansi.enabled\" to \"false\" to bypass this error."
        ),
    )
    .with_class("ARITHMETIC_OVERFLOW", SparkException::Arithmetic)
    .with_sql_state("22003")
    .with_parameter("message", "overflow")
    .with_parameter("alternative", alternative)
    .with_parameter("config", "\"spark.sql.ansi.enabled\"")
}

/// Spark's error for a decimal that does not fit its type.
pub(super) fn decimal_overflow(unscaled: &str, value_scale: i8, target: &DataType) -> Error {
    let value = with_point(unscaled, value_scale);
    let (precision, scale) = match target {
        DataType::Decimal128(precision, scale) => (*precision, *scale),
        _ => (38, value_scale),
    };
    Error::new(
        ErrorKind::Data,
        format!(
            " {value} cannot be represented as Decimal({precision}, {scale}). If necessary set \
             \"spark.sql.ansi.enabled\" to \"false\" to bypass this error, and return NULL instead."
        ),
    )
    .with_class("NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION", SparkException::Arithmetic)
    .with_sql_state("22003")
    .with_parameter("value", value)
    .with_parameter("precision", precision.to_string())
    .with_parameter("scale", scale.to_string())
    .with_parameter("config", "\"spark.sql.ansi.enabled\"")
}

fn with_point(unscaled: &str, scale: i8) -> String {
    let Some(scale) = usize::try_from(scale).ok().filter(|&scale| scale > 0) else { return unscaled.to_owned() };
    let (sign, digits) = unscaled.strip_prefix('-').map_or(("", unscaled), |digits| ("-", digits));
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}
