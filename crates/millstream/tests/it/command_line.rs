//! Arguments, messages, exit statuses, and the way the process ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn millstream() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    millstream().args(arguments).output().unwrap()
}

/// A server on a free port, and the address that it says it listens on.
fn serve() -> (Child, String) {
    let mut server = millstream().args(["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("millstream: listening on sc://").expect(&line).to_owned();
    (server, address)
}

fn signal(process: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn the_version_is_the_packages() {
    let output = run(&["--version"]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), concat!("millstream ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_has_examples() {
    for arguments in [["run", "--help"], ["serve", "--help"], ["broker", "--help"]] {
        let help = String::from_utf8_lossy(&run(&arguments).stdout).into_owned();
        assert!(help.contains("Examples:"), "{help}");
    }
}

#[test]
fn a_mistake_is_one_line_and_a_status() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (arguments, status, expected) in [
        (["run", "/nowhere/app.py", "x"], 2, "millstream: there is no program '/nowhere/app.py'\n".to_owned()),
        (["serve", "--listen", &address], 4, format!("millstream: cannot listen on {address}: ")),
        (["serve", "--memory", "much"], 2, "error: invalid value 'much' for '--memory <SIZE>'".to_owned()),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.starts_with(&expected), "{said}");
        assert!(!said.contains("backtrace"), "{said}");
    }
}

#[test]
fn signals_end_a_server_in_time_and_without_an_error() {
    for name in ["INT", "TERM"] {
        let (mut server, address) = serve();
        // Somebody is connected, and has not said a word.
        let _client = std::net::TcpStream::connect(&address).unwrap();
        signal(&server, name);
        let asked = Instant::now();
        let status = server.wait().unwrap();
        assert!(asked.elapsed() < Duration::from_secs(5), "{name}: {:?}", asked.elapsed());
        assert!(status.success(), "{name}: {status}");
        let mut rest = String::new();
        server.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}
