//! Values as bytes that compare as the values do, so that rows can lie in the order that a query asks for.
//!
//! The format is ours and fixed, because it stands in checkpoints. The order is Spark's: every NaN is one value above
//! all others, −0.0 is 0.0, texts compare by their bytes. No value is written as the beginning of another.
//!
//! ```text
//! column  = marker value?              marker: 0 for NULL first, 2 for NULL last, 1 before a value
//! integers, dates, times, decimals     big endian, sign bit turned over
//! DOUBLE, FLOAT                        their bits: of numbers below zero all turned over, of others the sign
//! BOOLEAN                              0 or 1
//! STRING, BINARY                       bytes, 0 as 0 255; 0 0 at the end
//! STRUCT                               each field as a column with NULL first
//! ARRAY                                1 and each element as a column with NULL first; 0 at the end
//! ```
//!
//! Of a descending column all bits behind the marker are turned over.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, IntervalUnit};
use millstream_core::{Error, Result};

const NULL_FIRST: u8 = 0;
const PRESENT: u8 = 1;
const NULL_LAST: u8 = 2;

/// A column by which rows are ordered.
#[derive(Debug, Clone)]
pub struct OrderColumn {
    /// The type of its values.
    pub data_type: DataType,
    /// The greatest value comes first.
    pub is_descending: bool,
    /// NULL comes before all values.
    pub nulls_first: bool,
}

/// Writes the columns by which rows are ordered.
#[derive(Debug)]
pub struct OrderCodec {
    columns: Vec<OrderColumn>,
}

impl OrderCodec {
    /// A codec for an order by these columns.
    ///
    /// # Errors
    /// A type that has no order here.
    pub fn try_new(columns: Vec<OrderColumn>) -> Result<Self> {
        columns.iter().try_for_each(|column| check(&column.data_type))?;
        Ok(Self { columns })
    }

    /// Whether values of a type have an order here.
    pub fn has_order(data_type: &DataType) -> bool {
        check(data_type).is_ok()
    }

    /// The length of all orders at the most, if they have one.
    pub fn width(&self) -> Option<usize> {
        self.columns.iter().map(|column| width(&column.data_type).map(|width| width + 1)).sum()
    }

    /// Appends the order of the row at `index` of these columns.
    pub fn encode(&self, values: &[ArrayRef], index: usize, out: &mut Vec<u8>) -> Result<()> {
        for (column, values) in self.columns.iter().zip(values) {
            if is_null(values, index) {
                out.push(if column.nulls_first { NULL_FIRST } else { NULL_LAST });
                continue;
            }
            out.push(PRESENT);
            let start = out.len();
            put(values, index, out)?;
            if column.is_descending {
                out[start..].iter_mut().for_each(|byte| *byte = !*byte);
            }
        }
        Ok(())
    }
}

fn is_null(values: &dyn Array, index: usize) -> bool {
    values.is_null(index) || values.data_type() == &DataType::Null
}

/// The bytes of a value, where all values of the type have as many.
fn width(data_type: &DataType) -> Option<usize> {
    match data_type {
        DataType::Null => Some(0),
        DataType::Boolean => Some(1),
        DataType::Struct(fields) => fields.iter().map(|field| width(field.data_type()).map(|width| width + 1)).sum(),
        other => other.primitive_width(),
    }
}

fn check(data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::Null | DataType::Boolean | DataType::Utf8 | DataType::Binary => Ok(()),
        DataType::Float32 | DataType::Float64 | DataType::Decimal128(..) => Ok(()),
        DataType::Date32 | DataType::Timestamp(..) | DataType::Duration(_) => Ok(()),
        DataType::Interval(IntervalUnit::YearMonth) => Ok(()),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check(field.data_type())),
        DataType::List(field) => check(field.data_type()),
        other if other.is_integer() => Ok(()),
        other => Err(no_order(other)),
    }
}

fn no_order(data_type: &DataType) -> Error {
    Error::unsupported(format!("an order by a column of type {data_type} over a stream"))
}

fn put(values: &dyn Array, index: usize, out: &mut Vec<u8>) -> Result<()> {
    match values.data_type() {
        DataType::Null => {}
        DataType::Boolean => out.push(u8::from(values.as_boolean().value(index))),
        DataType::Utf8 => put_text(values.as_string::<i32>().value(index).as_bytes(), out),
        DataType::Binary => put_text(values.as_binary::<i32>().value(index), out),
        DataType::Float32 => {
            let value = values.as_primitive::<Float32Type>().value(index);
            out.extend_from_slice(&float_32(value).to_be_bytes());
        }
        DataType::Float64 => {
            let value = values.as_primitive::<Float64Type>().value(index);
            out.extend_from_slice(&float_64(value).to_be_bytes());
        }
        DataType::Decimal128(..) => {
            let value = values.as_primitive::<Decimal128Type>().value(index);
            out.extend_from_slice(&(value as u128 ^ 1 << 127).to_be_bytes());
        }
        DataType::Struct(_) => {
            for field in values.as_struct().columns() {
                put_nested(field, index, out)?;
            }
        }
        DataType::List(_) => {
            let elements = values.as_list::<i32>().value(index);
            for element in 0..elements.len() {
                out.push(PRESENT);
                put_nested(&elements, element, out)?;
            }
            out.push(0);
        }
        other => put_integer(values, index, other, out)?,
    }
    Ok(())
}

/// A value within another: NULL is below all.
fn put_nested(values: &dyn Array, index: usize, out: &mut Vec<u8>) -> Result<()> {
    if is_null(values, index) {
        out.push(NULL_FIRST);
        return Ok(());
    }
    out.push(PRESENT);
    put(values, index, out)
}

fn put_text(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        out.push(byte);
        if byte == 0 {
            out.push(u8::MAX);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

/// Whatever is an integer in memory.
fn put_integer(values: &dyn Array, index: usize, data_type: &DataType, out: &mut Vec<u8>) -> Result<()> {
    let width = data_type.primitive_width().filter(|width| *width <= 8).ok_or_else(|| no_order(data_type))?;
    let data = values.to_data();
    let at = (data.offset() + index) * width;
    let start = out.len();
    out.extend(data.buffers()[0][at..at + width].iter().rev());
    if data_type.is_signed_integer() || !data_type.is_integer() {
        out[start] ^= 0x80;
    }
    Ok(())
}

fn float_64(value: f64) -> u64 {
    let bits = if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() };
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

fn float_32(value: f32) -> u32 {
    let bits = if value.is_nan() { f32::NAN.to_bits() } else { (value + 0.0).to_bits() };
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

#[cfg(test)]
mod tests;
