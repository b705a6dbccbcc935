//! The broker as a process of its own that is killed as a power switch would kill it, and what is there afterwards.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use millstream_test_servers::{PythonClients, require_or_skip};

use crate::file;

/// `examples/broker.rs`, running. It ends when this is dropped, or when this process ends.
pub(crate) struct Process {
    child: Child,
    _lifeline: ChildStdin,
    pub(crate) address: String,
}

impl Process {
    /// Starts it; `limits` are commands of the shell before it.
    pub(crate) fn start(limits: &str, arguments: &[String]) -> Self {
        let script = format!("{limits} exec \"$0\" \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script]).arg(program()).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bash can be run");
        let lifeline = child.stdin.take().expect("piped");
        let mut address = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut address).expect("it says where it is");
        assert!(!address.is_empty(), "the broker did not start");
        Self { child, _lifeline: lifeline, address: address.trim().to_owned() }
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was started");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Cargo builds the examples before it runs tests, beside them.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let folder = test.parent().and_then(Path::parent).expect("target/debug/deps/it");
    folder.join("examples/broker")
}

/// Runs a program that prints "kill" when the broker shall be killed, and waits for a line when it is there again.
fn run_with_kills(program: &str) -> usize {
    let data = tempfile::tempdir().expect("a folder");
    let folder = format!("data={}", data.path().display());
    let mut broker = Some(Process::start("", std::slice::from_ref(&folder)));
    let address = broker.as_ref().expect("it runs").address.clone();
    let mut command = PythonClients::command(&file("python").join(program));
    let mut client = command.arg(&address).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python");
    let mut orders = client.stdin.take().expect("piped");
    let mut kills = 0;
    let mut last = String::new();
    for line in BufReader::new(client.stdout.take().expect("piped")).lines() {
        last = line.expect("text");
        if last == "kill" {
            broker.take().expect("it runs").kill();
            broker = Some(Process::start("", &[folder.clone(), format!("listen={address}")]));
            kills += 1;
            writeln!(orders, "go on").expect("it waits for this");
        }
    }
    let status = client.wait().expect("it was started");
    assert!(status.success() && last == "ok", "{program}: {status}, it said {last:?} last");
    kills
}

#[test]
fn what_was_acknowledged_is_there_once_and_in_order_after_the_broker_was_killed() {
    require_or_skip!(PythonClients::available());
    assert_eq!(run_with_kills("killed_broker.py"), 3);
}

#[test]
fn topics_settings_offsets_and_open_transactions_outlive_the_broker() {
    require_or_skip!(PythonClients::available());
    assert_eq!(run_with_kills("restarted_broker.py"), 2);
}

#[test]
fn a_folder_belongs_to_one_broker() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = format!("data={}", data.path().display());
    let _first = Process::start("", std::slice::from_ref(&folder));
    let second = Command::new(program()).arg(folder).stdin(Stdio::null()).output().expect("it can be run");
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains("Locked"), "{second:?}");
}
