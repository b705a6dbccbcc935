//! Elements of arrays and values of maps.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, UInt64Array, make_comparator};
use arrow::compute::{SortOptions, take};
use arrow::datatypes::{DataType, Field, Int32Type};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use millstream_core::{Error, Result};

use crate::argument::{constant_of, null_of, scalar};
use crate::call::{FunctionCall, Resolved};
use crate::coercion::lossless_type;
use crate::collection::construct::ARRAY_NAME;
use crate::columns::ordering::normal_column;
use crate::data_type::{array, map, map_entry};
use crate::failure::{
    differing_key_type, index_of_zero, invalid_array_index, invalid_index_of_element_at, unexpected_input_type,
};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

/// How an index is read, and what one beside the array is.
#[derive(Clone, Copy)]
struct Indexing {
    one_based: bool,
    beside: Option<fn(i64, usize) -> Error>,
}

/// The elements that the second column's indexes mean.
fn elements(one: &Evaluation<'_>, indexing: Indexing) -> Result<ArrayRef> {
    let list: &ListArray = one.columns[0].as_list();
    let indexes = one.numbers::<Int32Type>(1);
    let mut places = Vec::with_capacity(one.rows);
    for row in 0..one.rows {
        if !one.all_valid(row) {
            places.push(None);
            continue;
        }
        let (first, length) = (list.value_offsets()[row], list.value_length(row));
        let index = indexes.value(row);
        let from_start = match (indexing.one_based, index) {
            (false, _) => Some(index),
            (true, 0) => return Err(index_of_zero()),
            (true, 1..) => Some(index - 1),
            (true, _) => length.checked_add(index),
        };
        match (from_start.filter(|at| (0..length).contains(at)), indexing.beside) {
            (Some(at), _) => places.push(Some((first + at) as u64)),
            (None, Some(error)) => return Err(error(index.into(), length as usize)),
            (None, None) => places.push(None),
        }
    }
    Ok(take(list.values(), &UInt64Array::from(places), None)?)
}

/// The values of the keys in the second column.
fn values_of_keys(one: &Evaluation<'_>) -> Result<ArrayRef> {
    let maps = one.columns[0].as_map();
    let (map_keys, keys) = (normal_column(maps.keys()), normal_column(&one.columns[1]));
    let compare = make_comparator(&map_keys, &keys, SortOptions::default())?;
    let place = |row: usize| {
        if !one.all_valid(row) {
            return None;
        }
        let entries = maps.value_offsets()[row] as usize..maps.value_offsets()[row + 1] as usize;
        entries.rev().find(|&at| compare(at, row).is_eq()).map(|at| at as u64)
    };
    let places: UInt64Array = (0..one.rows).map(place).collect();
    Ok(take(maps.values(), &places, None)?)
}

static ITEM: Function = Function::new("get_item", |one| {
    let beside = one.settings.ansi.then_some(invalid_array_index as fn(i64, usize) -> Error);
    elements(one, Indexing { one_based: false, beside })
});
static GET: Function = Function::total("get", |one| elements(one, Indexing { one_based: false, beside: None }));
static ELEMENT_AT: Function = Function::new("element_at", |one| {
    let beside = one.settings.ansi.then_some(invalid_index_of_element_at as fn(i64, usize) -> Error);
    elements(one, Indexing { one_based: true, beside })
});
static TRY_ELEMENT_AT: Function =
    Function::total("try_element_at", |one| elements(one, Indexing { one_based: true, beside: None }));
static MAP_VALUE: Function = Function::total("map_value", values_of_keys);

/// Map and key in types that can be compared.
pub(super) fn with_key(call: &FunctionCall<'_>, key: &Field, value: &Field) -> Result<[TypedExpr; 2]> {
    let meeting = lossless_type(key.data_type(), call.data_type(1), &call.context.settings);
    let meeting = meeting.ok_or_else(|| differing_key_type(call))?;
    let map = map(meeting.clone(), value.data_type().clone(), value.is_nullable());
    Ok([call.cast(call.argument(0), &map)?, call.cast(call.argument(1), &meeting)?])
}

/// Whether a constant index surely finds an element: in an array that is made right here.
fn has_element(array: &TypedExpr, index: &TypedExpr, one_based: bool) -> bool {
    let Expr::ScalarFunction(made) = &array.expr else { return false };
    let Some(ScalarValue::Int32(Some(index))) = constant_of(&index.expr) else { return false };
    let index = i64::from(index);
    let length = made.args.len() as i64;
    let within = if one_based { (1..=length).contains(&index.abs()) } else { (0..length).contains(&index) };
    made.func.name() == ARRAY_NAME && within
}

/// `collection[key]` with this function for arrays, which counts from one or from zero.
fn resolve(call: &FunctionCall<'_>, of_array: &'static Function, one_based: bool) -> Result<Resolved> {
    match call.data_type(0) {
        DataType::List(element) => {
            let index = match call.data_type(1) {
                DataType::Int8 | DataType::Int16 | DataType::Int32 => call.int(1)?,
                _ if one_based => return unexpected_input_type(call, 1, "\"INT\""),
                DataType::Int64 | DataType::Null => call.int(1)?,
                _ => return unexpected_input_type(call, 1, "\"INTEGRAL\""),
            };
            let present = has_element(&call.arguments[0], &index, one_based);
            let nullable = element.is_nullable() || !present;
            let data_type = element.data_type().clone();
            scalar(of_array.over([call.argument(0), index], data_type, nullable, &call.context.settings))
        }
        DataType::Map(entries, _) => {
            let (key, value) = map_entry(entries).ok_or_else(|| Error::internal("a map without entries"))?;
            let value_type = value.data_type().clone();
            let [map, wanted] = if one_based {
                with_key(call, key, value)?
            } else {
                [call.argument(0), call.implicit(1, key.data_type())?]
            };
            scalar(MAP_VALUE.call_nullable([map, wanted], value_type, call))
        }
        _ => unexpected_input_type(call, 0, "(\"ARRAY\" or \"MAP\")"),
    }
}

pub(super) fn get_item(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &ITEM, false)
}

pub(super) fn element_at(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &ELEMENT_AT, true)
}

pub(super) fn try_element_at(call: &FunctionCall<'_>) -> Result<Resolved> {
    resolve(call, &TRY_ELEMENT_AT, true)
}

pub(super) fn get(call: &FunctionCall<'_>) -> Result<Resolved> {
    if !matches!(call.data_type(0), DataType::List(_)) {
        return unexpected_input_type(call, 0, "\"ARRAY\"");
    }
    resolve(call, &GET, false)
}

static FIELDS: Function = Function::total("get_array_struct_fields", |one| {
    let list: &ListArray = one.columns[0].as_list();
    let DataType::List(element) = one.data_type else {
        return Err(Error::internal("an array that is none"));
    };
    let structs = list.values().as_struct();
    let name = one.strings(1);
    let name = if name.is_empty() { "" } else { name.value(0) };
    let column = match structs.column_by_name(name) {
        Some(column) => Arc::clone(column),
        None => arrow::array::new_null_array(element.data_type(), structs.len()),
    };
    // A NULL struct has NULL fields.
    let nulls = arrow::buffer::NullBuffer::union(column.nulls(), structs.nulls());
    let column = arrow::array::make_array(column.to_data().into_builder().nulls(nulls).build()?);
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), list.offsets().clone(), column, list.nulls().cloned())?))
});

pub(super) fn array_struct_fields(call: &FunctionCall<'_>) -> Result<Resolved> {
    let (DataType::List(element), Some(ScalarValue::Utf8(Some(name)))) =
        (call.data_type(0), call.arguments[1].as_literal())
    else {
        return unexpected_input_type(call, 0, "\"ARRAY<STRUCT>\"");
    };
    let DataType::Struct(fields) = element.data_type() else {
        return unexpected_input_type(call, 0, "\"ARRAY<STRUCT>\"");
    };
    let Some(field) = fields.iter().find(|field| field.name() == name) else {
        return unexpected_input_type(call, 0, "\"ARRAY<STRUCT>\"");
    };
    let data_type = array(field.data_type().clone(), field.is_nullable() || element.is_nullable());
    scalar(FIELDS.call([call.argument(0), call.argument(1)], data_type, call))
}

static SIZE: Function = Function::total("size", |one| sizes(one, !one.settings.ansi));
static ARRAY_SIZE: Function = Function::total("array_size", |one| sizes(one, false));

/// The number of elements; of NULL it is −1 in the old way.
fn sizes(one: &Evaluation<'_>, of_null: bool) -> Result<ArrayRef> {
    let column = &one.columns[0];
    let length = |row: usize| match column.data_type() {
        DataType::List(_) => column.as_list::<i32>().value_length(row),
        _ => {
            let offsets = column.as_map().value_offsets();
            offsets[row + 1] - offsets[row]
        }
    };
    let size = |row: usize| if column.is_valid(row) { Some(length(row)) } else { of_null.then_some(-1) };
    Ok(Arc::new((0..one.rows).map(size).collect::<Int32Array>()))
}

pub(super) fn size(call: &FunctionCall<'_>) -> Result<Resolved> {
    let ansi = call.context.settings.ansi;
    let argument = call.argument(0);
    match argument.data_type {
        DataType::List(_) | DataType::Map(_, _) => {
            let nullable = ansi && argument.nullable;
            scalar(SIZE.over([argument], DataType::Int32, nullable, &call.context.settings))
        }
        DataType::Null => {
            let size = if ansi { None } else { Some(-1) };
            scalar(TypedExpr { sql: String::new(), ..TypedExpr::literal(ScalarValue::Int32(size), "") })
        }
        _ => unexpected_input_type(call, 0, "(\"ARRAY\" or \"MAP\")"),
    }
}

pub(super) fn array_size(call: &FunctionCall<'_>) -> Result<Resolved> {
    match call.data_type(0) {
        DataType::Null => null_of(&DataType::Int32),
        DataType::List(_) => scalar(ARRAY_SIZE.call([call.argument(0)], DataType::Int32, call)),
        _ => unexpected_input_type(call, 0, "\"ARRAY\""),
    }
}
