//! Maps of other maps, of pairs, and of text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StringArray, new_empty_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::concat;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use millstream_core::{Result, spark_error};

use super::construct::{entry_types, map_of};
use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::coercion::lossless_type;
use crate::columns::patterns::Patterns;
use crate::data_type;
use crate::failure::{differing_types, sql_expr, sql_id, sql_type, unexpected_input_type};
use crate::kernel::Function;
use crate::typed_expr::TypedExpr;

static MAP_CONCAT: Function = Function::new("map_concat", |one| {
    let maps: Vec<&MapArray> = one.columns.iter().map(|column| column.as_map()).collect();
    let nulls = maps.iter().fold(None, |nulls, map| NullBuffer::union(nulls.as_ref(), map.nulls()));
    let (mut keys, mut values, mut lengths) = (Vec::new(), Vec::new(), Vec::with_capacity(one.rows));
    for row in 0..one.rows {
        let mut length = 0;
        for map in maps.iter().filter(|_| one.all_valid(row)) {
            let entries = map.value(row);
            length += entries.len();
            keys.push(Arc::clone(entries.column(0)));
            values.push(Arc::clone(entries.column(1)));
        }
        lengths.push(length);
    }
    let (key_type, value_type) = entry_types(one.data_type)?;
    let (keys, values) = (joined(&keys, &key_type)?, joined(&values, &value_type)?);
    map_of(one, keys, values, OffsetBuffer::from_lengths(lengths), nulls)
});

fn joined(parts: &[ArrayRef], data_type: &DataType) -> Result<ArrayRef> {
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    Ok(if parts.is_empty() { new_empty_array(data_type) } else { concat(&parts)? })
}

pub(super) fn map_concat(call: &FunctionCall<'_>) -> Result<Resolved> {
    if !call.arguments.iter().all(|one| matches!(one.data_type, DataType::Map(_, _))) {
        let types: Vec<String> = call.arguments.iter().map(|one| sql_type(&one.data_type)).collect();
        return Err(spark_error!(
            "DATATYPE_MISMATCH.MAP_CONCAT_DIFF_TYPES",
            sqlExpr = sql_expr(&call.sql()),
            functionName = sql_id(call.name),
            dataType = format!("[{}]", types.join(", ")),
        ));
    }
    let settings = &call.context.settings;
    let mut meeting = call
        .arguments
        .first()
        .map_or_else(|| data_type::map(DataType::Utf8, DataType::Utf8, true), |first| first.data_type.clone());
    for one in &call.arguments {
        meeting = lossless_type(&meeting, &one.data_type, settings).ok_or_else(|| differing_types(call))?;
    }
    let maps: Vec<TypedExpr> =
        call.arguments.iter().map(|one| call.cast(one.clone(), &meeting)).collect::<Result<_>>()?;
    scalar(MAP_CONCAT.call(maps, meeting, call))
}

static MAP_FROM_ENTRIES: Function = Function::new("map_from_entries", |one| {
    let list: &ListArray = one.columns[0].as_list();
    let entries = list.values().as_struct();
    // A NULL among the pairs makes the whole map NULL.
    let present = |row: usize| {
        let pairs = list.value_offsets()[row] as usize..list.value_offsets()[row + 1] as usize;
        list.is_valid(row) && pairs.into_iter().all(|at| entries.is_valid(at))
    };
    let nulls = NullBuffer::from_iter((0..one.rows).map(present));
    let (mut keys, mut values, mut lengths) = (Vec::new(), Vec::new(), Vec::with_capacity(one.rows));
    for row in 0..one.rows {
        if nulls.is_null(row) {
            lengths.push(0);
            continue;
        }
        let pairs = list.value(row);
        let pairs = pairs.as_struct();
        keys.push(Arc::clone(pairs.column(0)));
        values.push(Arc::clone(pairs.column(1)));
        lengths.push(pairs.len());
    }
    let (key_type, value_type) = entry_types(one.data_type)?;
    let (keys, values) = (joined(&keys, &key_type)?, joined(&values, &value_type)?);
    map_of(one, keys, values, OffsetBuffer::from_lengths(lengths), Some(nulls))
});

pub(super) fn map_from_entries(call: &FunctionCall<'_>) -> Result<Resolved> {
    let wanted = "\"ARRAY\" of pair \"STRUCT\"";
    let DataType::List(element) = call.data_type(0) else { return unexpected_input_type(call, 0, wanted) };
    let DataType::Struct(fields) = element.data_type() else { return unexpected_input_type(call, 0, wanted) };
    let [key, value] = fields.as_ref() else { return unexpected_input_type(call, 0, wanted) };
    let data_type = data_type::map(key.data_type().clone(), value.data_type().clone(), value.is_nullable());
    let argument = call.argument(0);
    let nullable = argument.nullable || element.is_nullable();
    scalar(MAP_FROM_ENTRIES.over([argument], data_type, nullable, &call.context.settings))
}

static STR_TO_MAP: Function = Function::new("str_to_map", |one| {
    let (mut between_pairs, mut within_pair) = (Patterns::with_java_errors(), Patterns::with_java_errors());
    let (mut keys, mut values, mut lengths) = (Vec::new(), Vec::new(), Vec::with_capacity(one.rows));
    let mut present = Vec::with_capacity(one.rows);
    for row in 0..one.rows {
        present.push(one.all_valid(row));
        if !one.all_valid(row) {
            lengths.push(0);
            continue;
        }
        let pairs = between_pairs.get(one.strings(1).value(row))?.split(one.strings(0).value(row), -1)?;
        let cut = within_pair.get(one.strings(2).value(row))?;
        let before = keys.len();
        for pair in pairs {
            let mut parts = cut.split(&pair, 2)?.into_iter().map(String::from);
            keys.push(parts.next());
            values.push(parts.next());
        }
        lengths.push(keys.len() - before);
    }
    let (keys, values) = (Arc::new(StringArray::from(keys)), Arc::new(StringArray::from(values)));
    map_of(one, keys, values, OffsetBuffer::from_lengths(lengths), Some(NullBuffer::from(present)))
});

pub(super) fn str_to_map(call: &FunctionCall<'_>) -> Result<Resolved> {
    let delimiter = |index: usize, default: &str| {
        if call.count() > index {
            call.string(index)
        } else {
            Ok(TypedExpr::literal(ScalarValue::from(default), default))
        }
    };
    let arguments = [call.string(0)?, delimiter(1, ",")?, delimiter(2, ":")?];
    let texts: Vec<String> = arguments.iter().map(|one| one.sql.clone()).collect();
    let data_type = data_type::map(DataType::Utf8, DataType::Utf8, true);
    let sql = format!("{}({})", call.name, texts.join(", "));
    scalar(STR_TO_MAP.call(arguments, data_type, call).with_sql(sql))
}
