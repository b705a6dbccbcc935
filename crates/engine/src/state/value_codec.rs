//! Values of any type as bytes: rows that a store keeps, and the state of accumulators.
//!
//! ```text
//! value     = 0 for NULL, or 1 and what follows
//! fixed     = little endian; booleans one byte
//! STRING, BINARY = length (varint), bytes
//! ARRAY, MAP = length (varint), value*
//! STRUCT    = value* in the order of its fields
//! ```
//!
//! The format stands in checkpoints, so it is ours and not that of a library.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, BinaryArray, FixedSizeListArray, LargeListArray, ListArray, MapArray,
    StructArray, UInt32Array, make_array, new_empty_array,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, FieldRef, Fields};
use millstream_core::{Error, Result};

use super::codec::{Reader, put_bytes, put_u64};

/// Appends the value at `index` of an array.
pub(super) fn put_value(out: &mut Vec<u8>, array: &dyn Array, index: usize) -> Result<()> {
    if array.is_null(index) || array.data_type() == &DataType::Null {
        out.push(0);
        return Ok(());
    }
    out.push(1);
    match array.data_type() {
        DataType::Boolean => out.push(u8::from(array.as_boolean().value(index))),
        DataType::Utf8 => put_bytes(out, array.as_string::<i32>().value(index).as_bytes()),
        DataType::LargeUtf8 => put_bytes(out, array.as_string::<i64>().value(index).as_bytes()),
        DataType::Utf8View => put_bytes(out, array.as_string_view().value(index).as_bytes()),
        DataType::Binary => put_bytes(out, array.as_binary::<i32>().value(index)),
        DataType::LargeBinary => put_bytes(out, array.as_binary::<i64>().value(index)),
        DataType::BinaryView => put_bytes(out, array.as_binary_view().value(index)),
        DataType::List(_) => put_list(out, &array.as_list::<i32>().value(index))?,
        DataType::LargeList(_) => put_list(out, &array.as_list::<i64>().value(index))?,
        DataType::FixedSizeList(..) => put_list(out, &array.as_fixed_size_list().value(index))?,
        DataType::Map(..) => put_list(out, &array.as_map().value(index))?,
        DataType::Struct(_) => {
            array.as_struct().columns().iter().try_for_each(|field| put_value(out, field, index))?;
        }
        other => {
            let width = other.primitive_width().ok_or_else(|| no_form(other))?;
            let data = array.to_data();
            let at = (data.offset() + index) * width;
            out.extend_from_slice(&data.buffers()[0][at..at + width]);
        }
    }
    Ok(())
}

fn put_list(out: &mut Vec<u8>, values: &dyn Array) -> Result<()> {
    put_u64(out, values.len() as u64);
    (0..values.len()).try_for_each(|index| put_value(out, values, index))
}

fn no_form(data_type: &DataType) -> Error {
    Error::unsupported(format!("a value of type {data_type} in the state of a stream"))
}

/// Whether values of a type can be kept.
pub(super) fn check_type(data_type: &DataType) -> Result<()> {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            check_type(field.data_type())
        }
        DataType::Map(field, _) => check_type(field.data_type()),
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check_type(field.data_type())),
        DataType::Null | DataType::Boolean => Ok(()),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Ok(()),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Ok(()),
        other if other.primitive_width().is_some() => Ok(()),
        other => Err(no_form(other)),
    }
}

/// Reads a value of this type from each reader, and leaves it behind the value.
pub(super) fn read_values(data_type: &DataType, readers: &mut [Reader<'_>]) -> Result<ArrayRef> {
    let each: Vec<usize> = (0..readers.len()).collect();
    read_column(data_type, readers, &each)
}

/// Reads a value for each entry of `order`, which says from which reader.
fn read_column(data_type: &DataType, readers: &mut [Reader<'_>], order: &[usize]) -> Result<ArrayRef> {
    match data_type {
        DataType::Struct(fields) => read_struct(fields, readers, order),
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            read_list(data_type, field, readers, order)
        }
        DataType::Map(field, _) => read_list(data_type, field, readers, order),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => read_bytes(data_type, readers, order),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => read_bytes(data_type, readers, order),
        DataType::Null => {
            order.iter().try_for_each(|&reader| is_there(&mut readers[reader]).map(|_| ()))?;
            Ok(arrow::array::new_null_array(data_type, order.len()))
        }
        other => read_fixed(other, readers, order),
    }
}

fn is_there(reader: &mut Reader<'_>) -> Result<bool> {
    match reader.array()? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(Error::data(format!("a value in the state begins with {other}, not with 0 or 1"))),
    }
}

fn read_fixed(data_type: &DataType, readers: &mut [Reader<'_>], order: &[usize]) -> Result<ArrayRef> {
    let stored = if *data_type == DataType::Boolean { &DataType::Int8 } else { data_type };
    let width = stored.primitive_width().ok_or_else(|| no_form(data_type))?;
    let (mut bytes, mut valid) = (Vec::with_capacity(order.len() * width), Vec::with_capacity(order.len()));
    for &reader in order {
        let reader = &mut readers[reader];
        valid.push(is_there(reader)?);
        match valid.last() {
            Some(true) => bytes.extend_from_slice(reader.take(width)?),
            _ => bytes.resize(bytes.len() + width, 0),
        }
    }
    let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
    let data = ArrayData::builder(stored.clone()).len(order.len()).add_buffer(Buffer::from(bytes)).nulls(nulls);
    let array = make_array(data.align_buffers(true).build()?);
    if stored == data_type { Ok(array) } else { Ok(cast(&array, data_type)?) }
}

fn read_bytes(data_type: &DataType, readers: &mut [Reader<'_>], order: &[usize]) -> Result<ArrayRef> {
    let is_text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let read = |&reader: &usize| {
        let reader = &mut readers[reader];
        let bytes = if is_there(reader)? { Some(reader.bytes()?) } else { None };
        if is_text && bytes.is_some_and(|bytes| std::str::from_utf8(bytes).is_err()) {
            return Err(Error::data("a value in the state is not text"));
        }
        Ok(bytes)
    };
    let values = order.iter().map(read).collect::<Result<Vec<_>>>()?;
    let binary: ArrayRef = Arc::new(BinaryArray::from_iter(values));
    Ok(cast(&binary, data_type)?)
}

fn read_struct(fields: &Fields, readers: &mut [Reader<'_>], order: &[usize]) -> Result<ArrayRef> {
    // The fields of one value follow each other, so values are read one by one and put together after.
    let (mut valid, mut rows) = (Vec::with_capacity(order.len()), Vec::new());
    for &reader in order {
        valid.push(is_there(&mut readers[reader])?);
        if valid.last() == Some(&true) {
            let read = |field: &FieldRef| read_column(field.data_type(), readers, &[reader]);
            rows.push(fields.iter().map(read).collect::<Result<Vec<_>>>()?);
        }
    }
    let mut next = 0;
    let places: UInt32Array = valid
        .iter()
        .map(|&valid| {
            next += u32::from(valid);
            valid.then(|| next - 1)
        })
        .collect();
    let column = |(index, field): (usize, &FieldRef)| -> Result<ArrayRef> {
        let pieces: Vec<&dyn Array> = rows.iter().map(|row| &*row[index]).collect();
        let values =
            if pieces.is_empty() { new_empty_array(field.data_type()) } else { arrow::compute::concat(&pieces)? };
        Ok(take(&values, &places, None)?)
    };
    let columns = fields.iter().enumerate().map(column).collect::<Result<Vec<_>>>()?;
    let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
    // A field that is never NULL is so below a NULL struct only, which Arrow allows.
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, order.len())?))
}

fn read_list(data_type: &DataType, field: &FieldRef, readers: &mut [Reader<'_>], order: &[usize]) -> Result<ArrayRef> {
    let (mut valid, mut lengths, mut pieces) = (Vec::new(), Vec::new(), Vec::new());
    for &reader in order {
        valid.push(is_there(&mut readers[reader])?);
        let length = if valid.last() == Some(&true) { readers[reader].u64()? } else { 0 };
        // A value takes a byte at the least, so no length can ask for more memory than was read.
        let length = usize::try_from(length).ok().filter(|&length| length <= readers[reader].left());
        let length = length.ok_or_else(|| Error::data("a list in the state is longer than the state"))?;
        lengths.push(length);
        if length > 0 {
            pieces.push(read_column(field.data_type(), readers, &vec![reader; length])?);
        }
    }
    let pieces: Vec<&dyn Array> = pieces.iter().map(|piece| &**piece).collect();
    let values = if pieces.is_empty() { new_empty_array(field.data_type()) } else { arrow::compute::concat(&pieces)? };
    let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
    let field = Arc::clone(field);
    Ok(match data_type {
        DataType::LargeList(_) => {
            Arc::new(LargeListArray::try_new(field, OffsetBuffer::from_lengths(lengths), values, nulls)?)
        }
        DataType::FixedSizeList(_, size) => fixed_size_list(field, *size, (&values, &lengths), nulls)?,
        DataType::Map(_, is_sorted) => {
            let entries = values.as_struct().clone();
            Arc::new(MapArray::try_new(field, OffsetBuffer::from_lengths(lengths), entries, nulls, *is_sorted)?)
        }
        _ => Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), values, nulls)?),
    })
}

/// Lists of one length; a NULL holds that many places too.
fn fixed_size_list(
    field: FieldRef,
    size: i32,
    (values, lengths): (&ArrayRef, &[usize]),
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let wanted = usize::try_from(size).unwrap_or(0);
    let mut next = 0_u32;
    let mut places = Vec::with_capacity(lengths.len() * wanted);
    for &length in lengths {
        if length != wanted && length != 0 {
            return Err(Error::data(format!("a list of {length} values in the state should have {wanted}")));
        }
        for _ in 0..wanted {
            places.push((length > 0).then_some(next));
            next += u32::from(length > 0);
        }
    }
    let values = take(values, &UInt32Array::from(places), None)?;
    Ok(Arc::new(FixedSizeListArray::try_new_with_length(field, size, values, nulls, lengths.len())?))
}

#[cfg(test)]
mod tests;
