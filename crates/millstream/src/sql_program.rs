//! `millstream run FILE.sql`: statements one after the other, then the queries that they have started until these end.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use futures::future::try_join_all;
use millstream_connect::{SqlAnswer, SqlSession};
use millstream_connectors::console::Console;
use millstream_core::{Error, Result};
use millstream_engine::query::StreamingQuery;

use crate::args::RunArgs;
use crate::process::Process;
use crate::program::LOOPBACK;
use crate::program_file;
use crate::serve::Signals;
use crate::terminal;

/// Runs the file until its queries have ended or the process is told to end.
pub(crate) async fn run(args: &RunArgs) -> Result<ExitCode> {
    let path = &args.program;
    let text = program_file::sql(path)?;
    let mut signals = Signals::new()?;
    let mut process = Process::start(LOOPBACK, &args.engine, Console::to_stdout()).await?;
    let session = process.sql_session(Box::new(|name| std::env::var(name).ok()))?;
    set_variables(&session, args, &text)?;
    let outcome = tokio::select! {
        outcome = program(&session, path, &text) => outcome,
        error = process.failed() => Err(error),
        _ = signals.next() => Ok(()),
    };
    process.stop().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

/// `NAME=VALUE` behind the program. One that the text does not name is most likely misspelt, unless it is a setting.
fn set_variables(session: &SqlSession, args: &RunArgs, text: &str) -> Result<()> {
    for argument in &args.args {
        let argument = argument.to_string_lossy();
        let (name, value) = argument.split_once('=').ok_or_else(|| {
            Error::invalid(format!("'{argument}' is no variable"))
                .with_hint("behind an SQL program stands NAME=VALUE for each ${NAME} in it")
        })?;
        let is_named = [format!("${{{name}}}"), format!("${{{name}:-")].iter().any(|place| text.contains(place));
        if !is_named && !name.starts_with("spark.") {
            terminal::say(&format!("warning: nothing in '{}' uses the variable ${{{name}}}", args.program.display()));
        }
        session.set(name, value)?;
    }
    Ok(())
}

/// Carries out the statements, then waits for their queries. The first that fails ends the program.
pub(crate) async fn program(session: &SqlSession, path: &Path, text: &str) -> Result<()> {
    let mut queries: Vec<StreamingQuery> = Vec::new();
    for statement in SqlSession::split(text)? {
        let line = line_of(text, statement);
        let answer = session.execute(statement).await;
        match answer.map_err(|error| error.within(format!("{}:{line}", path.display())))? {
            SqlAnswer::Done => {}
            SqlAnswer::Table(table) => print(&table)?,
            SqlAnswer::Started(query) => queries.push(query),
        }
    }
    try_join_all(queries.iter().map(|query| query.await_termination(None))).await.map(drop)
}

/// The line on which a part of the text begins.
fn line_of(text: &str, part: &str) -> usize {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    text[..start].matches('\n').count() + 1
}

fn print(table: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{table}")
        .and_then(|()| out.flush())
        .map_err(|error| Error::unavailable("cannot write to standard output").with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_knows_its_line() {
        let text = "-- what\nSELECT 1;\n\nSELECT ';'\n;SELECT 3";
        let lines: Vec<_> = SqlSession::split(text).expect("SQL").iter().map(|part| line_of(text, part)).collect();
        assert_eq!(lines, [2, 4, 5]);
    }
}
