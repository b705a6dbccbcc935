//! Tables that last: made, written, emptied and dropped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use millstream_core::disk::{local_path, scheme};
use millstream_core::{Error, Result, SaveMode, spark_error};
use millstream_sql::parser::{self, TableDefinition};
use millstream_sql::{Analyzed, Catalog, Observation, parse_name, schema_to_proto, table_not_found};
use spark_connect_proto::data_type::{Kind, StructField};
use spark_connect_proto::read::ReadType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::write_operation::{SaveMode as SaveModeMessage, SaveType};
use spark_connect_proto::{Read, Relation, WriteOperation};

use super::store_assignment::{Matching, as_rows_of};
use super::{query_plan, write_batch};
use crate::error::handle::unsupported;
use crate::session::Computation;
use crate::warehouse::{Table, TableName, table_exists, table_schema};

/// Makes a table without rows.
pub(super) async fn create(session: &Computation, definition: TableDefinition, if_not_exists: bool) -> Result<()> {
    let name = name_of(session, &definition.name)?;
    session.warehouse().database(&name.database)?;
    if session.warehouse().table(&name)?.is_some() {
        return if if_not_exists { Ok(()) } else { Err(table_exists(&name)) };
    }
    let columns = match definition.source.schema.as_deref().filter(|text| !text.is_empty()) {
        Some(schema) => match parser::parse_schema(schema)?.kind {
            Some(Kind::Struct(columns)) => columns.fields,
            _ => return Err(Error::invalid("the columns of a table are no struct")),
        },
        None => inferred(session, &definition).await?,
    };
    let table = new_table(session, &name, definition, columns)?;
    if table.managed {
        refuse_rests(&name, &table.location)?;
    }
    make_folder(&table.location)?;
    session.warehouse().put(&name, &table, false)
}

/// The columns that the files of a table show which has none of its own.
async fn inferred(session: &Computation, definition: &TableDefinition) -> Result<Vec<StructField>> {
    let mut source = definition.source.clone();
    source.options.extend(definition.location.clone().map(|path| ("path".to_owned(), path)));
    let format = source.format.clone().unwrap_or_else(|| write_batch::default_source(session));
    if !source.options.keys().any(|key| key.eq_ignore_ascii_case("path")) {
        return Err(spark_error!("UNABLE_TO_INFER_SCHEMA", format = format.to_uppercase()));
    }
    source.format = Some(format);
    let read = Read { is_streaming: false, read_type: Some(ReadType::DataSource(source)) };
    let relation = Relation { common: None, rel_type: Some(RelType::Read(read)) };
    columns_of(&query_plan::analyze(session, &relation).await?)
}

fn columns_of(analyzed: &Analyzed) -> Result<Vec<StructField>> {
    match schema_to_proto(&analyzed.schema).kind {
        Some(Kind::Struct(columns)) => Ok(columns.fields),
        _ => Err(Error::internal("a schema that is no struct")),
    }
}

/// Makes a table of a query's columns, and writes its rows (`saveAsTable`, CREATE TABLE AS SELECT).
pub(super) async fn save(
    session: &Computation,
    definition: TableDefinition,
    query: Relation,
    mode: SaveMode,
) -> Result<Vec<Observation>> {
    let name = name_of(session, &definition.name)?;
    session.warehouse().database(&name.database)?;
    let existing = session.warehouse().table(&name)?;
    let analyzed = query_plan::analyze(session, &query).await?;
    match (existing, mode) {
        (Some(_), SaveMode::ErrorIfExists) => Err(table_exists(&name)),
        (Some(_), SaveMode::Ignore) => Ok(Vec::new()),
        (Some(table), SaveMode::Append) => {
            check_same(session, &name, &table, &definition)?;
            let rows = as_rows_of(&name, &table.columns()?, query, &analyzed, Matching::WholeName)?;
            write(session, &table, rows, SaveModeMessage::Append).await
        }
        (existing, _) => {
            let table = new_table(session, &name, definition, columns_of(&analyzed)?)?;
            let known = existing.as_ref().is_some_and(|existing| existing.location == table.location);
            if table.managed && !known {
                refuse_rests(&name, &table.location)?;
            }
            // Partitions are the last columns of a table, wherever they stand in the query.
            let rows = as_rows_of(&name, &table.columns()?, query, &analyzed, Matching::WholeName)?;
            let observed = write(session, &table, rows, SaveModeMessage::Overwrite).await?;
            session.warehouse().put(&name, &table, existing.is_some())?;
            if let Some(existing) = existing.filter(|existing| existing.managed && !known) {
                remove(&existing.location)?;
            }
            Ok(observed)
        }
    }
}

/// What is appended is in the format and the partitions that the table has.
fn check_same(session: &Computation, name: &TableName, table: &Table, definition: &TableDefinition) -> Result<()> {
    let shown = name.quoted().replace('`', "");
    let format = definition.source.format.clone().unwrap_or_else(|| write_batch::default_source(session));
    if !format.eq_ignore_ascii_case(&table.provider) {
        let v2 = |format: &str| {
            let (first, rest) = format.split_at(format.len().min(1));
            format!("{}{}DataSourceV2", first.to_uppercase(), rest.to_lowercase())
        };
        return Err(spark_error!(
            "_LEGACY_ERROR_TEMP_1159",
            tableName = shown,
            existingProvider = v2(&table.provider),
            specifiedProvider = v2(&format),
        ));
    }
    if definition.partitions.is_empty() || definition.partitions == table.partition_columns {
        return Ok(());
    }
    Err(spark_error!(
        "_LEGACY_ERROR_TEMP_1163",
        tableName = shown,
        specifiedPartCols = definition.partitions.join(", "),
        existingPartCols = table.partition_columns.join(", "),
    ))
}

/// Adds rows to a table, or puts them in the place of those it has.
pub(super) async fn insert(
    session: &Computation,
    (name, table): (TableName, Table),
    query: Relation,
    matching: Matching,
    overwrite: bool,
) -> Result<Vec<Observation>> {
    let analyzed = query_plan::analyze(session, &query).await?;
    let rows = as_rows_of(&name, &table.columns()?, query, &analyzed, matching)?;
    let mode = if overwrite { SaveModeMessage::Overwrite } else { SaveModeMessage::Append };
    write(session, &table, rows, mode).await
}

async fn write(
    session: &Computation,
    table: &Table,
    rows: Relation,
    mode: SaveModeMessage,
) -> Result<Vec<Observation>> {
    let write = WriteOperation {
        input: Some(rows),
        source: Some(table.provider.clone()),
        mode: mode.into(),
        save_type: Some(SaveType::Path(table.location.display().to_string())),
        partitioning_columns: table.partition_columns.clone(),
        options: table.options.clone().into_iter().collect(),
        ..WriteOperation::default()
    };
    write_batch::into_connector(session, write).await
}

/// Drops a table; says whether there was one.
pub(super) fn drop(session: &Computation, name: &str) -> Result<bool> {
    session.warehouse().drop_table(&name_of(session, name)?)
}

/// Removes the rows of a table.
pub(super) fn truncate(session: &Computation, name: &str) -> Result<()> {
    let parts = parse_name(name)?;
    let Some((_, table)) = session.lasting_table(&parts)? else {
        return match session.relation(&parts)? {
            Some(_) => Err(spark_error!(
                "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE",
                operation = "TRUNCATE TABLE",
                viewName = format!("`{name}`")
            )),
            None => Err(table_not_found(&parts)),
        };
    };
    if !table.managed {
        return Err(unsupported("TRUNCATE TABLE of an external table"));
    }
    remove(&table.location)?;
    make_folder(&table.location)
}

/// What a stream writes into: the table, which is made if it is not there.
pub(super) async fn for_stream(
    session: &Computation,
    definition: TableDefinition,
    analyzed: &Analyzed,
) -> Result<Table> {
    let parts = parse_name(&definition.name)?;
    if let Some((_, table)) = session.lasting_table(&parts)? {
        let format = definition.source.format.clone().unwrap_or_else(|| write_batch::default_source(session));
        if !format.eq_ignore_ascii_case(&table.provider) {
            return Err(spark_error!(
                "_LEGACY_ERROR_TEMP_1192",
                source = format,
                tableName = definition.name,
                provider = table.provider,
            ));
        }
        return Ok(table);
    }
    let name = name_of(session, &definition.name)?;
    let table = new_table(session, &name, definition, columns_of(analyzed)?)?;
    make_folder(&table.location)?;
    session.warehouse().put(&name, &table, false)?;
    Ok(table)
}

fn name_of(session: &Computation, text: &str) -> Result<TableName> {
    TableName::parse(&parse_name(text)?, &session.database())
}

fn new_table(
    session: &Computation,
    name: &TableName,
    definition: TableDefinition,
    columns: Vec<StructField>,
) -> Result<Table> {
    let provider = definition.source.format.unwrap_or_else(|| write_batch::default_source(session));
    let connector = session.analysis_context()?.connectors.get(&provider)?;
    if !connector.has_tables() {
        return Err(unsupported(&format!("A table that lasts in format '{provider}'"))
            .with_hint("CREATE TABLE … USING in SQL names such a data source for the session"));
    }
    name.check()?;
    check_partitions(name, &columns, &definition.partitions)?;
    let mut options: BTreeMap<_, _> = definition.source.options.into_iter().collect();
    let path = options.keys().find(|key| key.eq_ignore_ascii_case("path")).cloned();
    let location = definition.location.or(path.and_then(|key| options.remove(&key)));
    let managed = location.is_none();
    let location = match location {
        Some(location) => absolute(&location)?,
        None => session.warehouse().managed_location(name)?,
    };
    Ok(Table {
        provider: connector.names()[0].to_owned(),
        schema: table_schema(columns, &definition.partitions),
        partition_columns: definition.partitions,
        location,
        managed,
        options,
        comment: definition.comment,
        properties: definition.properties.into_iter().collect(),
        created_ms: session.engine().clock().now_ms(),
    })
}

fn check_partitions(name: &TableName, columns: &[StructField], partitions: &[String]) -> Result<()> {
    let mut seen = Vec::new();
    for column in columns.iter().map(|column| column.name.to_lowercase()) {
        if seen.contains(&column) {
            return Err(spark_error!("COLUMN_ALREADY_EXISTS", columnName = format!("`{column}`")));
        }
        seen.push(column);
    }
    if let Some(missing) = partitions.iter().find(|partition| !seen.contains(&partition.to_lowercase())) {
        let columns: Vec<_> = columns.iter().map(|column| format!("`{}`", column.name)).collect();
        return Err(spark_error!(
            "COLUMN_NOT_DEFINED_IN_TABLE",
            colType = "partition",
            colName = format!("`{missing}`"),
            tableName = name.quoted(),
            tableCols = columns.join(", "),
        ));
    }
    if !partitions.is_empty() && partitions.len() == columns.len() {
        return Err(spark_error!("ALL_PARTITION_COLUMNS_NOT_ALLOWED"));
    }
    Ok(())
}

/// A location of this machine as an absolute path.
pub(super) fn absolute(location: &str) -> Result<PathBuf> {
    if let Some(scheme) = scheme(location) {
        return Err(unsupported(&format!("A table on '{scheme}'")));
    }
    let plain = Path::new(local_path(location));
    std::path::absolute(plain).map_err(|error| failed("find", plain, error))
}

/// A new managed table does not begin with files that it did not write.
fn refuse_rests(name: &TableName, location: &Path) -> Result<()> {
    let empty = std::fs::read_dir(location).map_or(true, |mut entries| entries.next().is_none());
    if empty {
        return Ok(());
    }
    let location = format!("'file:{}'", location.display());
    Err(spark_error!("LOCATION_ALREADY_EXISTS", identifier = name.quoted(), location = location))
}

fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| failed("create", folder, error))
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", folder, error)),
        _ => Ok(()),
    }
}

fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::unavailable(format!("cannot {what} '{}': {error}", path.display())).with_source(error)
}
