//! Vectors: arrays of FLOAT with a length, an angle and a distance. Sums are taken in FLOAT, as Spark takes them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, ListArray};
use arrow::datatypes::{DataType, Float32Type};
use datafusion::common::ScalarValue;
use millstream_core::{Error, Result, spark_error};
use millstream_formats::text::push_float;

use super::array::lists_of;
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::failure::{sql_id, unexpected_input_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

/// An argument that is an array of FLOAT; nothing is cast to one.
pub(crate) fn vector(call: &FunctionCall<'_>, index: usize) -> Result<TypedExpr> {
    match call.data_type(index) {
        DataType::List(element) if *element.data_type() == DataType::Float32 => Ok(call.argument(index)),
        _ => unexpected_input_type(call, index, "\"ARRAY<FLOAT>\""),
    }
}

/// The numbers of a row's vector; none where it is NULL or has a NULL.
fn numbers(list: &ListArray, row: usize) -> Option<Float32Array> {
    let values = list.is_valid(row).then(|| list.value(row))?;
    (values.null_count() == 0).then(|| values.as_primitive::<Float32Type>().clone())
}

/// Two vectors of another length.
pub(crate) fn differing_dimensions(name: &str, left: usize, right: usize) -> Error {
    spark_error!("VECTOR_DIMENSION_MISMATCH", functionName = sql_id(name), leftDim = left, rightDim = right)
}

fn of_two(evaluation: &Evaluation<'_>, value: impl Fn(&[f32], &[f32]) -> Option<f32>) -> Result<ArrayRef> {
    let (left, right): (&ListArray, &ListArray) = (evaluation.columns[0].as_list(), evaluation.columns[1].as_list());
    let row = |row: usize| {
        if !evaluation.all_valid(row) {
            return Ok(None);
        }
        let (left_length, right_length) = (left.value_length(row), right.value_length(row));
        if left_length != right_length {
            return Err(differing_dimensions(evaluation.name, left_length as usize, right_length as usize));
        }
        let (Some(left), Some(right)) = (numbers(left, row), numbers(right, row)) else { return Ok(None) };
        Ok(value(left.values(), right.values()))
    };
    Ok(Arc::new((0..evaluation.rows).map(row).collect::<Result<Float32Array>>()?))
}

fn product(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(evaluation, other)| evaluation * other).sum()
}

static INNER_PRODUCT: Function = Function::new("vector_inner_product", |evaluation| {
    of_two(evaluation, |left, right| Some(product(left, right) + 0.0))
});

static COSINE_SIMILARITY: Function = Function::new("vector_cosine_similarity", |evaluation| {
    of_two(evaluation, |left, right| {
        let size = (f64::from(product(left, left)) * f64::from(product(right, right))).sqrt() as f32;
        (size != 0.0).then(|| product(left, right) / size)
    })
});

static L2_DISTANCE: Function = Function::new("vector_l2_distance", |evaluation| {
    of_two(evaluation, |left, right| {
        let squares = left.iter().zip(right).map(|(evaluation, other)| (evaluation - other) * (evaluation - other));
        Some((f64::from(squares.sum::<f32>() + 0.0)).sqrt() as f32)
    })
});

fn two_vectors(call: &FunctionCall<'_>, function: &'static Function) -> Result<Resolved> {
    scalar(function.call_nullable([vector(call, 0)?, vector(call, 1)?], DataType::Float32, call))
}

pub(super) fn inner_product(call: &FunctionCall<'_>) -> Result<Resolved> {
    two_vectors(call, &INNER_PRODUCT)
}

pub(super) fn cosine_similarity(call: &FunctionCall<'_>) -> Result<Resolved> {
    two_vectors(call, &COSINE_SIMILARITY)
}

pub(super) fn l2_distance(call: &FunctionCall<'_>) -> Result<Resolved> {
    two_vectors(call, &L2_DISTANCE)
}

/// The length of a vector by the norm of this degree.
fn norm_of(name: &str, vector: &[f32], degree: f32) -> Result<f32> {
    if degree == 1.0 {
        Ok(vector.iter().map(|value| value.abs()).sum::<f32>() + 0.0)
    } else if degree == 2.0 {
        Ok(f64::from(product(vector, vector) + 0.0).sqrt() as f32)
    } else if degree == f32::INFINITY {
        // NaN is greater than nothing here.
        Ok(vector.iter().fold(0.0, |most, value| if value.abs() > most { value.abs() } else { most }))
    } else {
        let mut shown = String::new();
        push_float(&mut shown, degree);
        Err(spark_error!("INVALID_VECTOR_NORM_DEGREE", functionName = sql_id(name), degree = shown))
    }
}

/// The vector of a row that has all there is to have, and its norm.
fn with_norm(evaluation: &Evaluation<'_>, row: usize) -> Result<Option<(Float32Array, f32)>> {
    if !evaluation.all_valid(row) {
        return Ok(None);
    }
    let Some(vector) = numbers(evaluation.columns[0].as_list(), row) else { return Ok(None) };
    let norm = norm_of(evaluation.name, vector.values(), evaluation.numbers::<Float32Type>(1).value(row))?;
    Ok(Some((vector, norm)))
}

static NORM: Function = Function::new("vector_norm", |evaluation| {
    let norms = (0..evaluation.rows).map(|row| Ok(with_norm(evaluation, row)?.map(|(_, norm)| norm)));
    Ok(Arc::new(norms.collect::<Result<Float32Array>>()?))
});

static NORMALIZE: Function = Function::new("vector_normalize", |evaluation| {
    let row = |row: usize| {
        let Some((vector, norm)) = with_norm(evaluation, row)? else { return Ok(None) };
        if norm == 0.0 && !vector.is_empty() {
            return Ok(None);
        }
        let scaled = Float32Array::from_iter_values(vector.values().iter().map(|value| value / norm));
        Ok(Some(Arc::new(scaled) as ArrayRef))
    };
    lists_of(evaluation.data_type, (0..evaluation.rows).map(row).collect::<Result<_>>()?)
});

/// The call with the degree that Spark shows where none is given.
fn with_degree(call: &FunctionCall<'_>, function: &'static Function, data_type: DataType) -> Result<Resolved> {
    let vector = vector(call, 0)?;
    let degree = match call.arguments.get(1) {
        None => TypedExpr::literal(ScalarValue::Float32(Some(2.0)), "2.0"),
        Some(given) if given.data_type == DataType::Float32 => given.clone(),
        Some(_) => return unexpected_input_type(call, 1, "\"FLOAT\""),
    };
    let sql = format!("{}({}, {})", call.name.to_lowercase(), vector.sql, degree.sql);
    scalar(function.call_nullable([vector, degree], data_type, call).with_sql(sql))
}

pub(super) fn norm(call: &FunctionCall<'_>) -> Result<Resolved> {
    with_degree(call, &NORM, DataType::Float32)
}

pub(super) fn normalize(call: &FunctionCall<'_>) -> Result<Resolved> {
    with_degree(call, &NORMALIZE, crate::data_type::array(DataType::Float32, false))
}
