//! `millstream run FILE.sql`: what a program prints, writes and ends with.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use millstream_test_servers::require_or_skip;

use crate::cluster::Cluster;
use crate::program::{available, fill};

fn program(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("program.sql");
    std::fs::write(&file, text).unwrap();
    file
}

fn run(file: &Path, variables: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_millstream")).arg("run").arg(file).args(variables).output().unwrap()
}

#[test]
fn statements_print_their_rows() {
    let folder = tempfile::tempdir().unwrap();
    let file = program(
        folder.path(),
        "-- Semicolons in strings and comments; divide nothing.\nSET greeting = hello;\n\
         CREATE TEMP VIEW t AS SELECT id * 2 AS twice FROM range(2);\nSELECT *, '${greeting};' AS g FROM t ORDER BY 1;",
    );
    let output = run(&file, &[]);
    let expected = "+-----+------+\n|twice|g     |\n+-----+------+\n|0    |hello;|\n|2    |hello;|\n+-----+------+\n\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn mistakes_name_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    for (text, variables, expected) in [
        ("SELECT 1;\n\nSELECT nope FROM range(3);", &[][..], ":3: [UNRESOLVED_COLUMN.WITH_SUGGESTION] "),
        ("SELECT '${who}'", &[], ":1: the variable ${who} has no value\n"),
        ("\nSELECT 1 +;", &[], ":2: [PARSE_SYNTAX_ERROR] "),
        ("INSERT INTO nowhere SELECT 1", &[], ":1: [TABLE_OR_VIEW_NOT_FOUND] "),
        ("CREATE TEMP VIEW v AS SELECT 1; INSERT INTO v SELECT 2", &[], ":1: [EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE] "),
        ("CREATE TABLE t USING kafak", &[], ":1: [DATA_SOURCE_NOT_FOUND] "),
        ("CREATE TEMP VIEW v AS SELECT 1; SELECT * FROM STREAM v", &[], "_LEGACY_ERROR_TEMP_1008"),
    ] {
        let file = program(folder.path(), text);
        let output = run(&file, variables);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let place = format!("millstream: {}", file.display());
        assert!(said.starts_with(&place) && said.contains(expected), "{text}: {said}");
        assert_eq!(output.status.code(), Some(2), "{text}: {said}");
    }
    let output = run(&program(folder.path(), "SELECT 1"), &["novalue".to_owned()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("millstream: 'novalue' is no variable\n"), "{said}");
}

#[test]
fn a_variable_that_nothing_uses_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = program(folder.path(), "SELECT '${used:-x}' AS x, '${other}' AS y");
    let variables = ["used=1", "other=2", "spark.sql.ansi.enabled=true", "usde=3"].map(str::to_owned);
    let output = run(&file, &variables);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said, format!("millstream: warning: nothing in '{}' uses the variable ${{usde}}\n", file.display()));
    assert!(output.status.success());
}

#[test]
fn the_log_says_when_a_query_starts_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let text = "CREATE TABLE r USING `rate-micro-batch` OPTIONS (rowsPerBatch 7);
                CREATE TABLE n USING noop OPTIONS (trigger = 'availableNow', queryName = 'counted');
                INSERT INTO n SELECT value FROM STREAM r";
    let output = run(&program(folder.path(), text), &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<_> = said.lines().collect();
    let [started, ended] = lines[..] else { panic!("{said}") };
    assert!(started.contains(" INFO millstream_engine::query: query started query=\"counted\" id="), "{started}");
    assert!(started.contains(" sources=\"RatePerMicroBatch") && started.contains(" mode=append trigger="), "{started}");
    let expected = " INFO millstream_engine::query: query ended query=\"counted\" batches=1 rows_read=7 rows_written=";
    assert!(ended.contains(expected), "{ended}");
}

#[test]
fn rows_go_from_topic_to_topic() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let folder = tempfile::tempdir().unwrap();
        fill(cluster, "sql_words", &[Some("a"), Some("b"), Some("a"), None]);
        cluster.tool("create sql_counts 1 1");
        let file = program(
            folder.path(),
            "CREATE TABLE words USING kafka OPTIONS ('kafka.bootstrap.servers' = '${servers}', subscribe = 'sql_words',
                startingOffsets = 'earliest');
             CREATE TABLE counts USING kafka OPTIONS ('kafka.bootstrap.servers' = '${servers}', topic = 'sql_counts',
                subscribe = 'sql_counts', outputMode = 'update', trigger = 'availableNow', queryName = 'counts',
                checkpointLocation = '${checkpoints}');
             INSERT INTO counts (key, value)
             SELECT CAST(value AS STRING), CAST(count(*) AS STRING) FROM STREAM words WHERE value IS NOT NULL GROUP BY value;",
        );
        let checkpoints = folder.path().join("checkpoints");
        let variables = [format!("servers={}", cluster.bootstrap), format!("checkpoints={}", checkpoints.display())];
        let output = run(&file, &variables);
        assert!(output.status.success(), "{}: {}", cluster.name, String::from_utf8_lossy(&output.stderr));
        // A table of Kafka is written and read by batch queries as well.
        let file = program(
            folder.path(),
            "CREATE TABLE counts USING kafka OPTIONS ('kafka.bootstrap.servers' = '${servers}', topic = 'sql_counts',
                subscribe = 'sql_counts');
             INSERT INTO counts SELECT 'c' AS key, '7' AS value;
             SELECT CAST(key AS STRING) AS word, CAST(value AS STRING) AS n FROM counts ORDER BY word;",
        );
        let output = run(&file, &variables);
        let expected = "+----+---+\n|word|n  |\n+----+---+\n|a   |2  |\n|b   |1  |\n|c   |7  |\n+----+---+\n\n";
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn sigterm_ends_a_program_in_the_middle_of_a_query_that_computes_for_hours() {
    let folder = tempfile::tempdir().unwrap();
    for heavy in [
        "SELECT count(*) FROM range(100000000) AS a CROSS JOIN range(10000000) AS b WHERE a.id + b.id > 7",
        "SELECT sum(levenshtein(repeat('a', 100000), repeat(cast(id AS STRING), 30000))) FROM range(100)",
    ] {
        let file = program(folder.path(), &format!("SELECT 'started' AS so;\n{heavy};"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
        let mut child = command.arg("run").arg(&file).stdout(Stdio::piped()).spawn().unwrap();
        let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(printed.any(|line| line.unwrap().contains("started")), "{heavy}");
        assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{heavy}");
    }
}
