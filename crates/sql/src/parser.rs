//! Spark's SQL text to the unresolved messages of Spark Connect, so that one analyzer serves DataFrames and SQL.
//!
//! sqlparser's tokenizer cuts the text ([`dialect`], [`token`]); the grammar is ours, one file per chapter of Spark's,
//! and writes messages without a syntax tree between. sqlparser's own grammar is not used: it reserves words that Spark
//! leaves to users (`SELECT 1 FROM` names a column), binds operators otherwise, takes what Spark refuses, and cannot
//! say which token it stumbled over, which is what Spark's errors are made of.
//!
//! # For the analyzer: what the messages mean
//!
//! Operators are calls by the names PySpark uses: `==`, `<=>`, `<`, `and`, `or`, `not`, `+`, `negative`, `div`, `in`,
//! `like` (a third argument is the escape), `rlike`, `isnull`, `isnotnull`, `when`, `struct`, `concat` for `||`, `<<`,
//! `>>`, `>>>`, `locate` for POSITION, `trim`, `ltrim`, `rtrim` with the characters before the text, `extract(field,
//! source)`, `timestampadd` and `timestampdiff` with the unit as string; `a != b` is `not(a == b)`; `a BETWEEN b AND c`
//! is the function `between(a, b, c)`, after which Spark names the column. `a.b.c` is one attribute; a field of
//! anything else, and `a[0]`, is an extract value. A parameter of a lambda hides a column of its name. Beyond
//! DataFrames' usage:
//!
//! | text | message |
//! | --- | --- |
//! | subquery in an expression | `SubqueryExpression` with a negative plan id; the plan, with that id, is among the references of the `WithRelations` around the query (an expression text has [`extension::ExpressionWithRelations`] as its root) |
//! | `WITH t AS (…)` | `WithRelations` whose references are `SubqueryAlias`es **without** plan id, in order, each seeing those before it; a name in the root means them first |
//! | `SELECT … GROUP BY …` | `Aggregate` whose expressions are the whole output: [`extension::is_select_list`] |
//! | HAVING | `Filter` over that aggregate; may call aggregates and name grouping columns |
//! | `GROUP BY 1`, `ORDER BY 1` | [`extension::Ordinal`] |
//! | `GROUP BY ALL`, `ORDER BY ALL` | the attribute `ALL` |
//! | SELECT without GROUP BY | `Project`, even with aggregates in it (as in DataFrames); without FROM, no input; where another relation needs one, a `Project` of nothing |
//! | `VALUES` | [`extension::InlineTable`] |
//! | `LATERAL VIEW [OUTER] f(x) t AS a` | `LateralJoin` (inner or left outer) with an `UnresolvedTableValuedFunction`, under `ToDf` and `SubqueryAlias`; its arguments see the left side |
//! | `t AS u(a, b)` | `SubqueryAlias` over `ToDf` |
//! | `range(1, 5)` in FROM | `Range` where the arguments are plain integers |
//! | `STREAM t` | `Read` with `is_streaming` |
//! | `WATERMARK c DELAY OF INTERVAL 10 SECONDS` | `WithWatermark`, over a `Project` of `e AS c, *` if the column is given as `e AS c` |
//! | FILTER, IGNORE NULLS, WITHIN GROUP | [`extension::QualifiedCall`] |
//! | `* EXCEPT (a)` | [`extension::StarExcept`] |
//! | `user`, `session_user`, `current_catalog` and so on | attributes, which are functions where no column has their name |
//! | NATURAL JOIN | [`extension::NaturalJoin`] |
//! | PIVOT, UNPIVOT | [`extension::PivotSelect`], [`extension::UnpivotSelect`] |
//! | `TIMESTAMP '2024-01-31 12:00'` | a cast of the string, because it means the session's zone; with `Z` or `+02:00` a literal |
//!
//! Not here: names, types, functions, coercion (the analyzer's), pipe syntax, DDL other than temporary views and tables
//! of a session, parameters in places of identifiers, recursive WITH, time travel.

mod cursor;
mod datetime;
mod dialect;
mod error;
mod expression;
pub mod extension;
mod from;
mod function;
mod interval;
mod literal;
mod message;
mod origin;
mod pivot;
mod primary;
mod query;
pub mod schema;
mod select;
mod statement;
mod table;
mod table_statement;
#[cfg(test)]
mod tests;
mod token;
mod variables;
mod window;

use millstream_core::error::Result;
use spark_connect_proto::{DataType, Expression};

use cursor::Parser;
use error::{Parsed, SyntaxError};
use extension::ExpressionWithRelations;

pub use cursor::Parameters;
pub use origin::name_view;
pub use schema::{comment, simple_string, to_ddl, to_json, tree_string};
pub use statement::{Command, ExplainMode, Listing, Statement, TableDefinition, ViewDefinition};
pub use table_statement::{PartitionSpec, PartitionValue, TableStatement};
pub use variables::with_variables;

/// Parses one expression, which may have a name: `a + 1`, `CAST(value AS STRING)`, `a AS b`, `data.*`.
///
/// # Errors
/// Spark's parse errors, with the place in the text.
pub fn parse_expression(text: &str) -> Result<Expression> {
    expression(text).map_err(|error| error.into_error(text))
}

/// Parses one statement.
///
/// # Errors
/// Spark's parse errors, with the place in the text; `UNSUPPORTED_FEATURE` for statements that Spark has and we have
/// not.
pub fn parse_statement(text: &str) -> Result<Statement> {
    parse_statement_with(text, Parameters::default())
}

/// Parses one statement, putting values in the places of `:name` and `?`.
///
/// # Errors
/// As [`parse_statement`], and `UNBOUND_SQL_PARAMETER` for a marker without a value.
pub fn parse_statement_with(text: &str, parameters: Parameters) -> Result<Statement> {
    let parsed = Parser::new(text, parameters).and_then(|mut parser| parser.single_statement());
    parsed.map_err(|error| error.into_error(text))
}

/// Cuts a script at its semicolons, which may also stand in strings and comments. Pieces of white space and comments
/// alone are left out.
///
/// # Errors
/// Spark's parse errors for a string, name or comment without end.
pub fn split_statements(text: &str) -> Result<Vec<&str>> {
    let tokens = token::tokenize(text).map_err(|error| error.into_error(text))?;
    let is_semicolon = |token: &token::Token| token.kind == token::Kind::Symbol && token.text == ";";
    let statements = tokens.split(is_semicolon).filter_map(|piece| {
        let mut words = piece.iter().filter(|token| token.kind != token::Kind::End);
        let first = words.next()?;
        let last = words.next_back().unwrap_or(first);
        Some(&text[first.start..last.end])
    });
    Ok(statements.collect())
}

/// The byte at which a name stands in a text, if it stands there once. The name is written as in Spark's messages,
/// `` `a`.`b` ``; in the text it may be written without backticks and in any letter case, or, where it is no name, as a
/// string, such as the key of an option.
pub fn place_of_name(text: &str, name: &str) -> Option<usize> {
    let text = token::tokenize(text).ok()?;
    let name = token::tokenize(name).ok()?;
    let name = &name[..name.len() - 1];
    let is_name = |token: &token::Token| matches!(token.kind, token::Kind::Word | token::Kind::Quoted);
    let same = |a: &token::Token, b: &token::Token| {
        is_name(a) == is_name(b) && a.kind != token::Kind::Text && a.text.eq_ignore_ascii_case(&b.text)
    };
    let [first, ..] = name else { return None };
    let named = text.windows(name.len()).filter(|words| words.iter().zip(name).all(|(a, b)| same(a, b)));
    let mut places: Vec<usize> = named.map(|words| words[0].start).collect();
    if places.is_empty() && name.len() == 1 {
        let quoted = |token: &&token::Token| token.kind == token::Kind::Text && token.text == first.text;
        places = text.iter().filter(quoted).map(|token| token.start).collect();
    }
    if let [place] = places[..] { Some(place) } else { None }
}

/// Parses a schema: DDL (`a INT, b STRUCT<x: BIGINT>`), a bare type (`INT`), or Spark's JSON.
///
/// # Errors
/// Spark's parse errors, or `INVALID_JSON_DATA_TYPE`.
pub fn parse_schema(text: &str) -> Result<DataType> {
    if schema::looks_like_json(text) {
        return schema::parse_json(text);
    }
    schema::parse(text).map_err(|error| error.into_error(text))
}

/// Parses a type, as DDL or Spark's JSON.
pub(crate) fn parse_type(text: &str) -> Result<DataType> {
    if schema::looks_like_json(text) {
        return schema::parse_json(text);
    }
    schema::parse_type(text).map_err(|error| error.into_error(text))
}

fn expression(text: &str) -> Parsed<Expression> {
    let mut parser = Parser::new(text, Parameters::default())?;
    if text.trim().is_empty() {
        return Err(SyntaxError::empty_statement(text.len()));
    }
    let expr = parser.named_expression()?;
    parser.expect_end(false)?;
    let references = parser.subqueries.pop().unwrap_or_default();
    if references.is_empty() {
        return Ok(parser.root_expression(expr));
    }
    Ok(parser.root_expression(ExpressionWithRelations { expression: Some(Box::new(expr)), references }.into()))
}
