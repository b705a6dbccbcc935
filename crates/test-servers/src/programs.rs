//! Programs of tests that use stock Kafka clients: Python files and single Java files, each in a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A Python with confluent-kafka, kafka-python and aiokafka.
#[derive(Debug)]
pub struct PythonClients;

impl PythonClients {
    /// Whether it can be had here; else why not.
    pub fn available() -> Result<(), String> {
        if !crate::has("python3", "--version") {
            return Err("no Python on PATH".to_owned());
        }
        Self::python().map(|_| ())
    }

    /// The interpreter, which the first call makes.
    fn python() -> Result<&'static Path, String> {
        static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
        let make = || {
            let output = crate::script("kafka-python-clients").stdin(Stdio::null()).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().into())
        };
        let found = PYTHON.get_or_init(make).as_deref();
        found.ok_or_else(|| "the Kafka clients of Python cannot be installed".to_owned())
    }

    /// A command that runs this file.
    ///
    /// # Panics
    /// If there is no such Python; ask [`PythonClients::available`] first.
    pub fn command(file: &Path) -> Command {
        let mut command = Command::new(Self::python().expect("it is available"));
        command.arg(file).stdin(Stdio::null());
        command
    }
}

/// A Java file that uses Kafka's own client.
#[derive(Debug)]
pub struct JavaClient;

impl JavaClient {
    /// A command that compiles and runs this file. Ask [`crate::Kafka::available`] first.
    pub fn command(file: &Path) -> Command {
        let mut command = Command::new("java");
        command.args(["-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp"]);
        command.arg(crate::program_folder("kafka-4.1").join("*")).arg(file).stdin(Stdio::null());
        command
    }
}

/// Apache Kafka's own command-line tools.
#[derive(Debug)]
pub struct KafkaTools;

impl KafkaTools {
    /// Whether they can be had here; else why not.
    pub fn available() -> Result<(), String> {
        if !crate::has("java", "-version") {
            return Err("no Java on PATH".to_owned());
        }
        Self::class_path().map(|_| ())
    }

    /// Where they are, which the first call downloads.
    fn class_path() -> Result<&'static str, String> {
        static CLASS_PATH: OnceLock<Option<String>> = OnceLock::new();
        let fetch = || {
            let output = crate::script("kafka-tools").stdin(Stdio::null()).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let found = CLASS_PATH.get_or_init(fetch).as_deref();
        found.ok_or_else(|| "Kafka's tools cannot be downloaded".to_owned())
    }

    /// A command that runs the tool of this class, below `org.apache.kafka.tools`. Ask [`KafkaTools::available`] first.
    ///
    /// # Panics
    /// If they cannot be had.
    pub fn command(class: &str) -> Command {
        let mut command = Command::new("java");
        command.args(["-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", Self::class_path().expect("they are available")]);
        command.arg(format!("org.apache.kafka.tools.{class}")).stdin(Stdio::null());
        command
    }
}
