//! Functions that take values out of JSON texts, without a schema.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, ListArray, ListBuilder, StringArray, StringBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use millstream_core::{Error, Result};
use millstream_formats::json::{JsonPath, JsonTexts};

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::data_type::array;
use crate::generator::generator;
use crate::kernel::{Evaluation, Function};

static GET_JSON_OBJECT: Function = Function::new("get_json_object", |one| {
    let (texts, paths) = (one.strings(0), one.strings(1));
    let mut reader = JsonTexts::default();
    let mut prepared: Option<(String, Option<JsonPath>)> = None;
    let mut find = |row: usize| {
        if !one.all_valid(row) {
            return Ok(None);
        }
        let wanted = paths.value(row);
        if prepared.as_ref().is_none_or(|(text, _)| text != wanted) {
            prepared = Some((wanted.to_owned(), JsonPath::parse(wanted)?));
        }
        let path = prepared.as_ref().and_then(|(_, path)| path.as_ref());
        Ok(path.and_then(|path| reader.find(texts.value(row), path)))
    };
    Ok(Arc::new((0..one.rows).map(&mut find).collect::<Result<StringArray>>()?))
});

pub(super) fn get_json_object(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(GET_JSON_OBJECT.call_nullable(call.all_strings()?, DataType::Utf8, call))
}

static JSON_TUPLE: Function = Function::new("json_tuple", tuples);

/// The rows of `json_tuple`: one for each text, a column for each field name.
fn tuples(one: &Evaluation<'_>) -> Result<ArrayRef> {
    let DataType::List(element) = one.data_type else {
        return Err(Error::internal("a generator's rows are an array"));
    };
    let DataType::Struct(fields) = element.data_type() else {
        return Err(Error::internal("a generator's row is a struct"));
    };
    let texts = one.strings(0);
    let mut columns: Vec<StringBuilder> = fields.iter().map(|_| StringBuilder::new()).collect();
    let mut reader = JsonTexts::default();
    for row in 0..one.rows {
        let name = |index: usize| {
            let names = one.strings(index + 1);
            names.is_valid(row).then(|| names.value(row))
        };
        let names: Vec<_> = (0..columns.len()).map(name).collect();
        let values =
            if texts.is_valid(row) { reader.fields(texts.value(row), &names) } else { vec![None; columns.len()] };
        columns.iter_mut().zip(values).for_each(|(column, value)| column.append_option(value));
    }
    let columns = columns.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef).collect();
    let rows = StructArray::try_new_with_length(fields.clone(), columns, None, one.rows)?;
    let offsets = OffsetBuffer::from_repeated_length(1, one.rows);
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, Arc::new(rows), None)?))
}

/// The generator of `json_tuple`.
pub(super) fn json_tuple(call: &FunctionCall<'_>) -> Result<Resolved> {
    let columns = (0..call.count() - 1).map(|index| (format!("c{index}"), DataType::Utf8, true)).collect();
    Ok(generator(call, &JSON_TUPLE, call.all_strings()?, columns, false))
}

static ARRAY_LENGTH: Function = Function::total("json_array_length", |one| {
    let mut reader = JsonTexts::default();
    let lengths = one.strings(0).iter().map(|text| reader.array_length(text?));
    Ok(Arc::new(lengths.collect::<Int32Array>()))
});

pub(super) fn array_length(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(ARRAY_LENGTH.call_nullable([call.string(0)?], DataType::Int32, call))
}

static OBJECT_KEYS: Function = Function::total("json_object_keys", |one| {
    let DataType::List(element) = one.data_type else {
        return Err(Error::internal("an array that is none"));
    };
    let mut reader = JsonTexts::default();
    let mut keys = ListBuilder::new(StringBuilder::new()).with_field(Arc::clone(element));
    for text in one.strings(0) {
        let names = text.and_then(|text| reader.object_keys(text));
        keys.append_option(names.map(|names| names.into_iter().map(Some)));
    }
    Ok(Arc::new(keys.finish()))
});

pub(super) fn object_keys(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(OBJECT_KEYS.call_nullable([call.string(0)?], array(DataType::Utf8, true), call))
}
