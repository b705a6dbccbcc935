use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::*;

const MESSAGES: &str = r#"{"reason":"compiler-artifact","manifest_path":"/w/crates/kafka/Cargo.toml","target":{"kind":["lib"],"name":"millstream_kafka"},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","manifest_path":"/w/crates/kafka/Cargo.toml","target":{"kind":["lib"],"name":"millstream_kafka"},"profile":{"test":true},"executable":"/t/millstream_kafka-1"}
{"reason":"compiler-artifact","manifest_path":"/w/crates/kafka/Cargo.toml","target":{"kind":["test"],"name":"it"},"profile":{"test":true},"executable":"/t/it-2"}
{"reason":"build-finished","success":true}"#;

#[test]
fn binaries_are_those_that_cargo_built_for_tests() {
    let binary = |name: &str, executable: &str, end_to_end| Binary {
        name: name.to_owned(),
        executable: executable.into(),
        folder: "/w/crates/kafka".into(),
        end_to_end,
    };
    let expected =
        [binary("kafka/millstream_kafka", "/t/millstream_kafka-1", false), binary("kafka/it", "/t/it-2", true)];
    assert_eq!(binaries(MESSAGES).unwrap(), expected);
}

#[test]
fn what_cargo_says_must_be_understood() {
    assert!(format!("{:#}", binaries("no JSON").unwrap_err()).starts_with("cargo said: no JSON"));
}

#[test]
fn only_a_failure_is_shown_in_full() {
    let output = |code: i32| Output {
        status: ExitStatus::from_raw(code << 8),
        stdout: b"test a ... ok\ntest result: 1 passed\n".to_vec(),
        stderr: b"a log\n".to_vec(),
    };
    let took = Duration::from_secs(3);
    assert_eq!(shown("kafka/it", &output(0), took), "\n-- kafka/it: 3 s, exit status: 0\ntest result: 1 passed\n");
    assert_eq!(
        shown("kafka/it", &output(1), took),
        "\n-- kafka/it: 3 s, exit status: 1\ntest a ... ok\ntest result: 1 passed\na log\n\n"
    );
}
