//! Values and types as Spark prints them: `cast(x as string)` and the cells of `show()`.
//!
//! One printer serves both; they differ in the word for NULL within a value and in the form of binaries.

mod data_type;
pub mod double;
mod internal;
mod interval;
mod sql_name;
mod time;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, ListArray, MapArray, PrimitiveArray,
    StringArray, StringBuilder,
};
use arrow::datatypes::{
    DataType, Date32Type, DurationMicrosecondType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, IntervalUnit, IntervalYearMonthType, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chrono_tz::Tz;

pub use self::data_type::simple_string;
use self::double::push_double;
pub use self::double::push_float;
pub(crate) use self::internal::push_internal;
pub use self::sql_name::{quote_if_needed, sql_id, sql_name};
pub use self::time::{push_date, push_timestamp, push_timestamp_ntz};
use millstream_core::BinaryStyle;
use millstream_core::error::{Error, Result};

/// Which text is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `cast(x as string)`
    Cast,
    /// A cell of `show()`: `NULL`, and binaries as is asked for.
    Show(BinaryStyle),
}

/// Prints the values of one column.
#[derive(Debug)]
pub struct ValueText<'a> {
    array: &'a dyn Array,
    kind: Kind<'a>,
    style: Style,
}

#[derive(Debug)]
enum Kind<'a> {
    Null,
    Boolean(&'a BooleanArray),
    Int8(&'a PrimitiveArray<Int8Type>),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    Float32(&'a PrimitiveArray<Float32Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Decimal(&'a Decimal128Array),
    Date(&'a PrimitiveArray<Date32Type>),
    Timestamp(&'a PrimitiveArray<TimestampMicrosecondType>, Tz),
    TimestampNtz(&'a PrimitiveArray<TimestampMicrosecondType>),
    Time(&'a PrimitiveArray<Time64MicrosecondType>),
    YearMonth(&'a PrimitiveArray<IntervalYearMonthType>),
    DayTime(&'a PrimitiveArray<DurationMicrosecondType>),
    Calendar(&'a PrimitiveArray<IntervalMonthDayNanoType>),
    String(&'a StringArray),
    Binary(&'a BinaryArray),
    Struct(Vec<ValueText<'a>>),
    List(&'a ListArray, Box<ValueText<'a>>),
    Map(&'a MapArray, Box<ValueText<'a>>, Box<ValueText<'a>>),
}

impl<'a> ValueText<'a> {
    /// A printer for this column; timestamps are shown in `zone`.
    pub fn new(array: &'a dyn Array, zone: Tz, style: Style) -> Result<Self> {
        let inner = |array: &'a ArrayRef| Self::new(array.as_ref(), zone, style);
        let kind = match array.data_type() {
            DataType::Null => Kind::Null,
            DataType::Boolean => Kind::Boolean(array.as_boolean()),
            DataType::Int8 => Kind::Int8(array.as_primitive()),
            DataType::Int16 => Kind::Int16(array.as_primitive()),
            DataType::Int32 => Kind::Int32(array.as_primitive()),
            DataType::Int64 => Kind::Int64(array.as_primitive()),
            DataType::Float32 => Kind::Float32(array.as_primitive()),
            DataType::Float64 => Kind::Float64(array.as_primitive()),
            DataType::Decimal128(_, _) => Kind::Decimal(array.as_primitive()),
            DataType::Date32 => Kind::Date(array.as_primitive()),
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Kind::Timestamp(array.as_primitive(), zone),
            DataType::Timestamp(TimeUnit::Microsecond, None) => Kind::TimestampNtz(array.as_primitive()),
            DataType::Time64(TimeUnit::Microsecond) => Kind::Time(array.as_primitive()),
            DataType::Interval(IntervalUnit::YearMonth) => Kind::YearMonth(array.as_primitive()),
            DataType::Interval(IntervalUnit::MonthDayNano) => Kind::Calendar(array.as_primitive()),
            DataType::Duration(TimeUnit::Microsecond) => Kind::DayTime(array.as_primitive()),
            DataType::Utf8 => Kind::String(array.as_string()),
            DataType::Binary => Kind::Binary(array.as_binary()),
            DataType::Struct(_) => Kind::Struct(array.as_struct().columns().iter().map(inner).collect::<Result<_>>()?),
            DataType::List(_) => {
                let array = array.as_list::<i32>();
                Kind::List(array, Box::new(inner(array.values())?))
            }
            DataType::Map(_, _) => {
                let array = array.as_map();
                Kind::Map(array, Box::new(inner(array.keys())?), Box::new(inner(array.values())?))
            }
            other => return Err(Error::unsupported(format!("the text of a value of type {other}"))),
        };
        Ok(Self { array, kind, style })
    }

    /// Appends the text of a row; NULL has a word too.
    pub fn push(&self, out: &mut String, row: usize) {
        if self.array.is_null(row) {
            return out.push_str(match self.style {
                Style::Cast => "null",
                Style::Show(_) => "NULL",
            });
        }
        match &self.kind {
            Kind::Null => out.push_str(if self.style == Style::Cast { "null" } else { "NULL" }),
            Kind::Boolean(array) => out.push_str(if array.value(row) { "true" } else { "false" }),
            Kind::Int8(array) => push_integer(out, array.value(row).into()),
            Kind::Int16(array) => push_integer(out, array.value(row).into()),
            Kind::Int32(array) => push_integer(out, array.value(row).into()),
            Kind::Int64(array) => push_integer(out, array.value(row)),
            Kind::Float32(array) => push_float(out, array.value(row)),
            Kind::Float64(array) => push_double(out, array.value(row)),
            Kind::Decimal(array) => push_decimal(out, array.value(row), array.scale()),
            Kind::Date(array) => push_date(out, array.value(row)),
            Kind::Timestamp(array, zone) => push_timestamp(out, array.value(row), *zone),
            Kind::TimestampNtz(array) => push_timestamp_ntz(out, array.value(row)),
            Kind::Time(array) => time::push_time_of_day(out, array.value(row)),
            Kind::YearMonth(array) => interval::push_year_month(out, array.value(row)),
            Kind::DayTime(array) => interval::push_day_time(out, array.value(row)),
            Kind::Calendar(array) => interval::push_calendar(out, array.value(row)),
            Kind::String(array) => out.push_str(array.value(row)),
            Kind::Binary(array) => self.push_binary(out, array.value(row)),
            Kind::Struct(fields) => push_all(out, ["{", ", ", "}"], 0..fields.len(), |out, index| {
                fields[index].push(out, row);
            }),
            Kind::List(array, elements) => {
                push_all(out, ["[", ", ", "]"], span(array.value_offsets(), row), |out, index| {
                    elements.push(out, index);
                });
            }
            Kind::Map(array, keys, values) => {
                push_all(out, ["{", ", ", "}"], span(array.value_offsets(), row), |out, index| {
                    keys.push(out, index);
                    out.push_str(" -> ");
                    values.push(out, index);
                });
            }
        }
    }

    fn push_binary(&self, out: &mut String, bytes: &[u8]) {
        let style = match self.style {
            Style::Cast => BinaryStyle::Utf8,
            Style::Show(style) => style,
        };
        match style {
            BinaryStyle::Utf8 => out.push_str(&String::from_utf8_lossy(bytes)),
            BinaryStyle::Base64 => STANDARD_NO_PAD.encode_string(bytes, out),
            BinaryStyle::Hex => bytes.iter().for_each(|byte| push_hex(out, *byte)),
            BinaryStyle::HexDiscrete => {
                push_all(out, ["[", " ", "]"], 0..bytes.len(), |out, index| push_hex(out, bytes[index]));
            }
            BinaryStyle::Basic => push_all(out, ["[", ", ", "]"], 0..bytes.len(), |out, index| {
                push_integer(out, i64::from(bytes[index] as i8));
            }),
        }
    }
}

/// Two digits.
fn push_hex(out: &mut String, byte: u8) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]]);
}

fn span(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    offsets[row] as usize..offsets[row + 1] as usize
}

/// Appends items between an opening and a closing, with a separator between two.
pub(crate) fn push_all(
    out: &mut String,
    [opening, separator, closing]: [&str; 3],
    items: std::ops::Range<usize>,
    mut push: impl FnMut(&mut String, usize),
) {
    out.push_str(opening);
    let first = items.start;
    for item in items {
        if item > first {
            out.push_str(separator);
        }
        push(out, item);
    }
    out.push_str(closing);
}

/// `cast(array as string)`: NULL stays NULL.
pub fn cast_to_string(array: &dyn Array, zone: Tz) -> Result<StringArray> {
    let text = ValueText::new(array, zone, Style::Cast)?;
    let mut strings = StringBuilder::with_capacity(array.len(), array.len() * 8);
    let mut value = String::new();
    for row in 0..array.len() {
        if array.is_null(row) || matches!(text.kind, Kind::Null) {
            strings.append_null();
            continue;
        }
        value.clear();
        text.push(&mut value, row);
        strings.append_value(&value);
    }
    Ok(strings.finish())
}

/// Appends a whole number.
pub(crate) fn push_integer(out: &mut String, value: i64) {
    let mut buffer = [0; lexical_core::BUFFER_SIZE];
    let digits = lexical_core::write(value, &mut buffer);
    out.extend(digits.iter().map(|&byte| char::from(byte)));
}

/// Appends a decimal in plain notation with all digits of its scale.
pub fn push_decimal(out: &mut String, value: i128, scale: i8) {
    let digits = value.unsigned_abs().to_string();
    if value < 0 {
        out.push('-');
    }
    let Some(places) = usize::try_from(scale).ok().filter(|&places| places > 0) else {
        out.push_str(&digits);
        if value != 0 {
            out.extend(std::iter::repeat_n('0', usize::from(scale.unsigned_abs())));
        }
        return;
    };
    if digits.len() <= places {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', places - digits.len()));
        out.push_str(&digits);
    } else {
        let (whole, fraction) = digits.split_at(digits.len() - places);
        out.push_str(whole);
        out.push('.');
        out.push_str(fraction);
    }
}

#[cfg(test)]
mod tests;
