//! Types in Spark's JSON: `{"type":"struct","fields":[…]}`, as PySpark's `schema.json()` writes it.

use millstream_core::error::{Error, Result};
use millstream_core::spark_error;
use serde_json::{Value, json};
use spark_connect_proto::DataType;
use spark_connect_proto::data_type::{Array, Kind, Map, Struct, StructField, Udt};

use super::data_type;
use super::ddl;
use super::text::type_name;

/// Whether a schema's text is JSON rather than DDL.
pub(crate) fn looks_like_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '"'])
}

/// Reads a type from Spark's JSON.
pub(crate) fn parse_json(text: &str) -> Result<DataType> {
    let value: Value = serde_json::from_str(text).map_err(|error| refused(text).with_source(error))?;
    from_value(&value).ok_or_else(|| refused(text))
}

fn refused(text: &str) -> Error {
    spark_error!("INVALID_JSON_DATA_TYPE", invalidType = text)
}

/// A type as Spark's JSON.
pub fn to_json(data_type: &DataType) -> String {
    to_value(data_type).to_string()
}

fn to_value(data_type: &DataType) -> Value {
    let inner = |inner: &Option<Box<DataType>>| inner.as_deref().map_or_else(|| json!("void"), to_value);
    match &data_type.kind {
        Some(Kind::Struct(fields)) => {
            json!({ "type": "struct", "fields": fields.fields.iter().map(field_to_value).collect::<Vec<_>>() })
        }
        Some(Kind::Array(array)) => json!({
            "type": "array",
            "elementType": inner(&array.element_type),
            "containsNull": array.contains_null,
        }),
        Some(Kind::Map(map)) => json!({
            "type": "map",
            "keyType": inner(&map.key_type),
            "valueType": inner(&map.value_type),
            "valueContainsNull": map.value_contains_null,
        }),
        Some(Kind::Udt(udt)) => json!({
            "type": "udt",
            "class": udt.jvm_class,
            "pyClass": udt.python_class,
            "serializedClass": udt.serialized_python_class,
            "sqlType": inner(&udt.sql_type),
        }),
        _ => json!(type_name(data_type)),
    }
}

fn field_to_value(field: &StructField) -> Value {
    let metadata =
        field.metadata.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| json!({}));
    json!({
        "name": field.name,
        "type": field.data_type.as_ref().map_or_else(|| json!("void"), to_value),
        "nullable": field.nullable,
        "metadata": metadata,
    })
}

fn from_value(value: &Value) -> Option<DataType> {
    if let Some(name) = value.as_str() {
        return from_name(name);
    }
    let boxed = |key: &str| from_value(value.get(key)?).map(Box::new);
    let flag = |key: &str| value.get(key)?.as_bool();
    let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
    let kind = match value.get("type")?.as_str()? {
        "struct" => {
            let fields = value.get("fields")?.as_array()?.iter().map(field_from_value).collect::<Option<Vec<_>>>()?;
            Kind::Struct(Struct { fields, type_variation_reference: 0 })
        }
        "array" => Kind::Array(Box::new(Array {
            element_type: Some(boxed("elementType")?),
            contains_null: flag("containsNull")?,
            type_variation_reference: 0,
        })),
        "map" => Kind::Map(Box::new(Map {
            key_type: Some(boxed("keyType")?),
            value_type: Some(boxed("valueType")?),
            value_contains_null: flag("valueContainsNull")?,
            type_variation_reference: 0,
        })),
        "udt" => Kind::Udt(Box::new(Udt {
            r#type: "udt".to_owned(),
            jvm_class: text("class"),
            python_class: text("pyClass"),
            serialized_python_class: text("serializedClass"),
            sql_type: boxed("sqlType"),
        })),
        _ => return None,
    };
    Some(data_type(kind))
}

fn field_from_value(value: &Value) -> Option<StructField> {
    let metadata = value.get("metadata").filter(|metadata| metadata.as_object().is_some_and(|map| !map.is_empty()));
    Some(StructField {
        name: value.get("name")?.as_str()?.to_owned(),
        data_type: Some(from_value(value.get("type")?)?),
        nullable: value.get("nullable").and_then(Value::as_bool).unwrap_or(true),
        metadata: metadata.map(Value::to_string),
    })
}

/// Names without inner types are those of DDL, but for `null` and the bare `decimal`.
fn from_name(name: &str) -> Option<DataType> {
    let name = if name == "null" { "void" } else { name };
    let inner_types = name.contains(['<', ' ']) && !name.starts_with("interval") && !name.starts_with("string collate");
    if inner_types {
        return None;
    }
    ddl::parse(name).ok()
}
