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
    for (text, expected, marked) in [
        (
            "SELECT 1;\n\nSELECT nope FROM range(3);",
            ":3:8: [UNRESOLVED_COLUMN.WITH_SUGGESTION] ",
            "nope FROM range(3);",
        ),
        ("SELECT 1;\nSELECT id,\n  Nope\nFROM range(3);", ":3:3: [UNRESOLVED_COLUMN.WITH_SUGGESTION] ", "Nope"),
        ("SELECT '${who}'", ":1:9: the variable ${who} has no value\n", "${who}'"),
        ("\nSELECT 1 +;", ":2:11: [PARSE_SYNTAX_ERROR] ", ";"),
        ("SELECT 1;\nSELECT\n  1 AS x y\nFROM range(3)", ":3:10: [PARSE_SYNTAX_ERROR] ", "y"),
        ("SELECT ${n:-1} AS x y", ":1:21: [PARSE_SYNTAX_ERROR] ", "y"),
        ("SELECT nix(1)", ":1:8: [UNRESOLVED_ROUTINE] ", "nix(1)"),
        ("SELECT from_json('{}', 'a STRIN')", ":1:27: [UNSUPPORTED_DATATYPE] ", "STRIN')"),
        ("SELECT 1;\nSELECT 'a FROM t;\n", ":2:8: [PARSE_SYNTAX_ERROR] ", "'a FROM t;"),
        ("SELECT 1; /* SELECT 2", ":1:11: [UNCLOSED_BRACKETED_COMMENT] ", "/* SELECT 2"),
        ("INSERT INTO nowhere SELECT 1", ":1:13: [TABLE_OR_VIEW_NOT_FOUND] ", "nowhere SELECT 1"),
        ("CREATE TABLE t USING kafak", ":1:22: [DATA_SOURCE_NOT_FOUND] ", "kafak"),
        (
            "CREATE TABLE t USING noop\nOPTIONS (triger 'once')",
            ":2:10: 'triger' is no option of a table of",
            "triger 'once')",
        ),
        ("CREATE TEMP VIEW v AS SELECT 1;\nINSERT INTO v SELECT 2", ":2: [EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE] ", ""),
        ("CREATE TEMP VIEW v AS SELECT 1; SELECT * FROM STREAM v", ":1: ", ""),
    ] {
        let file = program(folder.path(), text);
        let output = run(&file, &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.starts_with(&format!("millstream: {}{expected}", file.display())), "{text}: {said}");
        // The line is shown, and the mark stands under the place.
        let lines: Vec<_> = said.lines().collect();
        let mark = lines.windows(2).find(|pair| pair[1].trim_start().starts_with('|') && pair[1].ends_with('^'));
        let marked_text = mark.map(|pair| pair[0].get(pair[1].len() - 1..).unwrap_or_default());
        assert_eq!(marked_text, (!marked.is_empty()).then_some(marked), "{text}: {said}");
        assert_eq!(output.status.code(), Some(2), "{text}: {said}");
    }
    let output = run(&program(folder.path(), "SELECT 1"), &["novalue".to_owned()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("millstream: 'novalue' is no variable\n"), "{said}");
}

#[test]
fn the_failure_of_a_query_is_said_once_with_the_place_of_its_statement() {
    let folder = tempfile::tempdir().unwrap();
    let text = "CREATE TABLE r USING `rate-micro-batch` OPTIONS (rowsPerBatch 7);
                CREATE TABLE n USING noop OPTIONS (trigger = 'availableNow');
                INSERT INTO n\nSELECT raise_error('too late') FROM STREAM r;\nSELECT 'it runs' AS so";
    let file = program(folder.path(), text);
    let output = run(&file, &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = format!("millstream: {}:3: its query failed: [USER_RAISED_EXCEPTION] too late\n", file.display());
    assert!(said.ends_with(&expected), "{said}");
    assert_eq!(said.matches("too late").count(), 1, "{said}");
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("|it runs|"));
}

#[test]
fn functions_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&program(folder.path(), "SHOW FUNCTIONS LIKE 'from_js*|range'"), &[]);
    let expected = "+---------+\n|function |\n+---------+\n|from_json|\n|range    |\n+---------+\n\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_plan_is_printed_in_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&program(folder.path(), "EXPLAIN SELECT id + 1 FROM range(3)"), &[]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("== Physical Plan ==\n") && !said.contains("\\n") && !said.contains('|'), "{said}");
}

#[test]
fn a_slip_in_a_name_is_told_with_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let kafka = "CREATE TABLE k USING kafka OPTIONS ('kafka.bootstrap.servers' = '127.0.0.1:1'";
    for (text, expected) in [
        ("CREATE TABLE t USING kafak".to_owned(), "did you mean 'kafka'? known formats are "),
        (
            "CREATE TABLE t USING console OPTIONS (triger 'once')".to_owned(),
            "did you mean 'trigger'? the format has numRows",
        ),
        (
            "CREATE TABLE t USING noop OPTIONS (outputmod 'update')".to_owned(),
            "did you mean 'outputMode'? the format has no",
        ),
        ("SELECT cout(1)".to_owned(), "did you mean 'count'?"),
        ("SELECT * FROM rage(3)".to_owned(), "did you mean 'range'?"),
        ("CREATE TEMP VIEW orders AS SELECT 1; SELECT * FROM order".to_owned(), "did you mean 'orders'?"),
        ("CREATE TABLE orders USING noop; INSERT INTO odrers SELECT 1".to_owned(), "did you mean 'orders'?"),
        (format!("{kafka}, subscribes = 't')"), "did you mean 'subscribe'? the format has assign, "),
        (format!("{kafka}, startingOffset = 'earliest')"), "did you mean 'startingOffsets'? "),
        (
            format!("{kafka}, subscribe = 't', startingOffsets = 'erliest'); SELECT * FROM k"),
            "option 'startingOffsets' is earliest, latest",
        ),
        (
            "CREATE TABLE k USING kafka OPTIONS ('kafka.bootstrap.server' = 'a:1', subscribe = 't'); SELECT * FROM k"
                .to_owned(),
            "option 'kafka.bootstrap.server' means nothing here; did you mean 'kafka.bootstrap.servers'?",
        ),
    ] {
        let output = run(&program(folder.path(), &text), &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let hint = said.lines().last().unwrap_or_default();
        assert!(hint.starts_with(&format!("millstream: hint: {expected}")), "{text}: {said}");
        assert_eq!(output.status.code(), Some(2), "{text}: {said}");
    }
}

#[test]
fn binaries_are_printed_as_text_unless_the_program_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let text = "SELECT X'7B7D' AS b; SET spark.sql.binaryOutputStyle = HEX_DISCRETE; SELECT X'7B7D' AS b";
    let output = run(&program(folder.path(), text), &[]);
    let expected = "+---+\n|b  |\n+---+\n|{} |\n+---+\n\n+-------+\n|b      |\n+-------+\n|[7B 7D]|\n+-------+\n\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[test]
fn a_program_without_statements_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for text in ["", "-- SELECT 1;\n", "\u{feff}\r\n"] {
        let file = program(folder.path(), text);
        let output = run(&file, &[]);
        let expected = format!("millstream: warning: there is no statement in '{}'\n", file.display());
        assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
        assert!(output.status.success());
    }
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
fn brokers_that_never_answer_end_the_program_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tables = format!(
        "CREATE TABLE k USING kafka OPTIONS ('kafka.bootstrap.servers' = '{unused}', subscribe = 't', topic = 't',
            'kafka.default.api.timeout.ms' = '500', 'kafka.max.block.ms' = '500', checkpointLocation = '{}');
         CREATE TABLE rows USING `rate-micro-batch` OPTIONS (rowsPerBatch 7);
         CREATE TABLE nowhere USING noop;\n",
        folder.path().join("checkpoint").display()
    );
    for statement in [
        "SELECT * FROM k",
        "INSERT INTO nowhere SELECT * FROM STREAM k",
        "INSERT INTO k SELECT CAST(value AS STRING) AS value FROM STREAM rows",
        "INSERT INTO k SELECT 'a' AS value",
    ] {
        let output = run(&program(folder.path(), &format!("{tables}{statement}")), &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{statement}: {said}");
        let first = said.find("no broker answers; is bootstrap.servers right?").unwrap_or_else(|| panic!("{said}"));
        let last = said.rfind(&format!("no broker of '{unused}' answered within ")).unwrap_or_else(|| panic!("{said}"));
        assert!(first < last, "{statement}: {said}");
        assert!(said.contains("hint: check the option 'kafka.bootstrap.servers' and that the broker runs"), "{said}");
    }
}

#[test]
fn a_topic_that_is_missing_is_said_once_with_the_one_that_was_meant() {
    require_or_skip!(available());
    for cluster in Cluster::all() {
        let folder = tempfile::tempdir().unwrap();
        fill(cluster, "sql_invoices", &[Some("a")]);
        for read in ["SELECT * FROM k", "CREATE TABLE n USING noop; INSERT INTO n SELECT * FROM STREAM k"] {
            let servers = &cluster.bootstrap;
            let table = format!(
                "CREATE TABLE k USING kafka OPTIONS ('kafka.bootstrap.servers' = '{servers}', subscribe = 'sql_invioces')"
            );
            let output = run(&program(folder.path(), &format!("{table};\n{read}")), &[]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let hint =
                "hint: topic 'sql_invioces' does not exist; did you mean 'sql_invoices'? ('millstream topic create";
            assert!(said.contains(hint), "{}: {said}", cluster.name);
            assert_eq!(said.matches("does not exist").count(), 1, "{}: {said}", cluster.name);
            assert_eq!(output.status.code(), Some(2), "{said}");
        }
    }
}

#[test]
fn the_checkpoint_of_another_query_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint").display().to_string();
    let run_by = |key: &str| {
        let text = format!(
            "CREATE TABLE r USING `rate-micro-batch` OPTIONS (rowsPerBatch 7);
             CREATE TABLE n USING noop OPTIONS (trigger 'availableNow', outputMode 'update',
                checkpointLocation '{checkpoint}');
             INSERT INTO n SELECT {key}, count(*) FROM STREAM r GROUP BY {key}"
        );
        run(&program(folder.path(), &text), &[])
    };
    assert!(run_by("value").status.success());
    let output = run_by("timestamp");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let hint = said.lines().last().unwrap_or_default();
    assert!(hint.ends_with(&format!("new checkpoint location; this one is '{checkpoint}'")), "{said}");
    assert!(said.contains("key_schema=[BIGINT] and new key_schema=[TIMESTAMP]"), "{said}");
    assert_eq!(output.status.code(), Some(6), "{said}");
}

#[test]
fn each_kind_of_failure_has_the_status_that_the_page_says() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    // A query that goes on holds its checkpoint.
    let busy = format!(
        "CREATE TABLE r USING rate OPTIONS (rowsPerSecond 1);
         CREATE TABLE n USING console OPTIONS (checkpointLocation '{}');
         INSERT INTO n SELECT value FROM STREAM r",
        checkpoint.display()
    );
    let mut holder = Command::new(env!("CARGO_BIN_EXE_millstream"));
    let holder = holder.arg("run").arg(program(folder.path(), &busy)).stderr(Stdio::null()).stdout(Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    let mut printed = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(printed.any(|line| line.unwrap().starts_with("Batch: ")));
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    for (text, status) in [
        ("SELECT 1", 0),
        ("SELECT nope", 2),
        ("SELECT * FROM nowhere", 2),
        ("DESCRIBE FUNCTION abs", 3),
        ("CREATE TABLE t USING text OPTIONS (path '/nowhere/t'); SELECT * FROM t", 2),
        (busy.as_str(), 5),
        ("SELECT 1 / 0", 6),
        ("SELECT raise_error('no')", 6),
    ] {
        let output = run(&program(&other, text), &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{text}: {said}");
        let row = format!("\n| {status} | ");
        assert!(include_str!("../../../../docs/running.md").contains(&row), "the page has no status {status}");
    }
    assert!(Command::new("kill").arg(holder.id().to_string()).status().unwrap().success());
    assert_eq!(holder.wait().unwrap().code(), Some(0));
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
fn a_second_interrupt_gives_up_a_batch_that_takes_hours() {
    let folder = tempfile::tempdir().unwrap();
    let text = "CREATE TABLE r USING `rate-micro-batch` OPTIONS (rowsPerBatch 1);
                CREATE TABLE n USING noop OPTIONS (outputMode 'complete');
                INSERT INTO n SELECT count(*) FROM STREAM r CROSS JOIN range(100000000000000)";
    let file = program(folder.path(), text);
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    let mut child = command.arg("run").arg(&file).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    for awaited in [" query started ", "ending; a second signal"] {
        assert!(said.any(|line| line.unwrap().contains(awaited)), "{awaited}");
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    }
    assert!(said.any(|line| line.unwrap().contains("interrupted again; the running batches were given up")));
    assert_eq!(child.wait().unwrap().code(), Some(130));
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
