//! `kill -9` of the whole process, at each fail point and at random, on real Kafka and on the embedded broker: after a
//! restart the answer is the one of an undisturbed run.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use millstream_engine::FAIL_POINTS;
use millstream_test_servers::require_or_skip;

use crate::cluster::Cluster;
use crate::program::{Program, available, batches_of, sorted};

const ROWS: u64 = 40;

fn key(row: u64) -> String {
    format!("k{}", row * row % 5)
}

/// A topic of two partitions with the rows that all crash tests read.
fn fill(cluster: &Cluster, topic: &str) {
    cluster.tool(&format!("create {topic} 2 1"));
    for row in 0..ROWS {
        cluster.tool(&format!("text {topic} {} {{\"k\": \"{}\", \"v\": {row}}}", row % 2, key(row)));
    }
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

/// What is run again and again: a program, and where it reads.
struct Job {
    program: &'static str,
    cluster: &'static Cluster,
    topic: &'static str,
}

impl Job {
    fn on(cluster: &'static Cluster, program: &'static str, topic: &'static str) -> Self {
        fill(cluster, topic);
        Self { program, cluster, topic }
    }

    fn with(&self, checkpoint: &tempfile::TempDir) -> Program {
        let folder = checkpoint.path().to_str().expect("text");
        Program::of_tests(self.program).on(self.cluster).set("TOPIC", self.topic).set("CHECKPOINT", folder)
    }
}

#[test]
fn a_stateful_query_killed_at_each_fail_point_gives_the_same_answer() {
    require_or_skip!(available());
    for job in Cluster::all().map(|cluster| Job::on(cluster, "counts.py", "crash-stateful")) {
        for point in FAIL_POINTS {
            let checkpoint = tempfile::tempdir().expect("temporary folder");
            let killed = job.with(&checkpoint).set("MILLSTREAM_FAIL_POINT", &format!("{point}:2")).run();
            let output = job.with(&checkpoint).output();
            let last = if killed.status.success() {
                // A place that so short a run does not pass twice: then nothing was killed, and all is done.
                batches_of(&String::from_utf8_lossy(&killed.stdout)).pop()
            } else {
                batches_of(&output).pop()
            };
            // Killed after its last batch was committed, the query has nothing left to print.
            let printed = last.or_else(|| batches_of(&String::from_utf8_lossy(&killed.stdout)).pop());
            assert_eq!(
                sorted(printed.expect("a batch was printed")),
                truth(),
                "killed {point} on {}:\n{output}",
                job.cluster.name
            );
        }
    }
}

#[test]
fn a_stateless_query_killed_at_each_fail_point_loses_nothing() {
    require_or_skip!(available());
    for job in Cluster::all().map(|cluster| Job::on(cluster, "passes.py", "crash-stateless")) {
        for point in FAIL_POINTS {
            let checkpoint = tempfile::tempdir().expect("temporary folder");
            let killed = job.with(&checkpoint).set("MILLSTREAM_FAIL_POINT", &format!("{point}:2")).run();
            let mut printed = String::from_utf8_lossy(&killed.stdout).into_owned();
            printed.push_str(&job.with(&checkpoint).output());
            let seen: BTreeSet<String> = batches_of(&printed).into_iter().flatten().map(|row| row[1].clone()).collect();
            let wanted: BTreeSet<String> =
                (0..ROWS).map(|row| format!("{{\"k\": \"{}\", \"v\": {row}}}", key(row))).collect();
            assert_eq!(seen, wanted, "killed {point} on {}", job.cluster.name);
        }
    }
}

#[test]
fn a_query_killed_after_any_printed_batch_gives_the_same_answer() {
    require_or_skip!(available());
    for job in Cluster::all().map(|cluster| Job::on(cluster, "counts.py", "crash-printed")) {
        for batch in 0..4 {
            let checkpoint = tempfile::tempdir().expect("temporary folder");
            let mut child = job.with(&checkpoint).command().stdout(Stdio::piped()).spawn().expect("it starts");
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
            let output = job.with(&checkpoint).output();
            // If it had printed its last batch before it died, there is nothing left to run.
            let last = batches_of(&output).pop().or_else(|| batches_of(&before).pop()).expect("a batch was printed");
            assert_eq!(sorted(last), truth(), "killed after batch {batch} on {}:\n{output}", job.cluster.name);
        }
    }
}
