//! `spark.catalog`: questions about names. There is one catalog, of tables that last and of temporary views.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, ListArray, RecordBatch, RecordBatchOptions, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema};
use futures::TryStreamExt;
use millstream_core::{Error, Result};
use millstream_sql::parser::{Command, TableDefinition, TableStatement, comment, simple_string, to_json};
use millstream_sql::{Catalog as _, function_names, parse_name, schema_to_proto, table_not_found};
use spark_connect_proto::catalog::CatType;
use spark_connect_proto::data_type::Kind;
use spark_connect_proto::read::{DataSource, NamedTable, ReadType};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::{Catalog, Read, Relation};

use super::listing::matches;
use super::sql_command::{self, named_table, namespace_of};
use super::{lasting_table, query_plan};
use crate::error::handle::unsupported;
use crate::session::{Computation, ViewName};
use crate::warehouse::{CATALOG, Database, Table, TableName, View};

/// The rows that answer a question of the catalog.
pub(super) async fn answer(session: &Computation, question: Catalog) -> Result<RecordBatch> {
    match question.cat_type {
        Some(CatType::CurrentDatabase(_)) => text(&session.database()),
        Some(CatType::CurrentCatalog(_)) => text("spark_catalog"),
        Some(CatType::SetCurrentDatabase(set)) => {
            session.set_database(&session.warehouse().database(&namespace_of(&set.db_name)?)?.name);
            nothing()
        }
        Some(CatType::SetCurrentCatalog(set)) if set.catalog_name == CATALOG => nothing(),
        Some(CatType::ListDatabases(asked)) => {
            let names = session.warehouse().databases()?;
            let wanted = names.into_iter().filter(|name| matches(name, asked.pattern.as_deref()));
            databases(wanted.map(|name| session.warehouse().database(&name)).collect::<Result<_>>()?)
        }
        Some(CatType::GetDatabase(asked)) => {
            databases(vec![session.warehouse().database(&namespace_of(&asked.db_name)?)?])
        }
        Some(CatType::ListCatalogs(_)) => {
            let name: ArrayRef = Arc::new(StringArray::from(vec![CATALOG]));
            rows(vec![("name", name), ("description", Arc::new(StringArray::from(vec![None::<&str>])))])
        }
        Some(CatType::SetCurrentCatalog(set)) if set.catalog_name == "spark_catalog" => nothing(),
        Some(CatType::DatabaseExists(asked)) => match namespace_of(&asked.db_name) {
            Ok(name) => boolean(session.warehouse().has_database(&name)?),
            Err(_) => boolean(false),
        },
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
        Some(CatType::ListViews(asked)) => {
            let names = all_tables(session, asked.db_name)?;
            let views = names.into_iter().filter(|table| !matches!(table.lasting, Some((_, Lasting::Table(_)))));
            tables(views.filter(|table| matches(&table.name, asked.pattern.as_deref())).collect())
        }
        Some(CatType::ListColumns(asked)) => columns(session, asked.db_name, &asked.table_name).await,
        Some(CatType::IsCached(asked)) => {
            let name = known(session, &asked.table_name).await?;
            boolean(session.names().is_cached(&name))
        }
        // Caching is a hint: rows are read where they lie, so there is nothing to forget or to read again.
        Some(CatType::CacheTable(asked)) => {
            let name = known(session, &asked.table_name).await?;
            session.names().set_cached(name, true);
            nothing()
        }
        Some(CatType::UncacheTable(asked)) => {
            let name = known(session, &asked.table_name).await?;
            session.names().set_cached(name, false);
            nothing()
        }
        Some(CatType::ClearCache(_)) => {
            session.names().clear_cached();
            nothing()
        }
        Some(CatType::RefreshTable(asked)) => {
            known(session, &asked.table_name).await?;
            nothing()
        }
        Some(CatType::RefreshByPath(_)) => nothing(),
        Some(CatType::FunctionExists(asked)) => {
            let parts = parts(asked.db_name, &asked.function_name)?;
            boolean(
                matches!(parts.as_slice(), [name] if function_names().any(|known| known.eq_ignore_ascii_case(name))),
            )
        }
        Some(CatType::ListFunctions(asked)) => {
            if let Some(name) = asked.db_name {
                session.warehouse().database(&namespace_of(&name)?)?;
            }
            let mut names: Vec<_> = function_names().filter(|name| matches(name, asked.pattern.as_deref())).collect();
            names.sort_unstable();
            names.dedup();
            functions(&names)
        }
        Some(other) => by_statement(session, other).await,
        None => Err(unsupported("This operation of the catalog")),
    }
}

/// What a statement of SQL does too.
async fn by_statement(session: &Computation, question: CatType) -> Result<RecordBatch> {
    let run = async |command| Box::pin(sql_command::run(session, command)).await;
    let table = |name: String, statement| Command::Table { name, statement: Box::new(statement) };
    match question {
        CatType::RecoverPartitions(asked) => {
            let operation = "recoverPartitions()";
            let statement = TableStatement::Repair { operation, add: true, remove: false };
            run(table(asked.table_name, statement)).await
        }
        CatType::DropTable(asked) => {
            run(Command::Drop { name: asked.table_name, if_exists: asked.if_exists, view: false }).await
        }
        CatType::DropView(asked) => {
            run(Command::Drop { name: asked.view_name, if_exists: asked.if_exists, view: true }).await
        }
        CatType::CreateDatabase(asked) => {
            let mut properties = asked.properties;
            let (comment, location) = (properties.remove("comment"), properties.remove("location"));
            let (name, if_not_exists) = (asked.db_name, asked.if_not_exists);
            run(Command::CreateDatabase { name, if_not_exists, comment, location, properties }).await
        }
        CatType::DropDatabase(asked) => {
            let (name, if_exists, cascade) = (asked.db_name, asked.if_exists, asked.cascade);
            run(Command::DropDatabase { name, if_exists, cascade }).await
        }
        CatType::ListPartitions(asked) => run(table(asked.table_name, TableStatement::ShowPartitions(None))).await,
        CatType::GetTableProperties(asked) => run(table(asked.table_name, TableStatement::ShowProperties(None))).await,
        CatType::GetCreateTableString(asked) => {
            run(table(asked.table_name, TableStatement::ShowCreate { serde: asked.as_serde })).await
        }
        CatType::TruncateTable(asked) => run(table(asked.table_name, TableStatement::Truncate(None))).await,
        CatType::AnalyzeTable(asked) => {
            let statement = TableStatement::Analyze { partition: None, columns: Vec::new() };
            run(table(asked.table_name, statement)).await
        }
        _ => Err(unsupported("This operation of the catalog")),
    }
}

/// The name of a table or view that is there, as its cache knows it.
async fn known(session: &Computation, name: &str) -> Result<String> {
    let parts = parse_name(name)?;
    query_plan::analyze(session, &named_table(name.to_owned())).await?;
    let lasting = Lasting::of(session, &parts)?;
    Ok(lasting.map_or_else(|| name.to_lowercase(), |(name, _)| name.quoted()))
}

/// What Spark's `Table` objects have.
struct Listed {
    name: String,
    /// Nothing for a temporary view, which is in no database.
    lasting: Option<(TableName, Lasting)>,
}

/// What outlives the session.
enum Lasting {
    Table(Table),
    View(View),
}

impl Lasting {
    /// The table or view of a name, with its whole name.
    fn of(session: &Computation, parts: &[String]) -> Result<Option<(TableName, Self)>> {
        if let Some((name, table)) = session.lasting_table(parts)? {
            return Ok(Some((name, Self::Table(table))));
        }
        Ok(session.lasting_view(parts)?.map(|(name, view)| (name, Self::View(view))))
    }

    fn comment(&self) -> Option<&String> {
        match self {
            Self::Table(table) => table.comment.as_ref(),
            Self::View(view) => view.comment.as_ref(),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Table(table) => table.kind(),
            Self::View(_) => "VIEW",
        }
    }
}

/// The tables of a database that last, and the session's views.
fn all_tables(session: &Computation, database: Option<String>) -> Result<Vec<Listed>> {
    let database = database.map_or_else(|| Ok(session.database()), |name| namespace_of(&name))?.to_lowercase();
    let mut listed = Vec::new();
    for table in session.warehouse().tables(&database)? {
        let name = TableName { database: database.clone(), table };
        // Another process may have dropped it since.
        if let Some(table) = session.warehouse().table(&name)? {
            listed.push(Listed { name: name.table.clone(), lasting: Some((name, Lasting::Table(table))) });
        }
    }
    for table in session.warehouse().views(&database)? {
        let name = TableName { database: database.clone(), table };
        if let Some(view) = session.warehouse().view(&name)? {
            listed.push(Listed { name: name.table.clone(), lasting: Some((name, Lasting::View(view))) });
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
    Ok(Listed { name, lasting: Lasting::of(session, &parts)? })
}

fn parts(database: Option<String>, name: &str) -> Result<Vec<String>> {
    let mut parts = database.map_or_else(|| Ok(Vec::new()), |database| parse_name(&database))?;
    parts.extend(parse_name(name)?);
    Ok(parts)
}

/// The columns of Spark's `Table` objects.
fn tables(tables: Vec<Listed>) -> Result<RecordBatch> {
    let lasting = || tables.iter().map(|table| table.lasting.as_ref());
    let texts = |text: &dyn Fn(&(TableName, Lasting)) -> Option<String>| -> ArrayRef {
        Arc::new(lasting().map(|table| text(table?)).collect::<StringArray>())
    };
    let kind = |table: Option<&(TableName, Lasting)>| Some(table.map_or("TEMPORARY", |(_, table)| table.kind()));
    rows(vec![
        ("name", Arc::new(tables.iter().map(|table| Some(table.name.clone())).collect::<StringArray>()) as ArrayRef),
        ("catalog", texts(&|_| Some(CATALOG.to_owned()))),
        ("namespace", namespaces(lasting().map(|table| table.map(|(name, _)| name.database.clone())).collect())?),
        ("description", texts(&|(_, table)| table.comment().cloned())),
        ("tableType", Arc::new(lasting().map(kind).collect::<StringArray>())),
        ("isTemporary", Arc::new(lasting().map(|table| Some(table.is_none())).collect::<BooleanArray>())),
    ])
}

/// The columns of Spark's `Function` objects. No class of the JVM is behind them.
fn functions(names: &[&str]) -> Result<RecordBatch> {
    let nothing: ArrayRef = Arc::new(StringArray::from(vec![None::<&str>; names.len()]));
    rows(vec![
        ("name", Arc::new(StringArray::from(names.to_vec())) as ArrayRef),
        ("catalog", Arc::clone(&nothing)),
        ("namespace", namespaces(vec![None; names.len()])?),
        ("description", Arc::clone(&nothing)),
        ("className", nothing),
        ("isTemporary", Arc::new(BooleanArray::from(vec![true; names.len()]))),
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
    let name = definition.name.clone();
    lasting_table::create(session, definition, false).await?;
    // The client's DataFrame is the table.
    let rows = query_plan::rows(session, &named_table(name)).await?;
    let batches: Vec<_> = rows.batches.try_collect().await?;
    Ok(concat_batches(&rows.schema, &batches)?)
}

/// The columns of Spark's `Column` objects.
async fn columns(session: &Computation, database: Option<String>, table: &str) -> Result<RecordBatch> {
    let unparsed_identifier =
        database.as_ref().map_or_else(|| table.to_owned(), |database| format!("{database}.{table}"));
    let lasting = session.lasting_table(&parts(database, table)?)?;
    let (partitions, clusters) =
        lasting.map(|(_, table)| (table.partition_columns, table.clustering_columns)).unwrap_or_default();
    let is_among = |names: &[String], field: &Field| names.iter().any(|name| name.eq_ignore_ascii_case(field.name()));
    let table = NamedTable { unparsed_identifier, ..NamedTable::default() };
    let read = Read { is_streaming: false, read_type: Some(ReadType::NamedTable(table)) };
    let relation = Relation { common: None, rel_type: Some(RelType::Read(read)) };
    let schema = query_plan::analyze(session, &relation).await?.schema;
    let Some(Kind::Struct(fields)) = schema_to_proto(&schema).kind else {
        return Err(Error::internal("a schema that is no struct"));
    };
    let types = fields.fields.iter().map(|field| field.data_type.as_ref().map(simple_string));
    let comments: StringArray = fields.fields.iter().map(comment).collect();
    let names = schema.fields().iter().map(|field| field.name().clone());
    let flags = |flag: &dyn Fn(&Field) -> bool| {
        Arc::new(BooleanArray::from(schema.fields().iter().map(|field| flag(field)).collect::<Vec<_>>())) as ArrayRef
    };
    rows(vec![
        ("name", Arc::new(StringArray::from_iter_values(names)) as ArrayRef),
        ("description", Arc::new(comments)),
        ("dataType", Arc::new(types.collect::<StringArray>())),
        ("nullable", flags(&Field::is_nullable)),
        ("isPartition", flags(&|field| is_among(&partitions, field))),
        ("isBucket", flags(&|_| false)),
        ("isCluster", flags(&|field| is_among(&clusters, field))),
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
