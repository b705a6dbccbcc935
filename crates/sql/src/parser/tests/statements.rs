//! Commands: what each statement asks for, from Spark's documentation of its syntax.

use std::collections::HashMap;

use super::render;
use crate::parser::{
    Command, ExplainMode, Listing, Parameters, PartitionValue, Statement, TableDefinition, TableStatement,
    parse_expression, parse_statement, parse_statement_with, split_statements,
};

fn command(text: &str) -> Command {
    match parse_statement(text).unwrap_or_else(|error| panic!("{text}: {error:?}")) {
        Statement::Command(command) => command,
        Statement::Query(plan) => panic!("{text}: {plan:?}"),
    }
}

#[track_caller]
fn check_view(text: &str, expected: (&str, bool, bool, &str)) {
    let Command::CreateView { name, query, replace, global } = command(text) else { panic!("{text} makes a view") };
    assert_eq!((name.as_str(), replace, global, render::relation(&query).as_str()), expected, "{text}");
}

#[test]
fn views() {
    check_view("CREATE TEMP VIEW v AS SELECT 1", ("v", false, false, "project[1]()"));
    check_view(
        "create or replace global temporary view `a b` (x COMMENT 'c', y) COMMENT 'd' as select 1, 2",
        ("`a b`", true, true, "rename[x, y](project[1, 2]())"),
    );
    check_view(
        "CREATE TEMPORARY VIEW v (a INT, b STRING) USING kafka OPTIONS (subscribe 'x', `kafka.bootstrap.servers` 'h:1', n 3)",
        ("v", false, false, "source kafka [kafka.bootstrap.servers=h:1, n=3, subscribe=x] a INT, b STRING"),
    );
    let dropped = Command::Drop { name: "v".to_owned(), if_exists: true, view: true };
    assert_eq!(command("DROP VIEW IF EXISTS v"), dropped);
}

#[test]
fn tables() {
    let text = "CREATE TABLE IF NOT EXISTS out (value STRING) USING kafka OPTIONS (topic 'x') COMMENT 'c'";
    let Command::CreateTable { table, if_not_exists, query: None } = command(text) else { panic!("{text}") };
    let TableDefinition { name, source, comment, .. } = *table;
    assert_eq!(comment.as_deref(), Some("c"));
    assert_eq!((name.as_str(), if_not_exists, source.format.as_deref()), ("out", true, Some("kafka")));
    assert_eq!((source.schema.as_deref(), source.options["topic"].as_str()), (Some("value STRING"), "x"));
    for (text, table, rows, named, replaces) in [
        ("INSERT INTO out SELECT 1", "out", "project[1]()", false, false),
        ("insert into table out by name (select 1)", "out", "project[1]()", true, false),
        ("INSERT INTO a.b (x, y) SELECT 1, 2", "a.b", "rename[x, y](project[1, 2]())", true, false),
        ("INSERT OVERWRITE TABLE out SELECT 1", "out", "project[1]()", false, true),
        ("INSERT OVERWRITE out SELECT 1", "out", "project[1]()", false, true),
    ] {
        let Command::Insert { table: found, query, by_name, overwrite, .. } = command(text) else { panic!("{text}") };
        assert_eq!((found.as_str(), render::relation(&query).as_str()), (table, rows), "{text}");
        assert_eq!((by_name, overwrite), (named, replaces), "{text}");
    }
}

#[test]
fn tables_that_last() {
    let text = "CREATE TABLE db.t (a INT, k STRING) USING csv OPTIONS (header true) PARTITIONED BY (k) LOCATION '/x' \
                COMMENT 'c' TBLPROPERTIES ('p' = 'q') AS SELECT 1 a, 'x' k";
    let Command::CreateTable { table, if_not_exists: false, query: Some(query) } = command(text) else {
        panic!("{text}")
    };
    assert_eq!((table.name.as_str(), table.location.as_deref()), ("db.t", Some("/x")));
    assert_eq!((table.partitions, table.comment.as_deref()), (vec!["k".to_owned()], Some("c")));
    assert_eq!((table.source.options["header"].as_str(), table.properties["p"].as_str()), ("true", "q"));
    assert_eq!(render::relation(&query), "project[1 as a, \"x\" as k]()");
    let Command::CreateTable { table, query: None, .. } = command("CREATE TABLE t (a INT)") else { panic!() };
    assert_eq!(table.source.format, None);
    let text = "INSERT OVERWRITE LOCAL DIRECTORY '/x' USING json OPTIONS (a 1) SELECT 1";
    let Command::InsertDirectory { source, .. } = command(text) else { panic!("{text}") };
    assert_eq!((source.options["path"].as_str(), source.options["a"].as_str()), ("/x", "1"));
    let table = |name: &str, statement| Command::Table { name: name.to_owned(), statement: Box::new(statement) };
    assert_eq!(command("TRUNCATE TABLE a.b"), table("a.b", TableStatement::Truncate(None)));
    let key = |value: &str| ("k".to_owned(), PartitionValue::Text(value.to_owned()));
    let spec = vec![key("-1"), ("d".to_owned(), PartitionValue::Any), ("e".to_owned(), PartitionValue::Null)];
    let shown = TableStatement::ShowPartitions(Some(spec));
    assert_eq!(command("SHOW PARTITIONS t PARTITION (k = -1, d, e = NULL)"), table("t", shown));
    let dropped = TableStatement::DropPartitions { partitions: vec![vec![key("1")], vec![key("2")]], if_exists: true };
    assert_eq!(command("ALTER TABLE t DROP IF EXISTS PARTITION (k = 1), PARTITION (k = '2')"), table("t", dropped));
    let repaired = TableStatement::Repair { operation: "MSCK REPAIR TABLE", add: false, remove: true };
    assert_eq!(command("MSCK REPAIR TABLE t DROP PARTITIONS"), table("t", repaired));
    assert_eq!(command("COMMENT ON TABLE t IS NULL"), table("t", TableStatement::Comment(None)));
    let created = Command::CreateDatabase {
        name: "d".to_owned(),
        if_not_exists: true,
        comment: Some("c".to_owned()),
        location: Some("/x".to_owned()),
        properties: HashMap::new(),
    };
    assert_eq!(command("CREATE SCHEMA IF NOT EXISTS d COMMENT 'c' LOCATION '/x'"), created);
    let dropped = Command::DropDatabase { name: "d".to_owned(), if_exists: true, cascade: true };
    assert_eq!(command("DROP DATABASE IF EXISTS d CASCADE"), dropped);
    let described = Command::DescribeDatabase { name: "d".to_owned(), extended: true };
    assert_eq!(command("DESC SCHEMA EXTENDED d"), described);
}

#[test]
fn settings() {
    let set = |key: &str, value: &str| Command::Set { key: key.to_owned(), value: value.to_owned() };
    for (text, expected) in [
        ("SET spark.sql.x = a b, c;", set("spark.sql.x", "a b, c")),
        ("SET a=b=c", set("a", "b=c")),
        ("SET `a.b` = `c`", set("a.b", "c")),
        ("SET TIME ZONE 'UTC'", set("spark.sql.session.timeZone", "UTC")),
        ("SET spark.sql.x", Command::ShowSetting(Some("spark.sql.x".to_owned()))),
        ("SET", Command::ShowSetting(None)),
        ("SET -v", Command::ShowSetting(None)),
        ("RESET", Command::Reset(None)),
        ("RESET spark.sql.x", Command::Reset(Some("spark.sql.x".to_owned()))),
    ] {
        assert_eq!(command(text), expected, "{text}");
    }
}

#[test]
fn questions_about_the_catalog() {
    let show = |what, namespace: Option<&str>, pattern: Option<&str>| Command::Show {
        what,
        namespace: namespace.map(str::to_owned),
        pattern: pattern.map(str::to_owned),
    };
    for (text, expected) in [
        ("SHOW TABLES", show(Listing::Tables, None, None)),
        ("SHOW TABLES IN db LIKE 'a*|b'", show(Listing::Tables, Some("db"), Some("a*|b"))),
        ("SHOW VIEWS 'a*'", show(Listing::Views, None, Some("a*"))),
        ("DESCRIBE t", Command::Describe { name: "t".to_owned(), extended: false }),
        ("DESC TABLE EXTENDED db.t", Command::Describe { name: "db.t".to_owned(), extended: true }),
        ("DESCRIBE FUNCTION abs", Command::DescribeFunction("abs".to_owned())),
        ("USE db", Command::Use("db".to_owned())),
        ("CACHE LAZY TABLE t", Command::Cache { name: "t".to_owned(), lazy: true, query: None }),
        ("UNCACHE TABLE IF EXISTS t", Command::Uncache { name: "t".to_owned(), if_exists: true }),
        ("CLEAR CACHE", Command::ClearCache),
        ("REFRESH TABLE t", Command::Refresh("t".to_owned())),
    ] {
        assert_eq!(command(text), expected, "{text}");
    }
}

#[test]
fn explain_holds_the_statement() {
    let Command::Explain { mode, statement } = command("EXPLAIN EXTENDED SELECT a FROM t") else {
        panic!("EXPLAIN explains")
    };
    let Statement::Query(plan) = *statement else { panic!("a query is explained") };
    assert_eq!((mode, render::relation(&plan).as_str()), (ExplainMode::Extended, "project[a](t)"));
}

#[test]
fn a_script_is_cut_at_its_own_semicolons_only() {
    let script = "SET a = b;\n-- one; two\nSELECT ';' /* ; */ FROM `;`;;\n-- end\n";
    assert_eq!(split_statements(script).expect("a script"), ["SET a = b", "SELECT ';' /* ; */ FROM `;`"]);
    assert_eq!(split_statements("SELECT 'x").expect_err("no end").class(), Some("PARSE_SYNTAX_ERROR"));
}

#[test]
fn parameters_take_their_values() {
    let one = parse_expression("1").expect("a literal parses");
    let named = Parameters { named: [("p".to_owned(), one.clone())].into(), ..Parameters::default() };
    let positional =
        Parameters { positional: vec![one, parse_expression("2").expect("a literal parses")], ..Parameters::default() };
    for (text, parameters, expected) in [
        ("SELECT a FROM t WHERE a = :p", named, "project[a](filter[==(a, 1)](t))"),
        ("SELECT ?, sum(?) OVER w FROM t WINDOW w AS ()", positional, "project[1, sum(2) over [; ]](t)"),
    ] {
        let Ok(Statement::Query(plan)) = parse_statement_with(text, parameters) else { panic!("{text} is a query") };
        assert_eq!(render::relation(&plan), expected, "{text}");
    }
}
