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
    for command in ["run", "serve", "broker", "demo", "topic", "crash-test"] {
        let help = String::from_utf8_lossy(&run(&[command, "--help"]).stdout).into_owned();
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

#[test]
fn options_come_from_the_environment_and_from_a_file_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("millstream.toml"), "[serve]\nmemory = 'much'\n").unwrap();
    let mut command = millstream();
    let refused = command.arg("serve").current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2));
    assert!(said.starts_with("error: invalid value 'much' for '--memory <SIZE>'"), "{said}");
    assert!(said.ends_with("millstream: hint: the value is that of 'serve.memory' in millstream.toml\n"), "{said}");
    let mut command = millstream();
    let refused = command.arg("serve").env("MILLSTREAM_SERVE_LISTEN", "nowhere").output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.ends_with("millstream: hint: the value is that of MILLSTREAM_SERVE_LISTEN\n"), "{said}");
}

#[test]
fn logs_are_lines_of_json_where_that_is_asked_for() {
    let mut command = millstream();
    let program = tempfile::Builder::new().suffix(".sql").tempfile().unwrap();
    // A query that fails is worth a line in any case.
    let failing = "CREATE TABLE r USING rate OPTIONS (rowsPerSecond 1000);\n\
                   SELECT CAST(concat('x', CAST(value AS STRING)) AS INT) FROM STREAM r";
    std::fs::write(program.path(), failing).unwrap();
    command.args(["run", "--log-format=json"]).arg(program.path());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let logged: Vec<_> = said.lines().filter(|line| !line.starts_with("millstream: ")).collect();
    assert!(!logged.is_empty() && logged.iter().all(|line| line.starts_with("{\"timestamp\":\"")), "{said}");
    let refused = run(&["serve", "--log", "millstream=loud"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.starts_with("millstream: 'millstream=loud' is no log filter: "), "{said}");
}

#[test]
fn shells_and_man_learn_the_command_line() {
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(run(&["completions", shell]).stdout).unwrap();
        assert!(script.contains("broker-data"), "{shell}: {script}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(run(&["man", folder.path().to_str().unwrap()]).status.success());
    let page = std::fs::read_to_string(folder.path().join("millstream-run.1")).unwrap();
    assert!(page.contains("monitor.sql"), "{page}");
    let refused = run(&["man", "/nowhere"]);
    assert_eq!(refused.status.code(), Some(4));
}
