//! Arrays, structs and maps from values.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, ListArray, MapArray, StructArray, new_empty_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::compute::kernels::interleave::interleave;
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use millstream_core::{Error, Result, spark_error};

use crate::argument::common_type_of;
use crate::argument::{constant_of, null_of, scalar};
use crate::call::{FunctionCall, Resolved};
use crate::columns::ordering::normal_column;
use crate::data_type::{self, structure};
use crate::failure::{differing_types, sql_expr, sql_type, unexpected_input_type, wrong_argument_count};
use crate::kernel::{Evaluation, Function};
use crate::string::joined;
use crate::typed_expr::TypedExpr;

/// The name that an array made of values has in plans.
pub(super) const ARRAY_NAME: &str = "array";

static ARRAY: Function = Function::total(ARRAY_NAME, |one| {
    let DataType::List(element) = one.data_type else {
        return Err(Error::internal("an array that is none"));
    };
    let (values, offsets) = interleaved(&one.columns, one.rows, element.data_type())?;
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, None)?))
});

/// The columns' values row by row, and where each row's begin.
fn interleaved(columns: &[ArrayRef], rows: usize, element: &DataType) -> Result<(ArrayRef, OffsetBuffer<i32>)> {
    let offsets = OffsetBuffer::from_repeated_length(columns.len(), rows);
    if columns.is_empty() || rows == 0 {
        return Ok((new_empty_array(element), offsets));
    }
    let parts: Vec<&dyn Array> = columns.iter().map(AsRef::as_ref).collect();
    let places: Vec<_> = (0..rows).flat_map(|row| (0..parts.len()).map(move |part| (part, row))).collect();
    Ok((interleave(&parts, &places)?, offsets))
}

/// These arguments in their common type.
pub(super) fn meeting(call: &FunctionCall<'_>, indexes: &[usize]) -> Result<(DataType, Vec<TypedExpr>)> {
    if indexes.is_empty() {
        return Ok((DataType::Null, Vec::new()));
    }
    let meeting = common_type_of(call, indexes)?;
    let values = indexes.iter().map(|&index| call.cast(call.argument(index), &meeting)).collect::<Result<_>>()?;
    Ok((meeting, values))
}

pub(super) fn array(call: &FunctionCall<'_>) -> Result<Resolved> {
    let all: Vec<usize> = (0..call.count()).collect();
    let (element, values) = meeting(call, &all)?;
    let contains_null = values.iter().any(|value| value.nullable);
    let data_type = data_type::array(element, contains_null);
    scalar(ARRAY.over(values, data_type, false, &call.context.settings))
}

static STRUCT: Function = Function::total("named_struct", |one| {
    let DataType::Struct(fields) = one.data_type else {
        return Err(Error::internal("a struct that is none"));
    };
    // What a column's type says of NULL within it may be less than was promised.
    let fitting = |(column, field): (&ArrayRef, &FieldRef)| cast(column, field.data_type());
    let columns = one.columns.iter().zip(fields).map(fitting).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, None, one.rows)?))
});

pub(super) fn named_struct(call: &FunctionCall<'_>) -> Result<Resolved> {
    if call.count() == 0 || call.count() % 2 == 1 {
        return Err(wrong_argument_count(call, "2n (n > 0)"));
    }
    scalar(struct_of(call, call.arguments.clone())?)
}

/// The struct of these names and values.
pub(crate) fn struct_of(call: &FunctionCall<'_>, pairs: Vec<TypedExpr>) -> Result<TypedExpr> {
    let (mut fields, mut values) = (Vec::new(), Vec::new());
    for named in pairs.chunks_exact(2) {
        let Some(ScalarValue::Utf8(Some(name))) = constant_of(&named[0].expr) else {
            return Err(spark_error!(
                "DATATYPE_MISMATCH.CREATE_NAMED_STRUCT_WITHOUT_FOLDABLE_STRING",
                sqlExpr = sql_expr(&call.sql()),
                inputExprs = format!("[{}]", sql_expr(&named[0].sql)),
            ));
        };
        let value = named[1].clone();
        fields.push((name, value.data_type.clone(), value.nullable));
        values.push(value);
    }
    Ok(STRUCT.over(values, structure(fields), false, &call.context.settings))
}

static MAP: Function = Function::new("map", |one| {
    let (keys, values): (Vec<ArrayRef>, Vec<ArrayRef>) =
        one.columns.chunks_exact(2).map(|pair| (Arc::clone(&pair[0]), Arc::clone(&pair[1]))).unzip();
    let (key_type, value_type) = entry_types(one.data_type)?;
    let (keys, offsets) = interleaved(&keys, one.rows, &key_type)?;
    let (values, _) = interleaved(&values, one.rows, &value_type)?;
    map_of(one, keys, values, offsets, None)
});

/// Types of keys and values.
pub(super) fn entry_types(map: &DataType) -> Result<(DataType, DataType)> {
    match map {
        DataType::Map(entries, _) => data_type::map_entry(entries)
            .map(|(key, value)| (key.data_type().clone(), value.data_type().clone()))
            .ok_or_else(|| Error::internal("a map without entries")),
        _ => Err(Error::internal("a map that is none")),
    }
}

/// A map column, whose keys must neither be NULL nor come twice.
pub(super) fn map_of(
    one: &Evaluation<'_>,
    keys: ArrayRef,
    values: ArrayRef,
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let DataType::Map(entries, sorted) = one.data_type else {
        return Err(Error::internal("a map that is none"));
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(Error::internal("a map without entries"));
    };
    let present = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    let converter = RowConverter::new(vec![SortField::new(keys.data_type().clone())])?;
    let key_rows = converter.convert_columns(&[normal_column(&keys)])?;
    for row in (0..one.rows).filter(|&row| present(row)) {
        let mut seen = HashSet::new();
        for at in offsets[row] as usize..offsets[row + 1] as usize {
            if *keys.data_type() == DataType::Null || keys.is_null(at) {
                return Err(spark_error!("NULL_MAP_KEY"));
            }
            if !seen.insert(key_rows.row(at)) {
                let key = millstream_formats::text::cast_to_string(&keys.slice(at, 1), one.settings.time_zone)?;
                return Err(duplicated_key(key.value(0)));
            }
        }
    }
    let entry_rows = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    Ok(Arc::new(MapArray::try_new(Arc::clone(entries), offsets, entry_rows, nulls, *sorted)?))
}

fn duplicated_key(key: &str) -> Error {
    spark_error!("DUPLICATED_MAP_KEY", key = key, mapKeyDedupPolicy = "\"spark.sql.mapKeyDedupPolicy\"")
}

pub(super) fn map(call: &FunctionCall<'_>) -> Result<Resolved> {
    let pairs: Vec<usize> = (0..call.count() / 2).map(|pair| pair * 2).collect();
    if call.count() % 2 == 1 {
        return Err(wrong_argument_count(call, "2n (n > 0)"));
    }
    let (key, keys) = meeting(call, &pairs)?;
    if matches!(key, DataType::Map(_, _)) {
        return Err(spark_error!(
            "DATATYPE_MISMATCH.INVALID_MAP_KEY_TYPE",
            sqlExpr = sql_expr(&call.sql()),
            keyType = sql_type(&key),
        ));
    }
    let odd: Vec<usize> = pairs.iter().map(|pair| pair + 1).collect();
    let (value, values) = meeting(call, &odd)?;
    let contains_null = values.iter().any(|value| value.nullable);
    let data_type = data_type::map(key, value, contains_null);
    let arguments = keys.into_iter().zip(values).flat_map(|(key, value)| [key, value]);
    scalar(MAP.over(arguments, data_type, false, &call.context.settings))
}

static MAP_FROM_ARRAYS: Function = Function::new("map_from_arrays", |one| {
    let (keys, values) = (one.columns[0].as_list::<i32>(), one.columns[1].as_list::<i32>());
    let nulls = NullBuffer::union(keys.nulls(), values.nulls());
    let mut lengths = Vec::with_capacity(one.rows);
    let (mut key_parts, mut value_parts) = (Vec::new(), Vec::new());
    for row in 0..one.rows {
        if !one.all_valid(row) {
            lengths.push(0);
            continue;
        }
        let (some_keys, some_values) = (keys.value(row), values.value(row));
        if some_keys.len() != some_values.len() {
            return Err(spark_error!("_LEGACY_ERROR_TEMP_2128"));
        }
        lengths.push(some_keys.len());
        key_parts.push(some_keys);
        value_parts.push(some_values);
    }
    let join = |parts: &[ArrayRef], empty: ArrayRef| {
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        if parts.is_empty() { Ok(empty) } else { arrow::compute::concat(&parts) }
    };
    let (key_type, value_type) = entry_types(one.data_type)?;
    let all_keys = join(&key_parts, new_empty_array(&key_type))?;
    let all_values = join(&value_parts, new_empty_array(&value_type))?;
    map_of(one, all_keys, all_values, OffsetBuffer::from_lengths(lengths), nulls)
});

pub(super) fn map_from_arrays(call: &FunctionCall<'_>) -> Result<Resolved> {
    let element = |index: usize| match call.data_type(index) {
        DataType::List(element) => Ok(element.as_ref().clone()),
        DataType::Null => Ok(Field::new_list_field(DataType::Null, true)),
        _ => unexpected_input_type::<Field>(call, index, "\"ARRAY\""),
    };
    let (key, value) = (element(0)?, element(1)?);
    let data_type = data_type::map(key.data_type().clone(), value.data_type().clone(), value.is_nullable());
    if call.arguments.iter().any(|one| one.data_type == DataType::Null) {
        return null_of(&data_type);
    }
    scalar(MAP_FROM_ARRAYS.call([call.argument(0), call.argument(1)], data_type, call))
}

static CONCAT: Function = Function::total("concat", joined);

static CONCAT_BINARY: Function = Function::total("concat_binary", |one| {
    let mut room = one.room("concat");
    let join = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let parts: Vec<_> = (0..one.columns.len()).map(|index| one.binary(index).value(row)).collect();
        room.take(parts.iter().map(|part| part.len()).sum())?;
        Ok(Some(parts.concat()))
    };
    Ok(Arc::new((0..one.rows).map(join).collect::<Result<BinaryArray>>()?))
});

static CONCAT_ARRAYS: Function = Function::new("concat_arrays", |one| {
    let DataType::List(element) = one.data_type else {
        return Err(Error::internal("an array that is none"));
    };
    let lists: Vec<&ListArray> = one.columns.iter().map(|column| column.as_list::<i32>()).collect();
    let nulls = lists.iter().fold(None, |nulls, list| NullBuffer::union(nulls.as_ref(), list.nulls()));
    let mut parts: Vec<ArrayRef> = Vec::new();
    let mut lengths = Vec::with_capacity(one.rows);
    for row in 0..one.rows {
        let before = parts.len();
        if one.all_valid(row) {
            parts.extend(lists.iter().map(|list| list.value(row)));
        }
        lengths.push(parts[before..].iter().map(|part| part.len()).sum::<usize>());
    }
    let views: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    let values = if views.is_empty() { new_empty_array(element.data_type()) } else { arrow::compute::concat(&views)? };
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), OffsetBuffer::from_lengths(lengths), values, nulls)?))
});

pub(super) fn concat(call: &FunctionCall<'_>) -> Result<Resolved> {
    let all: Vec<usize> = (0..call.count()).collect();
    if all.iter().any(|&index| matches!(call.data_type(index), DataType::List(_))) {
        let (data_type, values) = meeting(call, &all)?;
        if !matches!(data_type, DataType::List(_)) {
            return Err(differing_types(call));
        }
        return scalar(CONCAT_ARRAYS.call(values, data_type, call));
    }
    if !all.is_empty() && all.iter().all(|&index| *call.data_type(index) == DataType::Binary) {
        let values = all.iter().map(|&index| call.argument(index));
        return scalar(CONCAT_BINARY.call(values, DataType::Binary, call));
    }
    scalar(CONCAT.call(call.all_strings()?, DataType::Utf8, call))
}
