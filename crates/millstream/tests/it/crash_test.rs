//! `millstream crash-test`: it finds nothing where nothing is wrong, on both brokers, and finds what is wrong where
//! something is.
//!
//! The kills of each run of the tests; the long runs are the same command with more of them (`docs/crash-test`).

use std::path::Path;
use std::process::{Command, Output, Stdio};

use millstream_test_servers::{Kafka, require_or_skip};

use crate::program::available;

/// A fault must be found within so many kills.
const KILLS_MAX: &str = "100";

fn crash_test() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.arg("crash-test").stdin(Stdio::null());
    command
}

/// Both outputs, for people.
fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The lines of a result file that tell of kills, in fields.
fn kills(result: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(result).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines.map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// Four kills for each built-in job, of engine, broker and both, at moments and fail points.
fn kills_change_nothing(mut command: Command) {
    let folder = tempfile::tempdir().unwrap();
    let result = folder.path().join("kills.tsv");
    command.args(["--kills", "44", "--round", "4", "--seed", "3", "--kill-at", "all", "--result"]).arg(&result);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output).matches("nothing lost, doubled or different").count(), 11, "{}", said(&output));
    let kills = kills(&result);
    assert_eq!(kills.len(), 44, "{kills:?}");
    for target in ["engine", "broker", "both"] {
        assert!(kills.iter().any(|kill| kill[2] == target), "no kill of {target}: {kills:?}");
    }
    assert!(kills.iter().any(|kill| kill[3].starts_with("after_")), "no kill at a fail point: {kills:?}");
    // How many depends on the machine.
    assert!(kills.iter().any(|kill| kill[5].parse::<i64>().unwrap() > 0), "the output never grew: {kills:?}");
}

#[test]
fn four_kills_of_each_job_on_the_embedded_broker_change_nothing() {
    kills_change_nothing(crash_test());
}

#[test]
fn four_kills_of_each_job_on_apache_kafka_change_nothing() {
    require_or_skip!(Kafka::available());
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dev/crash-test"));
    command.env("MILLSTREAM", env!("CARGO_BIN_EXE_millstream")).stdin(Stdio::null());
    kills_change_nothing(command);
}

/// What is found where this fault is planted in the engine.
fn check_fault(fault: &str, job: &str, expected: &str) {
    let mut command = crash_test();
    command.args(["--job", job, "--kills", KILLS_MAX, "--round", "10", "--seed", "1", "--kill-at", "all"]);
    command.args(["--life", "400ms", "--broker-share", "0"]).env("MILLSTREAM_FAULT", fault);
    let folder = tempfile::tempdir().unwrap();
    let output = command.env("TMPDIR", folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{fault}: {}", said(&output));
    assert!(said(&output).contains("FAULT") && said(&output).contains(expected), "{fault}: {}", said(&output));
    assert!(said(&output).contains("--seed 1 --first-kill "), "how to have it again: {}", said(&output));
}

#[test]
fn a_planted_fault_is_found() {
    check_fault("state-early", "counts", "the output is not what arithmetic says");
    check_fault("state-early", "chained", "the output is not what arithmetic says");
    check_fault("state-early", "most", "the output is not what arithmetic says");
    check_fault("state-early", "top", "the output is not what arithmetic says");
    check_fault("state-early", "windows", "the output is not what arithmetic says");
    // The sink sees these two itself, and refuses to go on: nothing more is written, which is found.
    check_fault("marker-ignored", "pass", "is to be written, but the output holds");
    check_fault("offsets-late", "shared", "it is older than the output");
}

/// A program of a user, which reads and writes what it is told.
fn program(folder: &Path, options: &str) -> std::path::PathBuf {
    let file = folder.join("job.sql");
    let text = format!(
        "CREATE TABLE input USING kafka OPTIONS ('kafka.bootstrap.servers' = '${{env:KAFKA}}', subscribe = '${{env:INPUT}}',
           startingOffsets = '${{env:STARTING}}');
         CREATE TABLE output USING kafka OPTIONS ('kafka.bootstrap.servers' = '${{env:KAFKA}}', topic = '${{env:OUTPUT}}',
           checkpointLocation = '${{env:CHECKPOINT}}', trigger = '${{env:TRIGGER}}'{options});
         INSERT INTO output SELECT upper(CAST(key AS STRING)) AS key, value FROM STREAM input WHERE '${{nothing:-}}' = '';"
    );
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn a_program_that_writes_at_least_once_is_found_to_write_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crash_test();
    command.args([
        "--kills",
        KILLS_MAX,
        "--round",
        "5",
        "--seed",
        "1",
        "--kill-at",
        "after_add_batch",
        "--row",
        "${number}",
    ]);
    let output = command.arg(program(folder.path(), "")).env("TMPDIR", folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let said = said(&output);
    assert!(said.contains("the output is not the output of an undisturbed run"), "{said}");
    assert!(said.contains("doubled: key K"), "{said}");
    assert!(said.contains("hint: each row is written once only where"), "{said}");
    assert!(said.contains("after kill ") && said.contains("after_add_batch:"), "{said}");
}

#[test]
fn programs_in_sql_and_python_are_killed_and_checked() {
    require_or_skip!(available());
    let folder = tempfile::tempdir().unwrap();
    let sql = program(folder.path(), ", 'delivery.guarantee' = 'exactly-once'");
    let python = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(name);
    let (counts, first_rows) = (python("crash_job.py"), python("crash_first_rows.py"));
    for (program, compare) in [(sql, "rows"), (counts, "newest"), (first_rows, "rows")] {
        let mut command = crash_test();
        command.args(["--kills", "3", "--seed", "5", "--broker-share", "34", "--compare", compare]).arg(program);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("nothing lost, doubled or different"), "{}", said(&output));
    }
}

#[test]
fn a_job_that_does_not_ask_where_to_work_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text, missing) in [
        ("own.py", "from pyspark.sql import SparkSession\nINPUT = 'orders'\n", "KAFKA, INPUT, OUTPUT, CHECKPOINT"),
        ("half.py", "import os\nos.environ['KAFKA'], os.environ[\"INPUT\"], os.getenv('OUTPUT')", "CHECKPOINT"),
        ("own.sql", "INSERT INTO t SELECT * FROM STREAM s; -- INPUT", "KAFKA, INPUT, OUTPUT, CHECKPOINT"),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        let output = crash_test().arg(&file).output().unwrap();
        let expected = format!("does not read {missing} of the environment, so it would work on its own topics\n");
        assert!(said(&output).contains(&expected), "{}", said(&output));
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    }
}

#[test]
fn mistakes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let idle = program(folder.path(), ", 'delivery.guarantee' = 'exactly-once'");
    let idle = idle.to_str().unwrap();
    for (arguments, status, expected) in [
        (&["--kill-at", "somewhere"][..], 2, "must be moment, all, or one of the fail points after_latest_offset"),
        (&["--row", "${n}"], 2, "${number}, ${key} and ${time} have one"),
        (&["/nowhere/job.sql"], 2, "there is no program '/nowhere/job.sql'"),
        (
            &["--broker-kill", "true", "--broker-start", "true"],
            2,
            "--broker-kill is for brokers that --bootstrap names",
        ),
        (&["--bootstrap", "127.0.0.1:1", "--broker-share", "5"], 2, "--broker-share needs --broker-kill"),
        (&["--bootstrap", "127.0.0.1:1"], 4, "cannot reach Kafka at 127.0.0.1:1"),
        (&["--kills", "1", idle, "nothing=something"], 2, "it is told by the variable OUTPUT where to write"),
    ] {
        let output = crash_test().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(expected), "{arguments:?}: {}", said(&output));
    }
}
