//! `spark.sql(…)`: a query is handed back to be executed when its rows are wanted; a command is carried out at once.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use millstream_core::{Error, Result, SaveMode, spark_error};
use millstream_engine::query::StreamingQuery;
use millstream_sql::parser::{self, Command, Parameters, Statement, TableDefinition};
use millstream_sql::{parse_name, schema_to_proto};
use spark_connect_proto::data_type::StructField;
use spark_connect_proto::execute_plan_response::{ResponseType, SqlCommandResult};
use spark_connect_proto::expression::{ExprType, Literal};
use spark_connect_proto::read::{NamedTable, ReadType};
use spark_connect_proto::relation::RelType;
use spark_connect_proto::write_operation::SaveMode as SaveModeMessage;
use spark_connect_proto::{Expression, Read, Relation, Sql, SqlCommand, WriteOperation, data_type};

use super::{analyze_plan, lasting_table, listing, query_plan, table, table_statement, view, write_batch};
use crate::error::handle::{invalid_plan, unsupported};
use crate::session::operation::ResponseSender;
use crate::session::{Computation, ViewName};
use crate::to_proto::local_relation::local_relation;
use crate::warehouse::{CATALOG, NewDatabase, schema_not_found};

pub(super) async fn execute(session: &Computation, command: SqlCommand, sender: &ResponseSender) -> Result<()> {
    let input = relation(command);
    let sql = sql_of(&input).ok_or_else(|| invalid_plan("An SQL command has no text."))?;
    let text = parser::with_variables(&sql.query, &|key| session.conf().lock().find(key))?;
    let relation = match parser::parse_statement_with(&text, parameters(sql))? {
        Statement::Query(_) => {
            // Spark analyses at once, so that what is wrong with a query shows where it is written.
            query_plan::analyze(session, &input).await?;
            input
        }
        Statement::Command(command) => local_relation(&run(session, command).await?)?,
    };
    sender.send(ResponseType::SqlCommandResult(SqlCommandResult { relation: Some(relation) })).await
}

/// The command as a relation; clients before 4.0 spell it out in the command's own fields.
#[expect(deprecated, reason = "PySpark 3.5 uses these fields")]
fn relation(command: SqlCommand) -> Relation {
    command.input.unwrap_or_else(|| {
        let sql = Sql {
            query: command.sql,
            args: command.args,
            pos_args: command.pos_args,
            named_arguments: command.named_arguments,
            pos_arguments: command.pos_arguments,
        };
        Relation { common: None, rel_type: Some(RelType::Sql(sql)) }
    })
}

/// The text itself, also below the DataFrames that it names.
fn sql_of(relation: &Relation) -> Option<&Sql> {
    match relation.rel_type.as_ref()? {
        RelType::Sql(sql) => Some(sql),
        RelType::WithRelations(with) => sql_of(with.root.as_deref()?),
        _ => None,
    }
}

#[expect(deprecated, reason = "PySpark 3.5 uses these fields")]
fn parameters(sql: &Sql) -> Parameters {
    let mut named: HashMap<_, _> =
        sql.args.iter().map(|(name, value)| (name.clone(), literal(value.clone()))).collect();
    named.extend(sql.named_arguments.clone());
    let mut positional: Vec<_> = sql.pos_args.iter().cloned().map(literal).collect();
    positional.extend(sql.pos_arguments.iter().cloned());
    Parameters { named, positional }
}

fn literal(value: Literal) -> Expression {
    Expression { common: None, expr_type: Some(ExprType::Literal(value)) }
}

/// Carries a command out and gives the rows that Spark answers it with.
pub(crate) async fn run(session: &Computation, command: Command) -> Result<RecordBatch> {
    match command {
        Command::CreateTableLike { name, like, definition, if_not_exists } => {
            lasting_table::create_like(session, &like, TableDefinition { name, ..*definition }, if_not_exists).await?;
            nothing()
        }
        Command::CreateTable { table, if_not_exists, query: None } => {
            table::create(session, *table, if_not_exists).await?;
            nothing()
        }
        Command::CreateTable { table, if_not_exists, query: Some(query) } => {
            if table.source.schema.is_some() {
                return Err(unsupported("CREATE TABLE AS SELECT with columns"));
            }
            let mode = if if_not_exists { SaveMode::Ignore } else { SaveMode::ErrorIfExists };
            lasting_table::save(session, *table, *query, mode).await?;
            nothing()
        }
        Command::Insert { table, query, by_name, overwrite, partition, if_not_exists } => {
            let into = table::Insert { table: &table, by_name, overwrite, partition, if_not_exists };
            let started = table::insert(session, into, *query).await?;
            started.map_or_else(nothing, |query| started_row(&query))
        }
        Command::InsertDirectory { source, query } => {
            let write = WriteOperation {
                input: Some(*query),
                source: source.format,
                mode: SaveModeMessage::Overwrite.into(),
                options: source.options,
                ..WriteOperation::default()
            };
            write_batch::into_connector(session, write).await?;
            nothing()
        }
        Command::Table { name, statement } => Box::pin(table_statement::run(session, &name, *statement)).await,
        Command::AnalyzeTables(database) => {
            if let Some(name) = database {
                session.warehouse().database(&namespace_of(&name)?)?;
            }
            nothing()
        }
        Command::CreateLastingView { view, replace, if_not_exists } => {
            view::create(session, *view, replace, if_not_exists).await?;
            nothing()
        }
        Command::AlterView { name, rename, definition } => {
            view::alter(session, &name, rename, definition).await?;
            nothing()
        }
        Command::CreateDatabase { name, if_not_exists, comment, location, properties } => {
            let location = location.as_deref().map(lasting_table::absolute).transpose()?;
            let (name, properties) = (namespace_of(&name)?, properties.into_iter().collect());
            let database = NewDatabase { name: &name, location, comment, properties };
            session.warehouse().create_database(database, if_not_exists)?;
            nothing()
        }
        Command::AlterDatabase { name, location, properties, comment } => {
            let location = location.as_deref().map(lasting_table::absolute).transpose()?;
            session.warehouse().change_database(&namespace_of(&name)?, |database| {
                database.location = location.unwrap_or_else(|| database.location.clone());
                database.properties.extend(properties);
                database.comment = comment.or_else(|| database.comment.take());
            })?;
            nothing()
        }
        Command::ShowNamespace => {
            texts(&[("catalog", vec![CATALOG.to_owned()]), ("namespace", vec![session.database()])])
        }
        // Files are looked for whenever they are read.
        Command::RefreshPath(_) => nothing(),
        Command::DropDatabase { name, if_exists, cascade } => {
            session.warehouse().drop_database(&namespace_of(&name)?, if_exists, cascade)?;
            nothing()
        }
        Command::DescribeDatabase { name, extended } => listing::database(session, &namespace_of(&name)?, extended),
        Command::CreateView { name, mut query, replace, global } => {
            query_plan::analyze(session, &query).await?;
            let name = unquoted(&name);
            parser::name_view(&mut query, &name);
            session.names().create_view(ViewName { name: &name, global }, *query, replace)?;
            nothing()
        }
        Command::Drop { name, if_exists, view } => drop_name(session, &name, if_exists, view),
        Command::Set { key, value } => {
            let key = if key == MAPRED_REDUCE_TASKS { number_of_reducers(&value)? } else { key };
            session.conf().lock().set(&key, &value)?;
            settings(vec![(key, value)])
        }
        Command::ShowSetting(Some(key)) => {
            let key = if key == MAPRED_REDUCE_TASKS { SHUFFLE_PARTITIONS.to_owned() } else { key };
            let value = session.conf().lock().find(&key).unwrap_or_else(|| "<undefined>".to_owned());
            settings(vec![(key, value)])
        }
        Command::ShowSetting(None) => settings(session.conf().lock().all(None)),
        Command::Reset(key) => {
            let mut conf = session.conf().lock();
            match key {
                Some(key) => conf.unset(&key)?,
                None => conf.clear(),
            }
            nothing()
        }
        Command::Show { what, namespace, pattern } => listing::show(session, what, namespace, pattern.as_deref()).await,
        Command::Describe { name, extended } => {
            if let Some((_, view)) = session.lasting_view(&parse_name(&name)?)? {
                return described(&view.columns()?);
            }
            let rows = describe(session, &named_table(name.clone())).await?;
            match session.lasting_table(&parse_name(&name)?)? {
                Some((name, table)) => listing::describe_table(&name, &table, extended, &rows),
                None => Ok(rows),
            }
        }
        Command::DescribeQuery(query) => describe(session, &query).await,
        Command::Cache { name, query: Some(query), .. } => {
            query_plan::analyze(session, &query).await?;
            session.names().create_view(ViewName { name: &unquoted(&name), global: false }, *query, false)?;
            nothing()
        }
        Command::Cache { name, query: None, .. } | Command::Refresh(name) => {
            query_plan::analyze(session, &named_table(name)).await?;
            nothing()
        }
        Command::Uncache { name, if_exists } => {
            if !if_exists {
                query_plan::analyze(session, &named_table(name)).await?;
            }
            nothing()
        }
        Command::ClearCache => nothing(),
        Command::Explain { mode, statement } => match *statement {
            Statement::Query(query) => {
                let extended = !matches!(mode, parser::ExplainMode::Simple | parser::ExplainMode::Formatted);
                let text = analyze_plan::explain(session, &query, extended).await?;
                texts(&[("plan", vec![text])])
            }
            Statement::Command(_) => Err(unsupported("EXPLAIN of a command")),
        },
        Command::Use(name) => {
            let database = session.warehouse().database(&namespace_of(&name)?)?;
            session.set_database(&database.name);
            nothing()
        }
        Command::DescribeFunction(_) => Err(unsupported("DESCRIBE FUNCTION")),
    }
}

fn drop_name(session: &Computation, name: &str, if_exists: bool, view: bool) -> Result<RecordBatch> {
    let (global, bare) = match name.split_once('.') {
        Some(("global_temp", rest)) => (true, unquoted(rest)),
        _ => (false, unquoted(name)),
    };
    if session.names().drop_view(ViewName { name: &bare, global }) {
        return nothing();
    }
    let parts = parse_name(name)?;
    if let Some((found, _)) = session.lasting_view(&parts)? {
        // Spark drops a view by DROP TABLE too.
        session.warehouse().drop_view(&found)?;
        return nothing();
    }
    if let Some((found, table)) = session.lasting_table(&parts)? {
        if view {
            return Err(spark_error!(
                "WRONG_COMMAND_FOR_OBJECT_TYPE",
                operation = "DROP VIEW",
                requiredType = "VIEW or METRIC_VIEW",
                objectName = found.quoted().replace('`', ""),
                foundType = table.kind(),
                alternative = "DROP TABLE",
            ));
        }
        lasting_table::drop(session, name)?;
        return nothing();
    }
    if !if_exists {
        // Spark looks for a view to drop in its catalog alone, for one to read elsewhere too.
        let database = session.database();
        return Err(spark_error!(
            "TABLE_OR_VIEW_NOT_FOUND",
            relationName = format!("`spark_catalog`.`{database}`.`{bare}`"),
            searchPath = format!("[`spark_catalog`.`{database}`]"),
        ));
    }
    nothing()
}

/// Hadoop's name of a setting that SET takes for Spark's.
const MAPRED_REDUCE_TASKS: &str = "mapred.reduce.tasks";
const SHUFFLE_PARTITIONS: &str = "spark.sql.shuffle.partitions";

/// The setting that Hadoop's number of reducers means, if that number is one.
fn number_of_reducers(value: &str) -> Result<String> {
    match value.parse::<i32>() {
        Ok(number) if number > 0 => Ok(SHUFFLE_PARTITIONS.to_owned()),
        Ok(_) => Err(Error::illegal_argument(
            "Setting negative mapred.reduce.tasks for automatically determining the number of reducers is not supported.",
        )),
        Err(_) => Err(Error::number_format(value)),
    }
}

async fn describe(session: &Computation, relation: &Relation) -> Result<RecordBatch> {
    let schema = schema_to_proto(&query_plan::analyze(session, relation).await?.schema);
    let Some(data_type::Kind::Struct(columns)) = schema.kind else {
        return Err(Error::internal("a relation's schema is not a struct"));
    };
    described(&columns.fields)
}

/// What DESCRIBE says of columns.
pub(super) fn described(columns: &[StructField]) -> Result<RecordBatch> {
    let types = columns.iter().map(|field| field.data_type.as_ref().map(parser::simple_string));
    let types = types.map(Option::unwrap_or_default).collect();
    let names = columns.iter().map(|field| field.name.clone()).collect();
    let rows = texts(&[("col_name", names), ("data_type", types)])?;
    let comments: ArrayRef = Arc::new(columns.iter().map(parser::comment).collect::<StringArray>());
    let schema = rows.schema();
    let fields = schema.fields().iter().cloned().chain([Arc::new(Field::new("comment", DataType::Utf8, true))]);
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Ok(RecordBatch::try_new(schema, [rows.columns(), &[comments]].concat())?)
}

/// What `spark.sql("INSERT INTO … FROM STREAM …")` answers: the query that runs from now on.
fn started_row(query: &StreamingQuery) -> Result<RecordBatch> {
    texts(&[("id", vec![query.id().to_string()]), ("runId", vec![query.run_id().to_string()])])
}

/// The database of a name: the only catalog may stand before it.
pub(super) fn namespace_of(name: &str) -> Result<String> {
    let parts = parse_name(name)?;
    match parts.as_slice() {
        [database] => Ok(database.clone()),
        [catalog, database] if catalog == CATALOG => Ok(database.clone()),
        several => Err(schema_not_found(&several.join("`.`"))),
    }
}

/// A name in backticks without them.
pub(super) fn unquoted(name: &str) -> String {
    match name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) {
        Some(inner) => inner.replace("``", "`"),
        None => name.to_owned(),
    }
}

pub(super) fn named_table(unparsed_identifier: String) -> Relation {
    let table = NamedTable { unparsed_identifier, options: HashMap::new() };
    let read = Read { is_streaming: false, read_type: Some(ReadType::NamedTable(table)) };
    Relation { common: None, rel_type: Some(RelType::Read(read)) }
}

fn settings(pairs: Vec<(String, String)>) -> Result<RecordBatch> {
    let (keys, values) = pairs.into_iter().unzip();
    texts(&[("key", keys), ("value", values)])
}

pub(super) fn texts(columns: &[(&str, Vec<String>)]) -> Result<RecordBatch> {
    let fields: Vec<_> = columns.iter().map(|(name, _)| Field::new(*name, DataType::Utf8, false)).collect();
    let arrays = columns.iter().map(|(_, values)| Arc::new(StringArray::from(values.clone())) as ArrayRef).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

pub(super) fn with_column(rows: &RecordBatch, name: &str, column: ArrayRef) -> Result<RecordBatch> {
    let nullable = column.null_count() > 0 || column.data_type() == &DataType::Utf8;
    let mut fields = rows.schema().fields().to_vec();
    fields.push(Arc::new(Field::new(name, column.data_type().clone(), nullable)));
    let mut columns = rows.columns().to_vec();
    columns.push(column);
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// No rows of no columns.
pub(super) fn nothing() -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(0));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_backticks() {
        assert_eq!(unquoted("`a``b`"), "a`b");
        assert_eq!(unquoted("ab"), "ab");
    }
}
