//! The order of values within columns, as Spark has it: NaN equals NaN and is greater than any number, −0.0 equals 0.0.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, make_comparator};
use arrow::compute::SortOptions;
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use millstream_core::Result;

/// Floating-point numbers with one zero and one NaN, so that Arrow's total order is Spark's.
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
        _ => Arc::clone(column),
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
