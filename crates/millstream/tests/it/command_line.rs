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
    for command in [
        "",
        "run",
        "serve",
        "broker",
        "demo",
        "crash-test",
        "completions",
        "man",
        "topic",
        "topic create",
        "topic list",
        "topic describe",
        "topic delete",
        "topic produce",
        "topic consume",
    ] {
        let arguments: Vec<_> = command.split_whitespace().chain(["--help"]).collect();
        let help = String::from_utf8_lossy(&run(&arguments).stdout).into_owned();
        assert!(help.contains("Examples:"), "{command}: {help}");
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
fn values_that_are_no_values_are_refused_with_an_example() {
    for (arguments, expected) in [
        (["serve", "--listen", "15009"], "must be HOST:PORT, such as 127.0.0.1:15002"),
        (["serve", "--listen", ":15009"], "names no host; write 127.0.0.1:15009 for this machine alone"),
        (["broker", "--listen", "localhost:x"], "'x' is no port, which is a number from 0 to 65535"),
        (["serve", "--memory", "100"], "100 bytes are too few; write at least 16MB, with its unit, such as 512MB"),
        (["serve", "--memory", "9000000GB"], "millstream: --memory is 9216000000 MB, but there are "),
        (["serve", "--cores", "0"], "must be a whole number from 1 to 1024"),
        (["serve", "--cores", "many"], "must be a whole number from 1 to 1024"),
        (["broker", "--partitions", "0"], "must be a whole number from 1 to 1000"),
        (["demo", "--rate", "fast"], "must be a whole number from 1 to 1000000"),
        (
            ["serve", "--log", "inof"],
            "millstream: 'inof' is no log filter\nmillstream: hint: levels are error, warn, info",
        ),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn a_slip_on_the_command_line_is_told_with_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("monitor.py"), "").unwrap();
    let misspelt = folder.path().join("moniter.py");
    for (arguments, expected) in [
        (&["rnu", "a.py"][..], "millstream: hint: did you mean 'run'?"),
        (&["topic", "lsit"], "tip: a similar subcommand exists: 'list'"),
        (&["run", "--memroy", "2GB", "a.py"], "tip: a similar argument exists: '--memory'"),
        (&["serve", "--log-format", "jsn"], "tip: a similar value exists: 'json'"),
        (&["run", misspelt.to_str().unwrap()], "monitor.py'?"),
        (&["run", "/nowhere/monitor.py"], "millstream: hint: there is no folder '/nowhere'"),
    ] {
        let output = run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(2), "{said}");
    }
    let output =
        millstream().args(["topic", "list", "--bootstrap", "127.0.0.1:1"]).env("MILLSTREAM_LOGG", "x").output();
    let said = String::from_utf8_lossy(&output.unwrap().stderr).into_owned();
    assert!(
        said.starts_with("millstream: warning: nobody looks at the variable MILLSTREAM_LOGG; did you mean"),
        "{said}"
    );
}

#[test]
fn a_program_that_a_signal_has_ended_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("job.py");
    std::fs::write(&program, "kill -9 $$").unwrap();
    let mut command = millstream();
    let output = command.arg("run").arg(&program).env("MILLSTREAM_PYTHON", "/bin/sh").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("millstream: the program was ended by signal 9 (kill -9, or the system, where memory"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(137));
}

#[test]
fn every_option_of_the_engine_stands_in_the_reference() {
    let page = include_str!("../../../../docs/configuration.md");
    let mut count = 0;
    for command in ["run", "serve", "demo", "broker"] {
        let help = String::from_utf8_lossy(&run(&[command, "--help"]).stdout).into_owned();
        let options = help.lines().filter_map(|line| line.split_whitespace().next());
        for word in options.filter(|word| word.starts_with("--")) {
            let option = word.split(['[', '=']).next().unwrap();
            assert!(page.contains(&format!("`{option}")), "{option} of {command}");
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn only_files_of_python_and_sql_are_run() {
    let folder = tempfile::tempdir().unwrap();
    for (name, status, expected) in [
        ("nb.ipynb", 2, "is a notebook\nmillstream: hint: jupyter nbconvert"),
        ("app.jar", 3, "is a program for a JVM\nmillstream: hint: "),
        ("notes.txt", 2, "is no program\nmillstream: hint: programs end in .py (PySpark) or .sql"),
        (".", 2, "is a folder\n"),
        ("nothing.py", 2, "millstream: there is no program '"),
    ] {
        let path = folder.path().join(name);
        if !matches!(name, "." | "nothing.py") {
            std::fs::write(&path, "").unwrap();
        }
        for command in ["run", "crash-test"] {
            let output = run(&[command, path.to_str().unwrap()]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains(expected), "{command} {name}: {said}");
            assert_eq!(output.status.code(), Some(status), "{command} {name}: {said}");
        }
    }
    let said = String::from_utf8_lossy(&run(&["run", "-"]).stderr).into_owned();
    assert!(said.starts_with("millstream: standard input is no file\nmillstream: hint: "), "{said}");
}

#[test]
fn a_python_that_is_not_there_is_named_with_the_mend() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("job.py");
    std::fs::write(&program, "").unwrap();
    let run = |variable: &str, value: &std::ffi::OsStr| {
        let mut command = millstream();
        command.arg("run").arg(&program).env_remove("MILLSTREAM_PYTHON").env_remove("VIRTUAL_ENV");
        let output = command.env(variable, value).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = run("PATH", folder.path().as_os_str());
    let expected = "millstream: there is no Python 'python3'\nmillstream: hint: install Python 3.10 or newer (apt-get install \
                    python3 python3-venv), or name one in MILLSTREAM_PYTHON; programs in SQL need none\n";
    assert_eq!(said, expected);
    let said = run("MILLSTREAM_PYTHON", "/nowhere/python".as_ref());
    assert!(said.starts_with("millstream: there is no Python '/nowhere/python'\nmillstream: hint: "), "{said}");
}

#[test]
fn a_python_without_a_client_for_it_is_told_before_anything_is_installed() {
    let folder = tempfile::tempdir().unwrap();
    let real = Command::new("sh").args(["-c", "command -v python3"]).output().unwrap();
    let Some(real) = String::from_utf8(real.stdout).ok().filter(|path| !path.is_empty()) else {
        return eprintln!("left out: there is no Python");
    };
    // The Python of this machine, which believes to be an older one.
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" != -c ]; then exec {real} \"$@\"; fi\nshift\nexec {real} -c \"import platform, sys
sys.version_info, platform.python_version = (3, 9, 2, 'final', 0), lambda: '3.9.2'
exec(sys.argv.pop(1))\" \"$@\"\n",
        real = real.trim()
    );
    let python = folder.path().join("python3");
    std::fs::write(&python, script).unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&python).status().unwrap().success());
    let program = folder.path().join("job.py");
    std::fs::write(&program, "").unwrap();
    let mut command = millstream();
    command.arg("run").arg(&program).env_remove("MILLSTREAM_PYTHON").env_remove("VIRTUAL_ENV");
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let output = command.env("PATH", path).env("XDG_CACHE_HOME", folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = "this Python is too old: python3 is 3.9.2, and PySpark 4.2 needs 3.10 or newer\nmillstream: hint: name a Python";
    assert!(said.contains(expected), "{said}");
    assert_eq!(output.status.code(), Some(4), "{said}");
}

#[test]
fn a_broker_that_cannot_start_says_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let file = tempfile::NamedTempFile::new().unwrap();
    for (arguments, expected) in [
        (["--listen", &address], "hint: something listens there already"),
        (["--data", file.path().to_str().unwrap()], "hint: name a folder of this machine that can be made"),
    ] {
        let output = run(&[&["broker"][..], &arguments[..]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected), "{said}");
        assert_eq!(output.status.code(), Some(4), "{said}");
    }
}

#[test]
fn a_server_that_nobody_listens_to_any_more_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("p.sql");
    std::fs::write(&program, "SELECT raise_error('no') FROM range(3)").unwrap();
    let mut command = millstream();
    command.args(["run", "--log", "debug"]).arg(&program).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    // The reader goes away before the first line.
    drop(process.stderr.take());
    let status = process.wait().unwrap();
    assert!(status.code().is_some_and(|code| code < 64), "no abort: {status}");
}

#[test]
fn options_of_every_command_stand_behind_its_own() {
    for command in ["run", "serve", "broker", "demo"] {
        let help = String::from_utf8_lossy(&run(&[command, "--help"]).stdout).into_owned();
        let place = |option: &str| help.find(option).unwrap_or_else(|| panic!("{option}: {help}"));
        assert!(place("\nEverywhere:") < place("--log ") && place("--memory") < place("--log "), "{help}");
    }
    let help = String::from_utf8_lossy(&run(&["--help"]).stdout).into_owned();
    assert!(help.contains("Exit status: 0 done;"), "{help}");
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
        // Read already where it came together with the line before it.
        let is_hint = |line: &str| line.starts_with("millstream: programs connect with SPARK_REMOTE=sc://");
        assert!(rest.lines().all(is_hint), "{name}: {rest}");
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
