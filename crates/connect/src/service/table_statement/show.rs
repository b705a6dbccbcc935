//! SHOW CREATE TABLE and SHOW TBLPROPERTIES.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use millstream_core::{Result, spark_error};
use millstream_formats::text::quote_if_needed;
use millstream_sql::parser::{comment, simple_string};
use spark_connect_proto::DataType;
use spark_connect_proto::data_type::{Kind, StructField};

use super::Target;
use crate::service::sql_command::texts;
use crate::warehouse::{CATALOG, Table, TableName, View};

pub(super) fn properties(target: &Target<'_>, key: Option<String>) -> Result<RecordBatch> {
    pairs(&target.name, &target.table.properties, key.as_ref())
}

/// The properties of a table or view, or one of them.
pub(super) fn pairs(name: &TableName, all: &BTreeMap<String, String>, key: Option<&String>) -> Result<RecordBatch> {
    let (keys, values) = match key {
        None => all.iter().map(|(key, value)| (key.clone(), value.clone())).unzip(),
        Some(key) => {
            let missing = || format!("Table {} does not have property: {key}", name.quoted().replace('`', ""));
            (vec![key.clone()], vec![all.get(key).cloned().unwrap_or_else(missing)])
        }
    };
    texts(&[("key", keys), ("value", values)])
}

/// A temporary view has none.
pub(super) fn no_pairs() -> Result<RecordBatch> {
    texts(&[("key", Vec::new()), ("value", Vec::new())])
}

pub(super) fn create(target: &Target<'_>, serde: bool) -> Result<RecordBatch> {
    if serde {
        return Err(spark_error!(
            "UNSUPPORTED_SHOW_CREATE_TABLE.ON_DATA_SOURCE_TABLE_WITH_AS_SERDE",
            tableName = target.name.quoted(),
        ));
    }
    texts(&[("createtab_stmt", vec![create_text(&target.name, &target.table)?])])
}

/// The statement that makes such a table.
fn create_text(name: &TableName, table: &Table) -> Result<String> {
    let columns: Vec<_> = table.columns()?.iter().map(column).collect();
    let mut text = format!("CREATE TABLE {CATALOG}.{}.{} (\n  {})\n", name.database, name.table, columns.join(",\n  "));
    text.push_str(&format!("USING {}\n", table.provider));
    if !table.options.is_empty() {
        text.push_str(&format!("OPTIONS {}\n", quoted_pairs(&table.options)));
    }
    for (clause, columns) in [("PARTITIONED", &table.partition_columns), ("CLUSTER", &table.clustering_columns)] {
        if !columns.is_empty() {
            let names: Vec<_> = columns.iter().map(|name| quote_if_needed(name)).collect();
            text.push_str(&format!("{clause} BY ({})\n", names.join(", ")));
        }
    }
    if let Some(comment) = &table.comment {
        text.push_str(&format!("COMMENT '{}'\n", escaped(comment)));
    }
    if !table.managed {
        text.push_str(&format!("LOCATION 'file:{}'\n", escaped(&table.location.display().to_string())));
    }
    if !table.properties.is_empty() {
        text.push_str(&format!("TBLPROPERTIES {}\n", quoted_pairs(&table.properties)));
    }
    Ok(text)
}

/// The statement that makes such a view.
pub(super) fn create_view(name: &TableName, view: &View) -> Result<RecordBatch> {
    let column = |field: &StructField| {
        let comment = comment(field).map(|text| format!(" COMMENT '{}'", escaped(&text)));
        format!("{}{}", quote_if_needed(&field.name), comment.unwrap_or_default())
    };
    let columns: Vec<_> = view.columns()?.iter().map(column).collect();
    let mut text = format!("CREATE VIEW {}.{} (\n  {})\n", name.database, name.table, columns.join(",\n  "));
    if let Some(comment) = &view.comment {
        text.push_str(&format!("COMMENT '{}'\n", escaped(comment)));
    }
    if !view.properties.is_empty() {
        text.push_str(&format!("TBLPROPERTIES {}\n", quoted_pairs(&view.properties)));
    }
    text.push_str(&format!("WITH SCHEMA COMPENSATION\nAS {}\n", view.text));
    texts(&[("createtab_stmt", vec![text])])
}

fn column(field: &StructField) -> String {
    let data_type = field.data_type.as_ref().map(sql_type).unwrap_or_default();
    let comment = comment(field).map(|text| format!(" COMMENT '{}'", escaped(&text)));
    format!("{} {data_type}{}", quote_if_needed(&field.name), comment.unwrap_or_default())
}

fn sql_type(data_type: &DataType) -> String {
    let inner = |inner: &Option<Box<DataType>>| inner.as_deref().map(sql_type).unwrap_or_default();
    match &data_type.kind {
        Some(Kind::String(string)) => {
            let collation = if string.collation.is_empty() { "UTF8_BINARY" } else { &string.collation };
            format!("STRING COLLATE {collation}")
        }
        Some(Kind::Array(array)) => format!("ARRAY<{}>", inner(&array.element_type)),
        Some(Kind::Map(map)) => format!("MAP<{}, {}>", inner(&map.key_type), inner(&map.value_type)),
        Some(Kind::Struct(fields)) => {
            let field = |field: &StructField| {
                format!(
                    "{}: {}",
                    quote_if_needed(&field.name),
                    field.data_type.as_ref().map(sql_type).unwrap_or_default()
                )
            };
            format!("STRUCT<{}>", fields.fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        _ => simple_string(data_type).to_uppercase(),
    }
}

fn quoted_pairs(pairs: &BTreeMap<String, String>) -> String {
    let pair = |(key, value): (&String, &String)| format!("'{}' = '{}'", escaped(key), escaped(value));
    format!("(\n  {})", pairs.iter().map(pair).collect::<Vec<_>>().join(",\n  "))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}
