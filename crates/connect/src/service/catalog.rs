//! `spark.catalog`: questions about names. There is one catalog, of tables that last and of temporary views.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, ListArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema};
use millstream_core::{Error, Result};
use millstream_sql::parser::{TableDefinition, simple_string, to_json};
use millstream_sql::{Catalog as _, parse_name, schema_to_proto, table_not_found};
use spark_connect_proto::catalog::CatType;
use spark_connect_proto::data_type::Kind;
use spark_connect_proto::read::{DataSource, NamedTable, ReadType};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Catalog, Read, Relation};

use super::listing::matches;
use super::sql_command::namespace_of;
use super::{lasting_table, query_plan};
use crate::error::handle::unsupported;
use crate::session::{Computation, ViewName};
use crate::warehouse::{CATALOG, Database, Table, TableName};

/// The rows that answer a question of the catalog.
pub(super) async fn answer(session: &Computation, question: Catalog) -> Result<RecordBatch> {
    match question.cat_type {
        Some(CatType::CurrentDatabase(_)) => text(&session.database()),
        Some(CatType::CurrentCatalog(_)) => text("spark_catalog"),
        Some(CatType::SetCurrentDatabase(set)) => {
            session.set_database(&session.warehouse().database(&set.db_name)?.name);
            nothing()
        }
        Some(CatType::ListDatabases(asked)) => {
            let names = session.warehouse().databases()?;
            let wanted = names.into_iter().filter(|name| matches(name, asked.pattern.as_deref()));
            databases(wanted.map(|name| session.warehouse().database(&name)).collect::<Result<_>>()?)
        }
        Some(CatType::GetDatabase(asked)) => databases(vec![session.warehouse().database(&asked.db_name)?]),
        Some(CatType::ListCatalogs(_)) => {
            let name: ArrayRef = Arc::new(StringArray::from(vec![CATALOG]));
            rows(vec![("name", name), ("description", Arc::new(StringArray::from(vec![None::<&str>])))])
        }
        Some(CatType::SetCurrentCatalog(set)) if set.catalog_name == "spark_catalog" => nothing(),
        Some(CatType::DatabaseExists(asked)) => boolean(session.warehouse().has_database(&asked.db_name)?),
        Some(CatType::TableExists(asked)) => {
            boolean(session.relation(&parts(asked.db_name, &asked.table_name)?)?.is_some())
        }
        Some(CatType::GetTable(asked)) => tables(vec![table(session, asked.db_name, &asked.table_name)?]),
        Some(CatType::CreateTable(create)) => {
            let definition = TableDefinition {
                comment: create.description,
                ..definition(create.table_name, create.source, create.path, create.options)
            };
            create_table(session, definition, create.schema).await
        }
        Some(CatType::CreateExternalTable(create)) => {
            let definition = definition(create.table_name, create.source, create.path, create.options);
            create_table(session, definition, create.schema).await
        }
        Some(CatType::DropTempView(drop)) => {
            boolean(session.names().drop_view(ViewName { name: &drop.view_name, global: false }))
        }
        Some(CatType::DropGlobalTempView(drop)) => {
            boolean(session.names().drop_view(ViewName { name: &drop.view_name, global: true }))
        }
        Some(CatType::ListTables(asked)) => {
            let names = all_tables(session, asked.db_name)?;
            tables(names.into_iter().filter(|table| matches(&table.name, asked.pattern.as_deref())).collect())
        }
        Some(CatType::ListColumns(asked)) => columns(session, asked.db_name, &asked.table_name).await,
        Some(CatType::IsCached(_)) => boolean(false),
        // Caching is a hint; nothing is kept, so there is nothing to forget or to read again.
        Some(
            CatType::CacheTable(_)
            | CatType::UncacheTable(_)
            | CatType::ClearCache(_)
            | CatType::RefreshTable(_)
            | CatType::RefreshByPath(_),
        ) => nothing(),
        _ => Err(unsupported("This operation of the catalog")),
    }
}

/// What Spark's `Table` objects have.
struct Listed {
    name: String,
    /// Nothing for a temporary view, which is in no database.
    lasting: Option<(TableName, Table)>,
}

/// The tables of a database that last, and the session's views.
fn all_tables(session: &Computation, database: Option<String>) -> Result<Vec<Listed>> {
    let database = database.map_or_else(|| Ok(session.database()), |name| namespace_of(&name))?.to_lowercase();
    let mut listed = Vec::new();
    for table in session.warehouse().tables(&database)? {
        let name = TableName { database: database.clone(), table };
        // Another process may have dropped it since.
        if let Some(table) = session.warehouse().table(&name)? {
            listed.push(Listed { name: name.table.clone(), lasting: Some((name, table)) });
        }
    }
    listed.extend(session.relation_names().into_iter().map(|name| Listed { name, lasting: None }));
    Ok(listed)
}

fn table(session: &Computation, database: Option<String>, name: &str) -> Result<Listed> {
    let parts = parts(database, name)?;
    let found = session.relation(&parts)?.ok_or_else(|| table_not_found(&parts))?;
    drop(found);
    let name = parts.last().cloned().unwrap_or_default();
    Ok(Listed { name, lasting: session.lasting_table(&parts)? })
}

fn parts(database: Option<String>, name: &str) -> Result<Vec<String>> {
    let mut parts = database.map_or_else(|| Ok(Vec::new()), |database| parse_name(&database))?;
    parts.extend(parse_name(name)?);
    Ok(parts)
}

/// The columns of Spark's `Table` objects.
fn tables(tables: Vec<Listed>) -> Result<RecordBatch> {
    let lasting = || tables.iter().map(|table| table.lasting.as_ref());
    let texts = |text: &dyn Fn(&(TableName, Table)) -> Option<String>| -> ArrayRef {
        Arc::new(lasting().map(|table| text(table?)).collect::<StringArray>())
    };
    let kind = |table: Option<&(TableName, Table)>| Some(table.map_or("TEMPORARY", |(_, table)| table.kind()));
    rows(vec![
        ("name", Arc::new(tables.iter().map(|table| Some(table.name.clone())).collect::<StringArray>()) as ArrayRef),
        ("catalog", texts(&|_| Some(CATALOG.to_owned()))),
        ("namespace", namespaces(lasting().map(|table| table.map(|(name, _)| name.database.clone())).collect())?),
        ("description", texts(&|(_, table)| table.comment.clone())),
        ("tableType", Arc::new(lasting().map(kind).collect::<StringArray>())),
        ("isTemporary", Arc::new(lasting().map(|table| Some(table.is_none())).collect::<BooleanArray>())),
    ])
}

/// The columns of Spark's `Database` objects.
fn databases(databases: Vec<Database>) -> Result<RecordBatch> {
    let texts = |text: &dyn Fn(&Database) -> String| -> ArrayRef {
        Arc::new(databases.iter().map(|database| Some(text(database))).collect::<StringArray>())
    };
    rows(vec![
        ("name", texts(&|database| database.name.clone())),
        ("catalog", texts(&|_| CATALOG.to_owned())),
        ("description", texts(&|database| database.comment.clone().unwrap_or_default())),
        ("locationUri", texts(&|database| format!("file:{}", database.location.display()))),
    ])
}

fn definition(
    name: String,
    format: Option<String>,
    location: Option<String>,
    options: HashMap<String, String>,
) -> TableDefinition {
    let source = DataSource { format, options, ..DataSource::default() };
    TableDefinition { name, source, location, ..TableDefinition::default() }
}

/// Makes a table, and answers with its rows, as Spark does.
async fn create_table(
    session: &Computation,
    mut definition: TableDefinition,
    schema: Option<spark_connect_proto::DataType>,
) -> Result<RecordBatch> {
    definition.source.schema = schema.map(|schema| to_json(&schema));
    lasting_table::create(session, definition, false).await?;
    nothing()
}

/// The columns of Spark's `Column` objects.
async fn columns(session: &Computation, database: Option<String>, table: &str) -> Result<RecordBatch> {
    let unparsed_identifier =
        database.as_ref().map_or_else(|| table.to_owned(), |database| format!("{database}.{table}"));
    let lasting = session.lasting_table(&parts(database, table)?)?;
    let partitions = lasting.map(|(_, table)| table.partition_columns).unwrap_or_default();
    let is_partition = |field: &Field| partitions.iter().any(|name| name.eq_ignore_ascii_case(field.name()));
    let table = NamedTable { unparsed_identifier, ..NamedTable::default() };
    let read = Read { is_streaming: false, read_type: Some(ReadType::NamedTable(table)) };
    let relation = Relation { common: None, rel_type: Some(RelType::Read(read)) };
    let schema = query_plan::analyze(session, &relation).await?.schema;
    let Some(Kind::Struct(fields)) = schema_to_proto(&schema).kind else {
        return Err(Error::internal("a schema that is no struct"));
    };
    let types = fields.fields.iter().map(|field| field.data_type.as_ref().map(simple_string));
    let count = schema.fields().len();
    let names = schema.fields().iter().map(|field| field.name().clone());
    let flags = |flag: &dyn Fn(&Field) -> bool| {
        Arc::new(BooleanArray::from(schema.fields().iter().map(|field| flag(field)).collect::<Vec<_>>())) as ArrayRef
    };
    rows(vec![
        ("name", Arc::new(StringArray::from_iter_values(names)) as ArrayRef),
        ("description", Arc::new(StringArray::from(vec![None::<&str>; count]))),
        ("dataType", Arc::new(types.collect::<StringArray>())),
        ("nullable", flags(&Field::is_nullable)),
        ("isPartition", flags(&is_partition)),
        ("isBucket", flags(&|_| false)),
        ("isCluster", flags(&|_| false)),
    ])
}

/// Each database as a list of one name; a temporary view is in none.
fn namespaces(databases: Vec<Option<String>>) -> Result<ArrayRef> {
    let item = Arc::new(Field::new("item", DataType::Utf8, true));
    let offsets = OffsetBuffer::from_lengths(databases.iter().map(|database| usize::from(database.is_some())));
    let names: StringArray = databases.into_iter().flatten().map(Some).collect();
    Ok(Arc::new(ListArray::try_new(item, offsets, Arc::new(names), None)?))
}

fn text(value: &str) -> Result<RecordBatch> {
    rows(vec![("value", Arc::new(StringArray::from(vec![value])))])
}

fn boolean(value: bool) -> Result<RecordBatch> {
    rows(vec![("value", Arc::new(BooleanArray::from(vec![value])))])
}

fn rows(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    let fields: Vec<_> =
        columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

fn nothing() -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(0));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?)
}
