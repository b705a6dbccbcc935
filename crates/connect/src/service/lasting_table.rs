//! Tables that last: made, written, emptied and dropped.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use millstream_core::disk::{local_path, scheme};
use millstream_core::{Error, Result, SaveMode, spark_error};
use millstream_sql::parser::{self, PartitionSpec, TableDefinition};
use millstream_sql::{Analyzed, Catalog, Observation, parse_name, schema_to_proto, table_not_found};
use spark_connect_proto::data_type::{Kind, StructField};
use spark_connect_proto::read::ReadType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::write_operation::{SaveMode as SaveModeMessage, SaveType};
use spark_connect_proto::{Read, Relation, WriteOperation};

use super::store_assignment::{Matching, as_rows_of};
use super::table_statement::{Partition, drop_all};
use super::write_batch::Written;
use super::{query_plan, write_batch};
use crate::error::handle::unsupported;
use crate::session::Computation;
use crate::warehouse::{Table, TableName, columns_of_folders, table_exists, table_schema};

/// Makes a table without rows.
pub(super) async fn create(session: &Computation, mut definition: TableDefinition, if_not_exists: bool) -> Result<()> {
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
        None => inferred(session, &mut definition).await?,
    };
    let table = new_table(session, &name, definition, columns)?;
    if table.managed {
        refuse_rests(&name, &table.location)?;
    }
    // Spark takes a file for a table, too.
    if !table.location.exists() {
        make_folder(&table.location)?;
    }
    session.warehouse().put(&name, &table, false)
}

/// Makes a table without rows that has another's columns and partitions, and its format unless another is named.
pub(super) async fn create_like(
    session: &Computation,
    like: &str,
    definition: TableDefinition,
    if_not_exists: bool,
) -> Result<()> {
    let parts = parse_name(like)?;
    let Some((_, table)) = session.lasting_table(&parts)? else {
        return Err(match session.relation(&parts)? {
            Some(_) => unsupported("CREATE TABLE LIKE of anything but a table of files"),
            None => table_not_found(&parts),
        });
    };
    let name = name_of(session, &definition.name)?;
    if if_not_exists && session.warehouse().has(&name)? {
        return Ok(());
    }
    session.warehouse().check_free(&name)?;
    let mut source = definition.source;
    if source.format.is_none() {
        source.format = Some(table.provider);
        source.options = table.options.into_iter().collect();
    }
    source.schema = Some(table.schema);
    let definition = TableDefinition { source, partitions: table.partition_columns, ..definition };
    create(session, definition, if_not_exists).await
}

/// The columns that the files of a table show which has none of its own, and those of their folders as partitions.
async fn inferred(session: &Computation, definition: &mut TableDefinition) -> Result<Vec<StructField>> {
    let mut source = definition.source.clone();
    source.options.extend(definition.location.clone().map(|path| ("path".to_owned(), path)));
    let format = source.format.clone().unwrap_or_else(|| write_batch::default_source(session));
    let path = source.options.iter().find(|(key, _)| key.eq_ignore_ascii_case("path")).map(|(_, path)| path.clone());
    if path.is_none() {
        return Err(spark_error!("UNABLE_TO_INFER_SCHEMA", format = format.to_uppercase()));
    }
    source.format = Some(format);
    let read = Read { is_streaming: false, read_type: Some(ReadType::DataSource(source)) };
    let relation = Relation { common: None, rel_type: Some(RelType::Read(read)) };
    let columns = columns_of(&query_plan::analyze(session, &relation).await?)?;
    if definition.partitions.is_empty()
        && let Some(path) = path
    {
        let named = columns_of_folders(&absolute(&path)?)?.into_iter();
        let is_column = |name: &String| columns.iter().any(|column| column.name == *name);
        definition.partitions = named.filter(is_column).collect();
    }
    Ok(columns)
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
            let rows =
                as_rows_of(&name, &table.columns()?, query, &analyzed, (Matching::WholeName, &Partition::nothing()))?;
            let written = write(session, &table, rows, SaveModeMessage::Append).await?;
            session.warehouse().add_partitions(&name, written.partitions.iter().map(String::as_str))?;
            Ok(written.observed)
        }
        (existing, _) => {
            let table = new_table(session, &name, definition, columns_of(&analyzed)?)?;
            let known = existing.as_ref().is_some_and(|existing| existing.location == table.location);
            if table.managed && !known {
                refuse_rests(&name, &table.location)?;
            }
            // Partitions are the last columns of a table, wherever they stand in the query.
            let rows =
                as_rows_of(&name, &table.columns()?, query, &analyzed, (Matching::WholeName, &Partition::nothing()))?;
            // It is another table from now on, whatever `partitionOverwriteMode` says of the rows of one.
            let overwrite = SaveModeMessage::Overwrite;
            let Written { observed, partitions } = write_with(session, &table, rows, overwrite, Some("STATIC")).await?;
            session.warehouse().put(&name, &table, existing.is_some())?;
            session.warehouse().forget_partitions(&name)?;
            session.warehouse().add_partitions(&name, partitions.iter().map(String::as_str))?;
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
    if definition.partitions == table.partition_columns {
        return Ok(());
    }
    Err(spark_error!(
        "_LEGACY_ERROR_TEMP_1163",
        tableName = shown,
        specifiedPartCols = definition.partitions.join(", "),
        existingPartCols = table.partition_columns.join(", "),
    ))
}

/// Rows for a table.
pub(super) struct Insert {
    pub(super) query: Relation,
    pub(super) matching: Matching,
    pub(super) overwrite: bool,
    /// What PARTITION says.
    pub(super) partition: PartitionSpec,
    /// IF NOT EXISTS: nothing is written into a partition that is there.
    pub(super) if_not_exists: bool,
}

/// Adds rows to a table, or puts them in the place of those it has, or of those of a partition.
pub(super) async fn insert(
    session: &Computation,
    (name, table): (TableName, Table),
    insert: Insert,
) -> Result<Vec<Observation>> {
    let analyzed = query_plan::analyze(session, &insert.query).await?;
    let partition = Partition::of(session, (&name, &table), insert.partition).await?;
    let rows = as_rows_of(&name, &table.columns()?, insert.query, &analyzed, (insert.matching, &partition))?;
    partition.check_insert(&name, &table)?;
    let known = match table.tracks_partitions {
        true => session.warehouse().partitions(&name, table.partition_columns.len())?,
        false => Vec::new(),
    };
    let replaced = partition.among(&known)?;
    if insert.if_not_exists && !replaced.is_empty() {
        return Ok(Vec::new());
    }
    if !insert.overwrite {
        let written = write(session, &table, rows, SaveModeMessage::Append).await?;
        session.warehouse().add_partitions(&name, written.partitions.iter().map(String::as_str))?;
        return Ok(written.observed);
    }
    let dynamic = is_dynamic(session) && !table.partition_columns.is_empty() && !partition.is_complete();
    let some = partition.fixed().next().is_some();
    if some && !table.tracks_partitions {
        return Err(unsupported("INSERT OVERWRITE … PARTITION of a table whose partitions are not known")
            .with_hint("MSCK REPAIR TABLE makes them known"));
    }
    // The folders that have new rows are replaced at once; what else the statement replaces goes after that.
    let mode = if dynamic || some { "DYNAMIC" } else { "STATIC" };
    let written = write_with(session, &table, rows, SaveModeMessage::Overwrite, Some(mode)).await?;
    session.warehouse().add_partitions(&name, written.partitions.iter().map(String::as_str))?;
    if !dynamic {
        drop_replaced(session, &name, &table, &partition, &replaced, &written.partitions)?;
    }
    Ok(written.observed)
}

/// What an overwrite replaces that has no new rows. A partition that is named stays one, without rows.
fn drop_replaced(
    session: &Computation,
    name: &TableName,
    table: &Table,
    partition: &Partition,
    replaced: &[String],
    written: &[String],
) -> Result<()> {
    for folder in replaced.iter().filter(|folder| !written.contains(folder)) {
        let path = table.location.join(folder);
        remove(&path)?;
        if partition.is_complete() && !table.partition_columns.is_empty() {
            make_folder(&path)?;
        }
    }
    if partition.is_complete() {
        return Ok(());
    }
    drop_all(session, name, replaced, written)
}

fn is_dynamic(session: &Computation) -> bool {
    let mode = session.conf().lock().find("spark.sql.sources.partitionOverwriteMode");
    mode.is_some_and(|mode| mode.eq_ignore_ascii_case("dynamic"))
}

/// Writes rows into the folder of a table, and gives the partitions that have some.
async fn write(session: &Computation, table: &Table, rows: Relation, mode: SaveModeMessage) -> Result<Written> {
    write_with(session, table, rows, mode, None).await
}

async fn write_with(
    session: &Computation,
    table: &Table,
    rows: Relation,
    mode: SaveModeMessage,
    replaced: Option<&str>,
) -> Result<Written> {
    let mut options: HashMap<_, _> = table.options.clone().into_iter().collect();
    options.extend(replaced.map(|mode| ("partitionOverwriteMode".to_owned(), mode.to_owned())));
    let write = WriteOperation {
        input: Some(rows),
        source: Some(table.provider.clone()),
        mode: mode.into(),
        save_type: Some(SaveType::Path(table.location.display().to_string())),
        partitioning_columns: table.partition_columns.clone(),
        options,
        ..WriteOperation::default()
    };
    write_batch::into_connector(session, write).await
}

/// Drops a table; says whether there was one.
pub(super) fn drop(session: &Computation, name: &str) -> Result<bool> {
    session.warehouse().drop_table(&name_of(session, name)?)
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
    let tracks_partitions = !definition.partitions.is_empty();
    check_types(connector.names()[0], &columns, &definition.partitions)?;
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
        tracks_partitions,
        clustering_columns: definition.clustering,
    })
}

/// Refuses columns of types that files of this format cannot hold.
pub(super) fn check_types(provider: &str, columns: &[StructField], partitions: &[String]) -> Result<()> {
    let is_key = |name: &str| partitions.iter().any(|key| key.eq_ignore_ascii_case(name));
    for column in columns {
        let data_type = column.data_type.as_ref();
        let Some(kind) = data_type.and_then(|data_type| data_type.kind.as_ref()) else { continue };
        match Some(kind) {
            Some(Kind::Time(_)) => return Err(spark_error!("UNSUPPORTED_TIME_TYPE")),
            Some(Kind::Char(_) | Kind::VarChar(_)) => {
                return Err(unsupported("A column of type CHAR or VARCHAR").with_hint("STRING holds any text"));
            }
            Some(Kind::Array(_) | Kind::Map(_) | Kind::Struct(_)) if is_key(&column.name) => {
                let shown = data_type.map(parser::simple_string).unwrap_or_default().to_uppercase();
                return Err(spark_error!("INVALID_PARTITION_COLUMN_DATA_TYPE", r#type = format!("\"{shown}\"")));
            }
            _ if is_key(&column.name) || can_hold(provider, kind) => {}
            _ => {
                let shown = data_type.map(parser::simple_string).unwrap_or_default().to_uppercase();
                return Err(spark_error!(
                    "UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE",
                    format = shown_format(provider),
                    columnName = format!("`{}`", column.name),
                    columnType = format!("\"{}\"", shown.replace(':', ": ").replace(',', ", ")),
                ));
            }
        }
    }
    Ok(())
}

/// Whether files of this format can have such a column.
fn can_hold(provider: &str, kind: &Kind) -> bool {
    match (provider, kind) {
        ("text", kind) => matches!(kind, Kind::String(_)),
        ("csv", Kind::Array(_) | Kind::Map(_) | Kind::Struct(_) | Kind::Null(_) | Kind::Variant(_)) => false,
        ("csv" | "parquet", Kind::CalendarInterval(_)) => false,
        _ => true,
    }
}

/// Spark's name of a format.
fn shown_format(provider: &str) -> &str {
    match provider {
        "csv" => "CSV",
        "text" => "Text",
        "parquet" => "Parquet",
        "json" => "JSON",
        other => other,
    }
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
    if location.is_empty() {
        return Err(Error::illegal_argument("Can not create a Path from an empty string"));
    }
    let plain = Path::new(local_path(location));
    std::path::absolute(plain).map_err(|error| failed("find", plain, error))
}

/// A new managed table does not begin with files that it did not write.
fn refuse_rests(name: &TableName, location: &Path) -> Result<()> {
    let empty = std::fs::read_dir(location).is_ok_and(|mut entries| entries.next().is_none());
    if empty || !location.exists() {
        return Ok(());
    }
    let location = format!("'file:{}'", location.display());
    Err(spark_error!("LOCATION_ALREADY_EXISTS", identifier = name.quoted(), location = location))
}

pub(super) fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| failed("create", folder, error))
}

pub(super) fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed("remove", folder, error)),
        _ => Ok(()),
    }
}

pub(super) fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::unavailable(format!("cannot {what} '{}': {error}", path.display())).with_source(error)
}
