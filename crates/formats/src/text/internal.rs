//! Values in Spark's inner form, which shows in few places: keys of maps in `to_json`, records in error messages.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type};
use arrow::util::display::array_value_to_string;

use super::double::{push_double, push_float};

/// A value as Spark prints its inner form: times as numbers, structs and arrays in brackets.
pub(crate) fn push_internal(out: &mut String, array: &ArrayRef, row: usize) {
    if array.is_null(row) {
        return out.push_str("null");
    }
    match array.data_type() {
        DataType::Struct(_) => {
            let columns = array.as_struct().columns();
            push_list(out, columns.len(), |out, index| push_internal(out, &columns[index], row));
        }
        DataType::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            push_list(out, elements.len(), |out, index| push_internal(out, &elements, index));
        }
        DataType::Float32 => push_float(out, array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => push_double(out, array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(_, scale) => {
            super::push_decimal(out, array.as_primitive::<Decimal128Type>().value(row), *scale);
        }
        DataType::Timestamp(_, _) | DataType::Date32 => {
            let wide = arrow::compute::cast(array, &DataType::Int64);
            let number = wide.and_then(|numbers| array_value_to_string(&numbers, row));
            out.push_str(&number.unwrap_or_default());
        }
        _ => out.push_str(&array_value_to_string(array, row).unwrap_or_default()),
    }
}

fn push_list(out: &mut String, len: usize, mut push: impl FnMut(&mut String, usize)) {
    out.push('[');
    for index in 0..len {
        if index > 0 {
            out.push(',');
        }
        push(out, index);
    }
    out.push(']');
}
