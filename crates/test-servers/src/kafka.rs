//! Apache Kafka, one broker or several, and its stock client as a tool that writes what tests read.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use tempfile::TempDir;

/// The version whose client the tools use, and whose broker is started unless another is asked for.
const NEWEST: &str = "4.1";

/// A running cluster with its own data. It ends when it is dropped, and in any case with the process.
pub struct Kafka {
    version: String,
    data: TempDir,
    brokers: usize,
    settings: String,
    /// More listeners, "NAME:PROTOCOL …", and where they are.
    listeners: String,
    addresses: Vec<(String, String)>,
    bootstrap: String,
    running: Mutex<Vec<Broker>>,
    tool: Mutex<Option<KafkaTool>>,
    /// Removes the data when the process is gone, however it went: a static is never dropped.
    _sweeper: Child,
}

struct Broker {
    node: usize,
    pid: u32,
    /// Held open: the script's watcher kills the broker when it closes.
    _lifeline: std::sync::Arc<ChildStdin>,
}

impl Kafka {
    /// Whether Kafka can be started here; else why not.
    pub fn available() -> Result<(), String> {
        Self::version_available(NEWEST)
    }

    /// The same for another version, such as 2.8.
    ///
    /// # Errors
    /// Why it cannot be started.
    pub fn version_available(version: &str) -> Result<(), String> {
        if !crate::has("java", "-version") {
            return Err("no Java on PATH".to_owned());
        }
        let is_there = |version: &str| crate::program_folder(&format!("kafka-{version}")).join(".complete").exists();
        // The tool is the newest client, whatever the broker is.
        if is_there(version) && is_there(NEWEST) || crate::has("mvn", "-version") {
            Ok(())
        } else {
            Err(format!("Kafka {version} is not downloaded, and no Maven on PATH"))
        }
    }

    /// One broker for all tests of the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(1, "log.cleaner.backoff.ms=50\n"))
    }

    /// A new cluster of this many brokers, with more lines for `server.properties`.
    ///
    /// # Panics
    /// If it cannot be started; ask [`Kafka::available`] first.
    pub fn start(brokers: usize, settings: &str) -> Self {
        Self::start_with((NEWEST, brokers), settings, &[])
    }

    /// One broker of another version; see `dev/servers/kafka` for those there are.
    ///
    /// # Panics
    /// If it cannot be started; ask [`Kafka::version_available`] first.
    pub fn start_version(version: &str) -> Self {
        Self::start_with((version, 1), "", &[])
    }

    /// One broker with more listeners, each a name and a security protocol, beside the plain one. Their settings are
    /// among the lines for `server.properties`.
    ///
    /// # Panics
    /// If it cannot be started; ask [`Kafka::available`] first.
    pub fn start_with_listeners(settings: &str, listeners: &[(&str, &str)]) -> Self {
        Self::start_with((NEWEST, 1), settings, listeners)
    }

    fn start_with((version, brokers): (&str, usize), settings: &str, listeners: &[(&str, &str)]) -> Self {
        let data = tempfile::Builder::new().prefix("millstream-kafka-").tempdir().expect("temporary folder");
        let mut kafka = Self {
            version: version.to_owned(),
            _sweeper: sweeper(data.path()),
            data,
            brokers,
            settings: settings.to_owned(),
            listeners: listeners.iter().map(|(name, protocol)| format!("{name}:{protocol} ")).collect(),
            addresses: listeners.iter().map(|(name, _)| ((*name).to_owned(), String::new())).collect(),
            bootstrap: String::new(),
            running: Mutex::default(),
            tool: Mutex::default(),
        };
        let output = kafka.run_script(None);
        kafka.bootstrap = value(&output, "KAFKA=");
        for (name, address) in &mut kafka.addresses {
            *address = value(&output, &format!("KAFKA_{name}="));
        }
        kafka
    }

    /// `host:port` of one of the listeners that it was started with.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn listener(&self, name: &str) -> &str {
        let found = self.addresses.iter().find(|(known, _)| known == name);
        &found.unwrap_or_else(|| panic!("no listener {name}")).1
    }

    /// `host:port` of all brokers, as `bootstrap.servers` wants it.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Kills a broker as a power cut would.
    pub fn kill(&self, node: usize) {
        let mut running = self.running.lock().expect("no test panics while it holds this");
        running.retain(|broker| {
            if broker.node == node {
                kill(broker.pid);
            }
            broker.node != node
        });
    }

    /// Starts a killed broker again, with its port and data.
    pub fn restart(&self, node: usize) {
        self.run_script(Some(node));
    }

    /// Runs a command of the tool (see `java/KafkaTool.java`) and gives its answer.
    ///
    /// # Panics
    /// If the tool answers with an error.
    pub fn tool(&self, command: &str) -> String {
        let mut tool = self.tool.lock().expect("no test panics while it holds this");
        let answer = tool.get_or_insert_with(|| KafkaTool::start(&self.bootstrap)).run(command);
        drop(tool);
        answer.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Starts one broker or all of them; gives what the script prints.
    fn run_script(&self, node: Option<usize>) -> String {
        let mut command = crate::script("kafka");
        command
            .env("KAFKA_VERSION", &self.version)
            .env("KAFKA_BROKERS", self.brokers.to_string())
            .env("KAFKA_DIR", self.data.path());
        command.env("KAFKA_EXTRA", &self.settings).env("KAFKA_LISTENERS", &self.listeners);
        // Tests are short: the second compiler would only take cores from them.
        command.env("KAFKA_JIT_LEVEL", "1");
        if let Some(node) = node {
            command.env("KAFKA_NODE", node.to_string());
        }
        let mut script = command.spawn().expect("dev/servers/kafka can be run");
        let lifeline = std::sync::Arc::new(script.stdin.take().expect("piped"));
        let mut output = String::new();
        script.stdout.take().expect("piped").read_to_string(&mut output).expect("text");
        assert!(script.wait().expect("it was started").success(), "Kafka could not be started");
        let pids = value(&output, "KAFKA_PIDS=");
        let nodes = node.map_or(1..self.brokers + 1, |node| node..node + 1);
        let mut running = self.running.lock().expect("no test panics while it holds this");
        running.extend(nodes.zip(pids.split(' ')).map(|(node, pid)| Broker {
            node,
            pid: pid.parse().expect("a process id"),
            _lifeline: std::sync::Arc::clone(&lifeline),
        }));
        output
    }
}

/// What stands behind a name in the script's output.
fn value(output: &str, name: &str) -> String {
    let from = output.find(name).unwrap_or_else(|| panic!("no {name} in {output:?}")) + name.len();
    let rest = &output[from..];
    match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => rest.split_whitespace().next(),
    }
    .unwrap_or_default()
    .to_owned()
}

impl Drop for Kafka {
    fn drop(&mut self) {
        for broker in self.running.get_mut().expect("no test panics while it holds this").drain(..) {
            kill(broker.pid);
        }
    }
}

/// A process that waits until its standard input ends, lets the brokers end, and removes the folder.
fn sweeper(folder: &Path) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' INT TERM HUP; cat >/dev/null; sleep 2; rm -rf \"$0\""]).arg(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("sh can be run")
}

fn kill(pid: u32) {
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill can be run");
    assert!(status.success(), "broker {pid} was gone already");
}

/// The stock Java client in a process of its own.
pub struct KafkaTool {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl KafkaTool {
    /// Starts it for these brokers.
    ///
    /// # Panics
    /// If Java cannot be run.
    pub fn start(bootstrap: &str) -> Self {
        let jars = crate::program_folder(&format!("kafka-{NEWEST}")).join("*");
        let source = crate::checkout().join("crates/test-servers/java/KafkaTool.java");
        let mut process = Command::new("java")
            .args(["-Xmx768m", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(jars)
            .arg(source)
            .arg(bootstrap)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("java can be run");
        let commands = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, commands, answers }
    }

    /// Runs a command; the error is what the client said.
    ///
    /// # Errors
    /// The text of the client's exception.
    pub fn run(&mut self, command: &str) -> Result<String, String> {
        writeln!(self.commands, "{command}").map_err(|error| error.to_string())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).map_err(|error| error.to_string())?;
        let answer = answer.trim_end();
        match answer.split_once(' ') {
            _ if answer == "ok" => Ok(String::new()),
            Some(("ok", rest)) => Ok(rest.to_owned()),
            _ => Err(answer.to_owned()),
        }
    }
}

impl Drop for KafkaTool {
    fn drop(&mut self) {
        // It may have ended by itself, with its input.
        let _gone = self.process.kill();
        let _status = self.process.wait();
    }
}
