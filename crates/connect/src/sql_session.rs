//! SQL programs inside of the process: a session to which statements come without a client.
//!
//! A query over streams that names no table to go to is printed by the console sink: the whole result at each batch
//! where it is aggregated, else its new rows.

mod place;
mod variables;

use std::fmt::{self, Debug};
use std::sync::Arc;

use arrow::array::AsArray;
use millstream_core::{Error, OutputMode, QuerySettings, Result, nearest};
use millstream_engine::query::StreamingQuery;
use millstream_formats::show::{ShowOptions, show_string};
use millstream_sql::parser::{self, Command, Statement};
use millstream_sql::{Catalog, function_names};
use spark_connect_proto::{Relation, ShowString, WriteStreamOperationStart};

use crate::service::{query_plan, sql_command, table, write_stream};
use crate::session::conf::BINARY_STYLE;
use crate::session::queries::StartedBy;
use crate::session::{Computation, Session};

/// Gives the values of environment variables.
pub type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How many rows of a query are printed.
const ROWS_SHOWN: i32 = 1000;

/// What a statement did.
#[derive(Debug)]
pub enum SqlAnswer {
    /// There is nothing to show.
    Done,
    /// Rows as a table, or a plan.
    Table(String),
    /// A streaming query runs from now on.
    Started(StreamingQuery),
}

/// A session for SQL.
pub struct SqlSession {
    session: Arc<Session>,
    environment: Environment,
}

impl Debug for SqlSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlSession({})", self.session.id())
    }
}

impl SqlSession {
    /// A session for statements whose rows a person reads: BINARY, which is what Kafka has, is printed as text unless
    /// the program sets something else.
    pub(crate) fn new(session: Arc<Session>, environment: Environment) -> Result<Self> {
        session.conf().lock().set(BINARY_STYLE, "UTF-8")?;
        Ok(Self { session, environment })
    }

    /// The statements of a program, each a part of its text.
    ///
    /// # Errors
    /// Spark's parse errors for a string, name or comment without end.
    pub fn split(program: &str) -> Result<Vec<&str>> {
        parser::split_statements(program).map_err(place::with_what_does_not_end)
    }

    /// `SET key = value`; also what `${key}` stands for.
    ///
    /// # Errors
    /// A value that the key does not take.
    pub fn set(&self, key: &str, value: &str) -> Result<()> {
        self.session.conf().lock().set(key, value)
    }

    /// Carries out one statement. `${key}`, `${env:NAME}` and `${…:-default}` are put in first.
    ///
    /// # Errors
    /// Spark's, and variables without a value; with their places in the statement, as far as they are known.
    pub async fn execute(&self, statement: &str) -> Result<SqlAnswer> {
        let text = variables::substitute(statement, |name| match name.strip_prefix("env:") {
            Some(name) => (self.environment)(name),
            None => self.session.conf().lock().find(name),
        })?;
        let query = text.text.clone();
        let answer = self.session.compute(|session| async move { carry_out(&session, &query).await }).await;
        answer.map_err(|error| {
            let error = with_what_was_meant(error, &self.session.relation_names());
            place::in_statement(error, &text, statement)
        })
    }
}

/// Spark proposes names for columns alone.
fn with_what_was_meant(error: Error, tables: &[String]) -> Error {
    let wanted = |key| error.parameters().find(|(name, _)| *name == key).map(|(_, value)| value.trim_matches('`'));
    let meant = match error.class() {
        Some("TABLE_OR_VIEW_NOT_FOUND") => {
            wanted("relationName").and_then(|name| nearest(name, tables.iter().map(String::as_str)))
        }
        Some("UNRESOLVED_ROUTINE") => wanted("routineName").and_then(|name| nearest(name, function_names())),
        _ => None,
    };
    match meant.map(|name| format!("did you mean '{name}'?")) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

async fn carry_out(session: &Computation, text: &str) -> Result<SqlAnswer> {
    match parser::parse_statement(text)? {
        Statement::Query(query) => answer(session, query).await,
        Statement::Command(Command::Insert { table, query, by_name, overwrite, partition, if_not_exists }) => {
            let into = table::Insert { table: &table, by_name, overwrite, partition, if_not_exists };
            let started = table::insert(session, into, *query).await?;
            Ok(started.map_or(SqlAnswer::Done, SqlAnswer::Started))
        }
        Statement::Command(command @ Command::Set { .. }) => {
            sql_command::run(session, command).await.map(|_| SqlAnswer::Done)
        }
        Statement::Command(command @ Command::Explain { .. }) => {
            // A plan has lines of its own, which the cells of a table would not keep.
            let rows = sql_command::run(session, command).await?;
            let plans = rows.column(0).as_string::<i32>().iter().flatten();
            Ok(SqlAnswer::Table(plans.collect::<Vec<_>>().join("\n")))
        }
        Statement::Command(command) => {
            let rows = sql_command::run(session, command).await?;
            if rows.num_columns() == 0 {
                return Ok(SqlAnswer::Done);
            }
            let QuerySettings { time_zone, binary, .. } = session.conf().lock().query_settings()?;
            let options = ShowOptions { num_rows: rows.num_rows(), truncate: 0, vertical: false, time_zone, binary };
            let schema = rows.schema();
            show_string(&[rows], &schema, &options).map(SqlAnswer::Table)
        }
    }
}

async fn answer(session: &Computation, query: Relation) -> Result<SqlAnswer> {
    if !query_plan::analyze(session, &query).await?.is_streaming {
        let input = Some(Box::new(query));
        let show = ShowString { input, num_rows: ROWS_SHOWN, truncate: 0, vertical: false };
        let (table, _observed) = query_plan::show_text(session, show).await?;
        return Ok(SqlAnswer::Table(table));
    }
    let complete = start_console(session, query.clone(), OutputMode::Complete).await;
    let refused = complete
        .as_ref()
        .is_err_and(|error| error.class().is_some_and(|class| class.starts_with("STREAMING_OUTPUT_MODE.")));
    let started = if refused { start_console(session, query, OutputMode::Append).await } else { complete };
    started.map(SqlAnswer::Started)
}

async fn start_console(session: &Computation, query: Relation, output_mode: OutputMode) -> Result<StreamingQuery> {
    let request = WriteStreamOperationStart {
        input: Some(query),
        format: "console".to_owned(),
        options: [("truncate".to_owned(), "false".to_owned())].into(),
        output_mode: output_mode.to_string(),
        ..WriteStreamOperationStart::default()
    };
    write_stream::start_query(session, request, StartedBy::default()).await
}
