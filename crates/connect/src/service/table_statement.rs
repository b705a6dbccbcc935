//! Statements about one table: what it is called, what is known of it, its partitions (Spark's answers for tables of
//! files, whose changes its session catalog takes).

mod alter;
mod describe;
mod partition;
mod partitions;
mod show;

use arrow::array::RecordBatch;
use millstream_core::{Error, Result, spark_error};
use millstream_formats::text::sql_id;
use millstream_sql::parser::{PartitionSpec, TableStatement};
use millstream_sql::{Catalog, parse_name, table_not_found};

use super::sql_command::nothing;
use crate::session::Computation;
use crate::warehouse::{Table, TableName};

pub(super) use self::partition::Partition;
pub(super) use self::partitions::{drop_all, repair};

/// Carries a statement out and gives Spark's rows.
pub(super) async fn run(session: &Computation, name: &str, statement: TableStatement) -> Result<RecordBatch> {
    let parts = parse_name(name)?;
    if let Some(answer) = of_any_relation(session, name, &parts, &statement).await? {
        return Ok(answer);
    }
    let Some((table_name, table)) = session.lasting_table(&parts)? else {
        return Err(no_table(session, &parts, &statement)?);
    };
    let target = Target { session, name: table_name, table };
    match statement {
        TableStatement::Rename { to } => alter::rename(&target, &to),
        TableStatement::AddColumns(columns) => alter::add_columns(&target, columns),
        TableStatement::ChangeColumn { column, data_type, comment } => {
            alter::change_column(&target, &column, data_type.as_deref(), comment)
        }
        TableStatement::Refused { operation, columns } => Err(alter::refused(&target, operation, &columns)),
        TableStatement::SetProperties(properties) => alter::set_properties(&target, properties),
        TableStatement::UnsetProperties(keys) => target.change(|table| {
            table.properties.retain(|key, _| !keys.contains(key));
            Ok(())
        }),
        TableStatement::SetLocation(location) => alter::set_location(&target, &location),
        TableStatement::Comment(comment) => target.change(|table| {
            table.comment = Some(comment.unwrap_or_default());
            Ok(())
        }),
        TableStatement::AddPartitions { partitions, if_not_exists } => {
            partitions::add(&target, partitions, if_not_exists).await
        }
        TableStatement::DropPartitions { partitions, if_exists } => {
            partitions::drop(&target, partitions, if_exists).await
        }
        TableStatement::RenamePartition { from, to } => partitions::rename(&target, from, to).await,
        TableStatement::Repair { operation, add, remove } => {
            repair(session, (&target.name, &target.table), operation, (add, remove))?;
            nothing()
        }
        TableStatement::Truncate(partition) => partitions::truncate(&target, partition).await,
        TableStatement::ShowPartitions(partition) => partitions::show(&target, partition).await,
        TableStatement::ShowProperties(key) => show::properties(&target, key),
        TableStatement::ShowCreate { serde } => show::create(&target, serde),
        TableStatement::DescribeColumn(_) => nothing(),
        TableStatement::DescribePartition(partition) => describe::partition(&target, partition).await,
        TableStatement::Analyze { partition, columns } => describe::analyze(&target, partition, &columns),
    }
}

/// A table and what was asked in.
pub(super) struct Target<'a> {
    session: &'a Computation,
    name: TableName,
    table: Table,
}

impl Target<'_> {
    fn change(&self, change: impl FnOnce(&mut Table) -> Result<()>) -> Result<RecordBatch> {
        self.session.warehouse().change(&self.name, change)?;
        nothing()
    }

    /// The partitions that are known, of which these columns have these values.
    async fn partitions(&self, spec: PartitionSpec) -> Result<Vec<String>> {
        Partition::of(self.session, (&self.name, &self.table), spec).await?.among(&self.known()?)
    }

    fn known(&self) -> Result<Vec<String>> {
        self.session.warehouse().partitions(&self.name, self.table.partition_columns.len())
    }
}

/// What may be asked of views too.
async fn of_any_relation(
    session: &Computation,
    name: &str,
    parts: &[String],
    statement: &TableStatement,
) -> Result<Option<RecordBatch>> {
    let view = session.lasting_view(parts)?;
    match statement {
        TableStatement::DescribeColumn(column) => describe::column(session, name, column).await.map(Some),
        TableStatement::ShowProperties(key) if session.lasting_table(parts)?.is_none() => match view {
            Some((name, view)) => show::pairs(&name, &view.properties, key.as_ref()).map(Some),
            None if session.relation(parts)?.is_some() => show::no_pairs().map(Some),
            None => Ok(None),
        },
        TableStatement::ShowCreate { .. } => match view {
            Some((name, view)) => show::create_view(&name, &view).map(Some),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// There is no table of that name, or it is a view.
fn no_table(session: &Computation, parts: &[String], statement: &TableStatement) -> Result<Error> {
    let lasting = session.lasting_view(parts)?;
    if lasting.is_none() && session.relation(parts)?.is_none() {
        return Ok(table_not_found(parts));
    }
    let view = lasting.as_ref().map_or_else(|| sql_id(parts), |(name, _)| name.quoted());
    let operation = match statement {
        TableStatement::ShowCreate { .. } if lasting.is_none() => {
            return Ok(spark_error!(
                "EXPECT_PERMANENT_VIEW_NOT_TEMP",
                operation = "SHOW CREATE TABLE",
                viewName = view
            ));
        }
        TableStatement::Analyze { .. } if lasting.is_none() => {
            return Ok(spark_error!("EXPECT_PERMANENT_VIEW_NOT_TEMP", operation = "ANALYZE TABLE", viewName = view));
        }
        TableStatement::SetProperties(_) | TableStatement::UnsetProperties(_) | TableStatement::Rename { .. } => {
            let operation = match statement {
                TableStatement::SetProperties(_) => "ALTER TABLE ... SET TBLPROPERTIES",
                TableStatement::UnsetProperties(_) => "ALTER TABLE ... UNSET TBLPROPERTIES",
                _ => "ALTER TABLE ... RENAME TO",
            };
            return Ok(spark_error!("EXPECT_TABLE_NOT_VIEW.USE_ALTER_VIEW", operation = operation, viewName = view));
        }
        TableStatement::AddColumns(_) => "ALTER TABLE ... ADD COLUMNS",
        TableStatement::AddPartitions { .. } => "ALTER TABLE ... ADD PARTITION ...",
        TableStatement::DropPartitions { .. } => "ALTER TABLE ... DROP PARTITION ...",
        TableStatement::RenamePartition { .. } => "ALTER TABLE ... RENAME TO PARTITION",
        TableStatement::Repair { operation, .. } => operation,
        TableStatement::Truncate(_) => "TRUNCATE TABLE",
        TableStatement::ShowPartitions(_) => "SHOW PARTITIONS",
        TableStatement::SetLocation(_) => "ALTER TABLE ... SET LOCATION ...",
        TableStatement::Comment(_) => "COMMENT ON TABLE",
        TableStatement::Analyze { .. } => "ANALYZE TABLE",
        _ => "ALTER TABLE",
    };
    Ok(spark_error!("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", operation = operation, viewName = view))
}
