//! `schema_of_json`: the type of a constant JSON text, as Spark infers it.

use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::ScalarValue;
use millstream_core::{Result, spark_error};
use serde_json::Value;

use crate::argument::scalar;
use crate::call::{FunctionCall, Resolved};
use crate::data_type::{array, sql_name};
use crate::failure::sql_expr;
use crate::typed_expr::TypedExpr;

pub(super) fn schema_of_json(call: &FunctionCall<'_>) -> Result<Resolved> {
    let Some(text) = call.constant_string(0, "json")? else {
        return Err(spark_error!(
            "DATATYPE_MISMATCH.UNEXPECTED_NULL",
            sqlExpr = sql_expr(&call.sql()),
            exprName = "json",
        ));
    };
    let schema = first_value(&text).map_or(DataType::Utf8, |value| inferred(&value));
    scalar(TypedExpr {
        sql: String::new(),
        ..TypedExpr::literal(ScalarValue::from(sql_name(&with_strings(&schema))), "")
    })
}

/// The JSON value with which a text begins.
fn first_value(text: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(text).into_iter::<Value>().next()?.ok()
}

fn inferred(value: &Value) -> DataType {
    match value {
        Value::Null => DataType::Null,
        Value::Bool(_) => DataType::Boolean,
        Value::Number(number) if number.is_i64() => DataType::Int64,
        Value::Number(number) if number.is_f64() => DataType::Float64,
        // Beyond a bigint: a decimal with just the digits.
        Value::Number(number) => DataType::Decimal128(u8::try_from(number.to_string().len()).unwrap_or(38), 0),
        Value::String(_) => DataType::Utf8,
        Value::Array(elements) => {
            let element = elements.iter().map(inferred).reduce(meet).unwrap_or(DataType::Utf8);
            array(element, true)
        }
        Value::Object(fields) => {
            let mut fields: Vec<Field> =
                fields.iter().map(|(name, value)| Field::new(name, inferred(value), true)).collect();
            fields.sort_by(|one, other| one.name().cmp(other.name()));
            DataType::Struct(fields.into())
        }
    }
}

/// The type of values of both types.
fn meet(one: DataType, other: DataType) -> DataType {
    match (one, other) {
        (one, other) if one == other => one,
        (DataType::Null, other) | (other, DataType::Null) => other,
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => DataType::Float64,
        (DataType::List(one), DataType::List(other)) => {
            array(meet(one.data_type().clone(), other.data_type().clone()), true)
        }
        (DataType::Struct(one), DataType::Struct(other)) => DataType::Struct(meet_fields(&one, &other)),
        _ => DataType::Utf8,
    }
}

fn meet_fields(one: &Fields, other: &Fields) -> Fields {
    let mut fields: Vec<Field> = one.iter().map(|field| field.as_ref().clone()).collect();
    for field in other {
        match fields.iter_mut().find(|known| known.name() == field.name()) {
            Some(known) => {
                *known = Field::new(known.name(), meet(known.data_type().clone(), field.data_type().clone()), true);
            }
            None => fields.push(field.as_ref().clone()),
        }
    }
    fields.sort_by(|one, other| one.name().cmp(other.name()));
    fields.into()
}

/// What has only been NULL is a string.
fn with_strings(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Null => DataType::Utf8,
        DataType::List(element) => array(with_strings(element.data_type()), true),
        DataType::Struct(fields) => {
            let field = |field: &std::sync::Arc<Field>| Field::new(field.name(), with_strings(field.data_type()), true);
            DataType::Struct(fields.iter().map(field).collect())
        }
        other => other.clone(),
    }
}
