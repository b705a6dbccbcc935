//! `array_sort(array, (left, right) -> …)`: the elements of an array in the order of a lambda.
//!
//! All arrays of a batch are sorted together, by merging longer and longer runs, so that the lambda is evaluated on
//! columns: one call compares the heads of all runs that are being merged. A lambda that contradicts itself gives some
//! order, never a panic.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, ListArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, take, take_arrays};
use arrow::datatypes::{DataType, FieldRef, Int32Type};
use arrow::util::display::array_value_to_string;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, HigherOrderFunctionArgs, HigherOrderUDF, LambdaArgument, ValueOrLambda};
use millstream_core::{Error, spark_error};
use millstream_engine::error::to_datafusion;

use super::lambda_function::{LambdaFunction, misused};

const NAME: &str = "array_sort_by";

/// The function for arrays of this type.
pub fn array_sort_by(data_type: DataType) -> Arc<HigherOrderUDF> {
    let parameters = |_: &DataType, element: FieldRef| vec![Arc::clone(&element), element];
    LambdaFunction { name: NAME, values: 1, data_type, parameters, invoke: sort_by }.into_udf()
}

fn sort_by(data_type: &DataType, arguments: &HigherOrderFunctionArgs) -> Result<ColumnarValue> {
    let [ValueOrLambda::Value(list), ValueOrLambda::Lambda(lambda)] = arguments.args.as_slice() else {
        return Err(misused(NAME));
    };
    let DataType::List(field) = data_type else { return Err(misused(NAME)) };
    let list = list.to_array(arguments.number_rows)?;
    let list: &ListArray = list.as_list();
    let lengths = || (0..list.len()).map(|row| if list.is_valid(row) { list.value_length(row) as usize } else { 0 });
    let mut elements = Vec::with_capacity(list.values().len());
    let mut spans = Vec::with_capacity(list.len());
    for (row, length) in lengths().enumerate() {
        let first = list.value_offsets()[row] as u32;
        spans.push((row as u32, elements.len()..elements.len() + length));
        elements.extend(first..first + length as u32);
    }
    let sorted = UInt32Array::from(sorted(elements, &spans, |pairs| right_first(list, lambda, pairs))?);
    let values = take(list.values(), &sorted, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths());
    let sorted = ListArray::try_new(Arc::clone(field), offsets, values, list.nulls().cloned())?;
    Ok(ColumnarValue::Array(Arc::new(sorted)))
}

/// Two elements of the array of a row, by their places.
struct Pair {
    row: u32,
    left: u32,
    right: u32,
}

/// Of each pair, whether its right element comes first.
fn right_first(list: &ListArray, lambda: &LambdaArgument, pairs: &[Pair]) -> Result<Vec<bool>> {
    let column = |of: fn(&Pair) -> u32| pairs.iter().map(of).collect::<UInt32Array>();
    let (rows, lefts, rights) = (column(|pair| pair.row), column(|pair| pair.left), column(|pair| pair.right));
    let (left, right) = (|| Ok(take(list.values(), &lefts, None)?), || Ok(take(list.values(), &rights, None)?));
    let answers = lambda.evaluate(&[&left, &right], |captured| Ok(take_arrays(captured, &rows, None)?))?;
    let answers = cast(&answers.into_array(pairs.len())?, &DataType::Int32)?;
    let answers = answers.as_primitive::<Int32Type>();
    if let Some(at) = (0..answers.len()).find(|&at| answers.is_null(at)) {
        let shown = |place: u32| {
            let values = list.values();
            array_value_to_string(values, place as usize).map_err(Error::from).map_err(to_datafusion)
        };
        return Err(to_datafusion(spark_error!(
            "COMPARATOR_RETURNS_NULL",
            firstValue = shown(pairs[at].left)?,
            secondValue = shown(pairs[at].right)?,
        )));
    }
    Ok(answers.values().iter().map(|answer| *answer > 0).collect())
}

/// Two neighbouring runs on their way to be one.
struct Merge {
    row: u32,
    left: Range<usize>,
    right: Range<usize>,
    merged: Vec<usize>,
}

/// The elements with each span of them sorted. Equal ones keep their order.
fn sorted(
    mut elements: Vec<u32>,
    spans: &[(u32, Range<usize>)],
    right_first: impl Fn(&[Pair]) -> Result<Vec<bool>>,
) -> Result<Vec<u32>> {
    let longest = spans.iter().map(|(_, span)| span.len()).max().unwrap_or(0);
    for width in std::iter::successors(Some(1), |width| Some(width * 2)).take_while(|width| *width < longest) {
        let mut merges = Vec::new();
        for (row, span) in spans {
            merges.extend(span.clone().step_by(width * 2).map(|from| {
                let (middle, end) = ((from + width).min(span.end), (from + width * 2).min(span.end));
                Merge { row: *row, left: from..middle, right: middle..end, merged: Vec::new() }
            }));
        }
        loop {
            let mut open: Vec<&mut Merge> =
                merges.iter_mut().filter(|one| !one.left.is_empty() && !one.right.is_empty()).collect();
            if open.is_empty() {
                break;
            }
            let head = |one: &&mut Merge| Pair {
                row: one.row,
                left: elements[one.left.start],
                right: elements[one.right.start],
            };
            let pairs: Vec<Pair> = open.iter().map(head).collect();
            for (one, right) in open.iter_mut().zip(right_first(&pairs)?) {
                let next = if right { one.right.next() } else { one.left.next() };
                one.merged.extend(next);
            }
        }
        let merged = merges.into_iter().flat_map(|one| one.merged.into_iter().chain(one.left).chain(one.right));
        elements = merged.map(|at| elements[at]).collect();
    }
    Ok(elements)
}
