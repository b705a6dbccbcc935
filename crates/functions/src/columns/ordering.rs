//! The order of values within columns, as Spark has it: NaN equals NaN and is greater than any number, −0.0 equals 0.0.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, MapArray, StructArray, make_comparator};
use arrow::compute::SortOptions;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use millstream_core::Result;

/// Floating-point numbers, also within arrays and structs, with one zero and one NaN, so that Arrow's total order is
/// Spark's.
pub(crate) fn normal_column(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Float64 => {
            let normal = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
            Arc::new(column.as_primitive::<Float64Type>().unary::<_, Float64Type>(normal))
        }
        DataType::Float32 => {
            let normal = |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 };
            Arc::new(column.as_primitive::<Float32Type>().unary::<_, Float32Type>(normal))
        }
        DataType::List(element) if holds_floats(element.data_type()) => {
            let list = column.as_list::<i32>();
            let values = normal_column(list.values());
            Arc::new(ListArray::new(Arc::clone(element), list.offsets().clone(), values, list.nulls().cloned()))
        }
        DataType::Struct(fields) if holds_floats(column.data_type()) => {
            let structs = column.as_struct();
            let columns = structs.columns().iter().map(normal_column).collect();
            let (nulls, length) = (structs.nulls().cloned(), structs.len());
            StructArray::try_new_with_length(fields.clone(), columns, nulls, length)
                .map_or_else(|_| Arc::clone(column), |normal| Arc::new(normal) as ArrayRef)
        }
        DataType::Map(entries, sorted) if holds_floats(column.data_type()) => {
            let maps = column.as_map();
            let normal = normal_column(&(Arc::new(maps.entries().clone()) as ArrayRef));
            let (offsets, nulls) = (maps.offsets().clone(), maps.nulls().cloned());
            Arc::new(MapArray::new(Arc::clone(entries), offsets, normal.as_struct().clone(), nulls, *sorted))
        }
        _ => Arc::clone(column),
    }
}

/// Whether a value of this type is a floating-point number or has one inside.
pub fn holds_floats(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(inner) | DataType::Map(inner, _) => holds_floats(inner.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_floats(field.data_type())),
        other => other.is_floating(),
    }
}

/// Whether one value is less than the other, row by row: for `greatest` and `least`.
pub(crate) fn less(left: &ArrayRef, right: &ArrayRef) -> Result<BooleanArray> {
    let (left_normal, right_normal) = (normal_column(left), normal_column(right));
    let order = make_comparator(&left_normal, &right_normal, SortOptions::default())?;
    Ok((0..left.len()).map(|row| Some(order(row, row).is_lt())).collect())
}

/// The values of `left` where the mask is true, else those of `right`.
pub(crate) fn choose(mask: &BooleanArray, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
    Ok(zip(mask, left, right)?)
}
