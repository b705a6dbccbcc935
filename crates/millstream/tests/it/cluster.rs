//! The brokers that programs run on: real Apache Kafka, and `millstream broker` in a process of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use millstream_test_servers::{Kafka, KafkaTool};

/// Brokers, and the stock Java client as a tool on them.
pub(crate) struct Cluster {
    pub(crate) name: &'static str,
    pub(crate) bootstrap: String,
    tool: Mutex<KafkaTool>,
}

impl Cluster {
    /// Each kind once, for all tests of the process.
    pub(crate) fn all() -> [&'static Self; 2] {
        static KAFKA: LazyLock<Cluster> =
            LazyLock::new(|| Cluster::at("Apache Kafka", Kafka::shared().bootstrap().to_owned()));
        static EMBEDDED: LazyLock<(Cluster, Child)> = LazyLock::new(|| {
            let (bootstrap, process) = embedded();
            (Cluster::at("embedded broker", bootstrap), process)
        });
        [&KAFKA, &EMBEDDED.0]
    }

    /// Brokers that a test has started.
    pub(crate) fn at(name: &'static str, bootstrap: String) -> Self {
        let tool = Mutex::new(KafkaTool::start(&bootstrap));
        Self { name, bootstrap, tool }
    }

    /// Runs a command of the tool and gives its answer.
    pub(crate) fn tool(&self, command: &str) -> String {
        let answer = self.tool.lock().expect("no test panics while it holds this").run(command);
        answer.unwrap_or_else(|error| panic!("{command} on {}: {error}", self.name))
    }
}

/// A broker on a free port. A static is never dropped, so a shell ends it with this process, which holds its input.
fn embedded() -> (String, Child) {
    const UNTIL_INPUT_ENDS: &str = "\"$0\" broker --listen 127.0.0.1:0 & cat >/dev/null; kill -9 $!";
    let mut shell = Command::new("sh");
    shell.args(["-c", UNTIL_INPUT_ENDS, env!("CARGO_BIN_EXE_millstream")]);
    let mut process = shell.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("sh can be run");
    let mut line = String::new();
    BufReader::new(process.stderr.as_mut().expect("piped")).read_line(&mut line).expect("text");
    let address = line.strip_prefix("millstream: Kafka broker on ").and_then(|rest| rest.split(' ').next());
    (address.unwrap_or_else(|| panic!("not the broker's address: {line}")).to_owned(), process)
}
