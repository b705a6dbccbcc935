//! `kill -9` of the whole process, at each fail point and at random, on real Kafka: after a restart the answer is the one
//! of an undisturbed run.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::OnceLock;

use millstream_engine::FAIL_POINTS;
use millstream_test_servers::{Kafka, require_or_skip};

use crate::program::{Program, available, batches_of, sorted};

const ROWS: u64 = 40;

fn key(row: u64) -> String {
    format!("k{}", row * row % 5)
}

/// The topic that all crash tests read.
fn topic() -> &'static str {
    static FILLED: OnceLock<()> = OnceLock::new();
    FILLED.get_or_init(|| {
        let kafka = Kafka::shared();
        kafka.tool("create crash 2 1");
        for row in 0..ROWS {
            kafka.tool(&format!("text crash {} {{\"k\": \"{}\", \"v\": {row}}}", row % 2, key(row)));
        }
    });
    "crash"
}

/// Count, sum and maximum by key, computed from the rows.
fn truth() -> Vec<Vec<String>> {
    let mut groups: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for row in 0..ROWS {
        groups.entry(key(row)).or_default().push(row);
    }
    let line = |(key, values): (String, Vec<u64>)| {
        let (count, sum) = (values.len(), values.iter().sum::<u64>());
        vec![key, count.to_string(), sum.to_string(), values.iter().max().expect("not empty").to_string()]
    };
    groups.into_iter().map(line).collect()
}

fn program(name: &str, checkpoint: &tempfile::TempDir) -> Program {
    let folder = checkpoint.path().to_str().expect("text");
    Program::of_tests(name).on(Kafka::shared()).set("TOPIC", topic()).set("CHECKPOINT", folder)
}

#[test]
fn a_stateful_query_killed_at_each_fail_point_gives_the_same_answer() {
    require_or_skip!(available());
    for point in FAIL_POINTS {
        let checkpoint = tempfile::tempdir().expect("temporary folder");
        let killed = program("counts.py", &checkpoint).set("MILLSTREAM_FAIL_POINT", &format!("{point}:2")).run();
        let output = program("counts.py", &checkpoint).output();
        let last = if killed.status.success() {
            // A place that so short a run does not pass twice: then nothing was killed, and all is done.
            batches_of(&String::from_utf8_lossy(&killed.stdout)).pop()
        } else {
            batches_of(&output).pop()
        };
        // Killed after its last batch was committed, the query has nothing left to print.
        let printed = last.or_else(|| batches_of(&String::from_utf8_lossy(&killed.stdout)).pop());
        assert_eq!(sorted(printed.expect("a batch was printed")), truth(), "killed {point}:\n{output}");
    }
}

#[test]
fn a_stateless_query_killed_at_each_fail_point_loses_nothing() {
    require_or_skip!(available());
    for point in FAIL_POINTS {
        let checkpoint = tempfile::tempdir().expect("temporary folder");
        let killed = program("passes.py", &checkpoint).set("MILLSTREAM_FAIL_POINT", &format!("{point}:2")).run();
        let mut printed = String::from_utf8_lossy(&killed.stdout).into_owned();
        printed.push_str(&program("passes.py", &checkpoint).output());
        let seen: BTreeSet<String> = batches_of(&printed).into_iter().flatten().map(|row| row[1].clone()).collect();
        let wanted: BTreeSet<String> =
            (0..ROWS).map(|row| format!("{{\"k\": \"{}\", \"v\": {row}}}", key(row))).collect();
        assert_eq!(seen, wanted, "killed {point}");
    }
}

#[test]
fn a_query_killed_after_any_printed_batch_gives_the_same_answer() {
    require_or_skip!(available());
    for batch in 0..4 {
        let checkpoint = tempfile::tempdir().expect("temporary folder");
        let mut child = program("counts.py", &checkpoint).command().stdout(Stdio::piped()).spawn().expect("it starts");
        let mut before = String::new();
        for line in BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok) {
            if line == format!("Batch: {batch}") {
                child.kill().expect("it was not waited for");
            }
            before.push_str(&line);
            before.push('\n');
        }
        child.wait().expect("it was started");
        assert!(before.contains(&format!("Batch: {batch}\n")), "batch {batch} was never printed:\n{before}");
        let output = program("counts.py", &checkpoint).output();
        // If it had printed its last batch before it died, there is nothing left to run.
        let last = batches_of(&output).pop().or_else(|| batches_of(&before).pop()).expect("a batch was printed");
        assert_eq!(sorted(last), truth(), "killed after batch {batch}:\n{output}");
    }
}
