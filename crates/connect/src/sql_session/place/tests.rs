//! Places of errors: of the parser, of texts that are parsed by themselves, and of names.

use millstream_core::{Error, spark_error};
use millstream_sql::parser;

use super::{in_statement, with_what_does_not_end};
use crate::sql_session::variables::substitute;

/// What the statement has at the place of the error that `fail` makes of its text.
fn found(statement: &str, fail: impl Fn(&str) -> Error) -> Option<&str> {
    let text = substitute(statement, |name| Some(format!("<value of {name}>"))).expect("values");
    let error = in_statement(fail(&text.text), &text, statement);
    error.place().map(|place| {
        assert_eq!(place.text, statement);
        &statement[place.offset..]
    })
}

fn unknown_column(name: &'static str) -> impl Fn(&str) -> Error {
    move |_| spark_error!("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", objectName = name)
}

#[test]
fn the_parser_knows_the_place_behind_variables_too() {
    let parse = |text: &str| parser::parse_statement(text).expect_err("a mistake");
    assert_eq!(found("SELECT '${a}' AS x y z", parse), Some("y z"));
    assert_eq!(found("SELECT 1 +", parse), Some(""));
}

#[test]
fn a_text_that_is_parsed_by_itself_has_a_place_where_it_stands_once() {
    let parse = |_: &str| parser::parse_schema("a INT, b STRIN").expect_err("no type");
    assert_eq!(found("SELECT from_json(v, 'a INT, b STRIN')", parse), Some("STRIN')"));
    assert_eq!(found("SELECT from_json('a INT, b STRIN', 'a INT, b STRIN')", parse), None);
    assert_eq!(found("SELECT from_json(v, schema)", parse), None);
}

#[test]
fn a_name_has_a_place_where_it_stands_once() {
    assert_eq!(found("SELECT a,\n  Nope FROM t", unknown_column("`nope`")), Some("Nope FROM t"));
    assert_eq!(found("SELECT t.`b c` FROM t", unknown_column("`t`.`b c`")), Some("t.`b c` FROM t"));
    assert_eq!(found("SELECT 'nope', nope -- nope", unknown_column("`nope`")), Some("nope -- nope"));
    assert_eq!(found("SELECT nope FROM (SELECT nope)", unknown_column("`nope`")), None);
    let table = |_: &str| spark_error!("TABLE_OR_VIEW_ALREADY_EXISTS", relationName = "`spark_catalog`.`default`.`t`");
    assert_eq!(found("CREATE TABLE T USING noop", table), Some("T USING noop"));
    assert_eq!(found("SELECT 1", |_| Error::data("no name")), None);
    let option = |_: &str| Error::invalid("option 'triger' is unknown to 'noop'");
    assert_eq!(found("CREATE TABLE t USING noop OPTIONS ('triger' = 'once')", option), Some("'triger' = 'once')"));
    assert_eq!(found("CREATE TABLE t USING noop OPTIONS (triger 'once')", option), Some("triger 'once')"));
}

#[test]
fn what_does_not_end_is_named() {
    for (text, place, what) in [
        ("SELECT 'a' AS b, 'c", "'c", "the text that begins here has no ' at its end"),
        ("SELECT \"a", "\"a", "the text that begins here has no \" at its end"),
        ("SELECT `a FROM t", "`a FROM t", "the name that begins here has no ` at its end"),
        ("SELECT 1 /* why", "/* why", "the comment that begins here has no */ at its end"),
    ] {
        let error = with_what_does_not_end(parser::split_statements(text).expect_err("no end"));
        assert!(error.hint().is_some_and(|hint| hint.starts_with(what)), "{error:?}");
        let found = error.place().map(|place| &text[place.offset..]);
        assert_eq!(found, Some(place));
    }
}
