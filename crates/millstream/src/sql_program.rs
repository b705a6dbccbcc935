//! `millstream run FILE.sql`: statements one after the other, then the queries that they have started until these end.
//!
//! An error names file, line and column; [`crate::exit`] shows the line.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use futures::future::try_join_all;
use millstream_connect::{SqlAnswer, SqlSession};
use millstream_connectors::console::Console;
use millstream_core::error::TextPlace;
use millstream_core::{Error, Result};
use millstream_engine::query::StreamingQuery;

use crate::args::RunArgs;
use crate::process::Process;
use crate::program::{ENDING, LOOPBACK};
use crate::program_file;
use crate::serve::{Signals, given_up};
use crate::terminal;

/// Runs the file until its queries have ended or the process is told to end.
pub(crate) async fn run(args: &RunArgs) -> Result<ExitCode> {
    let path = &args.program;
    let text = program_file::sql(path)?;
    let mut signals = Signals::new()?;
    let mut process = Process::start(LOOPBACK, &args.engine, Console::to_stdout()).await?;
    let session = process.sql_session(Box::new(|name| std::env::var(name).ok()))?;
    set_variables(&session, args, &text)?;
    let mut interrupted = false;
    let outcome = tokio::select! {
        outcome = program(&session, path, &text) => outcome,
        error = process.failed() => Err(error),
        signal = signals.next() => {
            tracing::info!(?signal, "{ENDING}");
            interrupted = true;
            Ok(())
        }
    };
    tokio::select! {
        () = process.stop() => {}
        _ = signals.next(), if interrupted => return Err(given_up()),
    }
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
    let program = Program { path, text };
    if SqlSession::split(text).is_ok_and(|statements| statements.is_empty()) {
        terminal::say(&format!("warning: there is no statement in '{}'", path.display()));
    }
    let mut queries: Vec<(StreamingQuery, &str)> = Vec::new();
    for statement in SqlSession::split(text).map_err(|error| program.locate(error, text))? {
        let answer = session.execute(statement).await;
        match answer.map_err(|error| program.locate(error, statement))? {
            SqlAnswer::Done => {}
            SqlAnswer::Table(table) => print(&table)?,
            SqlAnswer::Started(query) => queries.push((query, statement)),
        }
    }
    let ends = queries.iter().map(|(query, statement)| async {
        let ended = query.await_termination(None).await;
        ended.map_err(|error| program.locate(cause(error).within("its query failed"), statement))
    });
    try_join_all(ends).await.map(drop)
}

/// What made a query fail. The ids that Spark's error has around it say nothing where a statement is named.
fn cause(error: Error) -> Error {
    let below = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<Error>());
    below.map(Error::duplicate).unwrap_or(error)
}

/// A program's text and where it stands.
struct Program<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Program<'_> {
    /// The error of a part of the text, behind the file and the line; and the column, where that is known.
    fn locate(&self, error: Error, part: &str) -> Error {
        let begin = part.as_ptr().addr() - self.text.as_ptr().addr();
        let path = self.path.display();
        let Some(place) = error.place().filter(|place| place.text == part) else {
            let (line, _) = line_and_column(self.text, begin);
            return error.without_place().within(format!("{path}:{line}"));
        };
        let offset = begin + place.offset;
        let (line, column) = line_and_column(self.text, offset);
        error.with_place(TextPlace { text: self.text.to_owned(), offset }).within(format!("{path}:{line}:{column}"))
    }
}

/// The line and the column of a byte of a text, both counted from 1, the column in characters.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..offset];
    let line = before.rfind('\n').map_or(before, |newline| &before[newline + 1..]);
    (before.matches('\n').count() + 1, line.chars().count() + 1)
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
    fn a_byte_has_a_line_and_a_column() {
        let text = "-- wäs\nSELECT 1;\n\nSELECT ';'\n;SELECT 3";
        let statements = SqlSession::split(text).expect("SQL");
        let begins = statements.iter().map(|part| part.as_ptr().addr() - text.as_ptr().addr());
        let places: Vec<_> = begins.map(|begin| line_and_column(text, begin)).collect();
        assert_eq!(places, [(2, 1), (4, 1), (5, 2)]);
        assert_eq!(line_and_column("ä b", 3), (1, 3));
    }

    #[test]
    fn an_error_is_located_in_the_whole_text() {
        let text = "SELECT 1;\n  SELECT a";
        let program = Program { path: Path::new("p.sql"), text };
        let statement = SqlSession::split(text).expect("SQL")[1];
        let place = TextPlace { text: statement.to_owned(), offset: 7 };
        let error = program.locate(Error::data("no").with_place(place), statement);
        assert_eq!(error.message(), "p.sql:2:10");
        assert_eq!(error.place().map(|place| &place.text[place.offset..]), Some("a"));
        assert_eq!(program.locate(Error::data("no"), statement).message(), "p.sql:2");
    }
}
