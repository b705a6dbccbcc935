//! `format_number`: numbers with thousands and so many places, or by a pattern of Java's.

mod decimal_format;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type, Int64Type};
use millstream_core::error::SparkException;
use millstream_core::{Error, Result};

use self::decimal_format::{DecimalFormat, Number};
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::data_type::is_numeric;
use crate::failure::unexpected_input_type;
use crate::kernel::{Evaluation, Function};

static FORMAT_NUMBER: Function = Function::new("format_number", |evaluation| {
    let numbers = Numbers::new(&evaluation.columns[0])?;
    let mut room = evaluation.room("format_number");
    let mut compiled = Compiled::default();
    let mut print = |row: usize| {
        if !evaluation.all_valid(row) {
            return Ok(None);
        }
        let Some(format) = compiled.format(evaluation, row)? else { return Ok(None) };
        match numbers.number(row) {
            Ok(number) => {
                room.take(format.bytes(&number))?;
                Ok(Some(format.format(number)))
            }
            Err(value) if value.is_nan() => Ok(Some("NaN".to_owned())),
            Err(value) => Ok(Some(format.infinity(value < 0.0))),
        }
    };
    Ok(Arc::new((0..evaluation.rows).map(&mut print).collect::<Result<StringArray>>()?))
});

/// The format of the row before, by its pattern or its number of places.
#[derive(Default)]
struct Compiled {
    pattern: Option<(String, DecimalFormat)>,
    places: Option<(usize, DecimalFormat)>,
}

impl Compiled {
    /// The format of a row; none for a negative number of places.
    fn format(&mut self, evaluation: &Evaluation<'_>, row: usize) -> Result<Option<&DecimalFormat>> {
        if *evaluation.columns[1].data_type() == DataType::Int32 {
            let Ok(places) = usize::try_from(evaluation.numbers::<Int32Type>(1).value(row)) else { return Ok(None) };
            if self.places.as_ref().is_none_or(|(known, _)| *known != places) {
                self.places = Some((places, DecimalFormat::with_places(places)));
            }
            return Ok(self.places.as_ref().map(|(_, format)| format));
        }
        let pattern = evaluation.strings(1).value(row);
        if self.pattern.as_ref().is_none_or(|(known, _)| known != pattern) {
            let format = match pattern {
                "" => DecimalFormat::with_places(0),
                pattern => DecimalFormat::new(pattern).map_err(malformed)?,
            };
            self.pattern = Some((pattern.to_owned(), format));
        }
        Ok(self.pattern.as_ref().map(|(_, format)| format))
    }
}

/// Java's own error: Spark gives it no class.
fn malformed(sentence: String) -> Error {
    Error::data(sentence).with_exception(SparkException::IllegalArgument)
}

/// A column of numbers.
enum Numbers {
    Integers(ArrayRef),
    Decimals(ArrayRef, i8),
    Doubles(ArrayRef),
}

impl Numbers {
    fn new(column: &ArrayRef) -> Result<Self> {
        Ok(match column.data_type() {
            DataType::Decimal128(_, scale) => Self::Decimals(Arc::clone(column), *scale),
            DataType::Float32 | DataType::Float64 | DataType::Null => {
                Self::Doubles(compute::cast(column, &DataType::Float64)?)
            }
            _ => Self::Integers(compute::cast(column, &DataType::Int64)?),
        })
    }

    /// The number of a row, or a double that is not finite.
    fn number(&self, row: usize) -> Result<Number, f64> {
        match self {
            Self::Integers(column) => Ok(Number::integer(column.as_primitive::<Int64Type>().value(row))),
            Self::Decimals(column, scale) => {
                Ok(Number::decimal(column.as_primitive::<Decimal128Type>().value(row), *scale))
            }
            Self::Doubles(column) => match column.as_primitive::<Float64Type>().value(row) {
                value if value.is_finite() => Ok(Number::double(value)),
                value => Err(value),
            },
        }
    }
}

pub(super) fn format_number(call: &FunctionCall<'_>) -> Result<Resolved> {
    let value = match call.data_type(0) {
        DataType::Null => call.double(0)?,
        data_type if is_numeric(data_type) => call.argument(0),
        _ => return unexpected_input_type(call, 0, "\"NUMERIC\""),
    };
    let format = match call.data_type(1) {
        DataType::Utf8 => call.argument(1),
        _ => call.int(1)?,
    };
    scalar(FORMAT_NUMBER.call_nullable([value, format], DataType::Utf8, call))
}
