//! DESCRIBE of a column and of a partition, and ANALYZE TABLE.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use millstream_core::{Error, Result, spark_error};
use millstream_sql::parser::{PartitionSpec, comment, simple_string};
use millstream_sql::{parse_name, schema_to_proto};
use spark_connect_proto::data_type::Kind;

use super::{Partition, Target, partitions};
use crate::service::sql_command::{described, named_table, nothing};
use crate::service::{listing, query_plan};
use crate::session::Computation;

/// DESCRIBE of one column of a table or view.
pub(super) async fn column(session: &Computation, table: &str, column: &[String]) -> Result<RecordBatch> {
    let fields = match session.lasting_view(&parse_name(table)?)? {
        Some((_, view)) => view.columns()?,
        None => {
            let analyzed = query_plan::analyze(session, &named_table(table.to_owned())).await?;
            match schema_to_proto(&analyzed.schema).kind {
                Some(Kind::Struct(fields)) => fields.fields,
                _ => return Err(Error::internal("a schema that is no struct")),
            }
        }
    };
    let found = fields.iter().find(|field| field.name.eq_ignore_ascii_case(&column[0]));
    let Some(field) = found else { return Err(no_column(&column[0])) };
    if column.len() > 1 {
        let name = column.join(".");
        return Err(spark_error!("_LEGACY_ERROR_TEMP_1060", command = "DESC TABLE COLUMN", column = name));
    }
    let data_type = field.data_type.as_ref().map(simple_string).unwrap_or_default();
    let values = vec![field.name.clone(), data_type, comment(field).unwrap_or_else(|| "NULL".to_owned())];
    let names: ArrayRef = Arc::new(StringArray::from(vec!["col_name", "data_type", "comment"]));
    let fields = ["info_name", "info_value"].map(|name| Field::new(name, DataType::Utf8, false));
    let schema = Arc::new(Schema::new(fields.to_vec()));
    Ok(RecordBatch::try_new(schema, vec![names, Arc::new(StringArray::from(values))])?)
}

fn no_column(name: &str) -> Error {
    let (name, setting) = (format!("`{name}`"), "\"spark.sql.caseSensitive\"");
    spark_error!("COLUMN_NOT_FOUND", colName = name, caseSensitiveConfig = setting)
}

/// DESCRIBE with PARTITION: the columns of the table, if it has the partition.
pub(super) async fn partition(target: &Target<'_>, spec: PartitionSpec) -> Result<RecordBatch> {
    partitions::check_tracked(target, "DESC PARTITION")?;
    let partition = Partition::of(target.session, (&target.name, &target.table), spec).await?;
    if !partition.is_complete() || partition.among(&target.known()?)?.is_empty() {
        return Err(partitions::not_found(target, &partition));
    }
    listing::describe_table(&target.name, &target.table, false, &described(&target.table.columns()?)?)
}

/// No plan here looks at statistics of a table, so none are kept; what they would be of is looked for as in Spark.
pub(super) fn analyze(target: &Target<'_>, spec: Option<PartitionSpec>, columns: &[String]) -> Result<RecordBatch> {
    let is_key = |key: &str| target.table.partition_columns.iter().any(|column| column.eq_ignore_ascii_case(key));
    if let Some((key, _)) = spec.iter().flatten().find(|(key, _)| !is_key(key)) {
        let (key, table) = (format!("`{key}`"), target.name.quoted());
        return Err(spark_error!("PARTITIONS_NOT_FOUND", partitionList = key, tableName = table));
    }
    let fields = target.table.columns()?;
    match columns.iter().find(|name| !fields.iter().any(|field| field.name.eq_ignore_ascii_case(name))) {
        Some(missing) => Err(no_column(missing)),
        None => nothing(),
    }
}
