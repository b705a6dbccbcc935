//! The types that the fields of records show, as Spark infers them: the first of a ladder that fits all.

use arrow::datatypes::{DataType, TimeUnit};

use super::options::CsvOptions;
use super::scalars::{boolean, double, is_date, timestamp, word};

/// Digits that a decimal can have.
const DIGITS_MAX: usize = 38;
/// The patterns of dates that are texts of timestamps too.
const DATES_OF_TIMESTAMPS: [&str; 3] = ["yyyy-MM-dd", "yyyy-M-d", "yyyy-MM"];

/// The type of one column so far.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeInference(DataType);

impl Default for TypeInference {
    fn default() -> Self {
        Self(DataType::Null)
    }
}

fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl TypeInference {
    /// Takes another field of the column in.
    pub fn add(&mut self, text: &str, options: &CsvOptions) {
        if text.is_empty() || text == options.null || self.0 == DataType::Utf8 {
            return;
        }
        let found = from_rung(rung(&self.0), text, options);
        let so_far = std::mem::replace(&mut self.0, DataType::Utf8);
        self.0 = compatible(so_far, found, options);
    }

    /// The column's type; nothing but NULLs is text.
    pub fn finish(self) -> DataType {
        if self.0 == DataType::Null { DataType::Utf8 } else { self.0 }
    }
}

/// Where on the ladder a type stands.
fn rung(data_type: &DataType) -> usize {
    match data_type {
        DataType::Null | DataType::Int32 => 0,
        DataType::Int64 => 1,
        DataType::Decimal128(_, _) => 2,
        DataType::Float64 => 3,
        DataType::Date32 => 4,
        DataType::Timestamp(_, _) => 5,
        _ => 6,
    }
}

/// The first type from this rung on that the text is a value of.
fn from_rung(rung: usize, text: &str, options: &CsvOptions) -> DataType {
    if rung == 0 && text.parse::<i32>().is_ok() {
        return DataType::Int32;
    }
    if rung <= 1 && text.parse::<i64>().is_ok() {
        return DataType::Int64;
    }
    if rung <= 2
        && let Some(decimal) = whole_decimal(text)
    {
        return decimal;
    }
    if rung <= 3 && (double(text).is_some() || word(text, options).is_some()) {
        return DataType::Float64;
    }
    if rung <= 4 && options.prefers_date && is_date(text, options) {
        return DataType::Date32;
    }
    if rung <= 5 && timestamp(text, options).is_some() {
        return timestamp_type();
    }
    if boolean(text).is_some() { DataType::Boolean } else { DataType::Utf8 }
}

/// A number without places behind the point.
fn whole_decimal(text: &str) -> Option<DataType> {
    let plain = text.replace(',', "");
    let number = plain.strip_prefix(['-', '+']).unwrap_or(&plain);
    let digits = number.strip_suffix('.').unwrap_or(number);
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let precision = digits.trim_start_matches('0').len().max(1);
    (is_whole && precision <= DIGITS_MAX).then_some(DataType::Decimal128(precision as u8, 0))
}

/// The type of values of both types.
fn compatible(left: DataType, right: DataType, options: &CsvOptions) -> DataType {
    use DataType::{Date32, Decimal128, Float64, Int32, Int64, Null, Timestamp, Utf8};
    match (left, right) {
        (left, right) if left == right => left,
        (Null, other) | (other, Null) => other,
        (Int32, Int64) | (Int64, Int32) => Int64,
        (Int32 | Int64 | Decimal128(..), Float64) | (Float64, Int32 | Int64 | Decimal128(..)) => Float64,
        (Int32, Decimal128(digits, 0)) | (Decimal128(digits, 0), Int32) => Decimal128(digits.max(10), 0),
        (Int64, Decimal128(digits, 0)) | (Decimal128(digits, 0), Int64) => Decimal128(digits.max(20), 0),
        (Decimal128(left, 0), Decimal128(right, 0)) => Decimal128(left.max(right), 0),
        (Date32, Timestamp(..)) | (Timestamp(..), Date32) => {
            let pattern = options.date_pattern.as_ref().map_or("yyyy-MM-dd", |(text, _)| text);
            let both = options.timestamp_pattern.is_none() && DATES_OF_TIMESTAMPS.contains(&pattern);
            if both { timestamp_type() } else { Utf8 }
        }
        _ => Utf8,
    }
}
