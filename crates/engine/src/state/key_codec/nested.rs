//! Arrays and maps in keys: bytes as of any value in the state, so that equal ones have equal bytes.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, FixedSizeListArray, LargeListArray, ListArray, MapArray,
    StructArray,
};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use millstream_core::{Error, Result};

use crate::state::codec::Reader;
use crate::state::value_codec::{put_value, read_values};

/// What stands for a NULL.
const NULL: &[u8] = &[0];

/// Whether a type's values are written here.
pub(super) fn is_nested(data_type: &DataType) -> bool {
    use DataType::{FixedSizeList, LargeList, List, Map};
    matches!(data_type, List(_) | LargeList(_) | FixedSizeList(..) | Map(..))
}

/// The values of a column as bytes.
pub(super) fn written(array: &ArrayRef) -> Result<BinaryArray> {
    let array = normal(array)?;
    let (mut values, mut bytes) = (BinaryBuilder::with_capacity(array.len(), array.len() * 8), Vec::new());
    for row in 0..array.len() {
        bytes.clear();
        put_value(&mut bytes, &array, row)?;
        values.append_value(&bytes);
    }
    Ok(values.finish())
}

/// The column of these values; `None` is NULL.
pub(super) fn read<'a>(data_type: &DataType, values: impl Iterator<Item = Option<&'a [u8]>>) -> Result<ArrayRef> {
    let mut readers: Vec<Reader<'_>> = values.map(|value| Reader::new(value.unwrap_or(NULL))).collect();
    let column = read_values(data_type, &mut readers)?;
    if readers.iter().any(|reader| !reader.is_empty()) {
        return Err(Error::data("a group key in the state is longer than its type"));
    }
    Ok(column)
}

/// The column with its floats in the one form that stands for all equal to them.
pub(super) fn normal(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Float32 => {
            let normal = |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 };
            Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float32Type>(normal))
        }
        DataType::Float64 => {
            let normal = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
            Arc::new(array.as_primitive::<Float64Type>().unary::<_, Float64Type>(normal))
        }
        DataType::List(field) => {
            let (_, offsets, values, nulls) = array.as_list::<i32>().clone().into_parts();
            Arc::new(ListArray::try_new(Arc::clone(field), offsets, normal(&values)?, nulls)?)
        }
        DataType::LargeList(field) => {
            let (_, offsets, values, nulls) = array.as_list::<i64>().clone().into_parts();
            Arc::new(LargeListArray::try_new(Arc::clone(field), offsets, normal(&values)?, nulls)?)
        }
        DataType::FixedSizeList(field, size) => {
            let (_, _, values, nulls) = array.as_fixed_size_list().clone().into_parts();
            let (field, rows) = (Arc::clone(field), array.len());
            Arc::new(FixedSizeListArray::try_new_with_length(field, *size, normal(&values)?, nulls, rows)?)
        }
        DataType::Map(field, is_sorted) => {
            let (_, offsets, entries, nulls, _) = array.as_map().clone().into_parts();
            let entries = normal_struct(&entries)?;
            Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *is_sorted)?)
        }
        DataType::Struct(_) => Arc::new(normal_struct(array.as_struct())?),
        _ => Arc::clone(array),
    })
}

fn normal_struct(array: &StructArray) -> Result<StructArray> {
    let columns = array.columns().iter().map(normal).collect::<Result<_>>()?;
    Ok(StructArray::try_new_with_length(array.fields().clone(), columns, array.nulls().cloned(), array.len())?)
}
