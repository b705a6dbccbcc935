//! Source, sink and command line on the Kafka of years ago: a query copies a topic exactly once, over a restart.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use millstream_test_servers::{Kafka, require_or_skip};

/// Runs `millstream` with this input to its end, which is good, and gives what it printed.
fn millstream(kafka: &Kafka, arguments: &[&str], input: &str) -> String {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("input");
    std::fs::write(&file, input).expect("it can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.args(arguments).env("MILLSTREAM_BOOTSTRAP", kafka.bootstrap());
    command.stdin(Stdio::from(std::fs::File::open(file).expect("it was written")));
    let Output { status, stdout, stderr } = command.output().expect("it can be run");
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("text")
}

fn sorted_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn copy(kafka: &Kafka, folder: &Path) {
    let program = folder.join("copy.sql");
    let (servers, checkpoints) = (kafka.bootstrap(), folder.join("checkpoints"));
    let text = format!(
        "CREATE TABLE source USING kafka OPTIONS ('kafka.bootstrap.servers' = '{servers}', 'subscribe' = 'source',
           'startingOffsets' = 'earliest');
         CREATE TABLE target USING kafka OPTIONS ('kafka.bootstrap.servers' = '{servers}', 'topic' = 'target',
           'delivery.guarantee' = 'exactly-once', 'trigger' = 'availableNow', 'checkpointLocation' = '{}');
         INSERT INTO target (key, value) SELECT key, upper(CAST(value AS STRING)) FROM STREAM source;",
        checkpoints.display()
    );
    std::fs::write(&program, text).expect("it can be written");
    millstream(kafka, &["run", program.to_str().expect("text")], "");
}

fn check(kafka: &Kafka) {
    let folder = tempfile::tempdir().expect("temporary folder");
    for topic in ["source", "target"] {
        millstream(kafka, &["topic", "create", topic, "--partitions", "2"], "");
    }
    let mut wanted = Vec::new();
    for round in 0..2 {
        let lines: String = (0..500).map(|number| format!("k{number}=row {round}-{number}\n")).collect();
        let codec = ["compression.type=zstd", "compression.type=lz4"][round];
        let produce = ["topic", "produce", "source", "--key-separator", "=", "--property", codec];
        millstream(kafka, &produce, &lines);
        wanted.extend(lines.lines().map(|line| line.replace("=row", "\tROW")));
        copy(kafka, folder.path());
    }
    wanted.sort();
    let consume = ["topic", "consume", "target", "--key", "--from-beginning", "--to-end", "--isolation"];
    // What was ever written was committed: nothing was aborted on the way.
    for isolation in ["read_committed", "read_uncommitted"] {
        let consumed = millstream(kafka, &[&consume[..], &[isolation]].concat(), "");
        assert_eq!(sorted_lines(&consumed), wanted, "{isolation}");
    }
}

#[test]
fn kafka_2_8_with_zookeeper() {
    require_or_skip!(Kafka::version_available("2.8"));
    check(&Kafka::start_version("2.8"));
}

#[test]
fn kafka_3_9() {
    require_or_skip!(Kafka::version_available("3.9"));
    check(&Kafka::start_version("3.9"));
}
