//! `map_zip_with`: two maps side by side, key by key.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, MapArray, StructArray, UInt32Array};
use arrow::compute::{concat, take};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, SortField};
use millstream_core::{Error, Result, spark_error};

use super::array::lists_of;
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::coercion::lossless_type;
use crate::columns::ordering::normal_column;
use crate::data_type::{array, map, structure};
use crate::failure::{sql_expr, sql_id, sql_type, unexpected_input_type};
use crate::kernel::{Evaluation, Function};

/// For each row the keys of both maps, those of the left one first, with the values that each map has for them.
static ENTRIES: Function = Function::total("map_zip_entries", |evaluation| {
    let (left, right) = (evaluation.columns[0].as_map(), evaluation.columns[1].as_map());
    let row =
        |row: usize| if evaluation.all_valid(row) { entries(evaluation, left, right, row).map(Some) } else { Ok(None) };
    lists_of(evaluation.data_type, (0..evaluation.rows).map(row).collect::<Result<_>>()?)
});

fn entries(evaluation: &Evaluation<'_>, left: &MapArray, right: &MapArray, row: usize) -> Result<ArrayRef> {
    let DataType::List(entry) = evaluation.data_type else { return Err(Error::internal("an array that is none")) };
    let DataType::Struct(fields) = entry.data_type() else { return Err(Error::internal("a struct that is none")) };
    let (left, right) = (left.value(row), right.value(row));
    let keys = concat(&[left.column(0).as_ref(), right.column(0).as_ref()])?;
    let normal = normal_column(&keys);
    let converter = RowConverter::new(vec![SortField::new(normal.data_type().clone())])?;
    let rows = converter.convert_columns(&[normal])?;
    let mut places = std::collections::HashMap::with_capacity(keys.len());
    // The place of each key, of its value on the left and of that on the right.
    let mut found: Vec<(u32, Option<u32>, Option<u32>)> = Vec::new();
    for at in 0..keys.len() {
        let place = *places.entry(rows.row(at)).or_insert(found.len());
        if place == found.len() {
            found.push((at as u32, None, None));
        }
        match at.checked_sub(left.len()) {
            None => found[place].1 = Some(at as u32),
            Some(behind) => found[place].2 = Some(behind as u32),
        }
    }
    let keys = take(&keys, &found.iter().map(|found| found.0).collect::<UInt32Array>(), None)?;
    let of_left = take(left.column(1), &found.iter().map(|found| found.1).collect::<UInt32Array>(), None)?;
    let of_right = take(right.column(1), &found.iter().map(|found| found.2).collect::<UInt32Array>(), None)?;
    Ok(Arc::new(StructArray::try_new(fields.clone(), vec![keys, of_left, of_right], None)?))
}

/// Key and value types of a map argument.
fn types(call: &FunctionCall<'_>, index: usize) -> Result<(DataType, DataType, bool)> {
    if let DataType::Map(entries, _) = call.data_type(index)
        && let DataType::Struct(fields) = entries.data_type()
    {
        return Ok((fields[0].data_type().clone(), fields[1].data_type().clone(), fields[1].is_nullable()));
    }
    unexpected_input_type(call, index, "\"MAP\"")
}

/// The entries of two maps as structs of key, left and right value, called `0`, `1` and `2`.
pub(super) fn zip_entries(call: &FunctionCall<'_>) -> Result<Resolved> {
    let (left, right) = (types(call, 0)?, types(call, 1)?);
    let Some(key) = lossless_type(&left.0, &right.0, &call.context.settings) else {
        return Err(spark_error!(
            "DATATYPE_MISMATCH.MAP_ZIP_WITH_DIFF_TYPES",
            sqlExpr = sql_expr(&call.sql()),
            functionName = sql_id("map_zip_with"),
            leftType = sql_type(&left.0),
            rightType = sql_type(&right.0),
        ));
    };
    let entry = structure([("0", key.clone(), false), ("1", left.1.clone(), true), ("2", right.1.clone(), true)]);
    let left = call.cast(call.argument(0), &map(key.clone(), left.1, left.2))?;
    let right = call.cast(call.argument(1), &map(key, right.1, right.2))?;
    scalar(ENTRIES.call([left, right], array(entry, false), call))
}
