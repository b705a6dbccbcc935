//! The driver and the relay as processes, against a real Kafka: every row comes back, and the line says so.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use millstream_test_servers::{Kafka, require_or_skip};

fn latency(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream-latency"));
    command.args(arguments);
    command
}

fn drive(bootstrap: &str, (to, from): (&str, &str), more: &[&str]) -> Output {
    let arguments = ["drive", "--bootstrap", bootstrap, "--to", to, "--from", from];
    let times = ["--rate", "500", "--seconds", "2", "--skip", "1"];
    latency(&arguments).args(times).args(more).output().expect("it starts")
}

#[test]
fn rows_pass_through_the_relay() {
    require_or_skip!(Kafka::available());
    rows_pass("plain", &[], &[]);
}

#[test]
fn rows_pass_through_the_relay_in_transactions() {
    require_or_skip!(Kafka::available());
    rows_pass("transactions", &["--transactions", "--marker", "latency-it"], &["--read-committed"]);
}

fn rows_pass(name: &str, relayed: &[&str], read: &[&str]) {
    let kafka = Kafka::shared();
    let topics = ["in", "out"].map(|side| format!("latency-it-{name}-{side}-{}", std::process::id()));
    let (to, from) = (topics[0].as_str(), topics[1].as_str());
    let created = latency(&["topics", "--bootstrap", kafka.bootstrap(), to, from]).status().expect("it starts");
    assert!(created.success());
    let mut relay = latency(&["relay", "--bootstrap", kafka.bootstrap(), "--from", to, "--to", from])
        .args(relayed)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut ready = String::new();
    BufReader::new(relay.stdout.as_mut().expect("piped")).read_line(&mut ready).expect("a line");
    assert_eq!(ready, "ready\n");
    let driven = drive(kafka.bootstrap(), (to, from), read);
    assert!(driven.status.success(), "{}", String::from_utf8_lossy(&driven.stderr));
    let line: serde_json::Value = serde_json::from_slice(&driven.stdout).expect("JSON");
    assert_eq!((line["rows"].as_u64(), line["samples"].as_u64()), (Some(1000), Some(500)));
    assert!(line["p50_ms"].as_f64() > Some(0.0) && line["p50_ms"].as_f64() <= line["p99_ms"].as_f64(), "{line}");
    // What another program would have made of the rows is not what the relay makes.
    let refused = drive(kafka.bootstrap(), (to, from), &["--expect", "counts"]);
    assert!(!refused.status.success());
    drop(relay.stdin.take());
    assert!(relay.wait().expect("it ends").success());
}

#[test]
fn the_pump_sees_every_row_in_its_turn() {
    require_or_skip!(Kafka::available());
    let kafka = Kafka::shared();
    let topic = format!("latency-it-pump-{}", std::process::id());
    let pump = ["pump", "--bootstrap", kafka.bootstrap(), "--topic", &topic, "--rows", "50000"];
    let pumped = latency(&pump).output().expect("it starts");
    assert!(pumped.status.success(), "{}", String::from_utf8_lossy(&pumped.stderr));
    let line: serde_json::Value = serde_json::from_slice(&pumped.stdout).expect("JSON");
    assert_eq!((line["rows"].as_u64(), line["bytes"].as_u64()), (Some(50_000), Some(32)));
}
