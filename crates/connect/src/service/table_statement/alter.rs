//! ALTER TABLE: the name, columns, properties and place of a table.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use millstream_core::{Error, Result, spark_error};
use millstream_sql::parse_name;
use millstream_sql::parser::{comment, simple_string};
use spark_connect_proto::DataType;
use spark_connect_proto::data_type::StructField;

use super::Target;
use crate::service::lasting_table;
use crate::service::sql_command::nothing;
use crate::warehouse::{TableName, table_schema};

pub(super) fn rename(target: &Target<'_>, to: &str) -> Result<RecordBatch> {
    let to = TableName::parse(&parse_name(to)?, &target.name.database)?;
    if to.database != target.name.database {
        return Err(spark_error!("_LEGACY_ERROR_TEMP_1073", db = target.name.database, newDb = to.database));
    }
    target.session.warehouse().rename_table(&target.name, &to)?;
    nothing()
}

/// New columns come before those of partitions. Rows that are there have no value for them.
pub(super) fn add_columns(target: &Target<'_>, columns: Vec<StructField>) -> Result<RecordBatch> {
    if columns.iter().any(|column| !column.nullable) {
        return Err(spark_error!("_LEGACY_ERROR_TEMP_1052"));
    }
    if target.table.provider == "text" {
        return Err(Error::unsupported("ALTER TABLE ADD COLUMNS of a table of text files is not supported.")
            .with_hint("drop the table and make it again"));
    }
    let mut all = target.table.columns()?;
    for column in &columns {
        if all.iter().any(|known| known.name.to_lowercase() == column.name.to_lowercase()) {
            let name = format!("`{}`", column.name.to_lowercase());
            return Err(spark_error!("COLUMN_ALREADY_EXISTS", columnName = name));
        }
        all.push(column.clone());
    }
    target.change(|table| {
        lasting_table::check_types(&table.provider, &all, &table.partition_columns)?;
        table.schema = table_schema(all, &table.partition_columns);
        Ok(())
    })
}

/// Spark changes the comment of a column and nothing else.
pub(super) fn change_column(
    target: &Target<'_>,
    column: &str,
    data_type: Option<&DataType>,
    text: Option<String>,
) -> Result<RecordBatch> {
    let mut fields = target.table.columns()?;
    let Some(field) = fields.iter_mut().find(|field| field.name.eq_ignore_ascii_case(column)) else {
        return Err(unresolved(target, column)?);
    };
    if target.table.partition_columns.iter().any(|name| name.eq_ignore_ascii_case(column)) {
        let (column, table) = (format!("`{}`", field.name), target.name.quoted());
        return Err(spark_error!("CANNOT_ALTER_PARTITION_COLUMN", columnName = column, tableName = table));
    }
    let shown = |data_type: &DataType| format!("\"{}\"", simple_string(data_type).to_uppercase());
    let known = field.data_type.clone().unwrap_or_default();
    if let Some(wanted) = data_type.filter(|wanted| simple_string(wanted) != simple_string(&known)) {
        return Err(spark_error!(
            "NOT_SUPPORTED_CHANGE_COLUMN",
            table = target.name.quoted(),
            originName = format!("`{}`", field.name),
            originType = shown(&known),
            newName = format!("`{}`", field.name),
            newType = shown(wanted),
        ));
    }
    let text = text.or_else(|| comment(field));
    field.metadata = text.map(|text| serde_json::json!({ "comment": text }).to_string());
    target.change(|table| {
        table.schema = table_schema(fields, &table.partition_columns);
        Ok(())
    })
}

/// Spark refuses it for tables of files, where the columns that it names are there.
pub(super) fn refused(target: &Target<'_>, operation: &str, columns: &[String]) -> Error {
    let fields = match target.table.columns() {
        Ok(fields) => fields,
        Err(error) => return error,
    };
    let missing = columns.iter().find(|column| !fields.iter().any(|field| field.name.eq_ignore_ascii_case(column)));
    match missing {
        Some(missing) => unresolved(target, missing).unwrap_or_else(|error| error),
        None => {
            spark_error!("UNSUPPORTED_FEATURE.TABLE_OPERATION", tableName = target.name.quoted(), operation = operation)
        }
    }
}

fn unresolved(target: &Target<'_>, column: &str) -> Result<Error> {
    let names: Vec<_> = target.table.columns()?.iter().map(|field| format!("`{}`", field.name)).collect();
    Ok(spark_error!(
        "UNRESOLVED_COLUMN.WITH_SUGGESTION",
        objectName = format!("`{column}`"),
        proposal = names.join(", "),
    ))
}

pub(super) fn set_properties(target: &Target<'_>, properties: HashMap<String, String>) -> Result<RecordBatch> {
    target.change(|table| {
        let mut properties = properties;
        if let Some(comment) = properties.remove("comment") {
            table.comment = Some(comment);
        }
        table.properties.extend(properties);
        Ok(())
    })
}

/// The rows that the table had stay where they are.
pub(super) fn set_location(target: &Target<'_>, location: &str) -> Result<RecordBatch> {
    let location = lasting_table::absolute(location)?;
    target.change(|table| {
        table.location = location;
        Ok(())
    })
}
