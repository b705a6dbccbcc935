//! `df.writeTo(…)`: of tables of files Spark makes new ones, and refuses the rest.

use millstream_core::{Result, SaveMode, spark_error};
use millstream_sql::parser::TableDefinition;
use millstream_sql::{Catalog, Observation, parse_name, table_not_found};
use spark_connect_proto::expression::ExprType;
use spark_connect_proto::read::DataSource;
use spark_connect_proto::write_operation_v2::Mode;
use spark_connect_proto::{Expression, WriteOperationV2};

use super::lasting_table;
use crate::error::handle::{relation_not_set, unsupported};
use crate::session::Computation;
use crate::warehouse::TableName;

/// Writes, and gives what was observed of the rows.
pub(super) async fn execute(session: &Computation, write: WriteOperationV2) -> Result<Vec<Observation>> {
    let parts = parse_name(&write.table_name)?;
    let name = TableName::parse(&parts, &session.database())?;
    match write.mode() {
        Mode::Create => {
            let query = write.input.ok_or_else(relation_not_set)?;
            let partitions = write.partitioning_columns.iter().map(column).collect::<Result<_>>()?;
            let source = DataSource { format: write.provider, options: write.options, ..DataSource::default() };
            let definition = TableDefinition {
                name: write.table_name,
                source,
                partitions,
                properties: write.table_properties,
                clustering: write.clustering_columns,
                ..TableDefinition::default()
            };
            lasting_table::save(session, definition, query, SaveMode::ErrorIfExists).await
        }
        Mode::Replace | Mode::CreateOrReplace => Err(spark_error!(
            "UNSUPPORTED_FEATURE.TABLE_OPERATION",
            tableName = name.quoted(),
            operation = "REPLACE TABLE AS SELECT",
        )),
        Mode::Append | Mode::Overwrite | Mode::OverwritePartitions => {
            if session.relation(&parts)?.is_none() {
                return Err(table_not_found(&parts));
            }
            Err(spark_error!("_LEGACY_ERROR_TEMP_1012", identifier = name.quoted())
                .with_hint("df.write.insertInto and df.write.saveAsTable write into such tables"))
        }
        Mode::Unspecified => Err(unsupported("writeTo without a mode")),
    }
}

/// The column of `partitionedBy`.
fn column(expression: &Expression) -> Result<String> {
    match &expression.expr_type {
        Some(ExprType::UnresolvedAttribute(attribute)) => {
            let mut parts = parse_name(&attribute.unparsed_identifier)?;
            match parts.pop() {
                Some(name) if parts.is_empty() => Ok(name),
                _ => Err(unsupported("partitionedBy of a field")),
            }
        }
        _ => Err(unsupported("partitionedBy of anything but columns")),
    }
}
