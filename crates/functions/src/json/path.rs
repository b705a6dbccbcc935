//! Paths into JSON texts (`$.store.book[0].title`, `[*]`), and top-level fields.
//!
//! Deliberately not here: filters and recursive descent, which Spark has not either.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, ListArray, ListBuilder, StringBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use millstream_core::{Error, Result};
use serde_json::Value;

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::data_type::array;
use crate::kernel::{Evaluation, Function};

/// A parsed path.
#[derive(Debug)]
pub(super) struct JsonPath(Vec<Step>);

#[derive(Debug)]
enum Step {
    Field(String),
    Index(usize),
    AllElements,
    AllFields,
}

impl JsonPath {
    /// `None` for what is no path: Spark answers NULL then.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let name = &after[..end];
                match name {
                    "" => return None,
                    "*" => steps.push(Step::AllFields),
                    _ => steps.push(Step::Field(name.to_owned())),
                }
                rest = &after[end..];
            } else {
                let after = rest.strip_prefix('[')?;
                let (inside, behind) = match after.strip_prefix('\'') {
                    Some(quoted) => {
                        let end = quoted.find("']")?;
                        steps.push(if &quoted[..end] == "*" {
                            Step::AllFields
                        } else {
                            Step::Field(quoted[..end].to_owned())
                        });
                        rest = &quoted[end + 2..];
                        continue;
                    }
                    None => after.split_once(']')?,
                };
                steps.push(if inside == "*" { Step::AllElements } else { Step::Index(inside.parse().ok()?) });
                rest = behind;
            }
        }
        Some(Self(steps))
    }

    /// What the path finds: a string as it is, everything else as JSON.
    pub(super) fn find(&self, text: &str) -> Option<String> {
        let value = first_value(text)?;
        let mut found = Vec::new();
        collect(&value, &self.0, &mut found);
        let many = self.0.iter().any(|step| matches!(step, Step::AllElements | Step::AllFields));
        match found.as_slice() {
            [] => None,
            [only] => text_of(only, many && found.len() > 1),
            several => {
                let texts: Vec<String> = several.iter().map(ToString::to_string).collect();
                Some(format!("[{}]", texts.join(",")))
            }
        }
    }
}

/// The JSON value with which a text begins.
pub(super) fn first_value(text: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(text).into_iter::<Value>().next()?.ok()
}

fn text_of(value: &Value, quoted: bool) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if !quoted => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn collect<'v>(value: &'v Value, steps: &[Step], found: &mut Vec<&'v Value>) {
    let Some((step, rest)) = steps.split_first() else {
        return found.push(value);
    };
    match (step, value) {
        (Step::Field(name), Value::Object(fields)) => {
            if let Some(field) = fields.get(name) {
                collect(field, rest, found);
            }
        }
        // A field of an array is that of its elements.
        (Step::Field(_), Value::Array(elements)) if matches!(steps.first(), Some(Step::Field(_))) => {
            for element in elements {
                if element.is_object() {
                    collect(element, steps, found);
                }
            }
        }
        (Step::Index(index), Value::Array(elements)) => {
            if let Some(element) = elements.get(*index) {
                collect(element, rest, found);
            }
        }
        (Step::AllElements, Value::Array(elements)) => {
            elements.iter().for_each(|element| collect(element, rest, found));
        }
        (Step::AllFields, Value::Object(fields)) => fields.values().for_each(|field| collect(field, rest, found)),
        _ => {}
    }
}

/// The rows of `json_tuple`: one for each text, a column for each field name.
pub(super) fn tuples(one: &Evaluation<'_>) -> Result<ArrayRef> {
    let DataType::List(element) = one.data_type else {
        return Err(Error::internal("a generator's rows are an array"));
    };
    let DataType::Struct(fields) = element.data_type() else {
        return Err(Error::internal("a generator's row is a struct"));
    };
    let texts = one.strings(0);
    let mut columns: Vec<StringBuilder> = fields.iter().map(|_| StringBuilder::new()).collect();
    for row in 0..one.rows {
        let object = if texts.is_valid(row) { first_value(texts.value(row)) } else { None };
        for (index, column) in columns.iter_mut().enumerate() {
            let name = one.strings(index + 1);
            let field = match &object {
                Some(Value::Object(fields)) if name.is_valid(row) => fields.get(name.value(row)),
                _ => None,
            };
            column.append_option(field.and_then(|field| text_of(field, false)));
        }
    }
    let columns = columns.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef).collect();
    let rows = StructArray::try_new_with_length(fields.clone(), columns, None, one.rows)?;
    let offsets = OffsetBuffer::from_repeated_length(1, one.rows);
    Ok(Arc::new(ListArray::try_new(Arc::clone(element), offsets, Arc::new(rows), None)?))
}

static ARRAY_LENGTH: Function = Function::new("json_array_length", |one| {
    let texts = one.strings(0);
    let length = |text: Option<&str>| match first_value(text?)? {
        Value::Array(elements) => i32::try_from(elements.len()).ok(),
        _ => None,
    };
    Ok(Arc::new(texts.iter().map(length).collect::<Int32Array>()))
});

pub(super) fn array_length(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(ARRAY_LENGTH.call_nullable([call.string(0)?], DataType::Int32, call))
}

static OBJECT_KEYS: Function = Function::total("json_object_keys", |one| {
    let DataType::List(element) = one.data_type else {
        return Err(Error::internal("an array that is none"));
    };
    let mut keys = ListBuilder::new(StringBuilder::new()).with_field(Arc::clone(element));
    for text in one.strings(0) {
        match text.and_then(first_value) {
            Some(Value::Object(fields)) => {
                fields.keys().for_each(|key| keys.values().append_value(key));
                keys.append(true);
            }
            _ => keys.append(false),
        }
    }
    Ok(Arc::new(keys.finish()))
});

pub(super) fn object_keys(call: &FunctionCall<'_>) -> Result<Resolved> {
    scalar(OBJECT_KEYS.call_nullable([call.string(0)?], array(DataType::Utf8, true), call))
}
