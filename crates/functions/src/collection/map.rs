//! What can be asked of a map.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, MapArray, UInt32Array, make_comparator};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{SortOptions, take};
use arrow::datatypes::{DataType, Field};
use millstream_core::{Error, QuerySettings, Result};

use super::access::with_key;
use crate::argument::{null_of, scalar};
use crate::call::{FunctionCall, Resolved};
use crate::columns::ordering::normal_column;
use crate::data_type::{array, map_entry, structure};
use crate::failure::{differing_key_type, null_type, unexpected_input_type};
use crate::kernel::{Evaluation, Function};
use crate::typed_expr::TypedExpr;

/// Key and value field of the first argument.
fn entry(call: &FunctionCall<'_>) -> Result<(Field, Field)> {
    match call.data_type(0) {
        DataType::Map(entries, _) => map_entry(entries)
            .map(|(key, value)| (key.as_ref().clone(), value.as_ref().clone()))
            .ok_or_else(|| Error::internal("a map without entries")),
        _ => unexpected_input_type(call, 0, "\"MAP\""),
    }
}

fn list_of(one: &Evaluation<'_>, values: impl Fn(&MapArray) -> ArrayRef) -> Result<ArrayRef> {
    let maps = one.columns[0].as_map();
    let DataType::List(element) = one.data_type else {
        return Err(Error::internal("an array that is none"));
    };
    let (offsets, nulls) = (maps.offsets().clone(), maps.nulls().cloned());
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values(maps), nulls)?))
}

static KEYS: Function = Function::total("map_keys", |one| list_of(one, |maps| Arc::clone(maps.keys())));
static VALUES: Function = Function::total("map_values", |one| list_of(one, |maps| Arc::clone(maps.values())));
static ENTRIES: Function = Function::total("map_entries", |one| list_of(one, |maps| Arc::new(maps.entries().clone())));

pub(super) fn keys(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Null {
        return null_of(&array(DataType::Null, false));
    }
    let (key, _) = entry(call)?;
    scalar(KEYS.call([call.argument(0)], array(key.data_type().clone(), false), call))
}

pub(super) fn values(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Null {
        return null_of(&array(DataType::Null, true));
    }
    let (_, value) = entry(call)?;
    scalar(VALUES.call([call.argument(0)], array(value.data_type().clone(), value.is_nullable()), call))
}

pub(super) fn entries(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Null {
        let entry = structure([("key", DataType::Null, false), ("value", DataType::Null, true)]);
        return null_of(&array(entry, false));
    }
    let (key, value) = entry(call)?;
    let entry =
        structure([("key", key.data_type().clone(), false), ("value", value.data_type().clone(), value.is_nullable())]);
    scalar(ENTRIES.call([call.argument(0)], array(entry, false), call))
}

static SORTED: Function = Function::total("map_sort", |one| {
    let maps = one.columns[0].as_map();
    let keys = normal_column(maps.keys());
    let order = make_comparator(&keys, &keys, SortOptions::default())?;
    let mut places = Vec::with_capacity(keys.len());
    let mut lengths = Vec::with_capacity(maps.len());
    for row in 0..maps.len() {
        let mut entries: Vec<u32> = (maps.value_offsets()[row] as u32..maps.value_offsets()[row + 1] as u32).collect();
        entries.sort_by(|left, right| order(*left as usize, *right as usize));
        lengths.push(entries.len());
        places.extend(entries);
    }
    let entries = take(maps.entries(), &UInt32Array::from(places), None)?;
    let DataType::Map(field, _) = maps.data_type() else { return Err(Error::internal("a map that is none")) };
    let offsets = OffsetBuffer::from_lengths(lengths);
    let sorted =
        MapArray::try_new(Arc::clone(field), offsets, entries.as_struct().clone(), maps.nulls().cloned(), false)?;
    Ok(Arc::new(sorted))
});

/// The map with its entries in the order of their keys, so that equal maps look alike to GROUP BY.
pub fn map_sorted(map: TypedExpr, settings: &QuerySettings) -> TypedExpr {
    let (data_type, nullable) = (map.data_type.clone(), map.nullable);
    SORTED.over([map], data_type, nullable, settings)
}

static CONTAINS_KEY: Function = Function::total("map_contains_key", |one| {
    let maps = one.columns[0].as_map();
    let (keys, wanted) = (normal_column(maps.keys()), normal_column(&one.columns[1]));
    let compare = make_comparator(&keys, &wanted, SortOptions::default())?;
    let contains = |row: usize| {
        let mut entries = maps.value_offsets()[row] as usize..maps.value_offsets()[row + 1] as usize;
        one.all_valid(row).then(|| entries.any(|at| compare(at, row).is_eq()))
    };
    Ok(Arc::new((0..one.rows).map(contains).collect::<BooleanArray>()))
});

pub(super) fn contains_key(call: &FunctionCall<'_>) -> Result<Resolved> {
    if *call.data_type(0) == DataType::Null {
        return Err(differing_key_type(call));
    }
    let (key, value) = entry(call)?;
    if *call.data_type(1) == DataType::Null {
        return Err(null_type(call));
    }
    scalar(CONTAINS_KEY.call_nullable(with_key(call, &key, &value)?, DataType::Boolean, call))
}
