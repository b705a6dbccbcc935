//! `aggregate(array, start, (sum, element) -> …)`: the elements of an array folded into one value.
//!
//! All arrays of a batch advance together, element by element, so that the lambda is evaluated on columns.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, UInt32Array, new_null_array};
use arrow::compute::{cast, interleave, take, take_arrays};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, HigherOrderFunctionArgs, HigherOrderUDF, LambdaArgument, ValueOrLambda};

use super::lambda_function::{LambdaFunction, misused};

const NAME: &str = "array_fold";

/// `aggregate(array, start, (sum, element) -> …)` with sums of this type.
pub fn array_fold(data_type: DataType) -> Arc<HigherOrderUDF> {
    let parameters = |sum: &DataType, element: FieldRef| vec![Arc::new(Field::new("sum", sum.clone(), true)), element];
    LambdaFunction { name: NAME, values: 2, data_type, parameters, invoke: fold }.into_udf()
}

fn fold(data_type: &DataType, arguments: &HigherOrderFunctionArgs) -> Result<ColumnarValue> {
    let [ValueOrLambda::Value(list), ValueOrLambda::Value(start), ValueOrLambda::Lambda(lambda)] =
        arguments.args.as_slice()
    else {
        return Err(misused(NAME));
    };
    let rows = arguments.number_rows;
    let (list, mut sums) = (list.to_array(rows)?, start.to_array(rows)?);
    let list: &ListArray = list.as_list();
    let length = |row: usize| if list.is_valid(row) { list.value_length(row) } else { 0 };
    let longest = (0..rows).map(length).max().unwrap_or(0);
    for step in 0..longest {
        let open: UInt32Array = (0..rows as u32).filter(|&row| length(row as usize) > step).collect();
        sums = advanced(&sums, list, (step, &open), lambda, data_type)?;
    }
    let null = new_null_array(data_type, 1);
    let places: Vec<_> = (0..rows).map(|row| if list.is_valid(row) { (0, row) } else { (1, 0) }).collect();
    Ok(ColumnarValue::Array(interleave(&[&sums, &null], &places)?))
}

/// The sums with one more element, in those rows whose arrays have one.
fn advanced(
    sums: &ArrayRef,
    list: &ListArray,
    (step, open): (i32, &UInt32Array),
    lambda: &LambdaArgument,
    data_type: &DataType,
) -> Result<ArrayRef> {
    let places: UInt32Array =
        open.values().iter().map(|&row| (list.value_offsets()[row as usize] + step) as u32).collect();
    let sum = || Ok(take(sums, open, None)?);
    let element = || Ok(take(list.values(), &places, None)?);
    let next = lambda.evaluate(&[&sum, &element], |captured| Ok(take_arrays(captured, open, None)?))?;
    let next = cast(&next.into_array(open.len())?, data_type)?;
    let mut merged: Vec<(usize, usize)> = (0..sums.len()).map(|row| (0, row)).collect();
    for (at, &row) in open.values().iter().enumerate() {
        merged[row as usize] = (1, at);
    }
    Ok(interleave(&[sums, &next], &merged)?)
}
