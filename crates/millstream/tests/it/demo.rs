//! `millstream demo` where its output is no terminal.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use millstream_test_servers::require_or_skip;

use crate::program::{available, rows_of};

/// Runs the demo until its query has printed a table, ends it as Ctrl-C does, and gives both outputs.
fn until_it_shows_something(command: &mut Command) -> (String, String) {
    let mut demo = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(demo.stdout.take().unwrap());
    let mut printed = String::new();
    while !printed.lines().any(|line| line.contains(" sent to result p50 ")) {
        assert_ne!(out.read_line(&mut printed).unwrap(), 0, "{printed}");
    }
    Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap();
    out.read_to_string(&mut printed).unwrap();
    let mut said = String::new();
    demo.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(demo.wait().unwrap().success(), "{said}");
    (printed, said)
}

fn check_output(printed: &str) {
    let first = printed.lines().next().unwrap();
    assert!(first.contains(" rows/s of 2000 sent, "), "{first}");
    assert!(!printed.contains('\x1b'), "no terminal, no escapes: {printed}");
    let rows = rows_of(printed);
    assert_eq!(rows.len(), 20, "{printed}");
    for row in rows {
        let [window, user, count] = &row[..] else { panic!("{row:?}") };
        assert!(window.starts_with("{20") && window.ends_with(":00}"), "{row:?}");
        assert!(user.parse::<u32>().is_ok_and(|user| user < 10_000), "{row:?}");
        assert!(count.parse::<u64>().is_ok_and(|count| count > 0), "{row:?}");
    }
}

#[test]
fn the_stock_program_counts_payments() {
    require_or_skip!(available());
    let (printed, said) = until_it_shows_something(Command::new(env!("CARGO_BIN_EXE_millstream")).arg("demo"));
    check_output(&printed);
    assert!(said.starts_with("millstream: Kafka broker on 127.0.0.1:"), "{said}");
}

#[test]
fn without_python_its_twin_in_sql_does() {
    let nothing = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.arg("demo").env("PATH", nothing.path()).env("XDG_CACHE_HOME", nothing.path());
    command.env_remove("MILLSTREAM_PYTHON").env_remove("VIRTUAL_ENV");
    let (printed, said) = until_it_shows_something(&mut command);
    check_output(&printed);
    assert!(said.contains("running examples/payment_monitor.sql, because there is no Python: "), "{said}");
}

#[test]
fn it_ends_when_its_time_is_over() {
    let output = Command::new(env!("CARGO_BIN_EXE_millstream")).args(["demo", "--for", "1ms"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
