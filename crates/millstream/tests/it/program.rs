//! Runs PySpark programs through the binary, on brokers, and reads the tables that they print.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use millstream_test_servers::Kafka;

use crate::cluster::Cluster;

/// A program and what it is run with.
pub(crate) struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Program {
    /// One of the repository's examples.
    pub(crate) fn example(name: &str) -> Self {
        Self::at(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name))
    }

    /// One of the programs that only tests run.
    pub(crate) fn of_tests(name: &str) -> Self {
        Self::at(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(name))
    }

    fn at(path: PathBuf) -> Self {
        Self { path, arguments: Vec::new(), environment: Vec::new() }
    }

    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Reads all that is on these brokers, then ends.
    pub(crate) fn on(self, cluster: &Cluster) -> Self {
        self.set("KAFKA", &cluster.bootstrap).set("STARTING", "earliest").set("TRIGGER", "availableNow")
    }

    /// The command, for who wants to see it run.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
        command.arg("run").arg(&self.path).args(&self.arguments).stdin(Stdio::null());
        command.env("TZ", "UTC").envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it to its end, whatever that is.
    pub(crate) fn run(&self) -> Output {
        self.command().output().expect("the binary can be started")
    }

    /// Runs it, expects success, and gives what it printed.
    pub(crate) fn output(&self) -> String {
        let output = self.run();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{} failed ({}):\n{out}\n{err}", self.path.display(), output.status);
        out.into_owned()
    }
}

/// The rows of a printed table, cells trimmed; the header is left out.
pub(crate) fn rows_of(table: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    table.lines().filter(|line| line.starts_with('|')).skip(1).map(cells).collect()
}

/// The tables that the console sink printed, one a batch.
pub(crate) fn batches_of(output: &str) -> Vec<Vec<Vec<String>>> {
    output.split("Batch: ").skip(1).map(rows_of).collect()
}

/// Rows without regard to their order.
pub(crate) fn sorted(mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    rows.sort();
    rows
}

/// A topic of one partition with these values; `None` is a NULL value.
pub(crate) fn fill(cluster: &Cluster, topic: &str, values: &[Option<&str>]) {
    cluster.tool(&format!("create {topic} 1 1"));
    for value in values {
        match value {
            Some(text) => cluster.tool(&format!("text {topic} 0 {text}")),
            None => cluster.tool(&format!("values {topic} 0 \\0")),
        };
    }
}

/// Whether PySpark's client and Kafka can be had here.
pub(crate) fn available() -> Result<(), String> {
    Kafka::available()
}
